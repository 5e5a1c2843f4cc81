"""The logs of `benchmarks/measurements`, counted once however many tests ask for them."""

from functools import cache
from pathlib import Path

from costmodel.bench import plan
from costmodel.bench.log import read_setting
from costmodel.bench.machine import read_measured, samples_of_measured

LOGS = Path(__file__).parents[2] / "benchmarks/measurements"

network_of = cache(plan.network_of)


@cache
def samples_of_log(name):
    """Return all that a log holds, with its features under its own runtime's lowering."""
    log = LOGS / f"{name}.csv"
    setting = read_setting(log)
    return tuple(samples_of_measured(read_measured(log, setting.threads == 1), setting.lowering))
