"""The sweep itself: grids of numbers and of structures, and whole commands to files, with the memory that they take."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peers import alternate, process, ratio

import costmodel as cm
from costmodel.sources.parametric import OfSpec
from costmodel.sweeps.chunks import answers
from costmodel.sweeps.question import Question, ask
from costmodel.sweeps.ranges import parse_vary

ROUNDS = 5
MEASURES = ("params", "mult_adds", "traffic_bytes", "peak_live_bytes")
GRIDS = {
    "MobileNet v1: width, resolution, batch": (
        "mobilenet_v1",
        ("width=0.1:2.09:0.01", "resolution=32:399", "batch=1:16"),
    ),
    "ResNet: depth, width, resolution": (
        "resnet",
        ("n4=2:23", "width=0.25:2.24:0.01", "resolution=64:464:16"),
    ),
    "ResNet: depth, width (few a depth)": ("resnet", ("n3=2:9", "n4=2:23", "width=0.0625:2.0:0.0005")),
}


def question(arch: str, vary: tuple[str, ...]) -> Question:
    return ask(OfSpec(cm.read(arch)), [parse_vary(text) for text in vary], measures=MEASURES)


def arch_of(asked: Question) -> cm.Spec:
    assert isinstance(asked.network, OfSpec)
    return asked.network.spec


def run(asked: Question, workers: int) -> int:
    return sum(len(chunk) for chunk in answers(asked, workers=workers))


def loop(asked: Question, count: int = 20) -> None:
    """Price random points of the grid one by one with the scalar walk, and hold the arrays against them."""
    rng = np.random.default_rng(0)
    chunk = int(rng.integers(asked.points.chunks))
    box = asked.points.box(chunk)
    for index in rng.integers(box.count, size=count).tolist():
        point = box.at(index)
        batch = point.pop("batch", 1)
        cm.price(cm.load(arch_of(asked), **point), batch=batch)


def check(asked: Question) -> None:
    """Stop unless some points of the first chunk are what the scalar walk says, to the unit."""
    chunk = asked.chunk(0)
    for index in range(0, len(chunk), max(1, len(chunk) // 5)):
        row = {name: column[index].item() for name, column in chunk.columns.items()}
        point = {name: row[name] for name in asked.points.names}
        batch = point.pop("batch", 1)
        totals = cm.price(cm.load(arch_of(asked), **point), batch=batch).totals
        if any(getattr(totals, name) != row[name] for name in MEASURES):
            sys.exit(f"the arrays and the scalar walk differ at {row}")


def main() -> None:
    print(f"{'points a second':<38} {'points':>10} {'one process':>13} {'two':>11} {'times the plain loop':>21}")
    for title, (arch, vary) in GRIDS.items():
        asked = question(arch, vary)
        check(asked)
        timed: dict[str, Callable[[], Any]] = {
            "loop": lambda asked=asked: loop(asked),
            "one": lambda asked=asked: run(asked, 1),
            "two": lambda asked=asked: run(asked, 2),
        }
        seconds = alternate(ROUNDS, **timed)
        count = asked.points.count
        plain = [second / 20 for second in seconds["loop"]]
        one, two = ([second / count for second in seconds[name]] for name in ("one", "two"))
        gains = f"{1 / ratio(one, plain):,.0f}, {1 / ratio(two, plain):,.0f}"
        print(f"{title:<38} {count:>10,} {1 / np.median(one):>13,.0f} {1 / np.median(two):>11,.0f} {gains:>21}")
    to_files()


def to_files() -> None:
    """Time whole commands: start, sweep, write, close."""
    print(f"\n{'the command, 1.2 M points':<38} {'seconds':>10} {'peak memory, MB':>17}")
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".csv", ".parquet", ".json"):
            command = [sys.executable, "-m", "costmodel", "sweep", "mobilenet_v1"]
            for text in GRIDS["MobileNet v1: width, resolution, batch"][1]:
                command += ["--vary", text]
            begun = time.perf_counter()
            _, memory = process(
                *command, "--pareto", "peak_live_bytes,max:params", "-o", str(Path(folder) / f"x{suffix}")
            )
            print(f"{suffix:<38} {time.perf_counter() - begun:>10.1f} {memory:>17,.0f}")


if __name__ == "__main__":
    main()
