"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import Number, Shape, is_plain, product, same, smallest
from costmodel.ops.base import Emit, require
from costmodel.ops.fields import Count
from costmodel.ops.recurrent import Recurrent
from costmodel.ops.reserve import reserve
from costmodel.ops.saved import OUTPUT, Saved

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Lstm(Recurrent):
    """Long short-term memory on the last two axes; `proj_size` projects what a cell gives to fewer features.

    (..., tokens, features) -> (..., tokens, directions * width), the width hidden_size, or proj_size where that is not
    0; whatever stands before repeats.
    params: for each of `layers` and direction 4 * (in_features + width) * hidden_size, two biases of each gate, and
    hidden_size * proj_size; a layer above the first reads all directions of the one below. mult_adds: those matrices
    once a step. other_ops: 15 per step and hidden unit (three sigmoids of 3, two tanh, and 4 that make the new state
    and output), and 8 more for the biases. The sum of the two products is part of the mult-adds.
    Source: Hochreiter and Schmidhuber 1997; projection: Sak et al. 2014 (arXiv:1402.1128); as PyTorch's nn.LSTM.

    Raises:
        ShapeError: if `proj_size` is not below `hidden_size`.
    """

    gates = 4
    gate_order = (0, 3, 1, 2)
    cell_ops = 15
    needed = 6

    proj_size: Count = 0

    def shape(self, x: Shape) -> Shape:
        require(
            self.proj_size < self.hidden_size,
            lambda: f"proj_size = {self.proj_size} must be below hidden_size = {self.hidden_size}",
            "proj_size",
        )
        return super().shape(x)

    def width(self) -> Number:
        if is_plain(self.proj_size):
            return self.proj_size or self.hidden_size
        return self.proj_size + self.hidden_size * (1 - smallest(self.proj_size, 1))

    def state(self) -> Number:
        return self.width() + self.hidden_size

    def weights(self, x: Shape) -> dict[str, Shape]:
        arrays = super().weights(x)
        if not (is_plain(self.proj_size) and self.proj_size == 0):
            arrays["weight_hr"] = (self.layers, self._directions, self.proj_size, self.hidden_size)
        return arrays

    @property
    def by_kernel(self) -> bool:
        return not self._projects()

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        least = tuple(saved for saved in super().saved(x) if saved.keeper == "minimum")
        return (*least, *self._saved_whole(x)) if self.by_kernel else super().saved(x)

    def _projects(self) -> bool:
        return not (is_plain(self.proj_size) and self.proj_size == 0)

    def _saved_whole(self, x: Shape) -> tuple[Saved, ...]:
        """Return what PyTorch keeps where a kernel computes a whole layer: its input and output, its first and last
        states, and a reserve that the kernel lays out.
        """
        *before, tokens, _ = x
        layers, ways, size = self.layers, self._directions, self.hidden_size
        cells, steps = product(before) * layers * ways * size, product(x[:-1])
        handed = steps * ways * size * (layers - 1)
        apart = steps * ways * size * layers if ways > 1 else 0  # what each of two directions gives
        matrices = 0 if self.bias else sum((product(shape) for shape in self.weights(x).values()), 0)
        kept = (
            Saved(0) if same(tokens, 1) else Saved("input, steps first", numbers=product(x)),
            Saved("states", numbers=4 * cells + handed + apart),
            Saved("matrices", numbers=matrices, once=True),  # copied where there are no biases
            Saved("reserve", room=partial(self._reserves, x)),
            *(() if ways > 1 else (Saved(OUTPUT),)),
        )
        return tuple(replace(saved, keeper="pytorch") for saved in kept)

    def _reserves(self, x: Shape, images: Number, itemsize: int) -> Number:
        """Return the bytes of all layers' reserves."""
        *before, tokens, features = x
        rows, ways = product(before) * images, self._directions
        first, above = (
            reserve(tokens, rows, given, self.hidden_size, itemsize) for given in (features, ways * self.hidden_size)
        )
        return ways * (first + (self.layers - 1) * above)

    def keeps_of_steps(self, tokens: Number) -> tuple[Number, Number]:
        # Gates and inner states; what is projected, and what that gave.
        return 6 * tokens * self.hidden_size, tokens * (self.hidden_size + self.width())

    def step(self, own: Mapping[str, Array], given: Array, kept: Array, last: Array, state: Array) -> Any:
        import numpy as np

        from costmodel.ops import arrays

        total, size = given + kept, self.hidden_size
        enter, forget, out = (arrays.sigmoid(total[:, place * size : (place + 1) * size]) for place in (0, 1, 3))
        state = forget * state + enter * np.tanh(total[:, 2 * size : 3 * size])
        found = out * np.tanh(state)
        return (arrays.contract(found, own["weight_hr"].T) if "weight_hr" in own else found), state

    def node(self) -> tuple[str, dict[str, Any]]:
        return "LSTM", {}

    def _layer(self, emit: Emit, own: Mapping[str, str], x: str, out: int) -> str:
        """Write one layer on (tokens, batch, features); ONNX's LSTM has no projection, so it is a scan then."""
        if not self.proj_size:
            return super()._layer(emit, own, x, out)
        names = {name: [self._of_way(emit, name, own[name], way) for way in range(self._directions)] for name in own}
        batch, size = emit("Shape", x, start=1, end=2), self.hidden_size
        last, state = (
            emit("Expand", emit.constant(0.0), emit("Concat", batch, emit.constant([width]), axis=0))
            for width in (self.width(), size)
        )

        def step(cell: Emit, last: str, state: str, given: str, way: int) -> tuple[str, str]:
            """Write one step, whose matrices are read from around the loop."""
            products = [(given, "ih"), (last, "hh")]
            sums = [cell("MatMul", read, names[f"weight_{name}"][way]) for read, name in products]
            if self.bias:
                sums = [
                    cell("Add", one, names[f"bias_{name}"][way]) for one, (_, name) in zip(sums, products, strict=True)
                ]
            total = cell("Add", *sums)
            parts = [
                cell("Slice", total, *(cell.constant([n]) for n in (place * size, (place + 1) * size, 1)))
                for place in range(self.gates)
            ]
            enter, forget, out = (cell("Sigmoid", parts[place]) for place in (0, 1, 3))
            new = cell("Add", cell("Mul", forget, state), cell("Mul", enter, cell("Tanh", parts[2])))
            return cell("MatMul", cell("Mul", out, cell("Tanh", new)), names["weight_hr"][way]), new

        ways = emit.scan(step, (last, state), x, self._directions)
        return emit("Concat", *ways, axis=2) if len(ways) > 1 else ways[0]

    def _of_way(self, emit: Emit, name: str, array: str, way: int) -> str:
        """Write one direction's part of an array, a matrix with its axes changed over."""
        own = emit("Gather", array, emit.constant(way), axis=0)
        return own if name.startswith("bias") else emit("Transpose", own, perm=[1, 0])
