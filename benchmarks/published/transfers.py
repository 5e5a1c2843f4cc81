"""How far off profiles are that datasheet ratios scale, between devices that were both measured.

    python benchmarks/published/transfers.py FOLDER      # with the published tables; throughputs.csv is here

For each sort of device in costmodel/latency/datasheets.yaml: every pair that was measured under one runtime, each row
predicted by a profile fitted without its family and scaled; the `half_width` that the sort adds to a profile's interval
so that 90 % of all rows lie within (each pair weighing the same); and what remains of that where it is chosen without
the pairs of a device and asked of those that end there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import convert
import numpy as np

from costmodel.bench.crossvalidate import earned, left_out
from costmodel.bench.fit import Design, Prior, Sample, ratios_of
from costmodel.bench.tables import Measurement, family_of, samples_of
from costmodel.documents.quantity import quantity
from costmodel.documents.scalars import scalar
from costmodel.latency.datasheets import sheets
from costmodel.latency.device import LEVEL
from costmodel.latency.features import FEATURES
from costmodel.latency.forms import FORMS, Form
from costmodel.latency.lowering import Lowering

NAMED = {form.name: form for form in FORMS}
FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
GPU = NAMED["operations, bytes, weights, kernels"]
TORCH7 = NAMED["operations, bytes, weights"]
ROOF = NAMED["roofline: operations or bytes and weights of compute kernels, bytes of others, kernels"]
BOARD = NAMED["Winograd and grouped apart, bytes, weights of linear layers"]


@dataclass(frozen=True, eq=False)
class Measured:
    """A measured device: its samples, the peaks of its datasheet (FLOP/s, B/s), and what its kin say beforehand."""

    name: str
    samples: Sequence[Sample]
    peaks: tuple[float, float]
    prior: Prior | None = None


def peaks(name: str, dtype: str) -> tuple[float, float]:
    sheet = sheets()[name]
    return sheet.flops_per_s[dtype], sheet.bytes_per_s


def samples(rows: Iterator[Sequence[Any]], dtype: str, lowering: Lowering) -> list[Sample]:
    found: dict[Any, Measurement] = {}
    for architecture, parameters, batch, seconds, family in rows:
        split = tuple((name, scalar(value)) for name, _, value in (one.partition("=") for one in parameters.split()))
        one = Measurement(architecture, split, int(batch), float(seconds), family or family_of(architecture))
        found.setdefault((one.network, one.batch), one)
    return samples_of(found.values(), dtype, lowering)


def of_profile(name: str, lowering: Lowering) -> list[Sample]:
    device = convert.device_of(name)
    table = convert.rows_of(convert.path_of(name, device, FOLDER))
    return samples(convert.measured(table, device), device["dtype"], lowering)


@cache
def cards() -> dict[str, Measured]:
    names = ("rtx3090", "rtx4090", "rtx5090", "rtx-pro-6000-max-q")
    return {name: Measured(name, of_profile(name, Lowering(fuses=False)), peaks(name, "float16")) for name in names}


@cache
def desktops() -> list[Measured]:
    given = convert.device_of("i9-10940x")
    i9 = (float(convert.flops_per_s(given)), float(quantity(given["bandwidth"], "B/s")))
    fused = Lowering(fuses=True)
    return [
        Measured("i9-10940x", of_profile("i9-10940x", fused), i9),
        Measured("i7-12700h", of_profile("i7-12700h", fused), peaks("i7-12700h", "float32")),
    ]


@cache
def torch7() -> list[Measured]:
    table, found = convert.rows_of(FOLDER / convert.FILES["jcjohnson"]), []
    folders = {
        "1080Ti_cudnn51": peaks("gtx1080ti", "float32"),
        "1080_cudnn51": peaks("gtx1080", "float32"),
        "titan_xp_cudnn51": peaks("titan-x-pascal", "float32"),
        "titan_xm_cudnn51": tuple(
            float(quantity(convert.read("devices.yaml")["titan-x-maxwell"][key], unit))
            for key, unit in (("peak", "FLOP/s"), ("bandwidth", "B/s"))
        ),
    }
    for name, rates in folders.items():
        rows = convert.jcjohnson(table, {"rows": {"dir": name, "use_cudnn": "1"}})
        found.append(Measured(name, samples(rows, "float32", Lowering(fuses=False)), rates))
    return found


CYCLE = {"A53": 8, "A76": 32}
"""FLOP a cycle and core, at float32 and at float16."""
BOARDS = {  # run of the table: core, threads, GHz, GB/s, dtype; only boards whose memory is known
    "43": ("A53", 4, 1.4, 4.0, "float32"),  # Raspberry Pi 3 B+
    "44": ("A53", 1, 1.4, 4.0, "float32"),
    "52": ("A53", 4, 1.0, 3.6, "float32"),  # Raspberry Pi Zero 2 W
    "53": ("A53", 1, 1.0, 3.6, "float32"),
    "37": ("A53", 4, 1.2, 4.26, "float32"),  # Snapdragon 410, LPDDR3-1066, 32 bits
    "38": ("A53", 1, 1.2, 4.26, "float32"),
    "47": ("A76", 4, 2.4, 17.07, "float16"),  # Raspberry Pi 5
    "48": ("A76", 1, 2.4, 17.07, "float16"),
    "51": ("A76", 4, 2.9, 17.07, "float16"),  # the same, its processor overclocked
    "92": ("A76", 4, 2.4, 34.1, "float16"),  # Orange Pi 5, LPDDR4X-4267, 64 bits
    "70": ("A76", 1, 2.4, 34.1, "float16"),  # ROC-RK3588S-PC, likewise
}


@cache
def boards() -> list[Measured]:
    table, found = convert.rows_of(FOLDER / convert.FILES["ncnn"]), []
    for run, (core, threads, ghz, gigabytes, dtype) in BOARDS.items():
        rows = [row for row in table if row["run"] == run]
        own, fused = {"rows": {"device": rows[0]["device"]}}, Lowering(fuses=True)
        prior = Prior(samples(convert.ncnn_prior(table, own), dtype, fused))
        name = f"{run} {core} {threads}"
        rates = (threads * ghz * 1e9 * CYCLE[core], gigabytes * 1e9)
        found.append(Measured(name, samples(convert._ncnn(rows), dtype, fused), rates, prior))
    return found


VULKAN = {  # run of the table: the sheet; V100 in its PCIe form
    "10": "rtx3090",
    "222": "v100-pcie",
    "202": "rtx3060ti",
    "201": "rx6900xt",
}


@cache
def vulkan() -> list[Measured]:
    table = convert.rows_of(FOLDER / convert.FILES["ncnn"])
    return [
        Measured(
            name,
            samples(convert._ncnn([row for row in table if row["run"] == run]), "float16", Lowering(fuses=True)),
            peaks(name, "float16"),
        )
        for run, name in VULKAN.items()
    ]


def both_ways(devices: Sequence[Measured], pairs: Callable[[Measured, Measured], bool]) -> list[Any]:
    return [(one, other) for one in devices for other in devices if one is not other and pairs(one, other)]


def sorts() -> Iterator[tuple[str, Form, list[tuple[Measured, Measured]]]]:
    geforce = [cards()[name] for name in ("rtx3090", "rtx4090", "rtx5090")]
    yield "geforce", GPU, both_ways(geforce, lambda a, b: True)
    yield "nvidia", GPU, [(one, cards()["rtx-pro-6000-max-q"]) for one in geforce]
    yield "gtx", TORCH7, both_ways(torch7(), lambda a, b: True)
    yield "vendor", GPU, both_ways(vulkan(), lambda a, b: (a.name == "rx6900xt") != (b.name == "rx6900xt"))
    yield "board", BOARD, both_ways(boards(), lambda a, b: a.name.split()[1:] == b.name.split()[1:])
    yield "desktop", ROOF, both_ways(desktops(), lambda a, b: True)


def residuals(one: Measured, other: Measured, form: Form) -> np.ndarray:
    """Return ln(predicted / measured) of the other's rows, each without its family in the profile of the one."""
    design, target = Design(one.samples, form), Design(other.samples, form)
    ratio = {"compute": one.peaks[0] / other.peaks[0], "memory": one.peaks[1] / other.peaks[1], "overhead": 1.0}
    scaling = np.array([ratio[FEATURES[term[0]].bound] for term in form.terms])
    before, strength = (one.prior.design(form), one.prior.strength) if one.prior else (None, 0.0)

    def fitted(_: np.ndarray, family: str) -> np.ndarray:
        ratios = None if before is None else ratios_of(before, before.families != family)
        return design.fit(design.families != family, ratios, strength) * scaling

    return np.log(left_out(target, fitted) / target.seconds)


