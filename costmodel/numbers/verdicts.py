"""Who hears of conditions on many networks at once, and says yes to them all until they are sorted."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

LISTENER: ContextVar[Callable[[Any], None] | None] = ContextVar("LISTENER", default=None)
"""Where set, it is handed every condition on arrays, element by element, and `holds` says yes: for a caller who prices
many networks at once and wants to know which of them cannot be. Conditions on symbols are handed to it as well.
"""
