"""Design moves: the ideas of the papers as named rewrites. Each keeps the shapes around what it rewrites, and says why where it cannot apply."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.explore.lines import Lines, data_of, flow
from costmodel.explore.rewrite import Clear, Drop, Insert, LineEdit, Put, fresh, fresh_line, rewrite
from costmodel.explore.uses import Tree, copy_of, means, parent
from costmodel.formula import show_shape
from costmodel.graph import Layer, LayerGraph
from costmodel.ops.conv import Conv
from costmodel.ops.linear import Linear
from costmodel.ops.reshape import Flatten
from costmodel.spec import arithmetic
from costmodel.spec.check import INPUT_SIZES
from costmodel.spec.expand import Use


class Cannot(Exception):  # noqa: N818 - says why a move does not apply somewhere
    """A move does not apply to a layer; the text says why."""


@dataclass
class Draft:
    """What a move wants changed: edits by path of the network, and blocks that it brings along."""

    lines: Lines
    tree: Tree
    plan: dict[str, tuple[LineEdit, ...]] = field(default_factory=dict)
    left_alone: dict[str, list[str]] = field(default_factory=dict)

    def edit(self, path: str, *edits: LineEdit) -> None:
        """Ask for edits of the line at a path."""
        self.plan[path] = (*self.plan.get(path, ()), *edits)

    def block(self, name: str, takes: dict[str, Any], layers: dict[str, dict[str, Any]], why: str) -> str:
        """Return the name of a block like this, written into the text if it is not there yet."""
        want = {**({"takes": takes} if takes else {}), "layers": layers}
        blocks = self.lines.get(("blocks",)) or {}
        for known, body in blocks.items():
            if body == want:
                return str(known)
        name = (
            fresh(name, [*blocks, *self.tree.spec.parameters])
            if name in {*blocks, *self.tree.spec.parameters}
            else name
        )
        width = max(map(len, layers)) + 2
        body = [*([f"takes: {flow(takes)}"] if takes else []), "layers:"]
        body += [f"  {f'{layer}:'.ljust(width)}{flow(entry)}" for layer, entry in layers.items()]
        self.lines = self.lines.add_block(name, body, why)
        return name

    def finish(self) -> Lines:
        """Return the text with everything done."""
        return rewrite(self.lines, self.tree, self.plan)


@dataclass(frozen=True)
class Move:
    """A named rewrite. `takes` is its number's default, if it takes one; `whole` says that it rewrites the network, not single layers."""

    name: str
    says: str
    paper: str
    apply: Callable[[Draft, str, Any], None]
    takes: float | None = None
    whole: bool = False


MOVES: dict[str, Move] = {}
"""Every move by name."""


def _move(says: str, paper: str, takes: float | None = None, whole: bool = False) -> Callable[[Any], Any]:
    def enter(apply: Callable[[Draft, str, Any], None]) -> Callable[[Draft, str, Any], None]:
        name = apply.__name__.strip("_")
        MOVES[name] = Move(name, says, paper, apply, takes, whole)
        return apply

    return enter


_CALL = re.compile(r"^(?P<name>[a-z_0-9]+?)(?:\((?P<number>[^)]*)\))?(?::(?P<pattern>.+))?$")


def make(lines: Lines, tree: Tree, written: str) -> tuple[Lines, list[str]]:
    """Return the text after a move written ``NAME:PATTERN`` or ``NAME(NUMBER):PATTERN``, and notes on what was left alone.

    Raises:
        CostModelError: if there is no such move, or it applies nowhere, with the reasons.
    """
    move, number, pattern = _read(written)
    draft = Draft(lines, tree)
    move.apply(draft, pattern, number)
    notes = [f"left alone: {_paths(paths)}: {reason}" for reason, paths in draft.left_alone.items()]
    if not draft.plan:
        reasons = "\n  ".join(notes) or f"there is nothing under {pattern!r} that it could rewrite"
        raise CostModelError(f"{move.name} does not apply: {move.says}\n  {reasons}")
    return draft.finish(), notes


