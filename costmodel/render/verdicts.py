"""What files and budgets came to: lines for a terminal, a page, and raw rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from costmodel.documents.safe_text import one_line
from costmodel.judging.expected import Verdict
from costmodel.judging.gate import Judgement
from costmodel.render import budget
from costmodel.render.page import Page
from costmodel.render.screen import Screen
from costmodel.render.text import text
from costmodel.units import counted

Verdicts = Mapping[str, Verdict]
"""What each file's networks came to."""
COLUMNS = (
    "network",
    "budget",
    "kind",
    "value",
    "limit",
    "margin",
    "before",
    "kept",
    "unseen",
    "by",
    "other",
    "other_value",
    "other_kept",
    "says",
)
"""What a row says: of a file as a whole, of one fault, of one budget, or of what could not be compared."""


def faults(verdicts: Verdicts) -> list[str]:
    """Return everything that is wrong with the files."""
    return [fault for verdict in verdicts.values() for fault in verdict.faults]


def lines(verdicts: Verdicts, quiet: bool) -> str:
    """Return what each file's networks came to, and a summary; where `quiet`, only what is wrong."""
    said = []
    for path, verdict in verdicts.items():
        said += verdict.faults
        if not quiet and not verdict.faults:
            said.append(f"{one_line(_near(path))}: {_counted(verdict)}")
    failed = sum(bool(verdict.faults) for verdict in verdicts.values())
    if not quiet or failed:
        networks = sum(verdict.networks for verdict in verdicts.values())
        summary = f"{counted(failed, 'file')} fail{'s' * (failed == 1)}" if failed else "all as expected"
        said.append(f"{counted(networks, 'network')} in {counted(len(verdicts), 'file')}: {summary}")
    return "".join(f"{line}\n" for line in said)


def _near(name: str) -> str:
    """Return a path as seen from here, where it lies below."""
    path = Path(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else name


def _counted(verdict: Verdict) -> str:
    return f"{counted(verdict.networks, 'network')} as expected" + (
        f", {verdict.without} of them expecting nothing" if verdict.without else ""
    )


def as_text(verdicts: Verdicts, judged: Judgement | None, quiet: bool, screen: Screen) -> str:
    """Return what a terminal shows: the files' lines, then the budgets."""
    if judged is None or (quiet and not judged.broken):
        return lines(verdicts, quiet)
    return lines(verdicts, quiet) + text(_budgets(judged, quiet), screen)


def page(verdicts: Verdicts, judged: Judgement | None, quiet: bool) -> Page:
    """Return what is wrong with files, each complaint as it reads in a terminal, and the budgets."""
    wrong = faults(verdicts)
    budgets = _budgets(judged, quiet) if judged is not None else Page("")
    fine = [] if wrong else ["All as expected."]
    return Page(budgets.title, [*fine, *budgets.lines], (), budgets.sections, complaints=wrong)


def _budgets(judged: Judgement, quiet: bool) -> Page:
    shown = [one for one in judged.budgets if not (quiet and one.kept)]
    return budget.page(shown, judged.notes, judged.unheld)


def data(verdicts: Verdicts, judged: Judgement | None) -> dict[str, Any]:
    """Return everything as plain data."""
    wrong = faults(verdicts)
    return {
        "kept": not wrong and not (judged is not None and judged.broken),
        "faults": wrong,
        "budgets": budget.as_data(judged.budgets if judged is not None else ()),
        "unheld": list(judged.unheld if judged is not None else ()),
        "notes": list(judged.notes if judged is not None else ()),
    }


def rows(verdicts: Verdicts, judged: Judgement | None) -> list[dict[str, Any]]:
    """Return a row for each file, fault, budget and network that could not be compared."""
    found: list[dict[str, Any]] = []
    for file, verdict in verdicts.items():
        says = _counted(verdict) if not verdict.faults else counted(len(verdict.faults), "fault")
        found.append({"network": file, "kind": "file", "kept": not verdict.faults, "says": says})
        found += [{"network": file, "kind": "fault", "kept": False, "says": fault} for fault in verdict.faults]
    if judged is not None:
        found += [{name: one.get(name) for name in COLUMNS} for one in budget.as_data(judged.budgets)]
        found += [{"kind": "unheld", "kept": False, "says": one} for one in judged.unheld]
    return found
