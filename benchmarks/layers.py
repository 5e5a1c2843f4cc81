"""Single layers of six networks that set no interval, measured by ONNX Runtime's profiler, against their intervals.

    python benchmarks/layers.py epyc-zen4-1t             # measures here, and writes benchmarks/layers/epyc-zen4-1t.csv
    python benchmarks/layers.py epyc-zen4-1t --again     # judges what that file holds

The device must have been calibrated on this machine, in a state like the present: a factor between both is a factor
between all layers and their predictions. It is printed, and not taken out.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from costmodel.bench.layer_classes import Compared, compared
from costmodel.bench.layers import PROFILED, profiled, read_layers, write_layers
from costmodel.bench.log import Setting
from costmodel.bench.machine import processor
from costmodel.bench.onnx_runner import OnnxRuntime
from costmodel.bench.runtimes import RUNTIMES
from costmodel.latency.find import find_device

JUDGES = ("resnet50", "mobilenet_v2", "googlenet", "regnet_y_400mf", "densenet121", "deit_ti")
DRAWN = 200
FOLDER = Path(__file__).parent / "layers"


def measure(file: Path, threads: int, batches: Iterable[int]) -> None:
    """Profile the six networks and write what their layers took."""
    assert not set(JUDGES) & set(PROFILED)
    with tempfile.TemporaryDirectory() as folder:
        runner = OnnxRuntime(threads, Path(folder))
        lowering = runner.lowering
        setting = Setting(processor(), str(RUNTIMES["onnxruntime"]), threads, lowering.fuses, lowering.lanes)
        file.parent.mkdir(exist_ok=True)
        write_layers(file, setting, profiled(runner, JUDGES, batches))


def show(title: str, layers: Sequence[Compared]) -> None:
    """Print how many layers their intervals hold, how far apart their ends are, and how far off predictions are."""
    held = 100 * sum(one.held for one in layers) / len(layers)
    ratio = median(one.time.seconds / one.predicted for one in layers)
    apart = median(one.high / one.low for one in layers)
    guesses = sum(one.guess for one in layers)
    print(
        f"{title:42} {len(layers):5} layers  {held:5.1f} % held  ends {apart:7.2f} times apart  "
        f"measured / predicted {ratio:5.2f}, {guesses} guesses"
    )


def main() -> None:
    """Measure or read, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("device")
    parser.add_argument("--again", action="store_true", help="judge what was measured before")
    asked = parser.parse_args()
    device, file = find_device(asked.device), FOLDER / f"{asked.device}.csv"
    if not asked.again:
        measure(file, device.conditions.threads or 1, dict.fromkeys(device.conditions.batch))
    found = list(compared(device, read_layers(file)))
    for name in sorted({one.name for one in found}):
        show(name, [one for one in found if one.name == name])
    for network in JUDGES:
        show(network, [one for one in found if one.time.network == network])
    show("all", found)
    show(f"{DRAWN} drawn", random.Random(0).sample(found, DRAWN))


if __name__ == "__main__":
    main()
