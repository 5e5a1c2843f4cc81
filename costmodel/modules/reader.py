"""From calls of PyTorch's operators to operators on tensors as they lie, by the rule of each name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from costmodel.errors import ShapeError
from costmodel.modules.calls import Call, renames
from costmodel.modules.places import Place, Places
from costmodel.modules.rooms import Rooms
from costmodel.modules.shadows import Shadows
from costmodel.modules.storages import Storages
from costmodel.modules.tensors import Geometry, dtype_name, key
from costmodel.modules.twins import Twins, as_held
from costmodel.modules.views import rows, seen
from costmodel.numbers.arithmetic import show_shape
from costmodel.ops import OPERATORS
from costmodel.reading.draft import Draft, multiplies
from costmodel.reading.value import FAULTS, UnreadError, Value

if TYPE_CHECKING:
    from costmodel.ops.base import Operator

Rule: TypeAlias = "Callable[[Reader, Call], Value | Sequence[Value]]"

RULES: dict[str, Rule] = {}
"""How each operator is read, by its name; the modules of `rules` fill it."""
KNOWN: dict[str, Callable[[Call], tuple[int, int]]] = {}
"""What operators cost that are read as a whole: mult-adds and other operations of a call."""
BATCH_NORMS = ("batch_norm", "native_batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit_no_training")
SHORT = {"scaled_dot_product_attention": "sdpa", "adaptive_avg_pool2d": "avg_pool", "linalg_vector_norm": "norm"}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a function as the rule for operators of these names.

    A rule returns what the call's results are, in order. It raises an UnreadError where it does not understand the
    call, which then is a layer of a cost that is known as a whole, or is not known.
    """

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


