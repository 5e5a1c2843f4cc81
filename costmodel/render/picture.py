"""A picture as a file: whole or not at all; its name says which kind."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.documents.write import check_place, write_whole
from costmodel.errors import CostModelError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Picture:
    """A picture that a notebook shows, whichever way Matplotlib is set up there."""

    figure: Figure

    def save(self, path: str | Path) -> None:
        """Write it; the suffix says which kind of picture.

        Raises:
            CostModelError: if it cannot be written, or its name says no kind of picture.
        """
        save_picture(self.figure, Path(path))

    def _repr_png_(self) -> bytes:
        drawn = io.BytesIO()
        self.figure.savefig(drawn, format="png", dpi=96)
        return drawn.getvalue()


def check_picture(path: Path | None) -> None:
    """Raise if a picture could not be put where it is asked for, before any work is done.

    Raises:
        CostModelError: if its name says no kind of picture, or there is no such folder.
    """
    if path is not None and path.suffix.lower() not in KINDS:
        raise CostModelError(f"{path}: a picture is {', '.join(KINDS[:-1])} or {KINDS[-1]}; the name says which")
    check_place(path)


def save_picture(figure: Figure, path: Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a picture, whole or not at all; an SVG carries no date, so that the same picture is the same file.

    Args:
        figure: what is drawn.
        path: where to; its suffix is one of `KINDS`.
        about: what the file says of itself, as Matplotlib's metadata.

    Raises:
        CostModelError: if it cannot be written.
    """
    check_picture(path)
    kind = path.suffix.lower()
    undated = {"Date": None} if kind == ".svg" else {}
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind[1:], dpi=150, metadata={**(about or {}), **undated})
    write_whole(path, drawn.getvalue())
