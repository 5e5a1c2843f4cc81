"""Every layer of every bundled network costs what it cost when the rows were frozen."""

from __future__ import annotations

from frozen_rows import COLUMNS, TOTALS, frozen, today

SHOWN = 10


def test_no_figure_of_a_bundled_network_has_changed() -> None:
    then = frozen()
    changes: list[str] = []
    for name, totals, layers in today():
        before, rows = then.pop(name, ([], []))
        changes += _changes(name, [*TOTALS], before, totals)
        changes += [f"{name}: {len(rows)} layers, now {len(layers)}"] if len(rows) != len(layers) else []
        for row, layer in zip(rows, layers, strict=False):
            changes += _changes(f"{name} {row[0]}", [*COLUMNS], row, layer)
    changes += [f"{name} is gone" for name in then]
    more = f"\n... and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    assert not changes, "\n".join(changes[:SHOWN]) + more


def _changes(where: str, names: list[str], before: list[str], after: list[str]) -> list[str]:
    if len(before) != len(names):
        return [f"{where} was never frozen"]
    pairs = zip(names, before, after, strict=True)
    return [f"{where}: {name} was {old}, is {new}" for name, old, new in pairs if old != new]
