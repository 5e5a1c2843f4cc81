"""Which nodes work on maps that lie in blocks of channels, and where maps are turned to blocks and back.

Source: ONNX Runtime, core/optimizer/nchwc_transformer.cc.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from costmodel.pricing.lanes import fits, whole
from costmodel.pricing.memory.onnxruntime.nodes import Node, Nodes, Value

PLANE = 4
"""Axes of a batch of maps."""
JOINED = frozenset(("Relu", "Sigmoid", "Tanh", "HardSigmoid"))
"""Activations that a convolution on blocks computes, if it computes none yet."""
ELEMENTWISE = JOINED | {"Gelu", "QuickGelu"}
"""Nodes of one input that take maps in blocks as they lie."""


@dataclass(slots=True)
class Map:
    """A map that lies in blocks: under which name, of how many channels, made by which node, and how often it is read
    as it was and still has to be.
    """

    name: str
    channels: int
    maker: Node
    uses: int
    left: int


def lay(nodes: Nodes, lanes: int) -> None:
    """Let the nodes that can work on blocks of so many channels, and turn maps where others read them."""
    _Layout(nodes, lanes).run()


class _Layout:
    def __init__(self, nodes: Nodes, lanes: int) -> None:
        self.nodes, self.lanes = nodes, lanes
        self.maps: dict[str, Map] = {}
        self.turned: dict[str, str] = {}
        self.gone: list[Node] = []

    def run(self) -> None:
        for node in self.nodes.ordered():
            if node in self.gone:
                continue
            if node.kind in ("Conv", "FusedConv"):
                self._convolution(node)
            elif node.kind in ("MaxPool", "AveragePool"):
                self._pool(node)
            elif node.inputs and all(name in self.maps or self._known(name) for name in node.inputs):
                self._other(node)
        self._back()

    def _known(self, name: str) -> bool:
        return not name or self.nodes.stored(name)

    def _other(self, node: Node) -> None:
        if node.kind == "HardSigmoid" and self._swish(node):
            return
        if node.kind in ("Add", "Mul"):
            self._binary(node)
        elif node.kind == "Concat":
            self._concat(node)
        elif node.inputs[0] not in self.maps:
            return
        elif node.kind in ELEMENTWISE:
            self._activation(node)
        elif node.kind == "BatchNormalization":
            self._norm(node)
        elif node.kind == "Transpose":
            self._transpose(node)
        elif node.kind == "Resize":
            self._resize(node)
        elif node.kind in ("GlobalAveragePool", "GlobalMaxPool"):
            self._pool(node)

    def _whole(self, channels: int) -> int:
        return int(whole(channels, self.lanes))

    def _block(self, kind: str, inputs: list[str], node: Node, channels: int, **attributes: object) -> Node:
        """Add a node on blocks in the place of another."""
        result = node.outputs[0]
        value = self.nodes.values[result]
        name = f"{result}#blocks"
        self.nodes.values[name] = replace(value, shape=(value.shape[0], self._whole(channels), *value.shape[2:]))
        uses = len(self.nodes.readers.get(result, ())) + (result in self.nodes.outputs)
        made = self.nodes.add(kind, inputs, [name], node.path, **attributes, lanes=self.lanes)
        self.maps[result] = Map(name, channels, made, uses, uses)
        return made

    def _taken(self, name: str) -> str:
        """Return the name of a map in blocks, and count a use of it less."""
        self.maps[name].left -= 1
        return self.maps[name].name

    def _asked(self, name: str) -> str:
        """Return the name of a map in blocks, turning it if it does not lie so."""
        if name in self.maps:
            return self._taken(name)
        if name not in self.turned:
            source, last = name, 0
            maker = self.nodes.made_by.get(name)
            if maker is not None and self._last(name, maker):
                source, last = maker.inputs[0], 1
                self._done(maker)
            batch, channels, *space = self.nodes.values[name].shape
            turned = f"{name}#turned"
            self.nodes.values[turned] = Value((batch, self._whole(channels), *space), self.nodes.values[name].dtype)
            path = maker.path if maker is not None else name
            self.nodes.add("ReorderInput", [source], [turned], path, channels_last=last, lanes=self.lanes)
            self.turned[name] = turned
        return self.turned[name]

    def _last(self, name: str, maker: Node) -> bool:
        """Say whether a map is one with its channels last, transposed for a single reader."""
        alone = name not in self.nodes.outputs and len(self.nodes.readers[name]) == 1
        return alone and maker.kind == "Transpose" and tuple(maker.attributes["perm"]) == (0, 3, 1, 2)

    def _convolution(self, node: Node) -> None:
        weight = self.nodes.values[node.inputs[1]]
        if not weight.stored or len(weight.shape) != PLANE or not all(map(self._known, node.inputs[2:])):
            return
        groups = node.attributes.get("group", 1)
        out_channels, each = weight.shape[:2]
        picture, on_blocks = fits(_kind(each * groups, groups), each * groups, out_channels, groups, self.lanes)
        if not on_blocks:
            return
        x = self._asked(node.inputs[0]) if not picture else node.inputs[0]
        self._block("Conv", [x, *node.inputs[1:]], node, out_channels, **node.attributes)
        self._done(node)

    def _done(self, node: Node) -> None:
        self.gone.append(node)

    def _pool(self, node: Node) -> None:
        shape = self.nodes.values[node.inputs[0]].shape
        if len(node.outputs) > 1 or len(shape) != PLANE or shape[1] % self.lanes:
            return
        self._block(node.kind, [self._asked(node.inputs[0])], node, shape[1], **node.attributes)
        self._done(node)

    def _binary(self, node: Node) -> None:
        if not all(name in self.maps for name in node.inputs):
            return
        maps = [self.maps[name] for name in node.inputs]
        shapes = {self.nodes.values[name].shape for name in node.inputs}
        if len(shapes) > 1:
            return
        names = [self._taken(name) for name in node.inputs]
        if node.kind == "Add" and len(node.inputs) == 2:
            for place, one in enumerate(maps):
                conv = one.maker
                if (
                    conv.kind == "Conv"
                    and len(conv.inputs) < 4
                    and one.uses == 1
                    and "activation" not in conv.attributes
                ):
                    bias = [*conv.inputs[1:], ""][:2]
                    self.nodes.rewire(conv, [conv.inputs[0], *bias, names[1 - place]])
                    self._joined(node, one)
                    return
        self._stays(node, names, maps[0].channels)

    def _joined(self, node: Node, one: Map) -> None:
        """Let what made a map make the result of a node that it computes."""
        result = node.outputs[0]
        uses = len(self.nodes.readers.get(result, ())) + (result in self.nodes.outputs)
        self.maps[result] = Map(one.name, one.channels, one.maker, uses, uses)
        self._done(node)

    def _stays(self, node: Node, names: list[str], channels: int) -> None:
        """Let a node read and give blocks."""
        result = node.outputs[0]
        value = self.nodes.values[result]
        name = f"{result}#blocks"
        self.nodes.values[name] = replace(value, shape=(value.shape[0], self._whole(channels), *value.shape[2:]))
        uses = len(self.nodes.readers.get(result, ())) + (result in self.nodes.outputs)
        self.nodes.rewire(node, names)
        self.nodes.give(node, [name])
        self.maps[result] = Map(name, channels, node, uses, uses)

    def _concat(self, node: Node) -> None:
        if node.attributes["axis"] != 1 or not all(name in self.maps for name in node.inputs):
            return
        channels = [self.maps[name].channels for name in node.inputs]
        if any(one % self.lanes for one in channels):
            return
        self._stays(node, [self._taken(name) for name in node.inputs], sum(channels))

    def _activation(self, node: Node) -> None:
        one = self.maps[node.inputs[0]]
        name = self._taken(node.inputs[0])
        conv = one.maker
        if _bare(conv) and one.uses == 1 and node.kind in JOINED:
            conv.attributes = conv.attributes | {"activation": node.kind}
            self._joined(node, one)
        else:
            self._stays(node, [name, *node.inputs[1:]], one.channels)

    def _swish(self, node: Node) -> bool:
        """Let a convolution compute x * hardsigmoid(x), if nothing else reads either; say whether it does."""
        source, gate = node.inputs[0], node.outputs[0]
        times, one = self.nodes.only_reader(gate), self.maps.get(source)
        if one is None or times is None or times.kind != "Mul" or sorted(times.inputs) != sorted((source, gate)):
            return False
        if not _bare(one.maker) or one.uses != 2 or times.outputs[0] in self.nodes.outputs:
            return False
        one.left -= 2
        one.maker.attributes = one.maker.attributes | {"activation": "HardSwish"}
        self._done(node)
        self._joined(times, one)
        return True

    def _norm(self, node: Node) -> None:
        """A norm alone is a convolution of each channel with one number."""
        one = self.maps[node.inputs[0]]
        weight = f"{node.outputs[0]}#weight"
        self.nodes.values[weight] = Value((self._whole(one.channels), 1, 1, 1), stored=True)
        name = self._taken(node.inputs[0])
        self._block("Conv", [name, weight, weight], node, one.channels, group=self._whole(one.channels))
        self._done(node)

    def _transpose(self, node: Node) -> None:
        if tuple(node.attributes["perm"]) != (0, 2, 3, 1):
            return
        one = self.maps[node.inputs[0]]
        name, given = self._taken(node.inputs[0]), node.outputs
        self.nodes.remove(node)
        self.nodes.add("ReorderOutput", [name], given, node.path, channels=one.channels, channels_last=1)

    def _resize(self, node: Node) -> None:
        """A map grows in blocks, if each axis does by a whole number and is no more than interpolated."""
        before, after = (self.nodes.values[name].shape for name in (node.inputs[0], node.outputs[0]))
        if len(before) != PLANE or before[:2] != after[:2] or node.attributes.get("mode") == "cubic":
            return
        if any(size % old for old, size in zip(before, after, strict=True)):
            return
        one = self.maps[node.inputs[0]]
        self._block("Upsample", [self._taken(node.inputs[0])], node, one.channels)
        self._done(node)

    def _back(self) -> None:
        """Turn maps back for those who read them as they were, the last first.

        ONNX Runtime does so in the order of a hash map of pointers: the last first where no two share a bucket.
        """
        for node in self.gone:
            self.nodes.remove(node)
        for result, one in reversed(self.maps.items()):
            if one.left > 0:
                self.nodes.add("ReorderOutput", [one.name], [result], one.maker.path, channels=one.channels)


def _bare(node: Node) -> bool:
    """Say whether a node is a convolution that computes no activation yet."""
    return node.kind == "Conv" and "activation" not in node.attributes


def _kind(in_channels: int, groups: int) -> str:
    return "" if groups == 1 else "depthwise conv" if groups == in_channels else "grouped conv"
