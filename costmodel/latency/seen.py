"""What a device has measured: the operators, kinds of layers, batches and sizes that its model speaks of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from costmodel.errors import known_or_suggest, quote
from costmodel.latency.features import MULT_ADDS_OF, LayerCosts, computes
from costmodel.latency.part import STRICT
from costmodel.ops import OPERATORS
from costmodel.units import MOST_IMAGES

Times = Annotated[int, Field(ge=1, le=MOST_IMAGES)]
"""How many networks, or images."""


class Seen(BaseModel):
    """Operators and kinds with the number of measured networks (and chains) that have them, batches, and the smallest
    and largest input of one image or sample, as its shape.
    """

    model_config = STRICT

    operators: dict[str, Times] = {}
    kinds: dict[str, Times] = {}
    batches: list[Times] = []
    inputs: Annotated[list[list[Times]], Field(max_length=2)] = []

    @field_validator("operators")
    @classmethod
    def _are_operators(cls, operators: dict[str, int]) -> dict[str, int]:
        for name in operators:
            if name not in OPERATORS:
                raise ValueError(f"no operator {quote(name)}; {known_or_suggest(name, OPERATORS)}")
        return operators


def stranger(seen: Seen | None, row: LayerCosts) -> str | None:
    """Return what of a layer was never measured, its operator or its kind; None where both were.

    Of a device that does not say what it has seen, only kinds with mult-adds that no device has measured apart are
    strangers.
    """
    if seen is None:
        return row.kind if row.kind not in MULT_ADDS_OF and computes(row) else None
    if row.op not in seen.operators:
        return row.op
    return row.kind if row.kind not in seen.kinds else None
