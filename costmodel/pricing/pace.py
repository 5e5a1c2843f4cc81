"""Whether a network keeps up with so many frames a second: by what was measured of the very run; else a yes or a no
only where the whole interval says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from costmodel.errors import CostModelError

if TYPE_CHECKING:
    from costmodel.pricing.table import CostTable

YES, NO, OPEN = "yes", "no", "cannot be said"
MEASURED, INTERVAL = "measured", "interval"
"""What a verdict is by."""
NEEDS_DEVICE = "--fps asks how long a frame takes: add --device NAME; `costmodel devices` lists them"


@dataclass(frozen=True)
class Pace:
    """So many frames a second, asked of a network that takes `low_s` .. `high_s` for `batch` of them, `median_s` most
    likely. bounded: whether those seconds are lower bounds, as of what is priced in part. measured_s: what the device's
    own table holds of this very run; None where it does not.
    """

    fps: float
    batch: int
    low_s: float
    median_s: float
    high_s: float
    bounded: bool = False
    measured_s: float | None = None

    @property
    def frame_s(self) -> float:
        """The seconds that there are for a frame."""
        return 1 / self.fps

    @property
    def budget_s(self) -> float:
        """The seconds that there are for a batch."""
        return self.batch / self.fps

    @property
    def by(self) -> str:
        """What the verdict is by: what was measured of the very run, or else the interval."""
        return INTERVAL if self.measured_s is None else MEASURED

    @property
    def keeps_up(self) -> str:
        """Whether what was measured fits. Else yes where the upper end of the interval fits, no where not even the
        lower one does; else neither.
        """
        if self.measured_s is not None:
            return self._fits(self.measured_s)
        if self.low_s > self.budget_s:
            return NO
        fits = 0 < self.high_s <= self.budget_s  # no time at all is that of what no device was asked
        return YES if fits and not self.bounded else OPEN

    @property
    def decides(self) -> str:
        """What would decide what cannot be said."""
        if self.keeps_up != OPEN:
            return ""
        if self.bounded:
            return "a whole price: this is priced in part, and takes longer"
        return f"measuring it there; by the median: {self.likely}"

    @property
    def likely(self) -> str:
        """What it would be if the median were measured."""
        return self._fits(self.median_s)

    def _fits(self, seconds: float) -> str:
        return YES if seconds <= self.budget_s else NO

    def as_row(self) -> dict[str, Any]:
        """Return what a row says of it."""
        asked = {"fps": self.fps, "frame_s": self.frame_s}
        return {**asked, "keeps_up": self.keeps_up, "by": self.by, "decides": self.decides}

    def as_data(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        interval = {"low_s": self.low_s, "median_s": self.median_s, "high_s": self.high_s}
        budgets = {"asked": self.fps, "frame_s": self.frame_s, "budget_s": self.budget_s}
        verdict = {"keeps_up": self.keeps_up, "by": self.by, "decides": self.decides}
        return {**budgets, **interval, "measured_s": self.measured_s, **verdict}


def paced(table: CostTable, fps: float) -> CostTable:
    """Return a table that says whether its network keeps up with so many frames a second.

    Raises:
        CostModelError: if it has no time.
    """
    totals = table.totals
    if "latency_s" not in totals:
        raise CostModelError(NEEDS_DEVICE)
    ends = (totals.latency_low_s, totals.latency_s, totals.latency_high_s)
    return replace(table, pace=Pace(fps, table.batch, *ends, table.partial, totals.measured_s))
