"""Ways to reach a goal: design moves and the spec's parameters, tried alone, in pairs, and one after another."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from costmodel.edits.edit import Editing
from costmodel.edits.moves import MOVES
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.measures import Measured, Row
from costmodel.spec import Spec, expand
from costmodel.spec.structure import structural
from costmodel.sweeps.conditions import Condition

FACTORS = (0.75, 0.5, 0.25, 1.5, 2.0)
"""What real parameters are multiplied by; sizes of the picture change in steps of 32 instead, depths by one or two."""
PIXELS = 32
PAIRED = 8
"""Edits that are tried in pairs: those that came nearest to the goal alone."""
MAX_STEPS = 4
MOST_LAYERS = 800_000
"""Layers of all networks tried, added up, after which no more are tried: about a minute's work."""
TINY = 1e-12
"""Told apart from 0: a goal met exactly at its limit."""

RECOMPUTED = Measured.recomputed_mult_adds.name
CHECKPOINT = "checkpoint"
"""What names layers that a training step computes again: no edit of the text, but a way all the same."""
Pricer = Callable[[LayerGraph, tuple[str, ...]], Row]
"""Prices a network whose training step checkpoints the layers of some patterns."""


@dataclass(frozen=True)
class Suggestion:
    """Edits made in order, what the network then costs, and by which share that misses the goal (below 0: reached)."""

    edits: tuple[str, ...]
    row: Row
    over: float
    change: float
    """How much the network changes: the sum of |log| of the ratios of params and mult-adds, and what it computes
    again as a share of its mult-adds.
    """

    @property
    def reached(self) -> bool:
        """Whether the goal is met."""
        return self.over < 0

    def command(self, arch: str, asked: Sequence[str] = ()) -> str:
        """Return the command that makes these edits; `asked` are options that stand behind."""
        options = [one.split(" ", 1) for one in self.edits]
        edits = any(kind != CHECKPOINT for kind, _ in options)
        command = (
            ["costmodel whatif", shlex.quote(arch)] if edits else ["costmodel report", shlex.quote(arch), "--training"]
        )
        return " ".join([*command, *(f"--{kind} {shlex.quote(what)}" for kind, what in options), *asked])


class Found(NamedTuple):
    """What the network costs now, the ways to the goal, how many were tried, and how many were left out as too many."""

    now: Row
    ways: list[Suggestion]
    tried: int
    left_out: int


def suggest(
    spec: Spec,
    goal: Condition,
    measure: Pricer,
    tell: Callable[[int, int], None] = lambda tried, planned: None,
    checkpoints: bool = False,
) -> Found:
    """Return what the network costs now, and ways to the goal: fewest edits first, then those that change least.

    Where nothing reaches the goal the list holds the one way that comes nearest; where it is met already, none.

    Args:
        spec: the architecture.
        goal: a condition on what `measure` returns, without ``or`` and ``not``.
        measure: prices a graph, and patterns of layers that a training step checkpoints.
        tell: is called with the number of networks tried, and of those known to come.
        checkpoints: whether checkpoints of a training step are tried too.

    Raises:
        CostModelError: if the goal has no distance.
    """
    if not goal.conjunction:
        raise CostModelError(f"--goal {goal.text!r}: `or` and `not` have no distance to be told by")
    search = _Search(spec, goal, measure, tell, checkpoints)
    ways = [] if goal.holds(search.now) else search.run()
    return Found(search.now, ways, len(search.tried), len(search.left_out))


