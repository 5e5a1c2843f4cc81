"""A network with every block expanded, every number bound and every shape inferred."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.documents.safe_text import one_line
from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Names, Number, Shape, guarded, holds, is_symbol, show_shape
from costmodel.ops.base import Operator
from costmodel.tensor import Tensor, require_whole

if TYPE_CHECKING:
    import networkx as nx

INPUT = "input"
"""The node that stands for the network's input."""
MAX_SIZE = 2**31
"""No size of a tensor may be more."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator at one place. `inputs` are the paths it reads, in order; shapes are of one image.

    `dtype` and `batched` are of its output, as in `Tensor`. `shares` is the path of the layer whose weights it uses;
    `trainable` says whether its own are trained. `tied` are those of its arrays that other layers keep, each with the
    path and name where it is kept. `stored` are those that are stored in another dtype than the network's, each with
    its own, and `beside` is how many numbers that are not trained are stored with them, such as their scales.
    """

    path: str
    op: Operator
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    shape: Shape
    dtype: str | None = None
    batched: bool = True
    shares: str | None = None
    trainable: bool = True
    tied: tuple[tuple[str, str], ...] = ()
    stored: tuple[tuple[str, str], ...] = ()
    beside: int = 0

    @property
    def tensor(self) -> Tensor:
        """Its output."""
        return Tensor(self.shape, self.dtype, self.batched)


@dataclass(frozen=True, slots=True)
class Lies:
    """Where the tensor of a layer lay when a module was seen to run.

    within: the path of the node in whose tensor it lies, "" if it takes no memory of its own (it lies among the
    weights, or was never there), None if its own. until: the last layer that ran while it was there, "" if that is not
    known. more: by how many elements, of one image, its own memory is larger than the tensor. once, each: bytes that
    its kernel held besides while it ran, in all and for each image. gathered: places of the inputs that its kernel
    copied first, because their rows did not lie together. call: the number of the call that took it and other pieces of
    its input, 0 where it took one.
    """

    within: str | None = None
    until: str = ""
    more: int = 0
    once: int = 0
    each: int = 0
    gathered: tuple[int, ...] = ()
    call: int = 0

    def besides(self, batch: Number) -> Number:
        """Return the bytes that its kernel held besides, for so many images."""
        return self.once + self.each * batch


NOTHING_SEEN = Lies()


