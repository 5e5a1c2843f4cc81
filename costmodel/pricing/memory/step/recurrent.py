"""A recurrent layer as the works that PyTorch makes of it: one after another for each of its layers and directions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import product
from costmodel.ops.recurrent import Recurrent
from costmodel.ops.reserve import reserve
from costmodel.pricing.memory.step.types import CONVERTED, WIDE, Types
from costmodel.pricing.memory.step.work import Work
from costmodel.tensor import BITS
from costmodel.units import DTYPES

FREED = {"rnn": 0, "gru": 8, "lstm": 7}
"""Numbers of each row and hidden unit that two steps have freed while gradients of the weights are first added."""

REGISTERED = ("weight_ih", "weight_ih_above", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
"""The order of a module's arrays."""


def apart(layer: Layer, work: Work, types: Types, is_moved: bool) -> list[Work]:
    """Return the works of a recurrent layer, of which `work` is the whole; itself where nothing goes back through it.

    A kernel computes each layer and direction of an LSTM; all others go step by step, and free what a step kept as
    they go back. A gradient of the weights of every step is added to that of the steps after it. Where `is_moved`,
    putting the steps first copies what it reads.
    """
    return list(_Apart(layer, work, types, is_moved).works()) if work.active else [work]


def registered(arrays: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the arrays of a recurrent layer as PyTorch's module has them in order: all of one layer and direction
    before those of the next.
    """

    def place(pair: tuple[str, int]) -> tuple[tuple[int, ...], int]:
        _, name, at = pair[0].rsplit("/", 2)
        return tuple(map(int, at.split("."))), REGISTERED.index(name)

    return dict(sorted(arrays, key=place))


def is_moved(graph: LayerGraph, layer: Layer, types: Types) -> bool:
    """Say whether putting the steps of a batch first moves anything: steps that a recurrent layer made lie so."""
    return is_turned(layer, types) and not _steps_first(graph, layer.inputs[0])


def is_turned(layer: Layer, types: Types) -> bool:
    """Say whether the steps of a batch and its images lie otherwise one way than the other."""
    *before, tokens, _ = layer.input_shapes[0]
    return bool(tokens > 1 and product(before) * types.images(layer) > 1)


def _steps_first(graph: LayerGraph, name: str) -> bool:
    """Say whether a node lies with its steps before the images of a batch: as recurrent layers give it, and dropout
    leaves it.
    """
    while name not in graph.inputs:
        layer = graph.layer(name)
        if layer.op.family == "recurrent":
            return True
        if layer.op.name not in ("dropout", "identity"):
            return False
        (name,) = layer.inputs
    return False


@dataclass(frozen=True)
class _Given:
    """What a work reads: a node, where it lies, of how many bytes and features, and whether it gets a gradient."""

    node: str
    root: str
    size: int
    features: int
    wanted: bool


class _Apart:
    """The works of one recurrent layer, an LSTM by kernels or by steps."""

    def __init__(self, layer: Layer, work: Work, types: Types, is_moved: bool) -> None:
        assert isinstance(layer.op, Recurrent)
        self.op, self.layer, self.whole, self.types = layer.op, layer, work, types
        *before, self.tokens, self.features = layer.input_shapes[0]
        self.rows = int(product(before)) * types.images(layer)
        self.ways = 2 if self.op.bidirectional else 1
        self.zeros = f"{work.node}/first states"
        self.is_moved = is_moved
        self.trained = {name: int(product(shape)) for name, shape in self.op.weights(*layer.input_shapes).items()}
        self.blank = replace(work, size=0, own=0, keeps=(), wanted=(), hands=(), scratch=0, arrays=(), copies=0)

    def works(self) -> Iterator[Work]:
        """Yield them in order."""
        whole = self.whole
        given = _Given(whole.inputs[0], whole.roots[0], whole.sizes[0], self.features, bool(whole.wanted))
        if self.op.by_kernel and self.is_moved:
            first = replace(self._reading(f"{whole.node}/steps first", given), size=given.size, hands=(0,))
            yield first
            given = replace(given, node=first.node, root=first.node)
        run = self._kernel if self.op.by_kernel else self._steps
        yield self._zeros()
        for at in range(self.op.layers):
            last = at == self.op.layers - 1
            node = whole.node if last else f"{whole.node}/{at}"
            found = []
            for way in range(self.ways):
                name = self._node(at, way) if self.ways > 1 else node
                yield from run(name, given, at, way)
                found.append(self._given(name, self.op.width()))
            if self.ways > 1:
                yield replace(self._together(node, found), drops=self._last(self.ways * (at + 1)))
            given = self._given(node, self.ways * self.op.width())

    def _node(self, at: int, way: int) -> str:
        """Return the node of one of two directions."""
        return f"{self.whole.node}/{at}.{way}"

    def _zeros(self) -> Work:
        """Return the work of making the states before the first step, those of all layers and directions in one."""
        return replace(self._reading(self.zeros), size=self._bytes(self.op.layers * self.ways * self.op.state()))

    def _given(self, node: str, features: int) -> _Given:
        return _Given(node, node, self._bytes(self.tokens * features), features, True)

    def _bytes(self, numbers: int) -> int:
        """Return the bytes of so many numbers for each row of the batch."""
        return numbers * self.rows * BITS[self.types.real[self.layer.path]] // 8

    def _last(self, directions: int) -> int:
        """Return the bytes of the last states of so many directions, which are handed over at the end: where they are
        not kept for the way back anyway.
        """
        return 0 if self.op.name == "rnn" or self.op.by_kernel else directions * self._bytes(self.op.state())

    def _reading(self, node: str, *given: _Given) -> Work:
        """Return a work that makes a node of others, and nothing else yet."""
        return replace(
            self.blank,
            node=node,
            root=node,
            inputs=tuple(one.node for one in given),
            roots=tuple(one.root for one in given),
            sizes=tuple(one.size for one in given),
            wanted=tuple(place for place, one in enumerate(given) if one.wanted),
        )

    def _together(self, node: str, found: list[_Given]) -> Work:
        """Return the work of putting directions side by side; their gradients are parts of one. The products of the
        last one are still there.
        """
        work = self._reading(node, *found)
        more = () if self.op.by_kernel else (_products(found[-1].node),)
        return replace(work, size=sum(one.size for one in found), hands=work.wanted, roots=(*work.roots, *more))

    def _kernel(self, node: str, given: _Given, at: int, way: int) -> Iterator[Work]:
        """Yield what one kernel does, which makes all gradients whoever wants them."""
        op, size = self.op, self.op.hidden_size
        itemsize = BITS[self.types.real[self.layer.path]] // 8
        held = self._bytes(op.state()) + reserve(self.tokens, self.rows, given.features, size, itemsize)
        matrices = {} if op.bias else self._numbers(at, way)
        biases = 0 if op.bias else 2 * op.rows()  # which the kernel has always
        gradients = sum(self._numbers(at, way).values()) + biases
        made = self._bytes(2 * size) + (biases * itemsize if self.whole.arrays else 0)
        made += 0 if given.wanted else given.size
        made += 0 if self.whole.arrays else gradients * itemsize
        if self.whole.copies:  # the kernel makes all gradients at float32; they become bfloat16 one after another
            first = next(iter(self._numbers(at, way).values())) * itemsize
            made = max(DTYPES[WIDE] // itemsize * (given.size + self._bytes(2 * size)), first)
            made += gradients * (DTYPES[WIDE] - itemsize if self.whole.arrays else DTYPES[WIDE])
        yield replace(
            self._reading(node, given),
            size=self._bytes(self.tokens * size),
            keeps=(given.root, self.zeros, node),
            own=held + sum(matrices.values()) * itemsize,
            scratch=made,
            arrays=self._arrays(at, way),
            copies=self._copies(at, way),
        )

    def _steps(self, node: str, given: _Given, at: int, way: int) -> Iterator[Work]:
        """Yield the product of all steps' inputs, and what is done step by step."""
        op, tokens, name = self.op, self.tokens, _products(node)
        products = _Given(name, name, self._bytes(tokens * op.rows()), 0, True)
        moved, learns = at == 0 and self.is_moved, bool(self.whole.arrays)
        first = self._reading(name, given)
        if way:  # those of the other direction are still there
            first = replace(first, roots=(*first.roots, _products(self._node(at, 0))))
        yield replace(
            first,
            size=products.size,
            keeps=(given.root,) if learns and not moved else (),
            own=given.size if learns and moved else 0,
            drops=(products.size if moved else 0) + self._last(at * self.ways + way),
            arrays=self._arrays(at, way, ("weight_ih", "weight_ih_above", "bias_ih")),
            copies=self._copies(at, way, ("weight_ih", "weight_ih_above")),
        )
        kept, factors = op.keeps_of_steps(tokens)
        arrays = self._arrays(at, way, ("weight_hh", "weight_hr", "bias_hh"))
        # The gradients of the last step but one are added to those of the last.
        matrix = sum(size for _, size in self._arrays(at, way, ("weight_hh",)))
        if self.whole.copies:
            matrix = matrix * DTYPES[CONVERTED] // DTYPES[WIDE]
        added = 2 * matrix + self._bytes(op.state() - FREED[op.name] * op.hidden_size) if tokens > 1 else 0
        yield replace(
            self._reading(node, products),
            size=self._bytes(tokens * op.width()),
            keeps=(self.zeros,) if learns else (),
            own=self._bytes(kept + (factors - op.state() if learns else 0)),
            scratch=max(0, added),
            drops=self._last(1 + at * self.ways + way),
            late=products.size,
            arrays=arrays,
            copies=self._copies(at, way, ("weight_hh", "weight_hr")),
        )

    def _numbers(self, at: int, way: int) -> dict[str, int]:
        """Return how many numbers each array has for one layer and direction."""
        below = {"weight_ih": at == 0, "weight_ih_above": at > 0}
        times = {"weight_ih": self.ways, "weight_ih_above": (self.op.layers - 1) * self.ways}
        everywhere = self.op.layers * self.ways
        return {name: n // times.get(name, everywhere) for name, n in self.trained.items() if below.get(name, True)}

    def _arrays(self, at: int, way: int, names: tuple[str, ...] = ()) -> tuple[tuple[str, int], ...]:
        """Return the trained arrays of one layer and direction, those of some names or all, each with its bytes."""
        own = self._numbers(at, way)
        kept = zip(self.trained, self.whole.arrays, strict=False)
        return tuple(
            (f"{place}/{at}.{way}", size * own[name] // self.trained[name])
            for name, (place, size) in kept
            if name in own and (not names or name in names)
        )

    def _copies(self, at: int, way: int, names: tuple[str, ...] = ()) -> int:
        """Return the bytes of matrices at bfloat16 under autocast."""
        if not self.whole.copies:
            return 0
        own = self._numbers(at, way).items()
        return DTYPES[CONVERTED] * sum(
            n for name, n in own if name.startswith("weight") and (not names or name in names)
        )


def _products(node: str) -> str:
    """Return the node of the products of all inputs of some steps."""
    return f"{node}/products"
