"""The largest batch that fits a memory, for inference or for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from costmodel.documents.quantity import quantity
from costmodel.errors import CostModelError
from costmodel.pricing.memory.asked import Levels
from costmodel.pricing.samples import sample_of
from costmodel.render.amounts import amount, amounts
from costmodel.render.answer import Answer
from costmodel.render.page import Column, Fact, Page, Section
from costmodel.sources import Question, Source
from costmodel.tasks.request import OfMemory, OfNetworks, Tell, unheard
from costmodel.units import MOST_IMAGES

Held = Callable[[int], int]


@dataclass(frozen=True, kw_only=True)
class Request(OfMemory, OfNetworks):
    """The largest batch of a network (what `load` takes) that fits a memory, such as ``8GB``.

    training: whether a training step is to fit, and not inference. dtype: of weights and activations.
    """

    network: Question
    fits: str
    training: bool = False
    dtype: str | None = None


@dataclass(frozen=True)
class Fitting:
    """What was found: the batch (0 where not even one fits), and the bytes at batches that were asked about. one: what
    a batch holds so many of.
    """

    title: str
    limit: int
    batch: int
    held: dict[int, int]
    what: str
    one: str = "image"

    @property
    def left(self) -> int:
        """The bytes that the batch leaves free; below 0 where nothing fits."""
        return self.limit - self.held[max(1, self.batch)]


def answer(request: Request, tell: Tell = unheard) -> Answer:
    """Return the largest batch, what it leaves free, and what the next one would take; a no where none fits.

    Raises:
        CostModelError: if the network cannot be had, or the memory is none.
        SpecError: with everything that is wrong in the network's file.
    """
    limit = int(quantity(request.fits, "B"))
    if limit <= 0:
        raise CostModelError(f"--fits {request.fits}: a memory holds something; write 8GB")
    levels = request.levels(request.training)
    if request.memory is not None and levels.training is not None:
        raise CostModelError(
            f"--memory {request.memory} is of inference, and a training step is PyTorch's: leave one out"
        )
    network = request.opened(request.network)
    what, held = _holding(network, request, levels)
    found = replace(_fitting(network.graph.title, limit, what, held, tell), one=sample_of(network.graph.inputs).counted)
    return Answer(lambda: _page(found), lambda: list(_rows(found)), lambda: _data(found), yes=found.batch > 0)


def _holding(network: Source, request: Request, levels: Levels) -> tuple[str, Held]:
    """Return what is to fit, and how many bytes that is at a batch."""
    from costmodel.latency.whole import measured
    from costmodel.pricing.walk import images

    def asked(batch: int, *names: str) -> dict[str, Any]:
        graph, asked_for = network.at_batch(batch)
        return measured(graph, names, images(graph, asked_for), request.dtype, levels=levels)

    if levels.training is not None:
        return f"a training step with {levels.training.said}", lambda n: asked(n, "step_peak_bytes")["step_peak_bytes"]
    if levels.runtime is not None:

        def of_runtime(batch: int) -> int:
            found = asked(batch, "arena_bytes", "held_bytes", "peak_live_bytes")
            return int(found["held_bytes"] - found["peak_live_bytes"] + found["arena_bytes"])

        return f"inference: weights, buffers and the arena of {levels.runtime.name}", of_runtime
    return "inference: weights, buffers and activations as written", lambda n: asked(n, "held_bytes")["held_bytes"]


def _fitting(title: str, limit: int, what: str, held: Held, tell: Tell) -> Fitting:
    """Return the largest batch that fits: memory grows with the batch, so it lies between one that fits and one that
    does not.
    """
    known: dict[int, int] = {}

    def fits(batch: int) -> bool:
        if batch not in known:
            known[batch] = held(batch)
            tell(len(known), max(len(known), 2 * MOST_IMAGES.bit_length()), f"batch {batch:,}")
        return known[batch] <= limit

    low, high = 0, 1
    while high <= MOST_IMAGES and fits(high):
        low, high = high, 2 * high
    high = min(high, MOST_IMAGES + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return Fitting(title, limit, low, known, what)


def _rows(found: Fitting) -> Iterator[dict[str, Any]]:
    """Yield the batches that people would choose between: powers of two that fit, the largest, and the next."""
    largest = max(1, found.batch)
    chosen = {batch for batch in found.held if batch <= largest and batch & (batch - 1) == 0}
    chosen |= {batch for batch in (largest, found.batch + 1) if batch in found.held}
    for batch in sorted(chosen):
        yield {"batch": batch, "bytes": found.held[batch], "fits": found.held[batch] <= found.limit}


def _data(found: Fitting) -> dict[str, Any]:
    return {
        "title": found.title,
        "what": found.what,
        "limit": found.limit,
        "batch": found.batch,
        "bytes": found.held[max(1, found.batch)],
        "left": found.left,
        "tried": list(_rows(found)),
    }


def _page(found: Fitting) -> Page:
    limit = amount(found.limit, "B")
    if found.batch:
        free = f"{amount(found.left, 'B')} of {limit} left, {100 * found.left / found.limit:.2g} %"
        facts = [Fact("largest batch", f"{found.batch:,} ", free)]
        if (more := found.held.get(found.batch + 1)) is not None:
            over = amount(more - found.limit, "B")
            facts.append(Fact("the next", f"{found.batch + 1:,} ", f"would take {amount(more, 'B')}, {over} too much"))
        else:
            facts.append(Fact("the next", "", "was not asked about: no batch is larger here"))
    else:
        least = found.held[1]
        facts = [
            Fact(
                "largest batch",
                "none ",
                f"one {found.one} takes {amount(least, 'B')}, {amount(-found.left, 'B')} too much",
            )
        ]
    rows = list(_rows(found))
    texts, unit = amounts([row["bytes"] for row in rows], "B")
    columns = [
        Column("batch", [f"{row['batch']:,}" for row in rows]),
        Column("memory", texts, unit),
        Column("", [], shares=[min(1.0, row["bytes"] / found.limit) for row in rows], paint="warm", rank=1),
        Column("", ["fits" if row["fits"] else "too much" for row in rows], left=True),
    ]
    hint = "A GPU's caching allocator and a runtime's workspaces take more: leave some room."
    return Page(found.title, [f"{found.what}, in {limit}"], facts, [Section("", columns)], hint)
