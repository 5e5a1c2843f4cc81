"""A tensor: the shape of one image's values, their dtype, and whether there is one for each image of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.numbers.arithmetic import Shape

WHOLE_BYTES = {"int64": 8, "int32": 4, "bool": 1}
"""Bytes of an index or of a mask's element, whose dtypes do not follow the one that is asked for."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """What flows between layers. `dtype` None follows the dtype that a question asks for; `batched` says whether it is
    there once for each image, as all is that was computed from an input.
    """

    shape: Shape
    dtype: str | None = None
    batched: bool = True
