"""What an ONNX file knows beforehand: weights, of which only the shape counts, and the few numbers that say sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.node import Node, UnreadError, short

if TYPE_CHECKING:
    import onnx

FEW = 1024
"""Numbers up to which a constant's values are looked at."""
EVALUATED = (
    "Abs Add Ceil Concat Div Equal Floor Gather Max Min Mod Mul Neg Pow ReduceProd Reciprocal Slice Sqrt Sub Where"
).split()
"""Operations that files do on sizes."""
MOST_AXES = 32
"""Axes that a tensor may have."""
MOST_NUMBERS = 2**63 - 1
"""Numbers that a tensor may have."""


class UnknownValueError(ValueError):
    """The values of a constant are not known, and are asked for."""


def require_sizes(shape: Sequence[int]) -> None:
    """Refuse a shape that no tensor has, before anything of that size is there.

    Raises:
        UnreadError: if it has too many axes, a negative size, or too many numbers.
    """
    if len(shape) > MOST_AXES:
        raise UnreadError(f"a tensor of {len(shape)} axes; at most {MOST_AXES} are read")
    if min(shape, default=0) < 0 or prod(shape) > MOST_NUMBERS:
        raise UnreadError(f"{show_shape(tuple(shape))} is no shape of a tensor")


@dataclass(frozen=True)
class Known:
    """A constant of `shape`, its values read when asked for from what is `held`.

    `origin` is the initialiser that it comes from; empty for one that no training changes. `copies` says how many times
    the stored numbers stand in it, `dtype` of which type they are stored.

    Raises:
        UnreadError: if no tensor has the shape.
    """

    shape: tuple[int, ...]
    held: Any = None
    origin: str = ""
    copies: int = 1
    dtype: str = ""

    def __post_init__(self) -> None:
        require_sizes(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    def values(self, most: int = FEW) -> Any:
        """Return the values as an array.

        Raises:
            UnknownValueError: if they are more than `most`, or not in the file.
        """
        if self.held is None or self.size > most or self._array is None:
            raise UnknownValueError
        return self._array

    @cached_property
    def _array(self) -> Any:
        """What is held as an array; None where that is elsewhere, damaged or no numbers."""
        import numpy as np
        from onnx import external_data_helper, numpy_helper

        try:
            array: Any = self.held
            if not isinstance(self.held, np.ndarray):
                array = None if external_data_helper.uses_external_data(self.held) else numpy_helper.to_array(self.held)
        except Exception:
            return None
        return None if array is None or array.dtype.kind in "OSUc" or array.size != self.size else array

    def scalar(self) -> float | None:
        """Return its only value; None if it has several, or an unknown one."""
        try:
            return short(float(self.values().reshape(-1)[0])) if self.size == 1 else None
        except (UnknownValueError, TypeError, ValueError, OverflowError):
            return None

    def is_untrained(self, number: float) -> bool:
        """Say whether it stands for something absent: a constant of the file, no weight, with one value everywhere."""
        try:
            return not self.origin and bool((self.values(most=2**20) == number).all())
        except UnknownValueError:
            return False

    def integers(self) -> list[int]:
        """Return its values as whole numbers, in a row.

        Raises:
            UnknownValueError: if they are not known.
        """
        return [int(value) for value in self.values().reshape(-1)]

    def reshaped(self, shape: Sequence[int]) -> Known:
        """Return the same numbers under another shape."""
        try:
            return replace(self, shape=tuple(shape), held=self.values().reshape(shape))
        except UnknownValueError:
            return replace(self, shape=tuple(shape), held=None)

    def transposed(self, perm: Sequence[int]) -> Known:
        """Return the numbers with their axes in another order."""
        shape = tuple(self.shape[i] for i in perm)
        try:
            return replace(self, shape=shape, held=self.values().transpose(perm))
        except UnknownValueError:
            return replace(self, shape=shape, held=None)

    def repeated(self, shape: Sequence[int]) -> Known:
        """Return the constant repeated to a shape, its values no longer of interest."""
        return replace(self, shape=tuple(shape), held=None, copies=self.copies * prod(shape) // self.size)

    def cast(self, kind: int) -> Known:
        """Return the numbers as another of ONNX's types."""
        from onnx import helper

        try:
            return replace(self, held=self.values().astype(helper.tensor_dtype_to_np_dtype(kind)))
        except UnknownValueError:
            return replace(self, held=None)


def stored(tensor: onnx.TensorProto) -> Known:
    """Return an initialiser."""
    return Known(tuple(tensor.dims), tensor, tensor.name, dtype=dtype_name(tensor.data_type))


def dtype_name(kind: int) -> str:
    """Return what one of ONNX's types is called here: ``float16``; a question mark for one that ONNX does not have."""
    from onnx import TensorProto

    if kind not in TensorProto.DataType.values():
        return "?"
    name: str = TensorProto.DataType.Name(kind).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


def constant(values: Any) -> Known:
    """Return a constant of known values that no training changes."""
    import numpy as np

    array = np.asarray(values)
    return Known(array.shape, array)


def of_node(attributes: Mapping[str, Any]) -> Known | None:
    """Return what a Constant node holds; None if that is neither a tensor nor numbers."""
    import numpy as np
    import onnx

    for name, value in attributes.items():
        if isinstance(value, onnx.TensorProto):
            return Known(tuple(value.dims), value)
        if name in ("value_int", "value_ints"):
            return constant(np.asarray(value, np.int64))
        if name in ("value_float", "value_floats"):
            return constant(np.asarray(value, np.float32))
    return None


def evaluated(node: Node, opset: int, inputs: Mapping[str, Known]) -> Known:
    """Return what a node of `EVALUATED` makes of constants, by ONNX's own reference.

    Raises:
        UnknownValueError: if a value is not known, or the node cannot be evaluated.
    """
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    values = {name: known.values() for name, known in inputs.items()}
    node.ignore(*node.attributes)
    if _most_numbers(node, [inputs[name].shape for name in node.inputs if name]) > FEW:
        raise UnknownValueError
    try:
        proto = helper.make_node(node.op_type, node.inputs, node.outputs, **node.attributes)
        (result,) = ReferenceEvaluator(proto, opsets={"": opset}).run(None, values)
        return constant(result)
    except Exception:
        raise UnknownValueError from None


def _most_numbers(node: Node, shapes: Sequence[tuple[int, ...]]) -> int:
    """Return how many numbers a node of `EVALUATED` gives at most, from the shapes that it reads."""
    sizes = [prod(shape) for shape in shapes]
    if node.op_type == "Concat":
        return sum(sizes)
    if node.op_type == "Gather":
        return sizes[0] // max(shapes[0][int(node.get("axis", 0))], 1) * sizes[1]
    if node.op_type in ("ReduceProd", "Slice"):
        return sizes[0]
    rank = max(map(len, shapes))
    return prod(max(along) for along in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True))
