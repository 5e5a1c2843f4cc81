"""Recurrent layers: one node is all steps, in one direction or both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import MICROSOFT, asked, counted, note, outputs, permuted, rank_of
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
STATES = {"RNN": (5,), "GRU": (5,), "LSTM": (5, 6)}
"""Which inputs are what the first step starts from."""
PEEPHOLES = 7


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long and wide a node's tensors are."""

    steps: int
    batch: int
    features: int
    ways: int
    hidden: int


@rule("LSTM", "GRU", "RNN")
def _recurrent(read: Reader, node: Node) -> Value | list[Value]:
    value, matrices, kept = (read.value(node, place) for place in range(3))
    for one in (value, matrices, kept):
        rank_of(one, 3)
    first = bool(node.get("layout", 0))
    steps, batch = value.shape[1::-1] if first else value.shape[:2]
    sizes = Sizes(steps, batch, value.shape[2], matrices.shape[0], kept.shape[2])
    rows = GATES[node.op_type] * sizes.hidden
    ways = 2 if node.get("direction", "forward") == "bidirectional" else 1
    if matrices.shape != (ways, rows, sizes.features) or kept.shape != (ways, rows, sizes.hidden):
        raise UnreadError(
            f"its matrices are {show_shape(matrices.shape)} and {show_shape(kept.shape)}, which do not fit "
            f"{sizes.features} features"
        )
    lengths = read.optional(node, 4)
    if lengths is not None and lengths.scalar() != steps:
        note(read, "sequences are taken to be as long as the file lets them be")
    if not first:
        value = read.add(node, _moved("t b f -> b t f"), value)
    out = _layer(read, node, value, sizes)
    return outputs(node, *_given(read, node, out, sizes, first)[: len(node.outputs)])


@rule("DynamicQuantizeLSTM", domain=MICROSOFT)
def _quantised(read: Reader, node: Node) -> Value | list[Value]:
    """An LSTM whose matrices are stored as whole numbers and turned; scales and zero points come behind its inputs."""
    inputs = [*node.inputs[:8]]
    for place in (1, 2):
        inputs[place] = f"{node.inputs[place]} turned"
        read.values[inputs[place]] = permuted(read, node, read.value(node, place), [0, 2, 1])
    return _recurrent(read, Node("LSTM", node.name, inputs, node.outputs, node.attributes))


def _layer(read: Reader, node: Node, value: Value, sizes: Sizes) -> Value:
    """Add the layer on (batch, tokens, features), which gives (batch, tokens, ways * hidden)."""
    matrices, kept, bias = read.value(node, 1), read.value(node, 2), read.optional(node, 3)
    op = _operator(read, node, sizes, bias)
    if op is not None:
        arrays = {"weight_ih": matrices, "weight_hh": kept}
        if bias is not None:
            arrays |= {"bias_ih": _half(bias, "input"), "bias_hh": _half(bias, "state")}
        return read.add(node, op, value, arrays=arrays)
    units = sizes.batch * sizes.steps * sizes.ways * sizes.hidden
    own = OPERATORS[node.op_type.lower()](hidden_size=sizes.hidden, bias=bias is not None)
    cost = own.cost(value.shape)
    more = units * (6 * node.has(PEEPHOLES) + 2 * GATES[node.op_type] * ("clip" in node.attributes))
    shape = (sizes.batch, sizes.steps, sizes.ways * sizes.hidden)
    given = [
        value,
        *(read.value(node, place) for place in range(1, len(node.inputs)) if node.has(place) and place != 4),
    ]
    return counted(
        read,
        node,
        shape,
        *given,
        mult_adds=int(cost.mult_adds) * sizes.ways,
        other_ops=int(cost.other_ops) * sizes.ways + more,
    )


def _operator(read: Reader, node: Node, sizes: Sizes, bias: Value | None) -> Any:
    """Return the operator that does the same, None where there is none."""
    kind = node.op_type
    states = [read.optional(node, place) for place in STATES[kind]]
    starts = all(one is None or (one.constant and one.scalar() == 0) for one in states)
    stored = all(one is None or one.constant for one in (read.value(node, 1), read.value(node, 2), bias))
    functions = node.get("activations", None) or DEFAULTS[kind] * sizes.ways
    fields: dict[str, Any] = {
        "hidden_size": sizes.hidden,
        "bidirectional": sizes.ways == 2,
        "bias": bias is not None,
    }
    usual = functions == DEFAULTS[kind] * sizes.ways
    if kind == "RNN" and functions == ["Relu"] * sizes.ways:
        usual, fields["nonlinearity"] = True, "relu"
    odd = {"clip", "activation_alpha", "activation_beta"} & node.attributes.keys()
    odd |= {name for name in ("input_forget",) if node.get(name, 0)}
    if kind == "GRU" and not node.get("linear_before_reset", 0):
        odd.add("linear_before_reset")
    if not starts or not stored or not usual or odd or node.has(PEEPHOLES) or node.get("direction", "") == "reverse":
        return None
    return OPERATORS[kind.lower()](**fields)


def _half(bias: Value, part: str) -> Value:
    """Return half of the biases, which the file keeps in one array: those of the input or of the state."""
    ways, both = bias.shape
    shape = (ways, both // 2)
    arrays = tuple(
        replace(array, name=f"{array.name} ({part})", shape=shape) if array.shape == bias.shape else array
        for array in bias.arrays
    )
    return Value(shape, bias.dtype, arrays=arrays, whole=bias.whole)


def _given(read: Reader, node: Node, out: Value, sizes: Sizes, first: bool) -> list[Value]:
    """Return what the node gives: all steps, the last one of each way, and its inner state."""
    split = (("d", sizes.ways), ("h", sizes.hidden))
    found = [read.add(node, _moved(f"b t (d h) -> {'b t d h' if first else 't d b h'}", split), out)]
    if asked(node, 1) or asked(node, 2):
        last = _last(read, node, out, sizes)
        found.append(last if first else read.add(node, _moved("b d h -> d b h"), last))
    if asked(node, 2):
        state = counted(read, node, (sizes.batch, sizes.ways, sizes.hidden), out)
        found.append(state if first else read.add(node, _moved("b d h -> d b h"), state))
    return found


def _last(read: Reader, node: Node, out: Value, sizes: Sizes) -> Value:
    """Add what reads the last step of each way, the first token for the way back: (batch, ways, hidden)."""
    backward = node.get("direction", "forward") == "reverse"
    parts = []
    for way in range(sizes.ways):
        at = 0 if way or backward else sizes.steps - 1
        if sizes.ways == 1:
            op = OPERATORS["slice"](axis=-2, start=at, stop=at + 1)
        else:
            features = (way * sizes.hidden, (way + 1) * sizes.hidden)
            op = OPERATORS["slice"](axis=(-2, -1), start=(at, features[0]), stop=(at + 1, features[1]))
        parts.append(read.add(node, op, out))
    return parts[0] if len(parts) == 1 else read.add(node, OPERATORS["concat"](axis=-2), *parts)


def _moved(pattern: str, sizes: tuple[tuple[str, int], ...] = ()) -> Any:
    return OPERATORS["rearrange"](pattern=pattern, sizes=sizes)
