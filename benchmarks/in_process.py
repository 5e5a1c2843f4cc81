"""Inside one process: load and price ResNet-152 against onnx-tool, and how the time grows with the layers."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from pathlib import Path

import onnx_tool
from peers import alternate, onnx_file, ratio, show

import costmodel as cm

RUNS = 9


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(onnx_file("resnet152", Path(folder)))

        def theirs() -> None:
            model = onnx_tool.Model(path)
            model.graph.shape_infer()
            model.graph.profile()

        loaded = onnx_tool.Model(path)
        graph = cm.load("resnet152")

        def their_profile() -> None:
            loaded.graph.shape_infer()
            loaded.graph.profile()

        with contextlib.redirect_stdout(io.StringIO()):
            seconds = alternate(
                RUNS,
                ours=lambda: cm.price(cm.load("resnet152")),
                theirs=theirs,
                our_price=lambda: cm.price(graph),
                their_profile=their_profile,
            )
    print(f"{'ResNet-152':<34} {'min':>9} {'median':>9} {'max':>9}")
    print(show("costmodel: load, expand, price", seconds["ours"]))
    print(show("onnx-tool: load, infer, profile", seconds["theirs"]))
    print(show("costmodel: price alone", seconds["our_price"]))
    print(show("onnx-tool: infer, profile alone", seconds["their_profile"]))
    print(f"load + price, costmodel / onnx-tool: {ratio(seconds['ours'], seconds['theirs']):.3f}  (goal: at most 0.25)")
    alone = ratio(seconds["our_price"], seconds["their_profile"])
    print(f"price alone, costmodel / onnx-tool:  {alone:.2f}   (goal: at most 1)")
    growth()


def growth() -> None:
    """Time a layer of CIFAR ResNets of growing depth: a constant number means linear."""
    print("\nmicroseconds a layer, load + price:")
    for name in ("resnet56", "resnet110", "resnet1202"):
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            layers = len(cm.price(cm.load(name)))
            best = min(best, time.perf_counter() - start)
        print(f"  {name:<18} {layers:>6} layers  {best / layers * 1e6:6.1f}")


if __name__ == "__main__":
    main()
