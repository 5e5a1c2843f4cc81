"""What requests share: how their networks are opened, and how a task tells how far it has come."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from costmodel import sources
from costmodel.errors import CostModelError
from costmodel.pricing.memory.asked import EVERY_LEVEL, LANES, Levels, Runtime, Training
from costmodel.sources import Question, Source

if TYPE_CHECKING:
    from costmodel.latency.device import Device
    from costmodel.spec import Spec


class Tell(Protocol):
    """Is told how many things are done, and of how many."""

    def __call__(self, done: int, total: int, about: str = "", left: float | None = None) -> None:
        """Say so; `about` names what comes now, and `left` the seconds to come, where somebody knows better than the
        pace so far.
        """


def unheard(done: int, total: int, about: str = "", left: float | None = None) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class OfNetworks:
    """What every request says of its networks: values of their parameters, the (height, width) of their images, and the
    shapes of their inputs, by name ("" for the only one); keywords for code that builds them, and whether
    what it builds is put in eval mode.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    resolution: tuple[int, int] | None = None
    inputs: Sequence[tuple[str, Sequence[int]]] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    in_eval: bool = False

    def opened(self, network: Question) -> Source:
        """Return a network that is asked about, with what is set.

        Raises:
            CostModelError: if there is no such network or parameter, or nothing can be set.
            SpecError: with everything that is wrong in its file.
        """
        source = sources.open(network).called(self.keywords, self.in_eval)
        only = next(iter(source.spec.all_inputs)) if source.spec is not None else ""
        values = {**self.parameters, **{name or only: list(shape) for name, shape in self.inputs}}
        if self.resolution is not None:
            if source.spec is None:
                values["resolution"] = list(self.resolution)
            else:
                _add_resolution(values, source.spec, self.resolution)
        return source.set(**values)


@dataclass(frozen=True, kw_only=True)
class OfMemory:
    """What requests say of memory, as `costmodel.pricing.memory.asked` describes it; None is what stands there.

    memory: whose plan is meant. lanes: channels in a block of ONNX Runtime's. The rest is how a training step trains.
    """

    memory: str | None = None
    lanes: int | None = None
    optimizer: str | None = None
    foreach: bool = False
    amp: bool = False
    keeps: str | None = None
    freeze: tuple[str, ...] = ()
    checkpoint: tuple[str, ...] = ()
    accumulates: bool = False

    def how_trained(self) -> Training | None:
        """Return how a step trains, None where nothing is said of it.

        Raises:
            CostModelError: if there is no such optimizer or keeper.
        """
        said = {name: value for name in _OF_STEP if (value := getattr(self, name))}
        return Training(**said) if said else None

    def options(self) -> list[str]:
        """Return the options of a command that ask for the same."""
        said: list[str] = []
        for name in ("memory", "lanes", *_OF_STEP):
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else [value] if value else []
            said += [f"--{name}" if one is True else f"--{name} {shlex.quote(str(one))}" for one in values]
        return said

    def runtime(self, name: str) -> Runtime:
        """Return a runtime with as many channels in a block as are asked for."""
        return Runtime(name, self.lanes or LANES[0])

    def levels(self, step: bool = False) -> Levels:
        """Return the levels that are asked for; `step`: a training step is, though nothing may be said of how.

        Raises:
            CostModelError: if there is no such runtime, optimizer or keeper, or something asked changes nothing.
        """
        if self.lanes is not None and self.memory not in ("onnxruntime", EVERY_LEVEL):
            raise CostModelError("--lanes are of ONNX Runtime's blocks: add --memory onnxruntime")
        named = self.memory if self.memory != EVERY_LEVEL else None
        return Levels(self.runtime(named) if named else None, self.how_trained() or (Training() if step else None))


_OF_STEP = tuple(one.name for one in fields(Training))


def _add_resolution(values: dict[str, Any], spec: Spec, sizes: tuple[int, int]) -> None:
    """Add to the parameters what a resolution means for a spec: its own, or another height and width of its image.

    Raises:
        CostModelError: if something else is set too, or the network has no such image.
    """
    said = "x".join(map(str, dict.fromkeys(sizes)))
    name: str = "resolution"
    value: Any = sizes[0]
    if sizes[0] != sizes[1]:
        given = spec.input or []
        if len(given) != 3 or given[1:] != ["resolution", "resolution"]:
            known = ", ".join(f"{name}=[{', '.join(map(str, each.sizes))}]" for name, each in spec.all_inputs.items())
            raise CostModelError(
                f"--resolution {said}: {spec.name} does not read an image of [channels, resolution, resolution]\n"
                f"it reads {known}; its sizes are set by --set {next(iter(spec.all_inputs))}=[...]"
            )
        name, value = "input", [given[0], *sizes]
    if values.get(name, value) != value:
        raise CostModelError(f"--resolution {said} and --set {name}={values[name]} differ")
    values[name] = value


def found_device(name: str | None) -> Device | None:
    """Return a device by its name or path, or None for None.

    Raises:
        CostModelError: if there is none.
    """
    if name is None:
        return None
    from costmodel.latency.find import find_device

    return find_device(name)
