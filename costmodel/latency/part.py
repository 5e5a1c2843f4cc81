"""How every part of a device's file is validated."""

from __future__ import annotations

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
"""Frozen; keys that a part does not know, and numbers that cannot be reckoned with, are refused."""
