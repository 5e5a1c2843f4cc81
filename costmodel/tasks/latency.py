"""Predicted latency over batch sizes, with the interval that the device's model has earned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from costmodel.latency.device import Device, find_device
from costmodel.latency.predict import over_batches
from costmodel.pricing.pace import Pace
from costmodel.render.answer import Answer, listing
from costmodel.render.latency import latency_columns
from costmodel.render.picture import check_picture, save_picture
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


def _at(source: Source, batch: int, device: Device) -> list[dict[str, Any]]:
    graph, images = source.at_batch(batch)
    return [{**row, "batch": batch} for row in over_batches(graph, device, [images or graph.batch])]


def _paced(row: dict[str, Any], fps: float, bounded: bool) -> dict[str, Any]:
    low, median, high = (row[name] for name in ("latency_low_s", "latency_s", "latency_high_s"))
    return row | Pace(fps, row["batch"], low, median, high, bounded).as_row()


def answer(request: Request) -> Answer:
    """Return the predictions, a row for each network and batch, and draw the picture where one is asked for.

    Raises:
        CostModelError: if a network or device cannot be had, or the picture not be put there.
    """
    check_picture(request.plot)
    device = find_device(request.device)
    opened = [request.opened(network) for network in request.networks]
    rows = [row for source in opened for batch in request.batches for row in _at(source, batch, device)]
    if request.fps is not None:
        partial = {source.graph.name for source in opened if source.graph.unpriced}
        rows = [_paced(row, request.fps, row["network"] in partial) for row in rows]
    if request.plot is not None:
        from costmodel.render.latency_plots import batch_chart

        save_picture(batch_chart(rows, f"{device.title}: predicted"), request.plot)
    notes = list(dict.fromkeys(note for row in rows for note in row["notes"]))
    return replace(listing(lambda: latency_columns(rows), rows), notes=notes)