def _read(written: str) -> tuple[Move, Any, str]:
    call = _CALL.match(written.strip())
    if call is None:
        raise CostModelError(
            f"{written!r} is no move; write NAME:PATTERN, as in separable:conv* or grouped(32):*.conv2"
        )
    name, number, pattern = call["name"], call["number"], call["pattern"]
    if name not in MOVES:
        raise CostModelError(f"no move {name!r}; {known_or_suggest(name, MOVES)}")
    move = MOVES[name]
    if number is not None and move.takes is None:
        raise CostModelError(f"{name} takes no number")
    if pattern is None and not move.whole:
        raise CostModelError(f"{name} needs to know where: {name}:PATTERN, as in {name}:conv*")
    return move, _number(move, number), pattern or "*"


def _number(move: Move, written: str | None) -> Any:
    if move.takes is None:
        return None
    value = move.takes if written is None else data_of(written)
    kind = type(move.takes)
    if not isinstance(value, (int, kind)) or isinstance(value, bool) or value <= 0 or (kind is int and value < 1):
        raise CostModelError(f"{move.name}({written}): a positive {'whole ' * (kind is int)}number belongs here")
    return value


def _paths(paths: Sequence[str], most: int = 4) -> str:
    return ", ".join(paths) if len(paths) <= most else f"{', '.join(paths[:most])} and {len(paths) - most} more"


def _under(draft: Draft, pattern: str, *kinds: type) -> Iterator[Layer]:
    """Yield the layers of some operators that a pattern means, or that stand in a block that it means."""
    roots = [use.path for use in draft.tree.matching(pattern)]
    inside = dict.fromkeys(use.path for root in roots for use in draft.tree.inside(root))
    for layer in draft.tree.graph.layers:
        if layer.path in inside and isinstance(layer.op, kinds):
            yield layer


def _each(draft: Draft, pattern: str, rewrite_one: Callable[[Draft, Layer], None], *kinds: type) -> None:
    """Rewrite every layer of some operators under a pattern, and note where that cannot be done."""
    for layer in _under(draft, pattern, *kinds):
        try:
            rewrite_one(draft, layer)
        except Cannot as reason:
            draft.left_alone.setdefault(str(reason), []).append(layer.path)


def _kernel(conv: Any) -> tuple[int, int]:
    size = conv.kernel_size
    return size if isinstance(size, tuple) else (size, size)


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise Cannot(reason)


def _tail(graph: LayerGraph, path: str) -> dict[str, dict[str, Any]]:
    """Return the normalisation and activation that follow a layer and nothing else reads, as lines of a block."""
    found: dict[str, dict[str, Any]] = {}
    for kind in ("norm", "activation"):
        readers = list(graph.digraph.successors(path))
        following = graph.layer(readers[0]) if len(readers) == 1 else None
        if following is None or following.op.kind(*following.input_shapes) != kind or len(following.inputs) != 1:
            continue
        name = "bn" if following.op.name == "batch_norm" else following.op.name
        found[name] = {"op": following.op.name, **_given(following.op)}
        path = following.path
    return found


def _given(op: Any) -> dict[str, Any]:
    """Return the fields of an operator that are not at their default, as a spec writes them."""
    values = {entry.name: (getattr(op, entry.name), entry.default) for entry in fields(op)}
    return {name: list(v) if isinstance(v, tuple) else v for name, (v, default) in values.items() if v != default}


def _written(draft: Draft, path: str, without: Sequence[str] = ()) -> tuple[dict[str, Any], list[LineEdit]]:
    """Return what a block in place of a layer is to take (the fields that its line gives), and the edits that take others away."""
    line = draft.tree.layer(draft.tree.uses[path])
    given = {**line.fields, **{key: value for key, value in line.first.items() if key != "op"}}
    defaults = {entry.name: entry.default for entry in fields(draft.tree.graph.layer(path).op)}
    takes = {
        name: "required" if name in ("out_channels", "out_features") else flow_default(defaults[name])
        for name in given
        if name not in without
    }
    return takes, [Clear(name) for name in without if name in given]


