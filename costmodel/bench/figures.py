"""Figures of a fit as a device's file states them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from costmodel.bench.crossvalidate import Score
from costmodel.bench.fit import CHAIN, Sample
from costmodel.latency.device import Residual


def short(value: float, digits: int = 3) -> float:
    """Return a figure with as many digits as a device file states."""
    return float(f"{float(value):.{digits}g}")


def figures(found: Score) -> dict[str, Any]:
    """Return what a score comes to, by the names that a device file has for it."""
    return {
        "mape_percent": short(found.mape_percent),
        "within_10_percent": short(found.within_10_percent),
        "spearman": short(found.spearman, 4),
    }


def residuals(samples: Sequence[Sample], predicted: Iterable[float]) -> list[Residual]:
    """Return what each network took and the error of its prediction, in percent of that; chains are not judged."""
    return [
        (*_measured(sample), round(float(100 * (guess / sample.seconds - 1)), 1))
        for sample, guess in zip(samples, predicted, strict=True)
        if sample.family != CHAIN
    ]


def _measured(sample: Sample) -> tuple[str, int, str, float]:
    return sample.network, sample.batch, sample.family, short(sample.seconds, 4)
