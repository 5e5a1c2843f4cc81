"""Reading ONNX files against onnx-tool: a cold report of MobileNet v1, ResNet-152 in one process, peak memory, and how
the time grows with the nodes of a file.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import sys
import tempfile
import time
from pathlib import Path

import onnx
import onnx_tool
from onnx import TensorProto, helper
from peers import alternate, onnx_file, process, ratio, show

import costmodel as cm

RUNS = 9
ONNX_TOOL = "import onnx_tool; onnx_tool.model_profile({path!r})"


def cold(folder: Path) -> None:
    """Whole processes, in turn."""
    print(f"{'whole process':<34} {'min':>9} {'median':>9} {'max':>9}      peak memory")
    for arch in ("mobilenet_v1", "resnet152"):
        path = str(onnx_file(arch, folder))
        commands = {
            "python -c 'import numpy'": (sys.executable, "-c", "import numpy"),
            f"costmodel report {arch}.onnx": (sys.executable, "-m", "costmodel", "report", path),
            "onnx-tool on the same file": (sys.executable, "-c", ONNX_TOOL.format(path=path)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        memory: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(RUNS + 1):
            for name, command in commands.items():
                took, peak = process(*command)
                if turn:
                    seconds[name].append(took)
                    memory[name].append(peak)
        bare, ours, theirs = commands
        for name in commands:
            print(show(name, seconds[name]), f"{statistics.median(memory[name]):8.0f} MB")
        over = statistics.median(memory[ours]) - statistics.median(memory[bare])
        print(f"time, costmodel / onnx-tool: {ratio(seconds[ours], seconds[theirs]):.2f}   (goal: at most 0.9)")
        print(f"memory above a bare numpy:   {over:.0f} MB (goal: at most 45)")


def in_process(folder: Path) -> None:
    """ResNet-152 loaded and priced."""
    path = str(onnx_file("resnet152", folder))

    def theirs() -> None:
        model = onnx_tool.Model(path)
        model.graph.shape_infer()
        model.graph.profile()

    with contextlib.redirect_stdout(io.StringIO()):
        seconds = alternate(RUNS, ours=lambda: cm.price(cm.load(path)), theirs=theirs)
    print(show("costmodel: load, price", seconds["ours"]))
    print(show("onnx-tool: load, infer, profile", seconds["theirs"]))
    print(f"costmodel / onnx-tool: {ratio(seconds['ours'], seconds['theirs']):.3f}  (goal: at most 0.3)")


def growth(folder: Path) -> None:
    """Chains of convolutions and activations: a constant number means linear."""
    for count in (1_000, 10_000, 100_000):
        path = folder / f"chain{count}.onnx"
        nodes = [
            helper.make_node("Conv", [f"v{n}", f"w{n % 50}"], [f"v{n + 1}"], f"n{n}")
            if n % 2
            else helper.make_node("Relu", [f"v{n}"], [f"v{n + 1}"], f"n{n}")
            for n in range(count)
        ]
        held = [TensorProto(name=f"w{n}", data_type=1, dims=[8, 8, 1, 1], raw_data=bytes(256)) for n in range(50)]
        shape = [1, 8, 16, 16]
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("v0", f"v{count}")]
        graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], held)
        onnx.save(helper.make_model(graph), str(path))
        start = time.perf_counter()
        loaded = cm.load(str(path))
        read = time.perf_counter() - start
        cm.price(loaded)
        took = time.perf_counter() - start
        print(
            f"{count:>8,} nodes: read {read:6.2f} s, with its price {took:6.2f} s, {took / count * 1e6:5.0f} us a node"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        growth(Path(folder))
        in_process(Path(folder))
        cold(Path(folder))


if __name__ == "__main__":
    main()