def flow_default(value: Any) -> Any:
    """Return a field's default as a block's `takes` writes it."""
    return list(value) if isinstance(value, tuple) else value


def _passed(takes: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: name for name in names if name in takes}


@_move(
    "a k x k convolution becomes a depthwise k x k and a pointwise 1x1, each with the norm and activation that follow it",
    "Howard et al. 2017, MobileNets, arXiv:1704.04861, section 3.1",
)
def separable(draft: Draft, pattern: str, _: Any) -> None:
    """Mult-adds fall to 1/N + 1/K² of what they were, for N output channels and a K x K kernel."""
    _each(draft, pattern, _separable, Conv)


def _separable(draft: Draft, layer: Layer) -> None:
    conv: Any = layer.op
    _require(_kernel(conv) != (1, 1), "its kernel is 1x1 already")
    _require(conv.groups == 1, "it is grouped or depthwise already")
    takes, edits = _written(draft, layer.path, ["groups"])
    spatial = _passed(takes, "kernel_size", "stride", "padding", "dilation", "bias")
    layers = {
        "depthwise": {"op": "conv", "out_channels": "in_channels", **spatial, "groups": "in_channels"},
        **_tail(draft.tree.graph, layer.path),
        "pointwise": {"op": "conv", "out_channels": "out_channels", **_passed(takes, "bias")},
    }
    name = draft.block("separable_conv", takes, layers, "depthwise, then pointwise: arXiv:1704.04861")
    draft.edit(layer.path, Put("op", name), *edits)


@_move(
    "a 5x5, 7x7, ... convolution becomes a stack of 3x3 that sees as much",
    "Simonyan and Zisserman 2014, VGG, arXiv:1409.1556, section 2.3",
)
def stack3x3(draft: Draft, pattern: str, _: Any) -> None:
    """Three 3x3 have 27 C² weights where one 7x7 has 49 C². A stride goes to the last, so that the receptive field stays."""
    _each(draft, pattern, _stack3x3, Conv)


def _stack3x3(draft: Draft, layer: Layer) -> None:
    conv: Any = layer.op
    high, wide = _kernel(conv)
    _require(high == wide and high % 2 == 1 and high >= 5, "its kernel is not 5x5, 7x7 or a larger odd square")
    _require(conv.dilation == 1, "it is dilated")
    count = (high - 1) // 2
    padding = _stacked_padding(conv.padding, count)
    takes, edits = _written(draft, layer.path, ["kernel_size", "padding", "dilation"])
    plain = {
        "op": "conv",
        "out_channels": "out_channels",
        "kernel_size": 3,
        "padding": padding,
        **_passed(takes, "groups", "bias"),
    }
    tail = _tail(draft.tree.graph, layer.path)
    layers: dict[str, dict[str, Any]] = {}
    for number in range(1, count):
        layers[f"conv{number}"] = plain
        layers |= {f"{name}{number}": entry for name, entry in tail.items()}
    layers[f"conv{count}"] = {**plain, **_passed(takes, "stride")}
    name = draft.block(f"stack3x3_{count}", takes, layers, f"{count} 3x3 for one {high}x{wide}: arXiv:1409.1556")
    draft.edit(layer.path, Put("op", name), *edits)


def _stacked_padding(padding: Any, count: int) -> Any:
    """Return the padding of each of `count` 3x3 that together pad as much."""
    if padding in ("same", "valid", 0):
        return padding
    _require(padding == count, f"its padding {_show(padding)} is neither 0 nor half its kernel")
    return 1


@_move(
    "an n x n convolution becomes 1 x n and then n x 1",
    "Szegedy et al. 2015, Inception v3, arXiv:1512.00567, section 3.2",
)
def factorize(draft: Draft, pattern: str, _: Any) -> None:
    """Weights fall to 2/n where the channels stay."""
    _each(draft, pattern, _factorize, Conv)