class _Search:
    def __init__(
        self, spec: Spec, goal: Condition, measure: Pricer, tell: Callable[[int, int], None], checkpoints: bool
    ) -> None:
        self.spec, self.goal, self.measure, self.tell, self.checkpoints = spec, goal, measure, tell, checkpoints
        self.editing = Editing(spec)
        graph = expand(spec)
        self.now = measure(graph, ())
        self.most = max(1, MOST_LAYERS // max(1, len(graph)))
        self.left_out: set[tuple[str, ...]] = set()
        self.tried: dict[tuple[str, ...], Suggestion | None] = {}

    def run(self) -> list[Suggestion]:
        again = [f"{CHECKPOINT} {pattern}" for pattern in _patterns(self.spec)] if self.checkpoints else []
        alone = self._all((one,) for one in (*_candidates(self.spec), *again))
        useful = sorted((found for found in alone if found.change > 0), key=lambda found: found.over)[:PAIRED]
        pairs = self._all((*a.edits, *b.edits) for a in useful for b in useful if _together(a.edits, b.edits))
        greedy = self._greedy(useful)
        found = {_outcome(one): one for one in reversed([*alone, *pairs, *greedy]) if one.reached}
        ways = sorted(found.values(), key=lambda one: (len(one.edits), one.change))
        nearest = sorted([*alone, *pairs, *greedy], key=lambda one: (one.over, len(one.edits)))
        return ways or nearest[:1]

    def _all(self, ways: Iterator[tuple[str, ...]]) -> list[Suggestion]:
        """Try ways, as many as there is time for."""
        asked = list(ways)
        new = [way for way in asked if way not in self.tried]
        room = max(0, self.most - len(self.tried))
        self.left_out.update(new[room:])
        planned = len(self.tried) + len(new[:room])
        for way in new[:room]:
            self.tried[way] = self._try(way)
            self.tell(len(self.tried), planned)
        return [found for way in asked if (found := self.tried.get(way)) is not None]

    def _try(self, edits: tuple[str, ...]) -> Suggestion | None:
        """Make edits; None if they cannot be made."""
        made = [one for one in edits if not one.startswith(f"{CHECKPOINT} ")]
        patterns = tuple(one.partition(" ")[2] for one in edits if one not in made)
        try:
            row = self.measure(self.editing.edited(made).graph, patterns)
        except CostModelError:
            return None
        change = sum(abs(math.log(row[name] / self.now[name])) for name in ("params", "mult_adds") if row[name])
        change += row.get(RECOMPUTED, 0) / (row["mult_adds"] or 1)
        return Suggestion(edits, row, self._over(row), change)

    def _over(self, row: Row) -> float:
        """Return by which share the goal is missed; below zero where it is reached."""
        over = max(float(part.over(row)) for part in self.goal.comparisons)
        return min(over, -TINY) if self.goal.holds(row) else max(over, 0.0)

    def _greedy(self, useful: Sequence[Suggestion]) -> list[Suggestion]:
        """Add edit after edit, each time the one that comes nearest to the goal."""
        if not useful:
            return []
        best = useful[0]
        while not best.reached and len(best.edits) < MAX_STEPS:
            ways = ((*best.edits, *one.edits) for one in useful if _together(best.edits, one.edits))
            nearer = min(self._all(ways), key=lambda found: found.over, default=best)
            if nearer.over >= best.over:
                break
            best = nearer
        return [best]


def _candidates(spec: Spec) -> Iterator[str]:
    """Yield every edit that is tried: moves over the whole network and over each of its parts, and parameters."""
    for move in MOVES.values():
        patterns = [""] if move.whole else _patterns(spec)
        yield from (f"move {move.call.replace('PATTERN', pattern)}" for pattern in patterns)
    shaping = structural(spec)
    for name, value in spec.parameters.items():
        yield from (f"set {name}={new}" for new in _values(name, value, name in shaping))


def _patterns(spec: Spec) -> list[str]:
    """Return patterns for the whole network, for parts numbered alike (ds1, ds2: ds*), and for each part."""
    stems = Counter(re.sub(r"_?\d.*", "", layer) for layer in spec.layers)
    return ["*", *(f"{stem}*" for stem, times in stems.items() if times > 1), *(f"{layer}*" for layer in spec.layers)]


def _values(name: str, value: Any, shapes: bool) -> list[Any]:
    """Return the values that a parameter may be set to."""
    if isinstance(value, (str, bool)) or name == "classes":
        return []
    if isinstance(value, float):
        return [round(value * factor, 6) for factor in FACTORS]
    if shapes:
        return [new for new in (value - 1, value - 2, value + 1, value + 2) if new >= 1] if value > 1 else []
    if name == "resolution":
        return [value + PIXELS * steps for steps in (-1, -2, -3, -4, 1, 2) if value + PIXELS * steps > 0]
    return [round(value * factor) for factor in FACTORS if round(value * factor) >= 1]


def _together(some: tuple[str, ...], more: tuple[str, ...]) -> bool:
    """Say whether edits make sense one after the other: no parameter set twice, no edit made twice."""
    names = [one.partition("=")[0] for one in (*some, *more)]
    return len(set(names)) == len(names)


def _outcome(found: Suggestion) -> tuple[Any, ...]:
    """Return what two ways to the same network share."""
    return tuple(found.row.values())