class LayerGraph:
    """A network as a directed graph of layers, in the order in which they are executed.

    A layer can only read what was added before it, so there is no cycle, and the order of adding is an order of
    execution. `digraph` is the same as a `networkx.DiGraph`, for every question about paths and neighbours.

    `dtype` is what its numbers are priced at where nobody says, and `batch` how many images; `whole` is why no other
    batch can be asked for, where the shapes are not of one image. `notes` are remarks on where it comes from that a
    reader of its costs has to know; `unpriced` are the layers whose cost is not known, each with what it is and why.
    """

    def __init__(
        self,
        name: str,
        inputs: Shape | Mapping[str, Tensor],
        *,
        title: str = "",
        source: str = "",
        parameters: Mapping[str, Any] | None = None,
        file: str = "",
        dtype: str = "float32",
        batch: int = 1,
        whole: str = "",
        batch_size: str = "",
    ) -> None:
        """Begin a network that reads one real-valued tensor of a shape, called ``input``, or several by their names."""
        self.name = name
        self.file = file
        self.title = title or name
        self.source = source
        self.parameters = dict(parameters or {})
        self.dtype = dtype
        """The dtype of its real numbers, where a question names no other."""
        self.batch, self.whole = batch, whole
        self.batch_size = batch_size
        """The size that says how many images there are, where it is `whole` and that size was assumed."""
        self.notes: list[str] = []
        self.unseen = ""
        """What to say where it is priced at another batch than its own, which nobody has seen it at."""
        self.unpriced: dict[str, tuple[str, str]] = {}
        self.lies: dict[str, Lies] = {}
        """Where tensors lay, of layers that were seen to run; of all others that follows from who reads them."""
        self.aside: set[str] = set()
        """Outputs that are computed and not returned, of what was seen to run."""
        self.read = False
        """It was read from what others wrote; its paths are theirs."""
        self.ran: Callable[[], LayerGraph] | None = None
        """Gives the same network call by call, as it ran, where what people like to read was found in it."""
        self.made: set[str] = set()
        """Sources whose numbers are stored nowhere: it makes them when it runs."""
        self.idle = 0, 0
        """Bytes of trained arrays, and of others, that are stored with it and that nothing reads."""
        given = inputs if isinstance(inputs, Mapping) else {INPUT: Tensor(inputs)}
        self.inputs = {
            name: Tensor(tuple(map(guarded, tensor.shape)), tensor.dtype, tensor.batched)
            for name, tensor in given.items()
        }
        """The tensors that it reads, by name."""
        self.layers: list[Layer] = []
        self._nodes: dict[str, Layer | Tensor] = dict(self.inputs)
        self._digraph: nx.DiGraph[str] | None = None
        self._outputs: list[str] = []
        self._shapes: dict[Any, Shape] = {}
        self.names = Names()

    @property
    def input_shape(self) -> Shape:
        """The shape of its first input, of one image."""
        return next(iter(self.inputs.values())).shape

    def add(
        self,
        path: str,
        op: Operator,
        inputs: tuple[str, ...],
        *,
        shares: str | None = None,
        trainable: bool = True,
        tied: tuple[tuple[str, str], ...] = (),
        stored: tuple[tuple[str, str], ...] = (),
        beside: int = 0,
        gives: Tensor | None = None,
    ) -> Layer:
        """Add a layer that reads `inputs`, inferring its output.

        Args:
            path: its own, not taken yet.
            op: the operator.
            inputs: paths of layers or names of the network's inputs, in order.
            shares: the path of a layer above whose weights it uses, which are of the same shapes.
            trainable: whether its weights are trained.
            tied: those of its arrays that layers above keep, each with the path and name where it is kept.
            stored: those of its arrays that are stored in another dtype than the network's, each with its own.
            beside: how many numbers that are not trained are stored with them, such as their scales.
            gives: what a file says of its output's dtype and batch, which is believed; they are inferred by default.

        Raises:
            ShapeError: if the inputs do not fit the operator, or the weights those that it is to share.
            ValueError: if the path is taken or an input is not there.
        """
        if path in self._nodes:
            raise ValueError(f"there is a layer {path!r} already")
        try:
            read = [self._nodes[name] for name in inputs]
        except KeyError as missing:
            raise ValueError(f"{path} reads {missing.args[0]!r}, which is not above it") from None
        shapes = tuple([tensor.shape for tensor in read])
        shape = self._infer(op, shapes)
        if gives is None:
            for place in (n for n in op.indices if n < len(read)):
                require_whole(op.name, read[place].dtype)
                self._require_within(op, shapes, inputs[place])
            dtype = op.dtype(*[tensor.dtype for tensor in read])
            batched = True in [tensor.batched for tensor in read]
        else:
            dtype, batched = gives.dtype, gives.batched
        if shares is not None:
            shares = self._shared(op, shapes, shares)
        layer = Layer(path, op, inputs, shapes, shape, dtype, batched, shares, trainable, tied, stored, beside)
        self._nodes[path] = layer
        self.layers.append(layer)
        self._digraph = None
        return layer

    @property
    def digraph(self) -> nx.DiGraph[str]:
        """The network as a networkx graph, built when first asked for: importing networkx takes longer than pricing.

        Nodes are paths (``stage4.2.conv3.conv``, and ``input``) with `shape` and `layer`. A layer's ordered inputs live
        on its `layer`, since a graph keeps one edge for ``add(x, x)``.
        """
        if self._digraph is None:
            import networkx as nx

            graph: nx.DiGraph[str] = nx.DiGraph()
            graph.add_nodes_from((name, {"shape": given.shape, "layer": None}) for name, given in self.inputs.items())
            graph.add_nodes_from((layer.path, {"shape": layer.shape, "layer": layer}) for layer in self.layers)
            graph.add_edges_from((name, layer.path) for layer in self.layers for name in layer.inputs)
            self._digraph = graph
        return self._digraph

    def readers(self) -> dict[str, list[str]]:
        """Return for each node the layers that read it, in order, each once."""
        readers: dict[str, list[str]] = {path: [] for path in self._nodes}
        for layer in self.layers:
            for name in dict.fromkeys(layer.inputs):
                readers[name].append(layer.path)
        return readers

    def _require_within(self, op: Operator, shapes: tuple[Shape, ...], path: str) -> None:
        """Raise a ShapeError if the indices at `path` are known to go beyond what `op` has."""
        source, most = self._nodes[path], op.most_index(*shapes)
        bound = source.op.bound(*source.input_shapes) if isinstance(source, Layer) else None
        if bound is not None and most is not None and not holds(bound <= most):
            raise ShapeError(f"{op.name} looks up one of {most}, but the indices of {path} stay below {bound} only")

    def _shared(self, op: Operator, shapes: tuple[Shape, ...], path: str) -> str:
        """Return the path of the layer that keeps the weights that `op` is to share with the one at `path`."""
        other = self.layer(path)
        own, theirs = op.weights(*shapes), other.op.weights(*other.input_shapes)
        if {name: show_shape(shape) for name, shape in own.items()} != {
            name: show_shape(shape) for name, shape in theirs.items()
        }:
            raise ShapeError(
                f"{op.name} cannot share the weights of {path}: "
                f"it needs {_arrays(own)}, and there are {_arrays(theirs)}",
                field="shares",
            )
        return other.shares or path

    def __contains__(self, path: str) -> bool:
        return path in self._nodes

    def mark_output(self, path: str) -> None:
        """Make the layer at `path` a further output of the network."""
        self._outputs.append(path)

    def _infer(self, op: Operator, shapes: tuple[Shape, ...]) -> Shape:
        """Ask the operator for its output shape, once for each distinct question."""
        wanted, given = op.inputs, len(shapes)
        if given != wanted and (isinstance(wanted, int) or given < wanted[0] or given > (wanted[1] or given)):
            hint = "" if wanted == 1 else "name them with `from: [a, b]`"
            raise ShapeError(f"{op.name} takes {said_inputs(op)}, but reads {len(shapes)}", hint=hint)
        question: Any = (op, shapes)
        try:
            known = self._shapes.get(question)
        except TypeError:
            question = self.question(op, shapes)
            known = self._shapes.get(question)
        if known is None:
            known = self._shapes[question] = tuple(map(guarded, _sound(op, op.shape(*shapes))))
        return known

    def question(self, op: Operator, shapes: tuple[Shape, ...]) -> Any:
        """Return what a layer's shape and cost follow from, as a key: operator, fields, inputs' sizes, even arrays."""
        return type(op), self.names(tuple(vars(op).values())), self.names(shapes)

    def layer(self, path: str) -> Layer:
        """Return the layer at `path`.

        Raises:
            KeyError: if there is none.
        """
        found = self._nodes[path]
        if not isinstance(found, Layer):
            raise KeyError(path)
        return found

    def shape(self, path: str) -> Shape:
        """Return the output shape of the node at `path`, which may be one of the network's inputs."""
        return self._nodes[path].shape

    def tensor(self, path: str) -> Tensor:
        """Return the output of the node at `path`, which may be one of the network's inputs."""
        node = self._nodes[path]
        return node.tensor if isinstance(node, Layer) else node

    def remade(
        self,
        op: Callable[[Layer], Operator],
        inputs: Mapping[str, Tensor] | None = None,
        without: Collection[str] = (),
    ) -> LayerGraph:
        """Return the network with other operators or inputs, its shapes inferred anew. Whoever reads a layer that is
        left out reads its first input.

        Raises:
            ShapeError: if they do not fit.
        """
        found = LayerGraph(
            self.name,
            self.inputs if inputs is None else inputs,
            title=self.title,
            source=self.source,
            parameters=self.parameters,
            file=self.file,
            dtype=self.dtype,
            batch=self.batch,
            whole=self.whole,
        )
        instead: dict[str, str] = {}
        for layer in self.layers:
            reads = tuple(instead.get(name, name) for name in layer.inputs)
            if layer.path in without:
                instead[layer.path] = reads[0]
                continue
            found.add(
                layer.path,
                op(layer),
                reads,
                shares=layer.shares,
                trainable=layer.trainable,
                tied=layer.tied,
                stored=layer.stored,
                beside=layer.beside,
                gives=layer.tensor,
            )
        for path in self.outputs:
            if instead.get(path, path) in found._nodes:
                found.mark_output(instead.get(path, path))
        found.unpriced = {path: what for path, what in self.unpriced.items() if path not in without}
        found.aside = {instead.get(path, path) for path in self.aside} & set(found.outputs)
        found.notes, found.read = list(self.notes), self.read
        return found

    @property
    def outputs(self) -> tuple[str, ...]:
        """The paths whose values the network returns: the marked ones and the last layer."""
        last = [self.layers[-1].path] if self.layers else list(self.inputs)[:1]
        return tuple(dict.fromkeys([*self._outputs, *last]))

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return f"<LayerGraph {one_line(self.name)}: {len(self)} layers>"


def said_inputs(op: Operator | type[Operator]) -> str:
    """Say how many inputs an operator reads: "1 input", "two or more inputs"."""
    least, most = op.inputs if isinstance(op.inputs, tuple) else (op.inputs, op.inputs)
    if least == most:
        return f"{least} input{'s' * (least != 1)}" if least else "no input"
    if most is None:
        return f"{'two' if least == 2 else least} or more inputs"
    return f"{least} to {most} inputs"


def _arrays(weights: Mapping[str, Shape]) -> str:
    return ", ".join(f"{name} of {show_shape(shape)}" for name, shape in weights.items()) or "none"


def _sound(op: Operator, shape: Shape) -> Shape:
    """Return `shape`, unless one of its sizes is less than 1 or more than `MAX_SIZE`."""
    for size in shape:
        if not is_symbol(size) and not (holds(size >= 1) and holds(size <= MAX_SIZE)):
            raise ShapeError(f"{op.name} would give {show_shape(shape)}, but sizes are from 1 to {MAX_SIZE:,}")
    return shape
