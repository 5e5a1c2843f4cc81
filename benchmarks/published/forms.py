"""Try forms of a time model, and another prior, on boards: every figure of the tries in one table, forms.md.

    python benchmarks/published/forms.py PATH/ncnn.csv

Each figure is the error on families that the fit has not seen (leave one family out), its median over the boards that
are shipped and over twelve CPUs of the same table that are not. The twelve are chosen before anything is fitted: of all
others that ran every network of names.yaml, in the order of their names, every so manieth, with most threads.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import convert

from costmodel.bench.crossvalidate import choose_among, held_out, score
from costmodel.bench.fit import Design, Prior, Sample
from costmodel.bench.tables import read_table, samples_of
from costmodel.latency.forms import FORMS, MULT_ADDS, Form, Term
from costmodel.latency.lowering import Lowering

HERE = Path(__file__).parent
OTHERS = 12
ACTIVATIONS: tuple[Term, ...] = (("compute_bytes",), ("memory_bytes",))
WINOGRAD: Term = ("mult_adds_winograd",)
LINEAR: Term = ("linear_weight_bytes",)


def _but(*names: str) -> Term:
    return tuple(name for name in MULT_ADDS if name not in names)


TRIED = (
    Form(
        "operations, bytes of compute and of other kernels, weights of linear layers",
        (MULT_ADDS, *ACTIVATIONS, LINEAR),
    ),
    Form(
        "Winograd apart, bytes of compute and of other kernels, weights of linear layers",
        (WINOGRAD, _but(*WINOGRAD), *ACTIVATIONS, LINEAR),
    ),
    Form(
        "Winograd and grouped apart, bytes of compute and of other kernels, weights of linear layers",
        (WINOGRAD, ("mult_adds_grouped",), _but(*WINOGRAD, "mult_adds_grouped"), *ACTIVATIONS, LINEAR),
    ),
    next(form for form in FORMS if form.name.startswith("Winograd and matrix products apart")),
)
PRIORS: dict[str, dict[str, Any]] = {
    "Prior: runs of the networks that nearly all runs have": {"common": 0.9},
    "Prior: runs of every network": {},
    "Prior: the same, one vote a device": {"one_vote": True},
}
AT_HAND = tuple(form for form in FORMS if form not in TRIED)
"""The last of the four is better on both medians, and has been entered."""
Devices = Mapping[str, dict[str, Any]]


def shipped() -> Devices:
    return {name: one for name, one in convert.read("devices.yaml").items() if one["table"] == "ncnn"}


def others(table: list[dict[str, str]]) -> Devices:
    """Return the twelve, as devices.yaml would have them."""
    known = {one["rows"]["device"] for one in shipped().values()}
    runs: dict[str, dict[str, list[dict[str, str]]]] = {}
    for row in table:
        if row["gpu"] == "-1" and row["device"] not in known:
            runs.setdefault(row["device"], {}).setdefault(row["run"], []).append(row)
    wanted = set(convert.read("names.yaml")["ncnn"])
    found = {}
    for device in sorted(runs):
        whole = [rows for rows in runs[device].values() if wanted <= {row["model"] for row in rows}]
        if whole:
            rows = max(whole, key=lambda rows: int(rows[0]["threads"]))
            found[device] = {"table": "ncnn", "dtype": "float32", "rows": {"device": device, "run": rows[0]["run"]}}
    names = list(found)
    return {names[len(names) * k // OTHERS]: found[names[len(names) * k // OTHERS]] for k in range(OTHERS)}


def samples(rows: Iterator[list[Any]], dtype: str) -> list[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        convert.write(path, rows, "")
        return samples_of(read_table(path), dtype, Lowering())


def errors(device: dict[str, Any], table: list[dict[str, str]], prior_of: dict[str, Any]) -> dict[str, float]:
    """Return a device's error under each form, and with the one that is chosen among those at hand and each tried."""
    measured = samples(convert.ncnn(table, device), device["dtype"])
    prior = Prior(samples(convert.ncnn_prior(table, device, **prior_of), device["dtype"]))
    designs = {form: Design(measured, form) for form in (*AT_HAND, *TRIED)}
    found = {form.name: score(held_out(design, prior), design.seconds).mape_percent for form, design in designs.items()}
    for name, forms in choices().items():
        chosen, _ = choose_among([designs[form] for form in forms], prior)
        found[name] = found[chosen.name]
    return found


def choices() -> dict[str, Sequence[Form]]:
    """Return what may be chosen among, each under the name of its row."""
    return {"chosen among those at hand": AT_HAND} | {
        f"chosen among those at hand and {form.name}": (*AT_HAND, form) for form in TRIED
    }


def lines(table: list[dict[str, str]]) -> Iterator[str]:
    rest = others(table)
    boards, tried = shipped(), {form.name for form in TRIED}
    yield "# Forms tried on boards"
    yield ""
    yield "Made by `python benchmarks/published/forms.py`; do not edit. Errors on unseen families in percent, median"
    yield f"over {len(boards)} boards that are shipped, and over {len(rest)} CPUs that are not, chosen beforehand:"
    yield ""
    yield from (f"- {name}" for name in rest)
    yield from (
        "",
        "Forms with a star were tried; the others were at hand. The last tried is better on both, and was entered.",
    )
    for title, prior_of in PRIORS.items():
        ours, theirs = ([errors(one, table, prior_of) for one in group.values()] for group in (boards, rest))
        yield from ("", f"## {title}", "", "| form | boards | others |", "|---|---|---|")
        for name in ours[0]:
            one, other = (median(row[name] for row in group) for group in (ours, theirs))
            yield f"| {'*' * (name in tried)}{name} | {one:.1f} | {other:.1f} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("table", type=Path, help="the table of ncnn's benchmark")
    table = convert.rows_of(options.parse_args().table)
    (HERE / "forms.md").write_text("\n".join(lines(table)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