def _factorize(draft: Draft, layer: Layer) -> None:
    conv: Any = layer.op
    high, wide = _kernel(conv)
    _require(high > 1 and wide > 1, "its kernel has one row or one column already")
    _require(conv.groups == 1, "it is grouped or depthwise")
    _require(not isinstance(conv.stride, tuple), "its strides differ by direction")
    _require(not isinstance(conv.dilation, tuple), "its dilations differ by direction")
    across, down = _divided_padding(conv.padding)
    takes, edits = _written(draft, layer.path, ["kernel_size", "padding", "groups"])
    common = {"op": "conv", "out_channels": "out_channels"}
    bias, steps = _passed(takes, "bias"), [name for name in ("stride", "dilation") if name in takes]
    layers = {
        "across": {**common, "kernel_size": [1, wide], "padding": across, **{n: [1, n] for n in steps}, **bias},
        **_tail(draft.tree.graph, layer.path),
        "down": {**common, "kernel_size": [high, 1], "padding": down, **{n: [n, 1] for n in steps}, **bias},
    }
    name = draft.block(f"factorized_{high}x{wide}", takes, layers, f"1x{wide}, then {high}x1: arXiv:1512.00567")
    draft.edit(layer.path, Put("op", name), *edits)


def _divided_padding(padding: Any) -> tuple[Any, Any]:
    """Return the padding to the left and right, and that above and below."""
    if isinstance(padding, str):
        return padding, padding
    if not isinstance(padding, tuple):
        padding = (padding, padding)
    if len(padding) == 2:
        return [0, padding[1]], [padding[0], 0]
    top, left, bottom, right = padding
    return [0, left, 0, right], [top, 0, bottom, 0]


@_move(
    "two 3x3 convolutions in a row become 1x1 to a quarter of the channels, 3x3, and 1x1 back",
    "He et al. 2015, ResNet, arXiv:1512.03385, figure 5",
)
def bottleneck(draft: Draft, pattern: str, _: Any) -> None:
    """The first of the pair becomes the 1x1 (with its stride, as in the paper), the second the 3x3 and the 1x1 back."""
    convs = list(_under(draft, pattern, Conv))
    done: set[str] = set()
    for layer in convs:
        if layer.path in done:
            continue
        try:
            second = _partner(draft, layer, {conv.path for conv in convs} - done)
            _bottleneck(draft, layer, second)
            done |= {layer.path, second.path}
        except Cannot as reason:
            draft.left_alone.setdefault(str(reason), []).append(layer.path)
    for paths in draft.left_alone.values():
        paths[:] = [path for path in paths if path not in done]
    draft.left_alone = {reason: paths for reason, paths in draft.left_alone.items() if paths}


def _partner(draft: Draft, layer: Layer, allowed: set[str]) -> Layer:
    """Return the 3x3 convolution that alone reads a 3x3 convolution, past norms and activations."""
    _require(_is_3x3(layer), "it is no 3x3 with one group and even padding")
    graph, path = draft.tree.graph, layer.path
    while len(readers := list(graph.digraph.successors(path))) == 1:
        following = graph.layer(readers[0])
        path = following.path
        if isinstance(following.op, Conv):
            _require(_is_3x3(following) and path in allowed, "no second 3x3 follows it")
            return following
        if following.op.kind(*following.input_shapes) not in ("norm", "activation"):
            break
    raise Cannot("no second 3x3 follows it")


def _is_3x3(layer: Layer) -> bool:
    conv: Any = layer.op
    return _kernel(conv) == (3, 3) and conv.groups == 1 and conv.dilation == 1 and conv.padding in (1, "same")


