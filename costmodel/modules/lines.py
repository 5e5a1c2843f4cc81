"""Which line of a module's own code it is: neither PyTorch's nor this package's."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import torch

OURS = str(Path(__file__).parent.parent)
TORCHS = str(Path(torch.__file__).parent)


def where() -> str:
    """Return the file and line that runs now, outside of PyTorch and of this package."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((OURS, TORCHS)):
            return f"{_short(file)}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "the module"


def _short(file: str) -> str:
    """Return the path of a file from the folder that packages lie in, or from the current one."""
    for root in (*(one for one in sys.path if one), str(Path.cwd())):
        if file.startswith(root + "/"):
            return file[len(root) + 1 :]
    return file


def line_of(error: Exception) -> str:
    """Return the line in which something was raised, to stand below a complaint; "" if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((OURS, TORCHS))]
    return f"\n  {own[-1].filename}:{own[-1].lineno}: {own[-1].line}" if own else ""
