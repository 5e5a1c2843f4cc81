"""A tensor: the shape of one image's values, their dtype, and whether there is one for each image of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Shape
from costmodel.units import DTYPES

WHOLE_BYTES = {"int64": 8, "uint64": 8, "int32": 4, "uint32": 4, "int16": 2, "uint16": 2}
WHOLE_BYTES |= dict.fromkeys(("int8", "uint8", "bool"), 1)
"""Bytes of an index or of a mask's element, whose dtypes do not follow the one that is asked for."""
BITS = {
    **{dtype: 8 * size for dtype, size in (DTYPES | WHOLE_BYTES).items()},
    **dict.fromkeys(("float64", "complex64"), 64),
    **dict.fromkeys(("float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float8e8m0"), 8),
    **dict.fromkeys(("float6e2m3", "float6e3m2"), 6),
    **dict.fromkeys(("int4", "uint4", "float4e2m1"), 4),
    **dict.fromkeys(("int2", "uint2"), 2),
    "complex128": 128,
}
"""Bits of an element of every dtype that a tensor or a stored array may have; what is less than a byte lies packed."""
REALS = ("float64", "float32", "float16", "bfloat16")
"""The dtypes of real numbers, which follow the dtype that is asked for."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """What flows between layers. `dtype` None follows the dtype that a question asks for; `batched` says whether it is
    there once for each image, as all is that was computed from an input.
    """

    shape: Shape
    dtype: str | None = None
    batched: bool = True


def one_kind(op: str, dtypes: tuple[str | None, ...], takes: str) -> str | None:
    """Return the dtype that all of an operator's inputs have, where it `takes` 'reals', 'numbers' (real or whole ones)
    or 'bool'.

    Raises:
        ShapeError: if they have several, or such as it does not take.
    """
    fits = {"reals": dtypes[0] is None, "numbers": dtypes[0] != "bool", "bool": dtypes[0] == "bool"}[takes]
    if not fits or len(set(dtypes)) > 1:
        wanted = {"reals": "real numbers", "numbers": "numbers of one dtype", "bool": "tensors of dtype bool"}[takes]
        raise ShapeError(f"{op} reads {wanted}, but is given {said_kinds(dtypes)}")
    return dtypes[0]


def require_whole(op: str, dtype: str | None) -> None:
    """Raise a ShapeError if what an operator takes for indices or other whole numbers is real ones."""
    if dtype is None:
        raise ShapeError(
            f"{op} reads whole numbers such as indices, but is given real numbers",
            hint="say of an input that it holds them: `inputs: {tokens: {shape: [8], dtype: index}}`; arange, "
            "argmax, top_k_indices, `cast: {to: int64}` and `constant: {below: 8}` give them too",
        )


def said_kinds(dtypes: tuple[str | None, ...]) -> str:
    """Name dtypes, each once."""
    return " and ".join(dict.fromkeys(dtype or "real numbers" for dtype in dtypes))
