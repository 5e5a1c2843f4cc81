"""What is priced at many values of its parameters: a spec, or a file that leaves sizes open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import Number
from costmodel.spec import Spec, expand

BATCH = "batch"
"""How many images are priced at once: what every network has besides its parameters."""


class Parametric(Protocol):
    """A network whose parameters are set to many values, one after the other or as arrays."""

    @property
    def name(self) -> str:
        """What complaints call it."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def dtype(self) -> str:
        """The dtype of its real numbers, where a question names no other."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters and their values now."""

    @property
    def shaping(self) -> frozenset[str]:
        """The names, `BATCH` perhaps among them, whose values make networks of other layers, and so are no arrays."""

    @property
    def identity(self) -> list[Any]:
        """What two equal ones share, as plain data."""

    def check(self, name: str, value: Any) -> None:
        """Raise a CostModelError if a parameter cannot have a value, whatever the others are."""

    def at(self, values: Mapping[str, Any]) -> tuple[LayerGraph, Number | None]:
        """Return the network at values of parameters and `BATCH`, and the batch that it is priced at, None for its own.

        Raises:
            UnfitError: if these values are no network.
            SpecError: likewise.
        """


@dataclass(frozen=True)
class OfSpec:
    """A spec, whose sizes may be arrays."""

    spec: Spec
    dtype: str = "float32"

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name

    @property
    def title(self) -> str:
        """Its title."""
        return self.spec.title

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters and their values now."""
        return self.spec.parameters

    @cached_property
    def shaping(self) -> frozenset[str]:
        """The parameters that decide which layers there are."""
        from costmodel.spec.structure import structural  # only where something varies

        return structural(self.spec)

    @property
    def identity(self) -> list[Any]:
        """Its text and parameters."""
        return [self.spec.text, {name: str(value) for name, value in self.spec.parameters.items()}]

    def check(self, name: str, value: Any) -> None:
        """Raise a CostModelError if a parameter is not of a value's kind."""
        self.spec.set(**{name: value})

    def at(self, values: Mapping[str, Any]) -> tuple[LayerGraph, Number | None]:
        """Return the network at values of parameters, which may be arrays, and the batch.

        Raises:
            SpecError: if its sizes do not fit.
        """
        parameters = {name: value for name, value in values.items() if name != BATCH}
        return expand(self.spec.set(**parameters)), values.get(BATCH)
