"""The colours and the lettering of every picture."""

from costmodel.documents.safe_text import one_line
from costmodel.render.screen import shorten

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""
NAME = 40
"""Characters of a name that a picture has room for."""


def lettering(text: str, room: int = 120) -> str:
    """Return a text as a picture is to show it: a line with room, in which Matplotlib sees no formula between two $."""
    return shorten(one_line(text), room).replace("$", "\\$")


def name_text(text: str) -> str:
    """Return a name as it stands within a picture."""
    return lettering(text, NAME)
