"""Steps of a Scan that are those of a layer: an LSTM whose outputs are projected, for which ONNX has no node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from costmodel.onnx.model import Graph, Node
from costmodel.onnx.reader import Reader
from costmodel.onnx.stored import Stored
from costmodel.ops import OPERATORS
from costmodel.reading.draft import made_of
from costmodel.reading.value import Value

Pattern: TypeAlias = "str | tuple[Any, ...]"
"""The name of any value, the same wherever it stands, or a node's type and patterns of what it reads."""
Names: TypeAlias = "dict[str, str]"
GATES = ("enter", "forget", "given", "out")
"""As PyTorch has them, one behind the other."""
GATE = {name: ("Slice", "total", f"{name} start", f"{name} stop", "axis") for name in GATES}
SIGMOID = {name: ("Sigmoid", GATE[name]) for name in GATES}
STATE = ("Add", ("Mul", SIGMOID["forget"], "state"), ("Mul", SIGMOID["enter"], ("Tanh", GATE["given"])))
STEP = ("MatMul", ("Mul", SIGMOID["out"], ("Tanh", "state after")), "weight_hr")
PRODUCTS = ("MatMul", "x", "weight_ih"), ("MatMul", "last", "weight_hh")
TOTALS = (
    ("Add", *PRODUCTS),
    ("Add", ("Add", PRODUCTS[0], "bias_ih"), ("Add", PRODUCTS[1], "bias_hh")),
)
"""What the four gates are made of, without biases and with them."""


def projected(read: Reader, node: Node, body: Graph, values: list[Value]) -> list[Value] | None:
    """Return what a Scan gives that is an LSTM with a projection, one way or both, as that layer; None if it is none.

    Its states come first: the output and the inner state of each way, of zeros; then (tokens, batch, features) once for
    each way, the second from its end. It gives the outputs of each way.
    """
    ways = len(values) // 3
    states, scanned = values[: 2 * ways], values[2 * ways :]
    backward = [*range(ways)]
    turned = [node.get(name, None) or [0] * ways for name in ("scan_input_directions", "scan_output_directions")]
    axes = [node.get(name, None) or [0] for name in ("scan_input_axes", "scan_output_axes")]
    if (
        not 1 <= ways <= 2
        or not len(values) == len(body.inputs) == len(body.outputs) == 3 * ways
        or turned != [backward] * 2
    ):
        return None
    if any(map(any, axes)) or any(node.outputs[: 2 * ways]) or any(one.scalar() != 0 for one in states):
        return None
    cells = [_cell(read, body, way, ways) for way in range(ways)]
    found = [cell for cell in cells if cell is not None]
    if len(found) < ways or len({one.source for one in scanned}) > 1 or scanned[0].constant:
        return None
    arrays = {name: [_stored(read, cell[name]) for cell in found] for name in found[0] if "_" in name}
    return _layer(read, node, scanned[0], {name: list(filter(None, own)) for name, own in arrays.items()}, ways)


def _stored(read: Reader, name: str) -> Value | None:
    """Return a value that depends on no input, None for others."""
    found = read.values.get(name)
    return found if isinstance(found, Value) and found.constant else None


def _cell(read: Reader, body: Graph, way: int, ways: int) -> Names | None:
    """Return the names of the values that a step of one way reads, None where it is no such step."""
    made = {name: node for node in body.nodes for name in node.outputs if name}
    given, results = [one.name for one in body.inputs], [_through(made, one.name) for one in body.outputs]
    last, state, x = given[2 * way], given[2 * way + 1], given[2 * ways + way]
    after, state_after, put_out = results[2 * way], results[2 * way + 1], results[2 * ways + way]
    found: Names = {"last": last, "state": state, "state after": state_after, "x": x}
    if put_out != after or not _fits(STEP, after, made, found) or not _fits(STATE, state_after, made, found):
        return None
    if not any(_fits(total, found["total"], made, found) for total in TOTALS):
        return None
    return found if _lie_in_order(read, found, made) else None


def _through(made: Mapping[str, Node], name: str) -> str:
    """Return the value that a name stands for, without nodes that give what they read."""
    while name in made and made[name].op_type == "Identity":
        name = made[name].inputs[0]
    return name


def _fits(pattern: Pattern, name: str, made: Mapping[str, Node], found: Names) -> bool:
    """Say whether a pattern is what gives a value, and enter the names in it."""
    if isinstance(pattern, str):
        return found.setdefault(pattern, name) == name or pattern == "axis"
    node = made.get(name)
    op_type, *inner = pattern
    if node is None or node.op_type != op_type or len(node.inputs) < len(inner):
        return False
    return all(_fits(one, source, made, found) for one, source in zip(inner, node.inputs, strict=False))


def _lie_in_order(read: Reader, found: Names, made: Mapping[str, Node]) -> bool:
    """Say whether the gates are the four quarters of what they are made of, along the last axis of two."""
    size = 0
    for place, gate in enumerate(GATES):
        cuts = [node for node in made.values() if node.op_type == "Slice" and node.inputs[1] == found[f"{gate} start"]]
        numbers = [_number(read, made, name) for name in cuts[0].inputs[1:]]
        size = size or numbers[1] or 0
        if len(cuts) > 1 or not size or [*numbers, 1][:4] != [place * size, place * size + size, 1, 1]:
            return False
    return True


def _number(read: Reader, made: Mapping[str, Node], name: str) -> int | None:
    """Return the whole number that a Constant within a graph holds."""
    held = made[name].get("value", None) if name in made and made[name].op_type == "Constant" else None
    return read.of(held).integers()[0] if isinstance(held, Stored) and held.size == 1 else None


def _layer(read: Reader, node: Node, value: Value, arrays: dict[str, list[Value]], ways: int) -> list[Value] | None:
    """Add the layer, whose arrays are those of each way, and return what each way gives: (tokens, batch, width)."""
    if len(value.shape) != 3 or any(len(own) != ways for own in arrays.values()):
        return None
    hidden, width = (*arrays["weight_hr"][0].shape, 0, 0)[:2]
    if not 0 < width < hidden:
        return None
    fields = {"hidden_size": hidden, "proj_size": width, "bidirectional": ways == 2, "bias": "bias_ih" in arrays}
    op = OPERATORS["lstm"](**fields)
    shapes = op.weights((value.shape[1], value.shape[0], value.shape[2]))
    own = {name: _stacked(shapes[name], arrays[name]) for name in shapes}
    if any(value.size != sum(one.size for one in arrays[name]) for name, value in own.items()):
        return None
    turned = read.add(node, OPERATORS["rearrange"](pattern="t b f -> b t f"), value)
    out = read.add(node, op, turned, arrays=own)
    back = read.add(node, OPERATORS["rearrange"](pattern="b t f -> t b f"), out)
    if ways == 1:
        return [back]
    return [
        read.add(node, OPERATORS["slice"](axis=-1, start=at * width, stop=at * width + width), back) for at in (0, 1)
    ]


def _stacked(shape: Any, ways: list[Value]) -> Value:
    """Return the arrays of all ways as one."""
    return Value(tuple(shape), ways[0].dtype, arrays=made_of(ways))
