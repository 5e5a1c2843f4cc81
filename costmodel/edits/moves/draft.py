"""What a move wants changed, and how moves look at the layers that they rewrite."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from costmodel.edits.lines import Lines, flow
from costmodel.edits.rewrite import Clear, LineEdit, Put, fresh, rewrite
from costmodel.edits.uses import Tree
from costmodel.graph import Layer, LayerGraph


class CannotError(Exception):
    """A move does not apply to a layer; the text says why."""


@dataclass
class Draft:
    """What a move wants changed: edits by path of the network, and blocks that it brings along.

    `left_alone` holds the paths that it cannot rewrite, by the reason.
    """

    lines: Lines
    tree: Tree
    plan: dict[str, tuple[LineEdit, ...]] = field(default_factory=dict)
    left_alone: dict[str, list[str]] = field(default_factory=dict)

    def edit(self, path: str, *edits: LineEdit) -> None:
        """Ask for edits of the line at a path."""
        self.plan[path] = (*self.plan.get(path, ()), *edits)

    def leave(self, path: str, reason: object) -> None:
        """Note that a layer stays as it is."""
        self.left_alone.setdefault(str(reason), []).append(path)

    def block(self, name: str, takes: dict[str, Any], layers: dict[str, dict[str, Any]], why: str) -> str:
        """Return the name of a block like this, written into the text if it is not there yet."""
        want = {**({"takes": takes} if takes else {}), "layers": layers}
        blocks = self.lines.get(("blocks",)) or {}
        for known, body in blocks.items():
            if body == want:
                return str(known)
        taken = {*blocks, *self.tree.spec.parameters}
        name = fresh(name, taken) if name in taken else name
        width = max(map(len, layers)) + 2
        text = [*([f"takes: {flow(takes)}"] if takes else []), "layers:"]
        text += [f"  {f'{layer}:'.ljust(width)}{flow(entry)}" for layer, entry in layers.items()]
        self.lines = self.lines.add_block(name, text, why)
        return name

    def finish(self) -> Lines:
        """Return the text with everything done."""
        return rewrite(self.lines, self.tree, self.plan)


def under(draft: Draft, pattern: str, *kinds: type) -> Iterator[Layer]:
    """Yield the layers of some operators that a pattern means, or that stand in a block that it means."""
    roots = [use.path for use in draft.tree.matching(pattern)]
    inside = {use.path for root in roots for use in draft.tree.inside(root)}
    for layer in draft.tree.graph.layers:
        if layer.path in inside and isinstance(layer.op, kinds):
            yield layer


def each(draft: Draft, pattern: str, rewrite_one: Callable[[Draft, Layer], None], *kinds: type) -> None:
    """Rewrite every layer of some operators under a pattern, and note where that cannot be done."""
    for layer in under(draft, pattern, *kinds):
        try:
            rewrite_one(draft, layer)
        except CannotError as reason:
            draft.leave(layer.path, reason)


def require(condition: bool, reason: str) -> None:
    """Leave a layer alone unless `condition` holds."""
    if not condition:
        raise CannotError(reason)


def kernel(layer: Layer) -> tuple[int, ...]:
    """Return the size of a convolution's kernel on each axis of space, of which it has one to three."""
    conv: Any = layer.op
    size = conv.kernel_size
    return size if isinstance(size, tuple) else (size,) * (len(layer.input_shapes[0]) - 1)


def kernel_of_map(layer: Layer) -> tuple[int, int]:
    """Return a convolution's kernel as (height, width), or leave it alone where it is none over a map."""
    sizes = kernel(layer)
    require(len(sizes) == 2, "it is no convolution over height and width")
    high, wide = sizes
    return high, wide


def tail(graph: LayerGraph, path: str) -> dict[str, dict[str, Any]]:
    """Return the norm and the activation that follow a layer and that alone read it, as lines of a block."""
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
    return {name: as_written(value) for name, (value, default) in values.items() if value != default}


def as_written(value: Any) -> Any:
    """Return a field's value as a spec writes it."""
    return list(value) if isinstance(value, tuple) else value


def replaced(draft: Draft, path: str, without: Sequence[str] = ()) -> tuple[dict[str, Any], list[LineEdit]]:
    """Return what a block in place of a layer takes, and the edits that clear fields `without` from its line.

    It takes what the line gives, so that the line stays as it is but for its operator.
    """
    line = draft.tree.layer(draft.tree.uses[path])
    given = dict.fromkeys([*line.fields, *(key for key in line.first if key != "op")])
    op: Any = draft.tree.graph.layer(path).op
    defaults = {entry.name: entry.default for entry in fields(op)}
    takes = {
        name: "required" if name == "out_channels" else as_written(defaults[name])
        for name in given
        if name not in without
    }
    return takes, [Clear(name) for name in without if name in given]


def put_block(
    draft: Draft,
    layer: Layer,
    name: str,
    without: Sequence[str],
    build: Callable[[dict[str, Any]], dict[str, dict[str, Any]]],
    why: str,
) -> None:
    """Put a block in the place of a layer: `build` gives its lines from what it takes, all fields but `without`."""
    takes, edits = replaced(draft, layer.path, without)
    draft.edit(layer.path, Put("op", draft.block(name, takes, build(takes), why)), *edits)


def passed(takes: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the fields that a line of a block gets from the block's arguments of the same name."""
    return {name: name for name in names if name in takes}


def computed(draft: Draft, path: str, name: str, number: Callable[[int], int], arithmetic: str) -> str:
    """Return the text for a changed size: a number where the line has one, else arithmetic around what stands there."""
    value = draft.tree.written(draft.tree.uses[path], name)
    if not isinstance(value, str):
        return str(number(value))
    plain = re.fullmatch(r"\w+|\w+\([^()]*\)", value)
    return flow(arithmetic.format(value if plain else f"({value})"))
