"""Whole processes, cold: costmodel against onnx-tool and fvcore on MobileNet v1, in turn. Seconds and peak memory."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from peers import onnx_file, process, ratio, show

RUNS = 7

FVCORE = """
import torch
from torch import nn
from fvcore.nn import FlopCountAnalysis

def unit(i, o, k, s, g=1):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o), nn.ReLU())

plan = [(32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2)]
plan += [*[(512, 512, 1)] * 5, (512, 1024, 2), (1024, 1024, 1)]
layers = [unit(3, 32, 3, 2)]
for i, o, s in plan:
    layers += [unit(i, i, 3, s, i), unit(i, o, 1, 1)]
net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000)).eval()
flops = FlopCountAnalysis(net, torch.zeros(1, 3, 224, 224)).unsupported_ops_warnings(False)
assert flops.by_operator()["conv"] + flops.by_operator()["linear"] == 568740352
"""
ONNX_TOOL = "import onnx_tool; onnx_tool.model_profile({path!r})"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(onnx_file("mobilenet_v1", Path(folder)))
        commands = {
            "python -c 'import numpy'": (sys.executable, "-c", "import numpy"),
            "costmodel report mobilenet_v1": (sys.executable, "-m", "costmodel", "report", "mobilenet_v1"),
            "onnx-tool on the same network": (sys.executable, "-c", ONNX_TOOL.format(path=path)),
            "fvcore on the same network": (sys.executable, "-c", FVCORE),
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        memory: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(RUNS + 1):
            for name, command in commands.items():
                took, peak = process(*command)
                if turn:  # the first turn warms the file cache
                    seconds[name].append(took)
                    memory[name].append(peak)
    numpy, ours, onnx_tool, fvcore = commands
    print(f"{'whole process':<34} {'min':>9} {'median':>9} {'max':>9}      peak memory")
    for name in commands:
        print(show(name, seconds[name]), f"{statistics.median(memory[name]):8.0f} MB")
    print(f"time, costmodel / onnx-tool: {ratio(seconds[ours], seconds[onnx_tool]):.2f}   (goal: at most 1)")
    print(f"time, costmodel / fvcore:    {ratio(seconds[ours], seconds[fvcore]):.3f}  (goal: at most 0.1)")
    over = statistics.median(memory[ours]) - statistics.median(memory[numpy])
    print(f"memory above a bare numpy:   {over:.0f} MB (goal: at most 60)")


if __name__ == "__main__":
    main()