def _bottleneck(draft: Draft, first: Layer, second: Layer) -> None:
    channels = first.shape[0]
    _require(channels % 4 == 0, f"its {channels} channels have no whole quarter")
    _, edits = _written(draft, first.path, ["kernel_size", "padding"])
    narrow = _times(draft, first.path, "out_channels", lambda value: value // 4, "{} // 4")
    draft.edit(first.path, *edits, Put("out_channels", narrow))
    takes, edits = _written(draft, second.path, ["kernel_size", "padding", "groups", "dilation"])
    layers = {
        "conv": {
            "op": "conv",
            "out_channels": "in_channels",
            "kernel_size": 3,
            "padding": "same" if second.op.padding == "same" else 1,
            **_passed(takes, "stride", "bias"),
        },  # type: ignore[attr-defined]
        **_tail(draft.tree.graph, first.path),
        "back": {"op": "conv", "out_channels": "out_channels", **_passed(takes, "bias")},
    }
    name = draft.block("bottleneck_end", takes, layers, "3x3, then 1x1 back to full width: arXiv:1512.03385")
    draft.edit(second.path, Put("op", name), *edits)


@_move(
    "a k x k convolution works in N groups of channels",
    "Xie et al. 2016, ResNeXt, arXiv:1611.05431, section 3",
    takes=32,
)
def grouped(draft: Draft, pattern: str, groups: int) -> None:
    """Weights and mult-adds fall to 1/N; the width that ResNeXt adds in return is another edit."""

    def one(draft: Draft, layer: Layer) -> None:
        conv: Any = layer.op
        _require(_kernel(conv) != (1, 1), "its kernel is 1x1, and grouping those needs a channel shuffle as well")
        _require(conv.groups == 1, "it is grouped or depthwise already")
        for count in (layer.input_shapes[0][0], layer.shape[0]):
            _require(count % groups == 0, f"{groups} groups do not divide its {count} channels")
        draft.edit(layer.path, Put("groups", str(groups)))

    _each(draft, pattern, one, Conv)


@_move(
    "after a layer or block, a gate weighs the channels: pool, 1/r of the channels, all channels, sigmoid, multiply",
    "Hu et al. 2017, Squeeze-and-Excitation Networks, arXiv:1709.01507, section 3",
    takes=16,
)
def squeeze_excite(draft: Draft, pattern: str, ratio: int) -> None:
    """One gate after each layer or block that the pattern means; inside a block that is repeated, at its end."""
    for use in draft.tree.matching(pattern):
        try:
            _squeeze_excite(draft, use, ratio)
        except Cannot as reason:
            draft.left_alone.setdefault(str(reason), []).append(use.path)


def _squeeze_excite(draft: Draft, use: Use, ratio: int) -> None:
    while copy_of(use) is not None:
        _require(use.path in draft.tree.children, "it is repeated and no block, so there is no place after each copy")
        use = draft.tree.children[use.path][-1]
    shape = _output(draft.tree, use)
    _require(len(shape) == 3, f"its output {show_shape(shape)} is no feature map")
    _require(shape[0] // ratio >= 1, f"1/{ratio} of its {shape[0]} channels is nothing")
    layers = {
        "pool": {"op": "global_avg_pool", "keep_dims": True},
        "reduce": {"op": "conv", "out_channels": "in_channels // ratio"},
        "relu": {"op": "relu"},
        "expand": {"op": "conv", "out_channels": "in_channels"},
        "sigmoid": {"op": "sigmoid"},
        "gate": {"op": "multiply", "from": ["in", "sigmoid"]},
    }
    name = draft.block("squeeze_excitation", {"ratio": "required"}, layers, "arXiv:1709.01507")
    written = flow({"op": name, "ratio": ratio})
    beside = {str(child.line[-1]) for child in draft.tree.children[parent(use)]}
    layer = f"{use.line[-1]}_se"
    draft.edit(use.path, Insert(fresh(layer, beside) if layer in beside else layer, written))


def _output(tree: Tree, use: Use) -> Any:
    """Return the output shape of a layer or of a block's last layer."""
    while use.path in tree.children:
        use = tree.children[use.path][-1]
    return tree.graph.shape(use.path)


@_move(
    "every layer that chooses its own width gets x times as many channels; input and output of the network stay",
    "Howard et al. 2017, MobileNets, arXiv:1704.04861, section 3.3",
    takes=0.5,
)
def width(draft: Draft, pattern: str, factor: float) -> None:
    """Widths round to the nearest whole number. Layers as wide as their input (depthwise, for one) follow by themselves."""

    def one(draft: Draft, layer: Layer) -> None:
        name = "out_channels" if isinstance(layer.op, Conv) else "out_features"
        _require(not _is_head(draft.tree.graph, layer), "it gives the network's output")
        _require(not _follows(draft.tree, draft.tree.uses[layer.path], name), "its width follows from its input")
        factor_text = flow(factor)
        new = _times(
            draft, layer.path, name, lambda v: max(1, round(v * factor)), f"max(1, round({factor_text} * {{}}))"
        )
        draft.edit(layer.path, Put(name, new))

    _each(draft, pattern, one, Conv, Linear)


def _is_head(graph: LayerGraph, layer: Layer) -> bool:
    """Say whether a layer's channels reach an output of the network with no weights in between."""
    frontier, seen = [layer.path], {layer.path}
    while frontier:
        path = frontier.pop()
        if path in graph.outputs:
            return True
        for reader in graph.digraph.successors(path):
            if reader not in seen and not isinstance(graph.layer(reader).op, (Conv, Linear)):
                seen.add(reader)
                frontier.append(reader)
    return False


def _follows(tree: Tree, use: Use, name: str) -> bool:
    """Say whether what a line gives for a field comes, through the blocks that call it, from the size of an input."""
    line = tree.layer(use)
    return any(_comes_from_input(tree, use, value) for value in [line.fields.get(name), *_first(tree, use, name)])


def _first(tree: Tree, use: Use, name: str) -> list[Any]:
    line = tree.layer(use)
    return [line.first[name]] if copy_of(use) == 0 and name in line.first else []


def _comes_from_input(tree: Tree, use: Use, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    caller = tree.uses.get(parent(use))
    for name, _ in arithmetic.parse(value).names:
        if name in INPUT_SIZES:
            return True
        if caller is None or name not in tree.spec.blocks[caller.op].takes:
            continue
        given = tree.layer(caller).fields.get(name)
        passed = _first(tree, caller, name) or [given]
        if passed != [None] and _comes_from_input(tree, caller, passed[0]):
            return True
        if passed == [None] and _comes_from_input(tree, use, tree.spec.blocks[caller.op].takes[name]):
            return True
    return False


def _times(draft: Draft, path: str, name: str, compute: Callable[[int], int], written: str) -> str:
    """Return the text for a changed size: a number where its line gives one, else arithmetic around what is written there."""
    line = draft.tree.layer(draft.tree.uses[path])
    value = line.first[name] if copy_of(draft.tree.uses[path]) == 0 and name in line.first else line.fields[name]
    if isinstance(value, str):
        plain = re.fullmatch(r"\w+|\w+\([^()]*\)", value)
        return flow(written.format(value if plain else f"({value})"))
    return str(compute(value))


@_move(
    "global average pooling instead of flatten and the hidden fully connected layers; the last one stays",
    "Lin et al. 2013, Network in Network, arXiv:1312.4400, section 3.2; with one linear layer as in GoogLeNet, arXiv:1409.4842",
    whole=True,
)
def gap_head(draft: Draft, pattern: str, _: Any) -> None:
    """The classifier then reads one number a channel instead of the whole map."""
    top = draft.tree.children[""]
    flattens = [use for use in top if isinstance(_op(draft.tree.graph, use.path), Flatten) and means(pattern, use.path)]
    if not flattens or len(draft.tree.graph.layer(flattens[-1].path).input_shapes[0]) != 3:
        draft.left_alone["the network has no line of its own that flattens a feature map"] = [draft.tree.spec.name]
        return
    at = top.index(flattens[-1])
    linear = [
        use
        for use in top[at + 1 :]
        if any(isinstance(_op(draft.tree.graph, inner.path), Linear) for inner in draft.tree.inside(use.path))
    ]
    if not linear:
        draft.left_alone["no fully connected layer follows the flatten"] = [flattens[-1].path]
        return
    name = fresh_line("gap", draft.lines, flattens[-1].line)
    draft.edit(flattens[-1].path, Insert(name, "{op: global_avg_pool}"), Drop())
    for use in top[at + 1 : top.index(linear[-1])]:
        draft.edit(use.path, Drop())


def _op(graph: LayerGraph, path: str) -> Any:
    return graph.layer(path).op if path in graph.digraph else None


def _show(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)
