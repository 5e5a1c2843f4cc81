"""A tensor: the shape of one image's values, their dtype, and whether there is one for each image of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.errors import ShapeError
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
