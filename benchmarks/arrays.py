"""A million MobileNets: random (width, resolution, batch) triples as arrays, against a loop over the scalar walk."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from peers import alternate, ratio

import costmodel as cm

POINTS = 1_000_000
LOOP = 50
"""Points that the plain loop prices in each round; its time a point does not depend on how many there are."""
ROUNDS = 5
MEASURES = ("params", "mult_adds", "traffic_bytes", "peak_live_bytes")
FUSED = (*MEASURES, "peak_fused_bytes")
"""The same and what takes a second walk over lifetimes."""


def triples(count: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "width": rng.uniform(0.1, 2.0, count),
        "resolution": rng.integers(32, 400, count),
        "batch": rng.integers(1, 65, count),
    }


def loop(points: Mapping[str, Any], count: int, measures: tuple[str, ...] = MEASURES) -> list[tuple[int, ...]]:
    """Price points one by one, as a person would who had only the scalar walk."""
    spec = cm.read("mobilenet_v1")
    rows = []
    for width, resolution, batch in zip(*(points[name][:count].tolist() for name in points), strict=True):
        totals = cm.price(cm.load(spec, width=width, resolution=resolution), batch=batch).totals
        rows.append(tuple(getattr(totals, name) for name in measures))
    return rows


def arrays(points: Mapping[str, Any], workers: int, measures: tuple[str, ...] = MEASURES) -> Any:
    return cm.sweep("mobilenet_v1", paired=True, measures=measures, workers=workers, **points)


def main() -> None:
    points = triples(POINTS)
    found = arrays(points, workers=2, measures=FUSED)
    want = loop(points, LOOP, FUSED)
    if [tuple(row) for row in found[list(FUSED)].head(LOOP).to_numpy().tolist()] != want:
        sys.exit("the arrays and the scalar walk differ")
    seconds = alternate(
        ROUNDS,
        loop=lambda: loop(points, LOOP),
        one=lambda: arrays(points, workers=1),
        two=lambda: arrays(points, workers=2),
        fused=lambda: arrays(points, workers=1, measures=FUSED),
    )
    plain = [second / LOOP for second in seconds["loop"]]
    print(f"MobileNet v1, {POINTS:,} random points, {', '.join(MEASURES)}; {LOOP} of them checked to the unit")
    print(f"{'':<28} {'points/s: best':>15} {'median':>12} {'times the loop':>15}")
    print(f"{'plain loop, scalar walk':<28} {1 / min(plain):>15,.0f} {1 / float(np.median(plain)):>12,.0f}")
    labels = {"one": "arrays, one process", "two": "arrays, two processes", "fused": "one process, and peak fused"}
    for name, label in labels.items():
        each = [second / POINTS for second in seconds[name]]
        times = 1 / ratio(each, plain)
        print(f"{label:<28} {1 / min(each):>15,.0f} {1 / float(np.median(each)):>12,.0f} {times:>15,.0f}")


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(f"took {time.perf_counter() - begun:.0f} s")
