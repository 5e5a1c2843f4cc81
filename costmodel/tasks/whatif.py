"""What edits of a network change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel import sources
from costmodel.documents.write import write_whole
from costmodel.edits.edit import Edit, edit
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.judging.compare import WhatIf, whatif
from costmodel.judging.diff import Diff
from costmodel.render.answer import Answer
from costmodel.sources import Question
from costmodel.tasks.diff import TOP, of_diff
from costmodel.tasks.request import OfMemory, found_device


@dataclass(frozen=True)
class Request(OfMemory):
    """What `edits` of a network change, made in their order: ``("set width=0.75", "drop ds5")``.

    network: what `load` takes; in one that was read and has no spec, layers can be set, swapped and dropped. save:
    where the edited spec is written, over another file only where `force` is. device: whose latency is compared too.
    top: the rows that are shown.
    """

    network: Question
    edits: tuple[str, ...]
    batch: int | None = None
    dtype: str | None = None
    device: str | None = None
    top: int | None = TOP
    save: Path | None = None
    force: bool = False


def answer(request: Request) -> Answer:
    """Return the comparison of before and after, and save the edited spec where that is asked for.

    Raises:
        CostModelError: if an edit cannot be made, gives a network that does not fit, or cannot be saved there.
        SpecError: with everything that is wrong in the network's file.
    """
    source, save = sources.open(request.network), request.save
    if source.spec is None and save is None:
        return _of_read(source.graph, request)
    spec = source.needed_spec()
    if save is not None and not request.force and save.is_file() and not _same(save, spec.file):
        raise CostModelError(f"{save} is there already; --force writes over it")
    result = _compared(spec, request)
    assert isinstance(result, WhatIf)
    if save is not None:
        write_whole(save, result.edited.saved_in(save.parent))
    made, notes = list(map(str, result.edited.edits)), list(result.edited.notes)
    lines = [*made, *notes, *([f"saved as {save}"] if save else [])]
    return of_diff(result, f"{result.before.title}, edited", lines, request.top, {"edits": made, "notes": notes})


def _compared(network: Question, request: Request) -> Diff:
    levels = request.levels()
    how: dict[str, Any] = {"memory": levels.runtime, "training": levels.training}
    return whatif(
        network, *request.edits, batch=request.batch, dtype=request.dtype, device=found_device(request.device), **how
    )


def _of_read(graph: LayerGraph, request: Request) -> Answer:
    """Return the comparison for a network that has no text."""
    made = [str(Edit.of(one)) for one in request.edits]
    result = _compared(graph, request)
    return of_diff(result, f"{result.before.title}, edited", made, request.top, {"edits": made, "notes": []})


def changes(request: Request) -> str:
    """Return the edits of the text, as a diff of its lines; nothing is priced or written.

    Raises:
        CostModelError: as `answer` does.
    """
    return edit(sources.open(request.network).needed_spec(), request.edits).changes()


def _same(path: Path, file: str) -> bool:
    """Say whether a path is the file that a spec was read from."""
    return Path(file).exists() and path.samefile(file)
