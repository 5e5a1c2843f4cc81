"""The rows of a network as a tree by the names in its paths, each branch with what is below it added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from costmodel.measures import Row
from costmodel.pricing.table import CostTable

ROWS = 25
"""How many rows a tree has at most where nobody says how deep it goes."""
LEAD = "mult_adds"


@dataclass
class Branch:
    """What is called so at one place: a layer's row, and what is below it, in the order of execution."""

    name: str
    below: dict[str, Branch] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    """The layers of the branch, its own first."""

    def settled(self) -> Branch:
        """Return the branch with names joined where one alone is below another."""
        below = [branch.settled() for branch in self.below.values()]
        if len(below) == 1 and len(below[0].rows) == len(self.rows) and self.name:
            only = below[0]
            return Branch(f"{self.name}.{only.name}", only.below, self.rows)
        return Branch(self.name, {branch.name: branch for branch in below}, self.rows)

    def down(self, depth: int, level: int = 0) -> Iterator[tuple[int, Branch]]:
        """Yield what is below to a depth, each with its level; a branch stands before what is below it."""
        for branch in self.below.values():
            yield level, branch
            if depth > 1:
                yield from branch.down(depth - 1, level + 1)


def tree(table: CostTable) -> Branch:
    """Return the tree of a table's layers."""
    root = Branch("")
    for row in table:
        at = root
        at.rows.append(row)
        for name in row["path"].split("."):
            at = at.below.setdefault(name, Branch(name))
            at.rows.append(row)
    return root.settled()


def branches(table: CostTable, depth: int | None = None, lead: str = LEAD) -> tuple[list[Row], list[Row]]:
    """Return the rows of a tree to a depth, each with its name indented, and those for which there is no room.

    Without a depth it goes as deep as fits; where even one level does not, the heaviest by `lead` are shown.
    """
    root = tree(table)
    found = list(root.down(depth or 1))
    level = 2
    while depth is None and len(deeper := list(root.down(level))) <= ROWS and len(deeper) > len(found):
        found, level = deeper, level + 1
    rows = [table.group(f"{'  ' * at}{branch.name}", branch.rows) for at, branch in found]
    return (rows, []) if depth is not None else heaviest(rows, lead)


def heaviest(rows: Sequence[Row], lead: str = LEAD) -> tuple[list[Row], list[Row]]:
    """Return the rows for which there is room, the heaviest in their order, and the rest."""
    if len(rows) <= ROWS:
        return list(rows), []
    kept = sorted(range(len(rows)), key=lambda at: -rows[at][lead])[: ROWS - 1]
    return [rows[at] for at in sorted(kept)], [row for at, row in enumerate(rows) if at not in kept]
