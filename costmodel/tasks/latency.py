"""Predicted latency over batch sizes, with the interval that the device's model has earned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.latency.device import Device
from costmodel.latency.find import find_device
from costmodel.latency.predict import over_batches
from costmodel.pricing.pace import Pace
from costmodel.pricing.table import UNSEEN
from costmodel.render import pace
from costmodel.render.answer import Answer, listing
from costmodel.render.latency import latency_columns
from costmodel.render.picture import check_picture, save_picture
from costmodel.render.report import partly
from costmodel.sources import Question, Source
from costmodel.tasks.request import OfNetworks


@dataclass(frozen=True)
class Request(OfNetworks):
    """How long networks (what `load` takes) run on a device, at each batch. fps: the frames a second that they are to
    keep up with. plot: where a picture of it is drawn.
    """

    networks: tuple[Question, ...]
    device: str
    batches: tuple[int, ...] = (1,)
    fps: float | None = None
    plot: Path | None = None


def _at(source: Source, batch: int, device: Device) -> list[tuple[dict[str, Any], bool]]:
    """Return the rows of a network at a batch, each with whether its times are lower bounds."""
    graph, images = source.at_batch(batch)
    part = [f"{graph.name}: {said}" for said in partly(graph.unpriced)]
    rows = over_batches(graph, device, [images or graph.batch])
    return [({**row, "batch": batch, "notes": [*part, *row["notes"]]}, bool(part)) for row in rows]


def _pace(row: dict[str, Any], fps: float, bounded: bool) -> Pace:
    low, median, high = (row[name] for name in ("latency_low_s", "latency_s", "latency_high_s"))
    return Pace(fps, row["batch"], low, median, high, bounded, row["measured_s"])


def _named(row: dict[str, Any], batches: Sequence[int]) -> str:
    return f"{row['network']} at batch {row['batch']}" if len(batches) > 1 else str(row["network"])


def answer(request: Request) -> Answer:
    """Return the predictions, a row for each network and batch, and draw the picture where one is asked for.

    Raises:
        CostModelError: if a network or device cannot be had, or the picture not be put there.
    """
    check_picture(request.plot)
    device = find_device(request.device)
    opened = [request.opened(network) for network in request.networks]
    found = [each for source in opened for batch in request.batches for each in _at(source, batch, device)]
    rows = [row for row, _ in found]
    paces: list[Pace] = []
    if request.fps is not None:
        paces = [_pace(row, request.fps, bounded) for row, bounded in found]
        rows = [row | one.as_row() for row, one in zip(rows, paces, strict=True)]
    if request.plot is not None:
        from costmodel.render.latency_plots import batch_chart

        words = dict.fromkeys(word for row in rows for word in row[UNSEEN].split("; ") if word)
        said = f"never measured: {', '.join(words)}" if words else ""
        save_picture(batch_chart(rows, f"{device.title}: predicted", said), request.plot)
    notes = list(dict.fromkeys(note for row in rows for note in row["notes"]))
    named = [_named(row, request.batches) for row in rows]
    asked = pace.lines(list(zip(named, paces, strict=bool(paces))))
    return listing(lambda: latency_columns(rows), rows, notes, asked)
