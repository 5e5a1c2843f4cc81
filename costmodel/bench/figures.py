"""Figures of a fit as a device's file states them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from costmodel.bench.crossvalidate import Score, held_out, score
from costmodel.bench.fit import CHAIN, Design, Sample, coefficients_of
from costmodel.latency.device import Errors, Operations, Residual
from costmodel.latency.forms import OPERATIONS


def short(value: float, digits: int = 3) -> float:
    """Return a figure with as many digits as a device file states."""
    return float(f"{float(value):.{digits}g}")


def errors_of(networks: Sequence[Sample], found: Score, **more: Any) -> Errors:
    """Return the errors of a fit on networks of families left out, beside those of time in proportion to mult-adds."""
    plain = Design(networks, OPERATIONS)
    each = short(float(coefficients_of(networks, OPERATIONS)[0]), 6)
    return Errors(
        networks=len(networks),
        families=len({sample.family for sample in networks}),
        **_figures(found),
        operations_only=Operations(seconds=each, **_figures(score(held_out(plain), plain.seconds))),
        **more,
    )


def _figures(found: Score) -> dict[str, Any]:
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
