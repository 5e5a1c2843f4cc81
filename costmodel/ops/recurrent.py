"""Recurrent layers, as PyTorch's: one layer here is all its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.numbers.arithmetic import Number, Shape, is_plain, product, same
from costmodel.ops import lead
from costmodel.ops.base import Cost, Emit, Operator, Weights, require_rank
from costmodel.ops.fields import Nonlinearity, Size
from costmodel.ops.saved import Saved

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Recurrent(Operator, abstract=True):
    """What recurrent layers share: a cell steps over the tokens of (..., tokens, features), one layer above another,
    from a state of zeros, and gives (..., tokens, directions * width).

    params: PyTorch's, in stacks of equal shape: the matrices of the first layer's input, of the input of those above,
    and of the state; and two biases of each gate.
    """

    family = "recurrent"
    gates: ClassVar[int]
    """Matrices a cell has for its input, and as many for its state."""
    gate_order: ClassVar[tuple[int, ...]]
    """ONNX's order of the gates, by their places in PyTorch's."""
    cell_ops: ClassVar[int]
    """Other operations of one step for each hidden unit, without the biases."""
    needed: ClassVar[int]
    """Numbers of one step for each hidden unit that the way back cannot do without: states, and gates that are no
    function of the states alone."""

    hidden_size: Size
    layers: Size = 1
    bidirectional: bool = False
    bias: bool = True

    def shape(self, x: Shape) -> Shape:
        require_rank(self, x, 2, "a sequence (..., tokens, features)")
        return (*x[:-1], self._directions * self.width())

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def by_kernel(self) -> bool:
        """Whether PyTorch has a kernel that computes all steps of one layer and direction."""
        return False

    def width(self) -> Number:
        """Return the features that one direction gives, and hands on to its next step."""
        return self.hidden_size

    def state(self) -> Number:
        """Return the numbers that one direction hands on to its next step, seen or not."""
        return self.hidden_size

    def rows(self) -> Number:
        """Return the rows of its matrices, those of all gates."""
        return self.gates * self.hidden_size

    def _has_more_layers(self) -> bool:
        return not (is_plain(self.layers) and self.layers == 1)

    def weights(self, x: Shape) -> dict[str, Shape]:
        ways, rows, width = self._directions, self.rows(), self.width()
        arrays: dict[str, Shape] = {"weight_ih": (ways, rows, x[-1])}
        if self._has_more_layers():
            arrays["weight_ih_above"] = (self.layers - 1, ways, rows, ways * width)
        arrays["weight_hh"] = (self.layers, ways, rows, width)
        if self.bias:
            biases = (self.layers * ways * rows,)
            arrays |= {"bias_ih": biases, "bias_hh": biases}
        return arrays

    def cost(self, x: Shape) -> Cost:
        matrices = (shape for shape in self.weights(x).values() if len(shape) > 1)
        steps = product(x[:-1])
        units = steps * self.layers * self._directions * self.hidden_size
        bias = units * 2 * self.gates if self.bias else 0
        mult_adds = steps * sum((product(shape) for shape in matrices), 0)
        return Cost(mult_adds=mult_adds, other_ops=units * self.cell_ops + bias, bias_ops=bias)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        *before, tokens, _ = x
        ways = self.layers * self._directions
        states = product(before) * tokens * ways * self.hidden_size * self.needed
        least = (Saved(0, by=("weights",), keeper="minimum"), Saved("states", keeper="minimum", numbers=states))
        # PyTorch puts the steps first, which copies the input, and keeps what one layer hands to the next.
        moved = Saved("input, steps first", by=("weights",), keeper="pytorch", numbers=product(x) * self._directions)
        read = Saved(0, by=("weights",), keeper="pytorch") if same(tokens, 1) else moved
        above = product(x[:-1]) * (self.layers - 1) * self._directions * self.width()
        handed = Saved("given to the layer above", by=("weights",), keeper="pytorch", numbers=above)
        each, learning = self.keeps_of_steps(tokens)
        cells = product(before) * ways
        kept = Saved("states and gates", keeper="pytorch", numbers=cells * each)
        factors = Saved("factors of weights", by=("weights",), keeper="pytorch", numbers=cells * learning)
        return (*least, read, handed, kept, factors)

    def keeps_of_steps(self, tokens: Number) -> tuple[Number, Number]:
        """Return how many numbers PyTorch keeps of the steps of one direction of one layer, in any case and for the
        gradients of the weights.
        """
        raise NotImplementedError

    def window(self, x: Shape) -> None:
        return None

    def step(self, own: Mapping[str, Array], given: Array, kept: Array, last: Array, state: Array) -> Any:
        """Return a cell's output and its inner state after one step.

        `own` are its arrays. `given` and `kept` are the products of its matrices with the input and with the `last`
        output, biases added, (batch, gates * hidden_size); `state` is its inner state before.
        """
        raise NotImplementedError

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        arrays = {name: weights[name] for name in self.weights(x.shape[1:])}
        out = lead.fold(x, 2)
        for layer in range(self.layers):
            ways = range(self._directions)
            out = np.concatenate([self._one_way(self._own(arrays, layer, way), out, way) for way in ways], axis=-1)
        return lead.unfold(out, x, 2)

    def _own(self, arrays: Mapping[str, Array], layer: int, way: int) -> dict[str, Array]:
        """Return the arrays of one layer and direction, without the axes that stack them."""
        own = {name: array[layer, way] for name, array in arrays.items() if name in ("weight_hh", "weight_hr")}
        own["weight_ih"] = arrays["weight_ih_above"][layer - 1, way] if layer else arrays["weight_ih"][way]
        biases = {name: array for name, array in arrays.items() if name.startswith("bias")}
        apart = {name: array.reshape(self.layers, self._directions, -1) for name, array in biases.items()}
        return own | {name: array[layer, way] for name, array in apart.items()}

    def _one_way(self, own: dict[str, Array], x: Array, way: int) -> Array:
        """Return what one direction of a layer gives for (batch, tokens, features)."""
        import numpy as np

        from costmodel.ops import arrays

        given = arrays.contract(x, own["weight_ih"].T)
        last, state = (np.zeros((len(x), size), x.dtype) for size in (own["weight_hh"].shape[-1], self.hidden_size))
        found: list[Any] = [None] * x.shape[1]
        for at in reversed(range(len(found))) if way else range(len(found)):
            now, kept = given[:, at], arrays.contract(last, own["weight_hh"].T)
            if self.bias:
                now, kept = now + own["bias_ih"], kept + own["bias_hh"]
            last, state = self.step(own, now, kept, last, state)
            found[at] = last
        return np.stack(found, axis=1)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        *_, tokens, features = emit.shape(x)
        out = self.shape((tokens, features))[-1]

        def write(folded: str) -> str:
            value = emit("Transpose", folded, perm=[1, 0, 2])
            for layer in range(self.layers):
                value = self._layer(emit, self._stacks(emit, weights, layer), value, out)
            return emit("Transpose", value, perm=[1, 0, 2])

        return lead.emitted(emit, x, 2, self.shape(emit.shape(x)), write)

    def _stacks(self, emit: Emit, weights: Mapping[str, str], layer: int) -> dict[str, str]:
        """Write the arrays of one layer, their first axis the directions."""
        own = {
            name: emit("Gather", array, emit.constant(layer), axis=0)
            for name, array in weights.items()
            if name in ("weight_hh", "weight_hr")
        }
        own["weight_ih"] = weights["weight_ih"]
        if layer:
            own["weight_ih"] = emit("Gather", weights["weight_ih_above"], emit.constant(layer - 1), axis=0)
        for name in (name for name in weights if name.startswith("bias")):
            apart = emit("Reshape", weights[name], emit.constant([self.layers, self._directions, self.rows()]))
            own[name] = emit("Gather", apart, emit.constant(layer), axis=0)
        return own

    def _layer(self, emit: Emit, own: Mapping[str, str], x: str, out: int) -> str:
        """Write one layer on (tokens, batch, features)."""
        size = self.hidden_size
        rows = emit.constant([place * size + n for place in self.gate_order for n in range(size)])
        matrices = [emit("Gather", own[name], rows, axis=1) for name in ("weight_ih", "weight_hh")]
        biases = [emit("Gather", own[name], rows, axis=1) for name in ("bias_ih", "bias_hh") if self.bias]
        bias = [emit("Concat", *biases, axis=1)] if biases else []
        direction = "bidirectional" if self.bidirectional else "forward"
        node, more = self.node()
        steps = emit(node, x, *matrices, *bias, hidden_size=size, direction=direction, **more)
        return emit("Reshape", emit("Transpose", steps, perm=[0, 2, 1, 3]), emit.constant([0, 0, out]))

    def node(self) -> tuple[str, dict[str, Any]]:
        """Return the ONNX node of one layer, with attributes of its own."""
        raise NotImplementedError


class Rnn(Recurrent):
    """Recurrent layer of plain cells on the last two axes: h = tanh or relu (`nonlinearity`) of W x + b + U h + c.

    (..., tokens, features) -> (..., tokens, directions * hidden_size); whatever stands before repeats.
    params: for each of `layers` and direction (in_features + hidden_size) * hidden_size and two biases; a layer above
    the first reads all directions of the one below. mult_adds: those matrices once a step. other_ops: 1 per step and
    hidden unit (the nonlinearity), and 2 more for the biases. The sum of the two products is part of the mult-adds.
    Source: Elman 1990, Finding structure in time, as PyTorch's nn.RNN.
    """

    gates = 1
    gate_order = (0,)
    cell_ops = 1
    needed = 1

    nonlinearity: Nonlinearity = "tanh"

    def keeps_of_steps(self, tokens: Number) -> tuple[Number, Number]:
        return tokens * self.hidden_size, self.hidden_size  # each state; the first was not computed

    def step(self, own: Mapping[str, Array], given: Array, kept: Array, last: Array, state: Array) -> Any:
        import numpy as np

        total = given + kept
        return (np.tanh(total) if self.nonlinearity == "tanh" else np.maximum(total, 0)), state

    def node(self) -> tuple[str, dict[str, Any]]:
        return "RNN", {"activations": [self.nonlinearity.capitalize()] * self._directions}


class Gru(Recurrent):
    """Gated recurrent units on the last two axes, the reset gate behind the matrix as PyTorch and cuDNN have it.

    (..., tokens, features) -> (..., tokens, directions * hidden_size); whatever stands before repeats.
    params: for each of `layers` and direction 3 * (in_features + hidden_size) * hidden_size and two biases of each
    gate; a layer above the first reads all directions of the one below. mult_adds: those matrices once a step.
    other_ops: 12 per step and hidden unit (two sigmoids of 3, tanh, reset, and 4 that blend old and new), and 6 more
    for the biases. The sums of two products are part of the mult-adds.
    Source: Cho et al. 2014 (arXiv:1406.1078), as PyTorch's nn.GRU.
    """

    gates = 3
    gate_order = (1, 0, 2)
    cell_ops = 12
    needed = 5

    def keeps_of_steps(self, tokens: Number) -> tuple[Number, Number]:
        # Both gates, the new state and its two parts, and the products of the old; the old state itself.
        return 6 * tokens * self.hidden_size, tokens * self.hidden_size

    def step(self, own: Mapping[str, Array], given: Array, kept: Array, last: Array, state: Array) -> Any:
        import numpy as np

        from costmodel.ops import arrays

        size = self.hidden_size
        gates = arrays.sigmoid(given[:, : 2 * size] + kept[:, : 2 * size])
        reset, update = gates[:, :size], gates[:, size:]
        new = np.tanh(given[:, 2 * size :] + reset * kept[:, 2 * size :])
        return (1 - update) * new + update * last, state

    def node(self) -> tuple[str, dict[str, Any]]:
        return "GRU", {"linear_before_reset": 1}
