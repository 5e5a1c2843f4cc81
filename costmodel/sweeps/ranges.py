"""What ``--vary NAME=VALUES`` means: lists and ranges of exact decimals, never written out before they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from costmodel.errors import CostModelError, quote

MAX_PLACES = 15
MAX_UNITS = 2**53
"""Largest whole number that a float holds exactly with all its neighbours."""
HOW = "write values as 128,160,192 or as START:STOP:STEP, as in width=0.25:1.5:0.05"


@dataclass(frozen=True)
class Run:
    """``count`` numbers in equal steps, in units of ``10**-places``."""

    first: int
    step: int
    count: int
    places: int

    def values(self, start: int, stop: int) -> Any:
        """Return the numbers from index `start` to before `stop`; each is the float nearest to its decimal."""
        units = self.first + self.step * np.arange(start, stop, dtype="int64")
        return units if self.places == 0 else units / 10.0**self.places


@dataclass(frozen=True)
class Axis:
    """The values of one parameter: numbers in runs or in an array, or names in `words`."""

    name: str
    runs: tuple[Run, ...] = ()
    words: tuple[str, ...] = ()
    given: Any = None

    @property
    def count(self) -> int:
        """How many values there are (`len` cannot say more than 2**63)."""
        return len(self.words) or sum(run.count for run in self.runs) or len(self.given)

    def values(self, start: int = 0, stop: int | None = None) -> Any:
        """Return the numbers from index `start` to before `stop` as one array, whole ones as int64."""
        stop = self.count if stop is None else min(stop, self.count)
        if self.given is not None:
            return self.given[start:stop]
        pieces, offset = [], 0
        for run in self.runs:
            low, high = max(start - offset, 0), min(stop - offset, run.count)
            if low < high:
                pieces.append(run.values(low, high))
            offset += run.count
        whole = all(run.places == 0 for run in self.runs)
        return np.concatenate(pieces).astype("int64" if whole else "float64", copy=False)

    def value(self, index: int) -> Any:
        """Return the value at an index as a plain number or name."""
        return self.words[index] if self.words else self.values(index, index + 1)[0].item()

    def ends(self) -> Any:
        """Return the first and the last number of each run: the smallest and the largest are among them."""
        if self.given is not None:
            return self.given
        ends = [run.values(at, at + 1) for run in self.runs for at in (0, run.count - 1)]
        return np.concatenate(ends)

    def listed(self) -> list[Any]:
        """Return all values as plain numbers or names."""
        return list(self.words) or self.values().tolist()


def parse_vary(text: str) -> Axis:
    """Return the axis that ``NAME=VALUES`` means.

    VALUES are numbers, names, or ranges START:STOP:STEP with STOP included where a step falls on it, separated by
    commas. A range without a step takes one unit of the last decimal written: 0.1:2.0 is 0.1, 0.2, ... 2.0.

    Raises:
        CostModelError: if it is not that.
    """
    name, equals, written = (part.strip() for part in text.partition("="))
    if not name or not equals or not written:
        raise CostModelError(f"--vary {text}: write NAME=VALUES; {HOW}")
    items = [item.strip() for item in written.split(",")]
    if any(not item for item in items):
        raise CostModelError(f"--vary {text}: a value is missing between the commas")
    if all(_is_word(item) for item in items):
        return Axis(name, words=tuple(dict.fromkeys(items)))
    return Axis(name, runs=_merged([_run(item, text) for item in items]))


def axis_of(name: str, values: Any) -> Axis:
    """Return the axis of values given from Python: a number, a name, a sequence or an array of them.

    Raises:
        CostModelError: if a value is neither a number nor a name, or there is none.
    """
    listed = [values] if isinstance(values, (str, int, float)) else list(values)
    words = [value for value in listed if isinstance(value, str)]
    if words and len(words) == len(listed):
        return Axis(name, words=tuple(dict.fromkeys(words)))
    array = np.asarray(listed)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise CostModelError(f"{name}: finite numbers or names belong here, not {quote(values)}")
    _, first = np.unique(array, return_index=True)
    return Axis(name, given=array[np.sort(first)])


def _is_word(item: str) -> bool:
    return item.isidentifier() and item.lower() not in ("nan", "inf", "infinity")


def _run(item: str, text: str) -> Run:
    parts = item.split(":")
    if len(parts) > 3:
        raise CostModelError(f"--vary {text}: {quote(item)} has too many colons; {HOW}")
    numbers = [_decimal(part, text) for part in parts]
    places = max(max(0, -int(number.as_tuple().exponent)) for number in numbers)
    if len(parts) == 2:
        numbers.append(Decimal(1).scaleb(-places))
    first, stop, step = (numbers * 3 if len(parts) == 1 else numbers)[:3]
    units = [int(number.scaleb(places)) for number in (first, stop, step)]
    if max(map(abs, units)) >= MAX_UNITS:
        raise CostModelError(f"--vary {text}: {quote(item)} has more digits than can be kept exact")
    if len(parts) == 1:
        return Run(units[0], 1, 1, places)
    if units[2] == 0:
        raise CostModelError(f"--vary {text}: the step of {quote(item)} is zero")
    count = (units[1] - units[0]) // units[2] + 1
    if count < 1:
        raise CostModelError(
            f"--vary {text}: {quote(item)} is empty, because its step leads away from {parts[1].strip()}"
        )
    return Run(units[0], units[2], count, places)


def _decimal(part: str, text: str) -> Decimal:
    try:
        number = Decimal(part.strip())
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise CostModelError(f"--vary {text}: {quote(part)} is no number; {HOW}")
    if not -MAX_PLACES <= int(number.as_tuple().exponent) <= MAX_PLACES:
        raise CostModelError(f"--vary {text}: {quote(part)} has more digits than can be kept exact")
    return number


def _merged(runs: list[Run]) -> tuple[Run, ...]:
    """Drop single values that were given before."""
    seen: set[tuple[int, int]] = set()
    kept = []
    for run in runs:
        key = (run.first, run.places)
        if run.count > 1 or key not in seen:
            kept.append(run)
        if run.count == 1:
            seen.add(key)
    return tuple(kept)
