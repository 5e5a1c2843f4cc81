"""A written quantity, read in one place: ``5M``, ``8 MB``, ``4 KiB``, ``33 ms``, ``3 mJ``, ``71TFLOP/s``.

A number, an SI prefix from nano to exa or a binary one (``Ki`` to ``Ti``), and a unit.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, NamedTuple

from costmodel.documents.grammar import NUMBER
from costmodel.errors import CostModelError, quote
from costmodel.units import PREFIXES

LARGEST = 10**27
"""Beyond any quantity of a network or a machine, and small enough to be computed with exactly."""
LONGEST = 40
"""Characters of a number: as many as a spec's scalar may have."""

UNITS = {
    "": "5M",
    "B": "8 MB",
    "s": "33 ms",
    "J": "3 mJ",
    "W": "15 W",
    "FLOP/s": "71TFLOP/s",
    "B/s": "936GB/s",
    "samples/s": "30 images/s",
    "FLOP/B": "10 FLOP/B",
}
"""Each unit with an example of how one writes it; counts have none. All that a measure is in are here."""
WHOLE = ("", "B")
"""What comes in whole numbers."""
PARTED = ("s", "J", "W")
"""What one writes parts of, as milliseconds."""
_SPOKEN = {"images/s": "samples/s", "frames/s": "samples/s"}
"""Other words for a unit, and one that stands in no sentence, where / divides."""
_ALSO = {**_SPOKEN, "/s": "samples/s"}
_PARTS = {"m": Decimal("1e-3"), "u": Decimal("1e-6"), "µ": Decimal("1e-6"), "μ": Decimal("1e-6"), "n": Decimal("1e-9")}
_DECIMAL = {name: Decimal(size) for name, size in PREFIXES.items() if size <= PREFIXES["E"]} | {"K": Decimal(1000)}
_BINARY = {name: Decimal(2) ** power for name, power in (("Ki", 10), ("ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40))}
SIZES = {**_DECIMAL, **_BINARY, **_PARTS}

_PREFIX = "|".join(sorted(filter(None, SIZES), key=len, reverse=True))
_UNIT = "|".join(sorted(filter(None, (*UNITS, *_SPOKEN)), key=len, reverse=True))
SUFFIX = rf"(?:(?:{_PREFIX})?(?:{_UNIT})|(?:{_PREFIX}))"
"""A prefix, a unit, or both."""
_WRITTEN = re.compile(rf"(?P<number>{NUMBER})\s*(?P<suffix>{SUFFIX}|(?:{_PREFIX})?(?:{'|'.join(_ALSO)}))?")
_SUFFIX = re.compile(rf"(?P<prefix>{_PREFIX})?(?P<unit>{_UNIT}|{'|'.join(_ALSO)})?")


class Quantity(NamedTuple):
    """A value in a unit of `UNITS`; whole where it is a whole number."""

    value: int | float
    unit: str


def quantity(written: Any, unit: str = "", *, bare: bool = True, each: float = 1) -> int | float:
    """Return the number that a text or a plain number means, at least 0, in `unit`.

    Args:
        written: as ``8 MB``, or a number of a YAML file.
        unit: the one that belongs here, of `UNITS`.
        bare: whether a number without a unit will do as well.
        each: how many of `unit` a number without one counts in: 0.001 for seconds where its name says ms.

    Raises:
        CostModelError: if it is no quantity, beyond reason, or in another unit.
    """
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        found = Quantity(_bounded(written), "")
    else:
        match = _WRITTEN.fullmatch(written.strip()) if isinstance(written, str) else None
        if match is None:
            raise CostModelError(f"{quote(written)} is no quantity; write it like {UNITS[unit]}")
        found = parts(match["number"], match["suffix"] or "")
    if found.unit != unit and (found.unit or not bare):
        given = f"in {found.unit}" if found.unit else "without a unit"
        wanted = f"in {unit}" if unit else "without one: it is a count"
        raise CostModelError(f"{quote(written)} is {given}, and belongs {wanted}; write it like {UNITS[unit]}")
    return found.value if found.unit or each == 1 else found.value * each


def parts(number: str, suffix: str = "") -> Quantity:
    """Return what the two parts of a written quantity mean together, as `NUMBER` and `SUFFIX` match them.

    Raises:
        CostModelError: if it is beyond reason, or a prefix does not go with the unit.
    """
    match = _SUFFIX.fullmatch(suffix)
    if match is None:
        raise CostModelError(f"{quote(suffix)} is no unit with a prefix; write it like {UNITS['B']}")
    prefix, unit = match["prefix"] or "", match["unit"] or ""
    unit = _ALSO.get(unit, unit)
    written = f"{number}{suffix}"
    if prefix in _PARTS and unit not in PARTED:
        raise CostModelError(
            f"{quote(written)}: parts of a whole are for seconds, joules and watts, as in 33 ms; a million is M"
        )
    if prefix in _BINARY and unit not in ("", "B", "B/s"):
        raise CostModelError(f"{quote(written)}: binary prefixes are for bytes, as in 4 KiB")
    digits = number.replace("_", "")
    try:
        amount = Decimal(digits) if len(digits) <= LONGEST else None
    except ArithmeticError:  # an exponent that even Decimal cannot hold
        amount = None
    if amount is None or (amount and abs(amount.adjusted()) > LONGEST):
        raise _beyond(written)
    return Quantity(_bounded(amount * SIZES[prefix], written), unit)


def _bounded(value: int | float | Decimal, written: Any = None) -> int | float:
    """Return a value as a number of Python's."""
    shown = value if written is None else written
    if not 0 <= value <= LARGEST:  # nan is not either
        if value < 0 or math.isnan(value):
            raise CostModelError(f"{quote(shown)} is no quantity: a number of at least 0 belongs here")
        raise _beyond(shown)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _beyond(written: Any) -> CostModelError:
    return CostModelError(
        f"{quote(written)} is beyond reason: at most {float(LARGEST):.0e}, in at most {LONGEST} characters"
    )
