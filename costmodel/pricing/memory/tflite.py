"""A network as TensorFlow's converter writes it for TensorFlow Lite: nodes, the tensors between them, and constants.

Batch norm is folded into the convolution or product before it, ReLU and ReLU6 join what can clamp its own result,
dropout is gone, padding other than `same` is a node of its own. Held against what TensorFlow 2.21 converts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import Shape, product
from costmodel.ops import windows
from costmodel.ops.conv import Convolving
from costmodel.ops.pool import Pool
from costmodel.ops.windows import AXES_OF_SPACE, axes_of_space
from costmodel.pricing.elements import packed
from costmodel.pricing.memory.tflite_names import CLAMPING, CONSTANTS, NODES, PRODUCTS, REDUCING, WHOLE
from costmodel.tensor import BITS


@dataclass(slots=True)
class Node:
    """One node: the layer that it is for, TensorFlow Lite's name for what it does, and the tensors that it reads and
    writes. channels: output channels that are quantised each by a scale. scratch: bytes that its kernel needs besides
    while it runs. clamps: whether an activation has joined it.
    """

    path: str
    kernel: str
    reads: tuple[str, ...]
    writes: str
    constants: int
    channels: int = 0
    scratch: tuple[int, ...] = ()
    clamps: bool = False


@dataclass
class Lowered:
    """The network as nodes. sizes: bytes of each tensor, inputs first. home: for each layer the tensor in which its
    values lie. stored: bytes of its constants. unknown: operators without a kernel in TensorFlow Lite Micro, each
    taken for one node.
    """

    graph: LayerGraph
    batch: int
    itemsize: int
    nodes: list[Node] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    home: dict[str, str] = field(default_factory=dict)
    stored: int = 0
    unknown: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by: dict[str, Node] = {}  # for each layer the node that a norm or activation behind it may join
        self._back: dict[str, Node] = {}  # the reshape behind each window over one axis
        readers, outputs = self.graph.readers(), set(self.graph.outputs)
        self._alone = {path for path, by in readers.items() if len(by) == 1 and path not in outputs}
        for name, tensor in self.graph.inputs.items():
            self.home[name] = name
            self.sizes[name] = self.bytes(tensor.shape, tensor.dtype)
        for layer in self.graph.layers:
            self._lower(layer)

    def bytes(self, shape: Shape, dtype: str | None) -> int:
        """Return the bytes of a tensor of so many numbers an image."""
        bits = 8 * self.itemsize if dtype is None else BITS[WHOLE.get(dtype, dtype)]
        return int(packed(product(shape) * self.batch, bits))

    @property
    def quantised(self) -> bool:
        """Whether numbers are whole ones of a byte."""
        return self.itemsize == 1

    def _lower(self, layer: Layer) -> None:
        op, path = layer.op, layer.path
        if self.home.keys().isdisjoint(layer.inputs):
            self._store(layer)  # its readers read a constant, which the converter has computed
            return
        source = layer.inputs[0]
        before = self._by.get(source) if source in self._alone else None
        if op.view:
            if layer.shape == layer.input_shapes[0]:
                self._join(path, source, before)
            else:
                self._node(layer, "RESHAPE", self._reads(layer))
        elif op.name == "batch_norm":
            self._norm(layer, source, before)
        elif op.name in ("relu", "relu6") and before and before.kernel in CLAMPING and not before.clamps:
            before.clamps = True
            self._join(path, source, before)
        elif isinstance(op, (Convolving, Pool)):
            self._window(layer)
        else:
            self._plain(layer)

    def _join(self, path: str, source: str, node: Node | None) -> None:
        """Let a layer's values be those of what it reads, or take their place."""
        self.home[path] = self.home[source]
        if node is not None:
            self._by[path] = node

    def _reads(self, layer: Layer) -> tuple[str, ...]:
        return tuple(self.home[name] for name in layer.inputs if name in self.home)

    def _node(
        self, layer: Layer, kernel: str, reads: tuple[str, ...], shape: Shape | None = None, name: str = ""
    ) -> Node:
        """Add a node that writes the layer's output, or under a `name` of its own something on the way."""
        tensor = f"{layer.path} {name}" if name else layer.path
        constants = CONSTANTS.get(kernel, 0) + (len(layer.inputs) - len(reads) if not name else 0)
        node = Node(layer.path, kernel, reads, tensor, constants)
        self.sizes[tensor] = self.bytes(layer.shape if shape is None else shape, layer.dtype)
        self.nodes.append(node)
        if not name:
            self.home[layer.path] = tensor
            self._by[layer.path] = node
        return node

    def _norm(self, layer: Layer, source: str, before: Node | None) -> None:
        """Fold a batch norm, which leaves its shift as a bias; else it is a product and a sum with constants."""
        channels = int(layer.input_shapes[0][0])
        if before and before.kernel in PRODUCTS and not before.clamps:
            self.stored += 0 if self._biased(before.path) else channels * 4
            self._join(layer.path, source, before)
            return
        scaled = self._node(layer, "MUL", self._reads(layer), name="scaled")
        shifted = self._node(layer, "ADD", (scaled.writes,))
        scaled.constants = shifted.constants = 1
        self.stored += 2 * channels * self.itemsize

    def _biased(self, path: str) -> bool:
        layer = self.graph.layer(path)
        return "bias" in layer.op.weights(*layer.input_shapes)

    def _window(self, layer: Layer) -> None:
        """Lower a convolution or pool, with a node for padding that is not what `same` pads. Over one axis it is one
        of height 1, between two reshapes.
        """
        op, shape = layer.op, layer.input_shapes[0]
        assert isinstance(op, (Convolving, Pool))
        axes = axes_of_space(op, shape, op.kernel_size)
        kernel, reads = self._kernel(layer, axes), self._reads(layer)
        if axes == 1:
            reads = (self._stood_up(layer, reads),)
        padding = _padding(op, shape, axes)
        if padding:
            grown = tuple(size + sum(around) for size, around in zip(shape[-axes:], padding, strict=True))
            reads = (self._node(layer, "PAD", reads, (*shape[:-axes], *grown), "padded").writes,)
        node = self._node(layer, kernel, reads, name="high" if axes == 1 else "")
        if axes == 1:
            self._back[layer.path] = self._node(layer, "RESHAPE", (node.writes,))
            self._by[layer.path] = node
        if kernel == "TRANSPOSE_CONV" and self.quantised:
            node.scratch = (4 * int(product(layer.shape)) * self.batch,)
        if isinstance(op, Convolving):
            node.channels = int(op.out_channels)
            self._store(layer)

    def _stood_up(self, layer: Layer, reads: tuple[str, ...]) -> str:
        """Return the tensor of height 1 that a window over one axis reads, which a window before it may have written
        already.
        """
        source = layer.inputs[0]
        if source in self._alone and source in self._by and self._by[source].path in self._back:
            reshape = self._back.pop(self._by[source].path)
            self.nodes.remove(reshape)
            del self.sizes[reshape.writes]
            return reshape.reads[0]
        return self._node(layer, "RESHAPE", reads, layer.input_shapes[0], "stood up").writes

    def _kernel(self, layer: Layer, axes: int = 2) -> str:
        """Return what TensorFlow Lite calls a layer's operator, and keep in mind where it has no such kernel."""
        op = layer.op
        known = NODES.get(op.name) if axes < 3 else None
        if known is None:
            self.unknown[op.name if axes < 3 else f"{op.name} over {AXES_OF_SPACE[axes]}"] = None
            return op.name
        return "DEPTHWISE_CONV_2D" if op.name == "conv" and 1 < op.splits() == layer.input_shapes[0][0] else known

    def _plain(self, layer: Layer) -> None:
        op, reads = layer.op, self._reads(layer)
        if op.name == "hardsigmoid":
            self._hardsigmoid(layer, reads)
            return
        if op.name == "silu":
            gate = self._node(layer, "LOGISTIC", reads, name="gate")
            self._node(layer, "MUL", (*reads, gate.writes))
            return
        kernel = self._kernel(layer)
        if op.name in ("add", "multiply", "maximum", "minimum"):
            for number, other in enumerate(reads[1:-1]):
                reads = (self._node(layer, kernel, (reads[0], other), name=str(number)).writes, reads[-1])
        node = self._node(layer, kernel, reads)
        node.scratch = self._reducing(layer, kernel)
        self._store(layer)
        if kernel == "FULLY_CONNECTED":
            node.constants = 2 if self._biased(layer.path) else 1
            node.channels = int(layer.shape[-1])

    def _hardsigmoid(self, layer: Layer, reads: tuple[str, ...]) -> None:
        """Write it as ReLU6 of what is shifted by 3, which a product before it does on the way, over 6."""
        before = self._by.get(layer.inputs[0]) if layer.inputs[0] in self._alone else None
        if before and before.kernel in PRODUCTS and not before.clamps:
            before.clamps = True
        else:
            shifted = self._node(layer, "ADD", reads, name="shifted")
            shifted.constants, shifted.clamps = 1, True
            reads = (shifted.writes,)
        self._node(layer, "MUL", reads).constants = 1

    def _reducing(self, layer: Layer, kernel: str) -> tuple[int, ...]:
        """Return what a reduction needs besides: sums of 32 bits, a place on each axis, and the axes themselves."""
        if kernel not in REDUCING:
            return ()
        rank = len(layer.input_shapes[0])
        axes = rank - 1 if layer.op.name.startswith("global") else max(rank - len(layer.shape), 1)
        sums = (4 * int(product(layer.shape)) * self.batch,) if self.quantised and kernel != "REDUCE_MAX" else ()
        return (*sums, 4 * (rank + 1), 4 * axes)

    def _store(self, layer: Layer) -> None:
        """Count the constants of a layer, if no other keeps them: weights, biases of 32 bits, a scale a channel."""
        if layer.shares is not None:
            return
        kept = dict(layer.tied)
        for name, shape in layer.op.weights(*layer.input_shapes).items():
            if name not in kept:
                wide = name == "bias" and layer.op.family in ("conv", "transposed conv", "linear")
                self.stored += int(product(shape)) * (4 if wide else self.itemsize)
        if self.quantised and layer.op.fuses == "head":
            self.stored += 4 * int(layer.shape[0] if isinstance(layer.op, Convolving) else layer.shape[-1])


def _padding(op: Convolving | Pool, shape: Shape, axes: int) -> windows.Pads:
    """Return what a node of its own has to pad: nothing where the padding is none, or what `same` pads."""
    if op.name == "conv_transpose":
        return ()
    space = shape[-axes:]
    dilation = op.dilation if isinstance(op, Convolving) else op.spacing()
    if isinstance(op, Pool):
        own, over = op.reach(space)
    else:
        own, over = windows.pads(space, op.kernel_size, op.stride, op.padding, dilation), ((0, 0),) * axes
    around = tuple((a + c, b + d) for (a, b), (c, d) in zip(own, over, strict=True))
    same = windows.pads(space, op.kernel_size, op.stride, "same", dilation)
    counted = getattr(op, "count_include_pad", False) and any(map(any, own))
    return () if not any(map(any, around)) or (around == same and not counted) else around
