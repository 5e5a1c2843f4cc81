"""The pages of `reports/`: the table of all networks and the article's claims, from plain rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.gallery.claims.claim import VERDICTS
from costmodel.measures import MEASURES
from costmodel.render.amounts import amounts
from costmodel.render.data import rows_csv

MADE = "Made by `costmodel gallery` from `specs/`; do not edit."
MADE_OF_ALL = "Made by `costmodel gallery` from `specs/` and the logs in `benchmarks/measurements/`; do not edit."


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


@dataclass(frozen=True)
class Entry:
    """A claim as the page shows it: its theme, what was printed and where, the verdict, the computed numbers in words,
    and the picture that shows them, if there is one.
    """

    theme: str
    says: str
    source: str
    verdict: str
    words: str
    picture: str = ""


def article_markdown(entries: Iterable[Entry]) -> str:
    """Write the claims, a section a theme, after a table of what came out in each."""
    themes: dict[str, list[Entry]] = {}
    for entry in entries:
        themes.setdefault(entry.theme, []).append(entry)
    counts = Counter(entry.verdict for its in themes.values() for entry in its)
    tally = ", ".join(_counted(verdict, counts[verdict]) for verdict in VERDICTS if counts[verdict])
    lines = [
        "# The article's claims, recomputed",
        "",
        f"{MADE_OF_ALL} Each is a claim that costs or times decide, printed by the article, by Canziani et al. 2016 or "
        "by a paper they rest on; the numbers are computed, and the verdict follows from them; "
        "a caveat that no number decides says that it is ours. "
        f"Of {counts.total()} claims: {tally}.",
        "",
        *_contents(themes),
    ]
    for theme, its in themes.items():
        lines += ["", f"## {theme}", ""]
        for entry in its:
            verdict = f"{entry.verdict[0].upper()}{entry.verdict[1:]}"
            lines += [f"### {entry.says}", "", f"*{entry.source}*", "", f"**{verdict}.** {entry.words}", ""]
            lines += [f"![{entry.says}]({entry.picture})", ""] if entry.picture else []
        lines.pop()
    return "\n".join(lines) + "\n"


def _contents(themes: Mapping[str, Sequence[Entry]]) -> list[str]:
    """List the themes, each with how many of its claims got each verdict."""
    lines = ["| theme | " + " | ".join(VERDICTS) + " |", "|---|" + "---:|" * len(VERDICTS)]
    for theme, its in themes.items():
        counts = Counter(entry.verdict for entry in its)
        anchor = re.sub(r"[^\w -]", "", theme.lower()).replace(" ", "-")
        lines.append(
            f"| [{theme}](#{anchor}) | " + " | ".join(str(counts[verdict] or "") for verdict in VERDICTS) + " |"
        )
    return lines


_MANY = {
    "holds": "hold",
    "is wrong": "are wrong",
    "the printed number": "printed numbers",
    "does not": "do not",
}


def _counted(verdict: str, count: int) -> str:
    """Say how many claims got a verdict: ``6 hold``, ``9 printed numbers are wrong``."""
    if count == 1:
        return f"1 {verdict.removeprefix('the ')}"
    for one, many in _MANY.items():
        verdict = verdict.replace(one, many)
    return f"{count} {verdict}"
