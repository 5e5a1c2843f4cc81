"""What edits of a network change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from costmodel import sources
from costmodel.documents.write import write_whole
from costmodel.edits.edit import edit
from costmodel.errors import CostModelError
from costmodel.judging.compare import whatif
from costmodel.render.answer import Answer
from costmodel.sources import Question
from costmodel.tasks.diff import TOP, of_diff
from costmodel.tasks.request import OfMemory


@dataclass(frozen=True)
class Request(OfMemory):
    """What `edits` of a network change, made in their order: ``("set width=0.75", "drop ds5")``.

    network: what `load` takes, written as a spec. save: where the edited spec is written, over another file only where
    `force` is. top: the rows that are shown.
    """

    network: Question
    edits: tuple[str, ...]
    batch: int = 1
    dtype: str = "float32"
    top: int | None = TOP
    save: Path | None = None
    force: bool = False


def answer(request: Request) -> Answer:
    """Return the comparison of before and after, and save the edited spec where that is asked for.

    Raises:
        CostModelError: if an edit cannot be made, gives a network that does not fit, or cannot be saved there.
        SpecError: with everything that is wrong in the network's file.
    """
    spec, save = sources.open(request.network).needed_spec(), request.save
    if save is not None and not request.force and save.is_file() and not _same(save, spec.file):
        raise CostModelError(f"{save} is there already; --force writes over it")
    levels = request.levels()
    result = whatif(
        spec, *request.edits, batch=request.batch, dtype=request.dtype, memory=levels.runtime, training=levels.training
    )
    if save is not None:
        write_whole(save, result.edited.saved_in(save.parent))
    made, notes = list(map(str, result.edited.edits)), list(result.edited.notes)
    lines = [*made, *notes, *([f"saved as {save}"] if save else [])]
    return of_diff(result, f"{result.before.title}, edited", lines, request.top, {"edits": made, "notes": notes})


def changes(request: Request) -> str:
    """Return the edits of the text, as a diff of its lines; nothing is priced or written.

    Raises:
        CostModelError: as `answer` does.
    """
    return edit(sources.open(request.network).needed_spec(), request.edits).changes()


def _same(path: Path, file: str) -> bool:
    """Say whether a path is the file that a spec was read from."""
    return Path(file).exists() and path.samefile(file)
