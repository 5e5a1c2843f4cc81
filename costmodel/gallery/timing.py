"""The article's figures 3 and 7, from what was measured: which networks, how long an image took, and what is dear."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.gallery.facts import Facts, Log, label
from costmodel.gallery.lines import Line, line
from costmodel.latency.predict import time

BATCH = 16
"""The batch of figure 7."""
NETWORKS = (
    *("alexnet", "nin", "enet", "googlenet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("vgg16", "vgg19", "inception_v3", "inception_v4"),
)
"""Those of Canziani et al. 2016 that a calibration may measure. NIN stands for its form with norms, which a runtime
folds away; ENet is the network that segments, where theirs classified.
"""
STANDS_FOR = {"nin_bn": "nin"}
"""Which measured network stands for one whose accuracy was reported."""
REPORTED = tuple(next((own for own, measured in STANDS_FOR.items() if measured == name), name) for name in NETWORKS)
"""The same networks as those who reported their accuracy had them."""
LABELS = {"nin": "NIN"}
"""What a picture calls a network whose title is long."""
SPOKEN = {"lrn": "response normalisation", "prelu": "PReLU", "max_pool_indices": "places for max-unpooling"}
"""What people call operators."""


@dataclass(frozen=True)
class Point:
    """A measured network: its mult-adds and seconds, both of an image; dear: the operators of which an element takes
    far more than an addition.
    """

    network: str
    label: str
    mult_adds: int
    seconds: float
    dear: tuple[str, ...]

    @property
    def giga(self) -> float:
        """Its mult-adds in G."""
        return self.mult_adds / 1e9


@dataclass(frozen=True)
class Linearity:
    """Time against mult-adds of one log: the line through all points, and that through those without anything dear."""

    log: Log
    points: tuple[Point, ...]
    all: Line
    plain: Line

    @property
    def dear(self) -> tuple[Point, ...]:
        """The networks with something dear, those farthest above the plain line first."""
        return tuple(sorted((point for point in self.points if point.dear), key=self.times, reverse=True))

    def times(self, point: Point) -> float:
        """Return how many times as long as the plain line says a network takes."""
        return point.seconds / self.plain.at(point.giga)


def points(facts: Facts, log: Log, batch: int = BATCH) -> tuple[Point, ...]:
    """Return the networks of the article that a log has at a batch."""
    return tuple(
        Point(name, _label(facts, name), facts.totals(name).mult_adds, seconds, dear(facts, name))
        for name, seconds in log.at(batch, NETWORKS).items()
    )


def _label(facts: Facts, name: str) -> str:
    return LABELS.get(name) or label(facts.spec(name))


def dear(facts: Facts, name: str) -> tuple[str, ...]:
    """Return the operators of a network of which an element takes far more than an addition, as their pages state."""
    return tuple(dict.fromkeys(layer.op.name for layer in facts.graph(name).layers if layer.op.effort))


def linearities(facts: Facts, batch: int = BATCH) -> list[Linearity]:
    """Return figure 7 of every log that has enough networks at a batch."""
    found = []
    for log in facts.logs:
        measured = points(facts, log, batch)
        lines = [
            line([(point.giga, point.seconds) for point in some])
            for some in (measured, [point for point in measured if not point.dear])
        ]
        if lines[0] and lines[1]:
            found.append(Linearity(log, measured, lines[0], lines[1]))
    return found


@dataclass(frozen=True)
class Course:
    """Seconds that an image of a network takes at each batch it was measured at, the smallest first; heavy: whether
    fully connected layers hold most of its params.
    """

    network: str
    label: str
    heavy: bool
    seconds: tuple[tuple[int, float], ...]

    @property
    def gain(self) -> float | None:
        """How many times as fast an image is at the largest batch as alone, None where not both were measured."""
        (first, alone), (last, together) = self.seconds[0], self.seconds[-1]
        return alone / together if first == 1 < last else None


def courses(facts: Facts, log: Log) -> list[Course]:
    """Return figure 3 of a log: the networks of the article over the batches that they were measured at."""
    found = []
    for name in NETWORKS:
        batches = log.batches(name)
        if batches:
            seconds = tuple((batch, log.at(batch, [name])[name]) for batch in batches)
            found.append(Course(name, _label(facts, name), _heavy(facts, name), seconds))
    return found


def _heavy(facts: Facts, name: str) -> bool:
    """Say whether fully connected layers hold most of a network's params."""
    held = sum(row["params"] for row in facts.table(name) if row["kind"] == "linear")
    return bool(2 * held > facts.totals(name).params)


def dear_share(facts: Facts, log: Log, point: Point, batch: int = BATCH) -> float | None:
    """Return the percent of a network's time that its dear layers take by the model of the device fitted to a log, None
    where there is no such device.
    """
    device = facts.device(log.name)
    if device is None:
        return None
    timed = time(facts.table(point.network, batch=batch), device)
    spent = dict.fromkeys(point.dear, 0.0)
    for row in timed:
        if row["op"] in spent:
            spent[row["op"]] += row["latency_s"]
    return 100 * sum(spent.values()) / float(timed.totals.latency_s)


def spoken(ops: tuple[str, ...]) -> str:
    """Name operators as people do."""
    return listed([SPOKEN.get(op, op.replace("_", " ")) for op in ops])


def listed(words: list[str]) -> str:
    """Write words one after the other: ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
