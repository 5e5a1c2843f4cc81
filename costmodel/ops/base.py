"""What every operator is: a frozen class on one page, entered in a registry by being defined."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol, TypeAlias, dataclass_transform

from costmodel.errors import CostModelError, ShapeError, known_or_suggest
from costmodel.numbers.arithmetic import Number, Shape, holds, is_plain, product, show_shape
from costmodel.ops.saved import Saved

if TYPE_CHECKING:
    import numpy as np

    from costmodel.ops.windows import Seen
    from costmodel.tensor import Tensor

    Array: TypeAlias = np.ndarray[Any, Any]

Weights: TypeAlias = "Mapping[str, Array]"


class Emit(Protocol):
    """How an operator writes itself in the ONNX vocabulary: one call a node, which returns the name of the node's
    output.
    """

    def __call__(self, op_type: str, *inputs: str, output: int = 0, outputs: int = 1, **attributes: Any) -> str:
        """Add a node of at least `outputs` outputs that reads the values named `inputs`; return its `output`-th one."""

    def scan(self, step: Callable[..., tuple[str, ...]], states: tuple[str, ...], x: str, ways: int) -> list[str]:
        """Add a loop over the first axis of `x` in so many `ways` at once, the second from its end, and return the
        results of each along that axis.

        `step` is called once for each `way`, with an `Emit` that writes inside the loop and the names of the way's
        states and of one element of `x`; it returns the states after it, the first of which is its result. `states` are
        what each way starts from.
        """

    def constant(self, values: Any) -> str:
        """Add a constant (integers as int64, true and false as bool, other numbers as float32) and return its name."""

    def shape(self, value: str) -> Shape:
        """Return the shape of an input of the operator, of one image."""

    def dtype(self, value: str) -> str | None:
        """Return the dtype of an input of the operator, None for real numbers of the one that is asked for."""

    def batched(self, value: str) -> bool:
        """Say whether an input carries the batch; where not, it is written with a first axis of 1."""


class OfInputs:
    """What every `Emit` says of the inputs of the operator that it writes, given the `tensors` by their names."""

    tensors: Mapping[str, Tensor]

    def shape(self, value: str) -> Shape:
        """Return the shape of an input of the operator, of one image."""
        return self.tensors[value].shape

    def dtype(self, value: str) -> str | None:
        """Return the dtype of an input of the operator, None for real numbers of the one that is asked for."""
        return self.tensors[value].dtype

    def batched(self, value: str) -> bool:
        """Say whether an input carries the batch; where not, it is written with a first axis of 1."""
        return self.tensors[value].batched


@dataclass(frozen=True, slots=True)
class Cost:
    """What one layer costs for one image.

    params: trained numbers (weights, biases, 2 per normalised channel). buffers: stored but not trained (running
    statistics).
    mult_adds: multiplications that are each followed by an addition, in convolutions, linear layers and matrix
    products.
    other_ops: every other arithmetic operation, comparison or function call (bias, normalisation, activation, pooling,
    merging). bias_ops: those of them that add a bias; the others are the work that the operator's `family` names.
    matrix_params: those params that lie in arrays of two or more axes (kernels and matrices), so without biases and
    norms.
    """

    params: Number = 0
    buffers: Number = 0
    mult_adds: Number = 0
    other_ops: Number = 0
    matrix_params: Number = 0
    bias_ops: Number = 0


OPERATORS: dict[str, type[Operator]] = {}
"""Every operator by the name that specs use."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Operator:
    """One operation of a network: declared fields, then its rules side by side.

    A subclass is a frozen dataclass, its fields given by keyword, and is registered under its name in snake_case. It
    must define `shape` and `cost`, or inherit them from another operator: an operator without a cost rule cannot exist.
    All sizes are of one image; batch is no concern of an operator's.
    """

    _defaults: ClassVar[dict[str, Any]]
    """Its fields by name, each with its default, MISSING where there is none."""
    name: ClassVar[str]
    family: ClassVar[str] = "other"
    """What its work is: conv, linear, matmul, recurrent, norm, activation, pool, reduce, merge, resize, move, view,
    source. It is the row of a summary by kind; `kind()` refines it where it depends on the fields.
    """
    inputs: ClassVar[int | tuple[int, int | None]] = 1
    """How many tensors it reads, or the fewest and the most (None for any number)."""
    indices: ClassVar[tuple[int, ...]] = ()
    """Which of its inputs hold indices or other whole numbers, not real ones."""
    in_place: ClassVar[bool] = False
    """Its output may overwrite its input, or one of several that has its shape and dtype."""
    fuses: ClassVar[str] = ""
    """'tail' if each element of its output needs one element of its one input, besides constants, so that it can join
    the kernel of the layer it reads; 'head' if such an operator can join its own.
    """
    saves: ClassVar[tuple[Saved, ...]]
    """What its backward pass reads of its forward pass, where that does not depend on sizes; `saved` else."""
    widens: ClassVar[bool] = False
    """Under autocast its result is float32, because it adds its weights to its input or multiplies it by them."""
    told_by_result: ClassVar[bool] = False
    """Where eager PyTorch lets it overwrite the input that its gradient needs, it keeps the result, not a copy."""
    counters: ClassVar[int] = 0
    """Whole numbers (int64) that PyTorch stores besides its buffers while training, such as how many batches it saw."""
    beside: ClassVar[str] = ""
    """The operator that gives the places which this one keeps: of the same fields and input, it gives that tensor."""
    effort: ClassVar[str] = ""
    """What an element takes where that is far more than an addition: 'smooth' (exp or tanh, many elements at once),
    'scalar' (a call of the C library for each), 'logs' (log1p of exp), 'slow' (erf, or a branch on each element),
    'window' (neighbouring channels), 'places' (indices written down).
    """
    quarters: ClassVar[int] = 0
    """How many quarters of its output's numbers eager PyTorch's backward pass makes and drops, as its memory tracker
    sees them: 4 for a tensor of its size, 1 for a mask.
    """
    blocks: ClassVar[str] = ""
    """How it takes maps that lie in blocks of channels, where a runtime keeps them so: 'any' (if they lie so), 'whole'
    (if their channels also fill whole blocks), 'always' (it asks for whole ones), 'alike' (if its inputs have one
    shape), 'kept' (it does nothing to them) or '' (not at all).
    """
    joins: ClassVar[tuple[str, ...]] = ()
    """For an activation, what can compute it within its own kernel: 'product' (the convolution or linear layer before
    it), 'blocks' (whatever else is computed on blocks of channels, such as a sum).
    """

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__()
        dataclass(init=False, repr=False, eq=False)(
            cls
        )  # the methods it would write are below, once for all: 40 times faster
        cls._defaults = {field.name: field.default for field in fields(cls)}  # type: ignore[arg-type]
        if abstract:
            return
        cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
        for rule in ("shape", "cost"):
            if getattr(cls, rule) is getattr(Operator, rule):
                raise TypeError(f"operator {cls.name!r} has no {rule} rule")
        if cls.saved is Operator.saved and not hasattr(cls, "saves"):
            raise TypeError(f"operator {cls.name!r} does not say what its backward pass reads")
        if cls.name in OPERATORS:
            raise TypeError(f"operator {cls.name!r} is defined twice")
        OPERATORS[cls.name] = cls

    def __init__(self, **values: Any) -> None:
        known = self._defaults
        unknown = values.keys() - known
        values = {name: values.get(name, default) for name, default in known.items()}
        missing = [name for name, value in values.items() if value is MISSING]
        if unknown or missing:
            raise TypeError(
                f"{self.name} has no field {sorted(unknown)}" if unknown else f"{self.name} needs {missing}"
            )
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise FrozenInstanceError(f"operators do not change: cannot set {name}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"

    @property
    def view(self) -> bool:
        """At inference it only renames its input: nothing is computed, moved or allocated."""
        return False

    def shape(self, *inputs: Any, **_: Any) -> Shape:
        """Return the output shape.

        Raises:
            ShapeError: if the inputs do not fit the operator.
        """
        raise NotImplementedError

    def dtype(self, *inputs: str | None) -> str | None:
        """Return the dtype of its output's elements, given those of its inputs; None is the one that is asked for."""
        return None

    def most_index(self, *inputs: Any, **_: Any) -> Number | None:
        """Return the number that its indices stay below, None where it reads none."""
        return None

    def bound(self, *inputs: Any, **_: Any) -> Number | None:
        """Return the number that the whole numbers of its output stay below, None where that is not known."""
        return None

    def kept(self, *inputs: Any, **_: Any) -> Number:
        """Return how many numbers it reads for one image that earlier steps kept, such as keys and values of the tokens
        before: they are no input of the layer, and no params.
        """
        return 0

    def unfolded(self, *inputs: Any, **_: Any) -> Number:
        """Return how many numbers its windows hold for one image when each is written out for a product of matrices
        (im2col); 0 where its input lies as such a product reads it.
        """
        return 0

    def weights(self, *inputs: Any, **_: Any) -> dict[str, Shape]:
        """Return the trained arrays by name, with their shapes. They are what `run` reads and what `Cost.params`
        counts.
        """
        return {}

    def buffers(self, *inputs: Any, **_: Any) -> dict[str, Shape]:
        """Return the arrays that are stored but not trained."""
        return {}

    def aliases(self, *inputs: Any, **_: Any) -> bool:
        """Say whether its output lies in the memory of its first input in a training step of eager PyTorch."""
        return self.view

    def hands_back(self, *inputs: Any, **_: Any) -> tuple[int, ...]:
        """Return the places of the inputs whose gradients lie in the memory of the output's, in eager PyTorch."""
        return ()

    def scratch(self, *inputs: Any, **_: Any) -> Number:
        """Return how many numbers of the output's dtype its backward pass makes and drops for one image, in eager
        PyTorch, besides the gradients.
        """
        return self.quarters * product(self.shape(*inputs)) // 4 if self.quarters else 0

    def summed(self, *inputs: Any, **_: Any) -> tuple[int, ...]:
        """Return the places of the inputs whose gradients eager PyTorch makes at the size of the output and then sums,
        because they are spread.
        """
        return ()

    def saved(self, *inputs: Any, **_: Any) -> tuple[Saved, ...]:
        """Return what its backward pass reads of its forward pass, its params left out."""
        return self.saves

    def stored(self) -> tuple[str | None, Number | None]:
        """Return the dtype of the arrays that it stores, and what their numbers stay below; None for real ones."""
        return None, None

    def looked_up(self, *inputs: Any, **_: Any) -> Number | None:
        """Return how many of its trained numbers are looked up for one image, None where all are read once a batch."""
        return None

    def cost(self, *inputs: Any, **_: Any) -> Cost:
        """Return mult-adds and other operations for one image. `price` adds the arrays that `weights` and `buffers`
        declare.
        """
        raise NotImplementedError

    def price(self, *inputs: Any, **_: Any) -> Cost:
        """Return the whole cost for one image: `cost` with the sizes of the declared arrays."""
        cost = self.cost(*inputs)
        trained = [(product(shape), len(shape)) for shape in self.weights(*inputs).values()]
        params = sum((size for size, _ in trained), 0)
        matrices = 0 if self.family == "norm" else sum((size for size, axes in trained if axes > 1), 0)
        buffers = sum((product(shape) for shape in self.buffers(*inputs).values()), 0)
        return replace(cost, params=params, buffers=buffers, matrix_params=matrices)

    def run(self, weights: Weights, *inputs: Any, **_: Any) -> Array:
        """Execute on arrays shaped (batch, *shape). Whatever `cost` calls mult-adds goes through `contract`."""
        raise NotImplementedError

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: Any, **_: Any) -> str:
        """Write the operator in the ONNX vocabulary and return the name of its output."""
        raise NotImplementedError

    def kind(self, *inputs: Any, **_: Any) -> str:
        """Return the row of a summary by kind that this layer belongs to."""
        return self.family

    def splits(self) -> Number:
        """Return into how many groups a convolution's channels are split; 1 elsewhere."""
        return 1

    def window(self, *inputs: Any, **_: Any) -> Seen | None:
        """Return (kernel, stride) of each axis of space that one output sees of its input; () where every position sees
        its own, None where positions are mixed or lost. A kernel is infinite where it is the whole map, however large
        that is.
        """
        return ()