@cache
def own_width(device: Measured, form: Form) -> float:
    return earned(Design(device.samples, form), device.prior)[0]


def added(rows: Sequence[tuple[float, np.ndarray]]) -> float:
    """Return what is to be added (as an independent error) so that 90 % lie within, each pair weighing the same; at
    least the largest bias of a pair, which no interval of a profile is about.
    """
    needed = np.concatenate([np.sqrt(np.maximum(found**2 - own**2, 0)) for own, found in rows])
    weight = np.concatenate([np.full(len(found), 1 / len(found) / len(rows)) for _, found in rows])
    order = np.argsort(needed)
    bias = max(abs(float(np.median(found))) for _, found in rows)
    return max(bias, float(needed[order][np.searchsorted(np.cumsum(weight[order]), LEVEL - 1e-9)]))


def within(own: float, found: np.ndarray, more: float) -> float:
    return 100 * float((np.abs(found) <= np.hypot(own, more)).mean())


def main() -> None:
    for name, form, pairs in sorts():
        rows = [(own_width(one, form), residuals(one, other, form)) for one, other in pairs]
        width = added(rows)
        print(f"\n{name}: half_width {width:.3g}, {len(pairs)} pairs")
        kept_out = []
        for (one, other), (own, found) in zip(pairs, rows, strict=True):
            without = [row for row, pair in zip(rows, pairs, strict=True) if other not in pair]
            blind = within(own, found, added(without)) if without else float("nan")
            kept_out.append(blind)
            error, bias = 100 * np.abs(np.expm1(found)).mean(), np.median(found)
            print(
                f"  {one.name} -> {other.name}: {len(found)} rows, mean error {error:.1f} %, bias {bias:+.2f}, "
                f"own {own:.3f}; within {within(own, found, width):.0f} %, chosen without it {blind:.0f} %"
            )
        means = [100 * np.abs(np.expm1(found)).mean() for _, found in rows]
        held = np.mean([within(own, found, width) for own, found in rows])
        span = f"{min(means):.0f} to {max(means):.0f} %"
        print(f"  mean error {span}; within {held:.0f} %, chosen without {_mean(kept_out)}")


def _mean(shares: list[float]) -> str:
    known = [share for share in shares if share == share]
    return f"{np.mean(known):.0f} %" if known else "it nothing: one device has all pairs"


if __name__ == "__main__":
    main()
