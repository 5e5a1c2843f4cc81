"""How networks stand to their budgets: a page for people, raw numbers for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from costmodel.judging.budget import Heavy, Judged
from costmodel.measures import MEASURES
from costmodel.pricing.table import UNSEEN
from costmodel.render.amounts import PREFIXED, amount, change
from costmodel.render.page import Column, Page, Section
from costmodel.render.unseen import unseen_column
from costmodel.units import counted


def page(judged: Sequence[Judged], notes: Sequence[str] = (), new: Sequence[str] = ()) -> Page:
    """Return one line a budget, and below the layers that weigh most in those that are broken.

    `new` are networks that could not be compared, and fail for that.
    """
    broken = [one for one in judged if not one.kept]
    title = f"{counted(len(judged), 'budget')}, {f'{len(broken)} broken' if broken else 'all kept'}"
    title = title if judged else "no budget holds for what was asked for"
    title += f"; {counted(len(new), 'network')} could not be compared" if new else ""
    let_pass = ["--allow-new lets new ones pass; git knows a renamed file by its name before once it is added"]
    notes = [*notes, *(f"fails: {one}" for one in new), *(let_pass if new else [])]
    columns = [
        Column("", [_verdict(one, one.kept) for one in judged], left=True),
        Column("network", [one.network for one in judged], left=True),
        Column("budget", [_name(one) for one in judged], left=True),
        Column("value", [_amount(one, one.value) for one in judged]),
        Column("limit", [_limit(one) for one in judged]),
        Column("margin", [change(one.margin, one.unit) for one in judged], paint="value"),
        Column("", [_share(one) for one in judged]),
        *unseen_column([{UNSEEN: one.unseen} for one in judged]),
    ]
    sections = [Section("", columns)] if judged else []
    sections += [_ends(between)] if (between := [one for one in judged if one.at]) else []
    sections += [_why(broken)] if any(one.why for one in broken) else []
    return Page(title, list(notes), (), sections)


def _ends(judged: Sequence[Judged]) -> Section:
    """Return by which of an interval each was decided, and what the other would say."""
    columns = [
        Column("network", [one.network for one in judged], left=True),
        Column("budget", [_name(one) for one in judged], left=True),
        Column("decided by", [f"{_by(one)} {_said(one, one.value, one.kept)}" for one in judged], left=True),
        Column("otherwise", [f"{_other(one)} {_said(one, one.other, one.other_kept)}" for one in judged], left=True),
    ]
    return Section("90 % intervals", columns)


def _said(one: Judged, value: float | None, kept: bool | None) -> str:
    return f"{amount(value, one.unit)}: {_verdict(one, bool(kept))}"


def _verdict(one: Judged, kept: bool) -> str:
    return "ok" if kept else "under" if one.least else "over"


def _why(broken: Sequence[Judged]) -> Section:
    """Return the layers that weigh most in what is over its limit, or that grew most."""
    rows = [(one, heavy) for one in broken for heavy in one.why]
    columns = [
        Column("network", [one.network for one, _ in rows], left=True),
        Column("budget", [_name(one) for one, _ in rows], left=True),
        Column("layer", [heavy.path for _, heavy in rows], left=True),
        Column("weighs", [_weighs(one, heavy) for one, heavy in rows]),
        Column("", [f"{100 * heavy.share:.1f} %" if heavy.share is not None else "" for _, heavy in rows]),
    ]
    return Section("Where it goes", columns)


def _weighs(one: Judged, heavy: Heavy) -> str:
    return ("+" if one.before is not None else "") + amount(heavy.amount, MEASURES[heavy.metric].unit)


def _limit(one: Judged) -> str:
    return ("at least " if one.least else "") + _amount(one, one.limit)


def _by(one: Judged) -> str:
    """Say which of an interval is held to the limit."""
    return one.end if one.at == "end" else one.at


def _other(one: Judged) -> str:
    """Say which is the other one: beside a median, or what was measured, the end."""
    return "median" if one.at == "end" else one.end


def _name(one: Judged) -> str:
    return one.metric if one.before is None else f"{one.metric} growth"


def _amount(one: Judged, value: float) -> str:
    """Write a value; two that would look alike though they differ are written out."""
    if amount(one.value, one.unit) == amount(one.limit, one.unit) and one.value != one.limit:
        if one.unit in PREFIXED:
            return f"{value:,.0f} {one.unit}".rstrip()
        return amount(value, one.unit, 10)
    return amount(value, one.unit)


def _share(one: Judged) -> str:
    return f"{100 * one.margin / one.limit:+.1f} %" if one.limit else ""


def _interval(one: Judged) -> dict[str, Any]:
    """Return by which of an interval it was decided, and what the other would say."""
    if one.other is None:
        return {}
    return {"by": _by(one), "other": _other(one), "other_value": one.other, "other_kept": one.other_kept}


def as_data(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return each budget as plain data, raw numbers."""
    return [
        {
            "network": one.network,
            "budget": one.metric,
            "kind": "growth" if one.before is not None else "min" if one.least else "max",
            "value": one.value,
            "limit": one.limit,
            "margin": one.margin,
            "before": one.before,
            "unseen": one.unseen,
            "kept": one.kept,
            **_interval(one),
            "heaviest": [asdict(heavy) for heavy in one.why],
        }
        for one in judged
    ]