def require(condition: Any, message: Callable[[], str], field: str | None = None, hint: str = "") -> None:
    """Raise a ShapeError unless `condition` holds (for every element of an array)."""
    if not holds(condition):
        raise ShapeError(message(), field=field, hint=hint)


def require_divides(divisor: Number, number: Number, message: Callable[[], str], field: str | None = None) -> None:
    """Raise a ShapeError unless `divisor` divides `number`; for symbols that is taken to hold."""
    if divisor is number or (is_plain(divisor) and divisor == 1):
        return
    require(number % divisor < 1, message, field)


def axis_of(x: Shape, axis: int, field: str = "axis") -> int:
    """Return an axis of `x` counted from 0.

    Raises:
        ShapeError: if `x` has no such axis.
    """
    if not -len(x) <= axis < len(x):
        raise ShapeError(f"there is no axis {axis} in {show_shape(x)}, which has {len(x)}", field=field)
    return axis % len(x)


def axes_of(x: Shape, axes: int | tuple[int, ...], field: str = "axes") -> tuple[int, ...]:
    """Return axes of `x` counted from 0, in order.

    Raises:
        ShapeError: if `x` has no such axis, or one is named twice.
    """
    found = [axis_of(x, axis, field) for axis in (axes if isinstance(axes, tuple) else (axes,))]
    if len(set(found)) < len(found):
        raise ShapeError(f"{list(axes) if isinstance(axes, tuple) else axes} names an axis twice", field=field)
    return tuple(sorted(found))


def require_rank(op: Operator, x: Shape, least: int, what: str) -> None:
    """Raise a ShapeError unless `x` has at least so many axes; `what` names them."""
    if len(x) < least:
        raise ShapeError(f"{op.name} reads {what}, but its input is {show_shape(x)}")


def find_operator(name: str) -> type[Operator]:
    """Return the operator of that name.

    Raises:
        CostModelError: if there is none.
    """
    if name not in OPERATORS:
        raise CostModelError(f"unknown operator {name!r}; {known_or_suggest(name, OPERATORS)}")
    return OPERATORS[name]
