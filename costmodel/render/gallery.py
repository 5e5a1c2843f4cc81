"""The pages of `reports/`: the table of all networks and the article's claims, from plain rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from costmodel.measures import MEASURES
from costmodel.render.amounts import amounts
from costmodel.render.data import rows_csv

MADE = "Made by `costmodel gallery` from `specs/`; do not edit."


def networks_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows raw."""
    return rows_csv(rows)


def networks_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows as a table for people, one prefix a column."""
    measures = [MEASURES[name] for name in ("params", "mult_adds", "peak_live_bytes", "traffic_bytes")]
    numbers = {m.title: amounts([row[m.name] for row in rows], m.unit) for m in measures}
    heads = [
        "network",
        "year",
        "input",
        *(f"{name} ({unit})" if unit else name for name, (_, unit) in numbers.items()),
        "top-1",
        "top-1 / M params",
    ]
    lines = [
        "# Every bundled network",
        "",
        f"{MADE} One image, float32. Raw numbers are in [networks.csv](networks.csv); "
        "top-1 is what the source named in each spec reports (percent, ImageNet).",
        "",
        "| " + " | ".join(heads) + " |",
        "|---|---|---|" + "---:|" * (len(heads) - 3),
    ]
    for index, row in enumerate(rows):
        cells = [f"`{row['name']}`", row["year"] or "", row["input"], *(texts[index] for texts, _ in numbers.values())]
        top1, density = row["top1_percent"], row["top1_per_million_params"]
        cells += ["" if top1 is None else f"{top1:.1f}", "" if density is None else f"{density:.2f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def density_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write information density, densest first."""
    known = sorted(
        (row for row in rows if row["top1_per_million_params"]), key=lambda row: -row["top1_per_million_params"]
    )
    lines = [
        "# Information density",
        "",
        f"{MADE} Reported top-1 accuracy per million params (Canziani et al. 2016, figure 10).",
        "",
        "| network | top-1 (%) | params | top-1 / M params |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| `{row['name']}` | {row['top1_percent']:.1f} | {row['params']:,} | {row['top1_per_million_params']:.2f} |"
        for row in known
    ]
    return "\n".join(lines) + "\n"


def article_markdown(findings: Iterable[tuple[str, str, str, str]]) -> str:
    """Write each (claim, source, verdict, computed numbers)."""
    entries = list(findings)
    counts: dict[str, int] = {}
    for _, _, verdict, _ in entries:
        counts[verdict] = counts.get(verdict, 0) + 1
    tally = ", ".join(_counted(verdict, count) for verdict, count in sorted(counts.items()))
    lines = [
        "# The article's claims, recomputed",
        "",
        f"{MADE} Each is a claim that costs decide, printed by the article, by Canziani et al. 2016 or by a paper they "
        "rest on; the numbers are computed, and the verdict follows from them; "
        "a caveat that no number decides says that it is ours. "
        f"Of {len(entries)} claims: {tally}.",
        "",
        "![Top-1 against mult-adds](figure2.png)",
        "",
    ]
    for says, source, verdict, words in entries:
        lines += [f"### {says}", "", f"*{source}*", "", f"**{verdict[0].upper()}{verdict[1:]}.** {words}", ""]
    return "\n".join(lines)


_MANY = {"holds": "hold", "is wrong": "are wrong", "the printed number": "printed numbers"}


def _counted(verdict: str, count: int) -> str:
    """Say how many claims got a verdict: ``6 hold``, ``9 printed numbers are wrong``."""
    if count == 1:
        return f"1 {verdict.removeprefix('the ')}"
    for one, many in _MANY.items():
        verdict = verdict.replace(one, many)
    return f"{count} {verdict}"