class Reader:
    """Reads calls one after the other, as they are made."""

    def __init__(self, twins: Twins, shadows: Shadows, places: Places) -> None:
        self.draft = Draft()
        self.twins, self.shadows, self.places = twins, shadows, places
        self.storages = Storages()
        self.rooms = Rooms(lambda: len(self.draft.steps))
        self.made: dict[str, tuple[Place, str]] = {}
        """By the path of a step, for the time being: where it was made, and what it is called there."""
        self.indices_of: set[str] = set()
        """Inputs that were given as real numbers, and hold indices."""
        self._sources: dict[tuple[Any, tuple[int, ...]], Value] = {}
        self._kept: list[Value] = []
        """Values that are told by their identity, so that it stays theirs."""
        self._stacks: dict[tuple[Any, ...], Value] = {}
        self._label = ""
        self.batch = 1

    # -- what tensors are

    def value(self, tensor: torch.Tensor) -> Value:
        """Return what a tensor is."""
        if tensor not in self.storages:
            stored = self.twins.value(tensor)
            self.storages.put(tensor, stored or self._constant(tensor))
        value = self.storages.of(tensor, self._derived)
        if value.source:
            self.rooms.settle(value.source, tensor)
        return value

    def optional(self, tensor: torch.Tensor | None) -> Value | None:
        """Return what a tensor is, if there is one."""
        return None if tensor is None else self.value(tensor)

    def hold_indices(self, tensors: Sequence[torch.Tensor]) -> None:
        """Keep in mind which inputs were given to an operator that wants whole numbers, and are real ones. Arithmetic
        may stand between, but no product and nothing stored.
        """
        makers = {step.path: step for step in self.draft.steps}
        todo = [self.value(tensor) for tensor in tensors if tensor in self.storages and tensor.dtype.is_floating_point]
        while todo:
            value = todo.pop()
            step = makers.pop(value.source, None)
            if step is not None and not step.arrays and not multiplies(step):
                todo += step.inputs
            elif value.source in self.draft.inputs:
                self.indices_of.add(value.source)

    def _constant(self, tensor: torch.Tensor) -> Value:
        numbers = self.shadows.of(tensor)
        held = None if numbers is None else as_held(numbers)
        return Value(tuple(tensor.shape), dtype_name(tensor), held=held)

    def _derived(self, whole: Geometry, value: Value, tensor: torch.Tensor) -> Value:
        stored = self.twins.value(tensor)
        if stored is not None and value.constant:
            return stored
        if value.constant and not value.arrays:
            return self._constant(tensor)
        base, before, strides, dtype = whole
        ops = None
        in_rows = all(
            size == 1 or own == stride for size, own, stride in zip(before, strides, rows(before), strict=True)
        )
        if in_rows and dtype == tensor.dtype:
            ops = seen(before, tuple(tensor.shape), tuple(tensor.stride()), tensor.storage_offset() - base)
        return self.viewed(value, ops, tensor, "view")

    def viewed(self, value: Value, ops: Sequence[Operator] | None, tensor: torch.Tensor, label: str) -> Value:
        """Return what a tensor is that shows another one by these operators, or by something that is not said."""
        self._label = label
        if ops is None:
            return self.free(tensor, value)
        return self.chain(ops, value)

    def free(self, tensor: torch.Tensor, *values: Value, operations: int = 0, mult_adds: int = 0) -> Value:
        """Add something that no operator stands for, of a cost that is known."""
        op = OPERATORS["opaque"](
            type=self._label, size=tuple(tensor.shape), operations=operations, multiplications=mult_adds
        )
        return self.add(op, *values, dtype=dtype_name(tensor))

    # -- steps

    def add(
        self,
        op: Operator,
        *inputs: Value,
        arrays: Mapping[str, Value] | None = None,
        dtype: str = "",
        partial: str = "",
    ) -> Value:
        """Add an operator and return what it gives. What is computed from parameters alone is computed at every call:
        those are sources then.
        """
        if inputs and all(value.constant for value in inputs):
            inputs = self._sources_of(op, inputs, any(value.arrays for value in (arrays or {}).values()))
        before = len(self.draft.steps)
        value = self.draft.add(f"step {before}", op, *inputs, arrays=arrays, dtype=dtype, partial=partial)
        if len(self.draft.steps) > before:
            self.made[value.source] = (self.places.now, self._label)
        return value

    def _sources_of(self, op: Operator, inputs: tuple[Value, ...], weighed: bool) -> tuple[Value, ...]:
        """Return constants as sources if something is stored or multiplied; else what comes of them is constant."""
        if any(value.arrays for value in inputs):
            return tuple(self.source(value) if value.arrays else value for value in inputs)
        if weighed or op.cost(*(value.shape for value in inputs)).mult_adds:
            return tuple(self.source(value) for value in inputs)
        return inputs

    def source(self, value: Value) -> Value:
        """Return a constant as something that is there like what is computed."""
        own = _before_repeating(value)
        if own is not None:
            return self.add(OPERATORS["broadcast_to"](sizes=value.shape), self.source(own))
        at = (value.arrays[0].name if value.whole else id(value), value.shape)
        found = self._sources.get(at)
        if found is None:
            trained = any(array.trained for array in value.arrays)
            op = OPERATORS["parameter" if trained else "constant"](size=value.shape)
            name = value.arrays[0].name if value.arrays else "constant"
            arrays = {"weight" if trained else "value": value}
            found = self.draft.add(f"source {len(self.draft.steps)}", op, arrays=arrays, dtype=value.dtype)
            self.made[found.source] = (Place("", 0, False, self.places.now.module), name)
            self._sources[at] = found
            self._kept.append(value)
        return found

    def chain(self, ops: Sequence[Operator], value: Value) -> Value:
        """Add operators of one input one after the other; the numbers of an array stay those of that array where they
        are only put in another order.
        """
        if value.constant and (value.whole or not value.arrays):
            shape = value.shape
            for op in ops:
                shape = tuple(op.shape(shape))
            if Value(shape, value.dtype).size == value.size or not value.arrays:
                return Value(shape, value.dtype, arrays=value.arrays, whole=value.whole)
        for op in ops:
            value = self.add(op, value)
        return value

    def stacked(self, values: Sequence[Value]) -> Value:
        """Return several stored arrays as one; the same one for the same arrays."""
        if len(values) == 1:
            return values[0]
        at = tuple(value.arrays[0].name if value.whole else id(value) for value in values)
        if at not in self._stacks:
            self._kept += values
            arrays = tuple(array for value in values for array in value.arrays)
            self._stacks[at] = Value((sum(value.size for value in values),), values[0].dtype, arrays=arrays)
        return self._stacks[at]

    def label_next(self, text: str) -> None:
        """Say what the next steps are called in the path of their module."""
        self._label = text

    def weighed(self, value: Value, mult_adds: int, weight: Value, bias: Value | None, *beside: Value) -> Value:
        """Add the product of a constant with stored arrays: it is computed at every call."""
        sources = [self.source(one) for one in (weight, bias) if one is not None]
        shape = (*value.shape[:-1], weight.shape[0])
        operations = 0 if bias is None else Value(shape, value.dtype).size
        op = OPERATORS["opaque"](type="linear", size=shape, multiplications=mult_adds, operations=operations)
        return self.add(op, *sources, value, *beside, dtype=weight.dtype)

    # -- calls

    def read(self, call: Call, held: int = 0) -> None:
        """Read a call, and keep what its results are. `held` are the bytes that it holds besides while it runs."""
        if torch.Tag.inplace_view in call.func.tags:
            return  # the tensor itself lies otherwise now, and what it is follows from that
        given = [self.value(tensor) for tensor in call.tensors]
        if not any(value.arrays or value.source for value in given) and not self._costs(call, given):
            self._settle(call, [self._constant(tensor) for tensor in call.results])
            return
        self._label = label(call.name)
        before = len(self.draft.steps)
        results = self._views(call) if renames(call.func) else self._ruled(call, given)
        self._settle(call, results)
        if held and len(self.draft.steps) > before:
            each = call.name not in BATCH_NORMS  # its statistics are of channels, whatever the batch
            self.rooms.hold(self.draft.steps[-1].path, 0 if each else held, held if each else 0)

    def _costs(self, call: Call, given: Sequence[Value]) -> bool:
        """Say whether a call of constants does what is to be said though it is done once and for all."""
        return bool(given) and call.name in KNOWN and KNOWN[call.name](call)[0] > 0

    def _settle(self, call: Call, results: Sequence[Value]) -> None:
        written = {key(tensor) for tensor in call.written}
        for tensor, value in zip(call.results, results, strict=True):
            if value.source:
                self.rooms.settle(value.source, tensor)
            if key(tensor) in written:
                self.storages.write(tensor, value, lambda whole, part, t=tensor: self._merged(whole, part, t))  # type: ignore[misc]
            else:
                self.storages.put(tensor, value)

    def _merged(self, whole: Value, part: Value, tensor: torch.Tensor) -> Value:
        """Return a tensor of which a part was overwritten."""
        if whole.constant and part.constant and not (whole.arrays or part.arrays):
            return Value(whole.shape, whole.dtype)
        self._label = "write"
        op = OPERATORS["opaque"](type="write", size=whole.shape)
        return self.add(op, whole, part, dtype=whole.dtype)

    def _views(self, call: Call) -> list[Value]:
        """Return what the results of a call are that show its first input otherwise, copied or not."""
        (first, *_) = call.tensors
        value = self.value(first)
        plain = torch.empty(first.shape, dtype=first.dtype, device="meta")
        args = [plain if one is first else one for one in call.args.values()]
        names = list(call.args)
        keyword = {one.name for one in call.func._schema.arguments if one.kwarg_only}
        positional = [one for name, one in zip(names, args, strict=True) if name not in keyword]
        keywords = {name: one for name, one in zip(names, args, strict=True) if name in keyword}
        found = call.func(*positional, **keywords)
        seen_as = [found] if isinstance(found, torch.Tensor) else list(found)
        before = len(self.draft.steps)
        shown = [
            self._shown(call, value, plain, view, result) for view, result in zip(seen_as, call.results, strict=True)
        ]
        if len(shown) > 1:
            pieces = [step.path for step in self.draft.steps[before:] if step.op.name == "slice"]
            self.rooms.take(pieces, before + 1)
        return shown

    def _shown(self, call: Call, value: Value, plain: torch.Tensor, view: torch.Tensor, result: torch.Tensor) -> Value:
        stored = self.twins.value(result)
        if stored is not None and stored.whole and value.constant:
            return stored
        if value.constant and not value.arrays:
            return self._constant(result)
        if key(view) == key(plain) and view.dtype == plain.dtype:
            ops = seen(tuple(plain.shape), tuple(view.shape), tuple(view.stride()), view.storage_offset())
            if self.repeated(value, result):
                return Value(tuple(result.shape), value.dtype, arrays=value.arrays, whole=True)
            return self.viewed(value, ops, result, label(call.name))
        if view.shape != plain.shape:
            return self.free(result, value)
        if dtype_name(result) != value.dtype:
            return self.cast(value, result)
        return value

    def repeated(self, value: Value, result: torch.Tensor) -> bool:
        """Say whether an array is only repeated for each image of the batch."""
        batch = self.batch
        return (
            value.constant
            and value.whole
            and batch > 1
            and tuple(result.shape) == (batch, *value.shape[1:])
            and value.shape[:1] == (1,)
        )

    def cast(self, value: Value, result: torch.Tensor) -> Value:
        """Return numbers as those of another dtype."""
        if value.constant and value.whole:
            return Value(value.shape, dtype_name(result), arrays=value.arrays, whole=True)
        self._label = "to"
        return self.free(result, value, operations=result.numel())

    def _ruled(self, call: Call, given: Sequence[Value]) -> list[Value]:
        before = len(self.draft.steps)
        try:
            return self._checked(call)
        except (UnreadError, ShapeError) as error:
            why = error.message
        except FAULTS:
            why = "its arguments are not understood"
        del self.draft.steps[before:]
        return self._whole(call, given, why)

    def _checked(self, call: Call) -> list[Value]:
        one = RULES.get(call.name)
        if one is None and call.name in KNOWN:
            raise UnreadError("no operator stands for it")
        if one is None and torch.Tag.pointwise in call.func.tags:
            return [
                self.free(result, *map(self.value, call.tensors), operations=result.numel()) for result in call.results
            ]
        if one is None:
            raise UnreadError("no operator stands for it")
        found = one(self, call)
        results = [found] if isinstance(found, Value) else list(found)
        if len(results) != len(call.results):
            raise UnreadError(f"it gives {len(call.results)} tensors")
        for value, tensor in zip(results, call.results, strict=True):
            if value.shape != tuple(tensor.shape):
                raise UnreadError(f"it gives {show_shape(tuple(tensor.shape))}, and {show_shape(value.shape)} here")
        return [
            value if value.dtype == dtype_name(tensor) else self._as_kind(value, dtype_name(tensor))
            for value, tensor in zip(results, call.results, strict=True)
        ]

    def _as_kind(self, value: Value, dtype: str) -> Value:
        """Say of the last step which dtype it gives."""
        from dataclasses import replace

        if value.constant:
            return replace(value, dtype=dtype, held=None)
        for step in reversed(self.draft.steps):
            if step.path == value.source:
                step.out = replace(step.out, dtype=dtype)
                return step.out
        return value

    def _whole(self, call: Call, given: Sequence[Value], why: str) -> list[Value]:
        """Add a call as one thing that no operator stands for: of a cost that is known as a whole, or not at all. The
        first result has it, and the others read that one, so that it is there whichever of them is read.
        """
        cost = KNOWN[call.name](call) if call.name in KNOWN else None
        results: list[Value] = []
        for place, result in enumerate(call.results):
            mult_adds, operations = cost if cost is not None and not place else (0, 0)
            op = OPERATORS["opaque"](
                type=call.name, size=tuple(result.shape), multiplications=mult_adds, operations=operations
            )
            partial = why if cost is None and not place else ""
            self._label = label(call.name)
            inputs = [
                self.source(value) if value.constant and all(v.constant for v in given) else value for value in given
            ]
            results.append(self.add(op, *inputs, *results[:1], dtype=dtype_name(result), partial=partial))
        return results


def label(name: str) -> str:
    """Return what a step is called in the path of the module that makes it."""
    found = SHORT.get(name, name).strip("_")
    return found or name


def _before_repeating(value: Value) -> Value | None:
    """Return the one array that a constant repeats along its first axis, None where it does not."""
    if not value.whole or len(value.arrays) != 1:
        return None
    (array,) = value.arrays
    repeats = array.shape[:1] == (1,) and value.shape[1:] == array.shape[1:] and value.shape[:1] != (1,)
    return Value(array.shape, value.dtype, arrays=value.arrays, whole=True) if repeats else None
