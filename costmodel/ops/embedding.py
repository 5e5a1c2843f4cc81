"""Look-ups: what whole numbers point at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape, product
from costmodel.ops import lead
from costmodel.ops.base import Cost, Emit, Operator, Weights, axis_of
from costmodel.ops.fields import Axis, Size
from costmodel.ops.saved import FACTOR, Saved

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Embedding(Operator):
    """Rows of a learned table, looked up by indices of any shape: (...) -> (..., embedding_dim).

    params: num_embeddings * embedding_dim, the table called weight, (num_embeddings, embedding_dim): a linear layer
    without bias from embedding_dim to num_embeddings features can share it. No arithmetic. As traffic one row counts
    for each index, as often as it is looked up.
    """

    family = "move"
    indices = (0,)
    saves = FACTOR

    num_embeddings: Size
    embedding_dim: Size

    def shape(self, x: Shape) -> Shape:
        return (*x, self.embedding_dim)

    def most_index(self, x: Shape) -> Number:
        return self.num_embeddings

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}

    def looked_up(self, x: Shape) -> Number:
        return product(x) * self.embedding_dim

    def cost(self, x: Shape) -> Cost:
        return Cost()

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        return weights["weight"][x]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Gather", weights["weight"], x, axis=0)


class Gather(Operator):
    """What the second input's indices point at along one `axis` of the first: the axes of the indices stand in its
    place, as NumPy's `take` and ONNX have it; all other axes repeat. No params, no arithmetic.
    """

    family = "move"
    inputs = 2
    indices = (1,)
    saves = (Saved(1),)

    axis: Axis = 0

    def shape(self, x: Shape, indices: Shape) -> Shape:
        axis = axis_of(x, self.axis)
        return (*x[:axis], *indices, *x[axis + 1 :])

    def dtype(self, *inputs: str | None) -> str | None:
        return inputs[0]

    def most_index(self, x: Shape, indices: Shape) -> Number:
        size: Number = x[axis_of(x, self.axis)]
        return size

    def cost(self, x: Shape, indices: Shape) -> Cost:
        self.shape(x, indices)
        return Cost()

    def window(self, x: Shape, indices: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array, indices: Array) -> Array:
        import numpy as np

        axis = axis_of(x.shape[1:], self.axis)
        if len(indices) == 1:
            found: Array = x.take(indices[0], axis=1 + axis)
            return found
        pairs = zip(*lead.carrying((x, indices)), strict=True)
        return np.stack([one.take(places, axis=axis) for one, places in pairs])

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str, indices: str) -> str:
        shape, places = emit.shape(x), emit.shape(indices)
        axis = 1 + axis_of(shape, self.axis)
        if not emit.batched(indices):
            return emit("Gather", x, emit("Squeeze", indices, emit.constant([0])), axis=axis)
        x, indices = lead.carried(emit, (x, indices))
        others = [n for n in range(1, 1 + len(shape)) if n != axis]
        first = emit("Transpose", x, perm=[0, axis, *others])
        found = emit("GatherND", first, emit("Unsqueeze", indices, emit.constant([-1])), batch_dims=1)
        after = 1 + len(places)  # where the other axes stand now
        order = [0, *range(after, after + axis - 1), *range(1, after), *range(after + axis - 1, after + len(others))]
        return emit("Transpose", found, perm=order)
