"""Recurrent layers, and single steps of their cells."""

from __future__ import annotations

from typing import Any

import torch

from costmodel.modules.calls import Call
from costmodel.modules.reader import KNOWN, Reader, rule
from costmodel.modules.rules.products import is_weight, linear
from costmodel.ops import OPERATORS
from costmodel.reading.moves import transposed
from costmodel.reading.value import UnreadError, Value

LAYERS = {"lstm": "lstm", "gru": "gru", "rnn_tanh": "rnn", "rnn_relu": "rnn"}
STEP = {"lstm": 15, "gru": 12, "rnn_tanh": 1, "rnn_relu": 1}
"""Other operations of one step for each hidden unit, without the biases."""
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


@rule(*LAYERS)
def _layer(read: Reader, call: Call) -> list[Value]:
    packed = "batch_sizes" in call.args  # the steps of all sequences in one row, as many products as one long sequence
    value = read.value(call["data" if packed else "input"])
    states = call["hx"] if isinstance(call["hx"], (list, tuple)) else [call["hx"]]
    if not all(_zero(read, state) for state in states):
        raise UnreadError("it starts from a state that is computed")
    weights = [read.value(tensor) for tensor in call["params"]]
    if not all(map(is_weight, weights)):
        raise UnreadError("its weights are computed")
    layers, ways, bias = call["num_layers"], 2 if call["bidirectional"] else 1, call["has_biases"]
    each = len(weights) // (layers * ways)
    fields: dict[str, Any] = {
        "hidden_size": weights[1].shape[0] // GATES[call.name]
        if each in (2, 4)
        else weights[4 if bias else 2].shape[1],
        "layers": layers,
        "bidirectional": ways == 2,
        "bias": bool(bias),
    }
    if call.name == "lstm" and each in (3, 5):
        fields["proj_size"] = weights[each - 1].shape[0]
    if call.name.startswith("rnn"):
        fields["nonlinearity"] = call.name.removeprefix("rnn_")
    op = OPERATORS[LAYERS[call.name]](**fields)
    first = packed or bool(call["batch_first"])
    if not first:
        value = read.chain(transposed((1, 0, 2)), value)
    out = read.add(op, value, arrays=_stacked(read, weights, each, ways, bool(bias)))
    last = [read.free(state, out) for state in call.results[1:]]
    return [out if first else read.chain(transposed((1, 0, 2)), out), *last]


def _zero(read: Reader, state: torch.Tensor) -> bool:
    """Say whether a state is made of zeros."""
    value = read.value(state)
    numbers = read.shadows.of(state)
    if value.source or value.arrays:
        return False
    return numbers is None or not bool(numbers.any())


def _stacked(read: Reader, weights: list[Value], each: int, ways: int, bias: bool) -> dict[str, Value]:
    """Return the arrays of all layers and directions, stacked as the operator has them."""
    places: dict[str, list[int]] = {"weight_ih": list(range(0, each * ways, each))}
    above = list(range(each * ways, len(weights), each))
    if above:
        places["weight_ih_above"] = above
    names = ["weight_hh", *(["bias_ih", "bias_hh"] if bias else []), *(["weight_hr"] if each in (3, 5) else [])]
    for place, name in enumerate(names, 1):
        places[name] = list(range(place, len(weights), each))
    return {name: read.stacked([weights[at] for at in own]) for name, own in places.items()}


def _cost(call: Call) -> tuple[int, int]:
    given = call["data"] if "batch_sizes" in call.args else call["input"]
    steps = given.numel() // given.shape[-1]
    matrices = [tensor for tensor in call["params"] if tensor.dim() == 2]
    units = sum(tensor.shape[0] // GATES[call.name] for tensor in call["params"] if tensor.dim() == 2) // 2
    return steps * sum(tensor.numel() for tensor in matrices), steps * units * STEP[call.name]


KNOWN.update(dict.fromkeys(LAYERS, _cost))
CELLS = {"lstm_cell": 15, "gru_cell": 12, "rnn_tanh_cell": 1, "rnn_relu_cell": 1}


@rule(*CELLS)
def _cell(read: Reader, call: Call) -> list[Value]:
    value = read.value(call["input"])
    states = [read.value(one) for one in (call["hx"] if isinstance(call["hx"], (list, tuple)) else [call["hx"]])]
    read.label_next("input")
    given = linear(read, value, read.value(call["w_ih"]), read.optional(call["b_ih"]))
    out = call.results
    if states[0].constant and not states[0].arrays:
        # a state of zeros is multiplied all the same
        mult_adds = call["hx"][0].numel() if isinstance(call["hx"], (list, tuple)) else call["hx"].numel()
        kept = read.weighed(
            states[0], mult_adds * call["w_hh"].shape[0], read.value(call["w_hh"]), read.optional(call["b_hh"]), value
        )
    else:
        kept = linear(read, states[0], read.value(call["w_hh"]), read.optional(call["b_hh"]))
    read.label_next(call.name)
    first = read.free(out[0], given, kept, *states[1:], operations=CELLS[call.name] * out[0].numel())
    return [first, *(read.free(one, first) for one in out[1:])]


def _cell_cost(call: Call) -> tuple[int, int]:
    rows = call.out.shape[0] if call.out.dim() > 1 else 1
    return rows * (call["w_ih"].numel() + call["w_hh"].numel()), CELLS[call.name] * call.out.numel()


KNOWN.update(dict.fromkeys(CELLS, _cell_cost))
