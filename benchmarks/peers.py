"""Shared by the benchmarks: alternate two or more things, and say how they compare."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def alternate(runs: int, **things: Callable[[], object]) -> dict[str, list[float]]:
    """Time each thing `runs` times, in turn, after one warm-up each."""
    seconds: dict[str, list[float]] = {name: [] for name in things}
    for thing in things.values():
        thing()
    for _ in range(runs):
        for name, thing in things.items():
            start = time.perf_counter()
            thing()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of ours / theirs, pair by pair."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def show(name: str, seconds: list[float]) -> str:
    low, mid, high = min(seconds), statistics.median(seconds), max(seconds)
    unit, factor = ("s", 1) if mid >= 1 else ("ms", 1000)
    return f"{name:<34} {low * factor:9.2f} {mid * factor:9.2f} {high * factor:9.2f} {unit}"


def process(*command: str) -> tuple[float, float]:
    """Run a command to its end; return its seconds and its peak memory in MB.

    Compiled modules may be kept, as an installer does for the peers: a checkout would be compiled anew each time.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert child.stderr is not None
    error = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{error.decode()}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e6


def onnx_file(arch: str, folder: Path) -> Path:
    """Write a bundled network as an ONNX file with random weights, in a process of its own.

    A child's peak memory is never less than its parent's at the time of the fork, so the parent must stay small.
    """
    path = folder / f"{arch}.onnx"
    write = "import onnx, sys, costmodel as cm; from costmodel.onnx.export import to_onnx; "
    write += "onnx.save(to_onnx(cm.load(sys.argv[1])), sys.argv[2])"
    process(sys.executable, "-c", write, arch, str(path))
    return path
