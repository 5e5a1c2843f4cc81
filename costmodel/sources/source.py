"""What was found where somebody pointed: a network, and the spec that it was written as, where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from costmodel.documents.safe_text import one_line
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph

if TYPE_CHECKING:
    from costmodel.sources.parametric import Parametric
    from costmodel.spec import Spec


@dataclass(frozen=True)
class Source:
    """A network as it was asked for. It is a spec, or `build` makes it and `kind` says what it is instead."""

    asked: str
    """What complaints call it."""
    spec: Spec | None = None
    build: Callable[[], LayerGraph] | None = None
    kind: str = "a graph"
    takers: str = ""
    """What can be done with it though it is no spec."""
    file: str | None = None
    """The file on disk that it was read from, if it was."""
    resize: Callable[[Mapping[str, Any]], Source] | None = None
    """How sizes are set of what is no spec, where that can be."""
    vary: Callable[[], Parametric] | None = None
    """What is set to many values of what is no spec, where sizes are open."""
    rebatch: Callable[[int], Source] | None = None
    """How it is read at another batch, where that is the first size of each of its inputs."""
    call: Callable[[Mapping[str, Any], bool], Source] | None = None
    """How keywords are given to the code that builds it, and whether in eval mode, where code does."""

    @cached_property
    def graph(self) -> LayerGraph:
        """The network itself.

        Raises:
            CostModelError: if it cannot be read, or the spec's sizes do not fit.
        """
        if self.build is not None:
            return self.build()
        from costmodel.spec import expand

        return expand(self.needed_spec())

    def needed_spec(self) -> Spec:
        """Return the spec.

        Raises:
            CostModelError: if there is none.
        """
        if self.spec is None:
            raise CostModelError(f"{self.asked}: {self.kind} has no spec to show, edit or take formulas of{self._else}")
        return self.spec

    def parametric(self) -> Parametric:
        """Return the network as one whose parameters take many values.

        Raises:
            CostModelError: if it has none.
        """
        if self.spec is not None:
            from costmodel.sources.parametric import OfSpec

            return OfSpec(self.spec)
        if self.vary is None:
            raise CostModelError(
                f"{self.asked}: {self.kind} is a network of fixed sizes: it has no parameters to vary{self._else}"
            )
        return self.vary()

    @property
    def _else(self) -> str:
        return f"\n  {self.takers}" if self.takers else ""

    def set(self, **values: Any) -> Source:
        """Return the network with parameters of its spec set.

        Raises:
            CostModelError: if it has none, or a value is not of its kind.
        """
        if not values:
            return self
        if self.resize is not None:
            return self.resize(values)
        if self.spec is None:
            raise CostModelError(f"{self.asked}: {self.kind} has no parameters, so no {next(iter(values))} to set")
        return Source(self.asked, self.spec.set(**values), file=self.file)

    def at_batch(self, batch: int | None) -> tuple[LayerGraph, int | None]:
        """Return the network as it is priced at so many images, and what it is then priced at. Where they are no factor
        of its costs, but a size that can be set, it is read anew at that size.

        Raises:
            CostModelError: if it cannot be read so.
        """
        graph = self.graph
        if batch is not None and graph.unseen and batch != graph.batch:
            return self._seen(graph, batch)
        if batch is not None and graph.whole and self.rebatch is not None:
            return _said(self.rebatch(batch).graph, batch, "inputs whose first size is that"), None
        if batch is None or not graph.whole or not graph.batch_size:
            return graph, batch
        size = one_line(graph.batch_size)
        if graph.parameters.get(size) == batch:
            return graph, None
        return _said(self.set(**{graph.batch_size: batch}).graph, batch, f"{size} = {batch}"), None

    def _seen(self, graph: LayerGraph, batch: int) -> tuple[LayerGraph, int | None]:
        """Return a network of a fixed batch as it is at another, where it can be read at that."""
        from costmodel.numbers.arithmetic import show_shape
        from costmodel.pricing import totals

        shapes = {name: (batch, *tensor.shape) for name, tensor in graph.inputs.items() if tensor.batched}
        try:
            found = self.set(**shapes).graph
        except CostModelError:
            return graph, batch
        if found.unpriced and not graph.unpriced:
            return graph, batch
        if totals(found).mult_adds != totals(graph, batch).mult_adds:
            said = ", ".join(f"{one_line(name)} = {show_shape(shape)}" for name, shape in shapes.items())
            return _said(found, batch, said), None
        graph.unseen = ""
        return graph, batch

    def called(self, keywords: Mapping[str, Any], in_eval: bool = False) -> Source:
        """Return the network with keywords given to the code that builds it, in eval mode or as it is built.

        Raises:
            CostModelError: if no code builds it.
        """
        if not keywords and not in_eval:
            return self
        if self.call is None:
            asked = "none is in eval mode; --eval" if in_eval else f"none takes {next(iter(keywords))}; --arg"
            raise CostModelError(f"{self.asked}: no code builds it, so {asked} is for code")
        return self.call(keywords, in_eval)

    def family(self) -> Iterator[Spec]:
        """Yield every network that the spec's file describes: at its defaults, then each variant; none without a spec.

        Raises:
            SpecError: if the file is wrong.
        """
        if self.spec is None:
            return
        from costmodel.spec.library import checked

        chosen = self.spec.name in self.spec.variants or self.spec.changed
        whole = checked(self.spec.text, self.spec.file) if chosen else self.spec
        yield whole
        yield from map(whole.choose, whole.variants)


def _said(graph: LayerGraph, batch: int, how: str) -> LayerGraph:
    """Return a network with a note of the batch that it was read at."""
    graph.notes.append(f"batch {batch}: read at {how}, as its first axis is not the batch throughout")
    return graph
