"""The runtimes that a calibration can measure in, by the names that `--runtime` knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from costmodel.bench.measure import Runner
from costmodel.bench.onnx_runner import OnnxRuntime
from costmodel.errors import CostModelError


@dataclass(frozen=True)
class Runtime:
    """A runtime: its name in words, the package it comes in, and how it is opened with threads and a folder for files.

    `gpu`: whether the work is done elsewhere than on the processor's threads.
    """

    title: str
    package: str
    open: Callable[[int, Path], Runner]
    gpu: bool = False

    def __str__(self) -> str:
        """The runtime with its version, as a device file states it."""
        name, _, where = self.title.partition(", ")
        try:
            return f"{name} {version(self.package)}, {where}"
        except PackageNotFoundError:
            return self.title


def _onnxruntime(threads: int, folder: Path) -> Runner:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise CostModelError("measuring needs ONNX Runtime: pip install 'nn-costmodel[onnx]'") from None
    return OnnxRuntime(threads, folder)


def _torch(device: str) -> Callable[[int, Path], Runner]:
    def open_it(threads: int, folder: Path) -> Runner:
        from costmodel.bench.torch_runner import TorchRunner

        return TorchRunner(threads, device)

    return open_it


DEFAULT = "onnxruntime"
RUNTIMES = {
    "onnxruntime": Runtime("ONNX Runtime, CPU", "onnxruntime", _onnxruntime),
    "torch": Runtime("PyTorch, eager, CPU", "torch", _torch("cpu")),
    "torch-cuda": Runtime("PyTorch, eager, CUDA", "torch", _torch("cuda"), gpu=True),
}


def find_runtime(name: str) -> Runtime:
    """Return the runtime of that name.

    Raises:
        CostModelError: if it is none that networks can be measured in.
    """
    if name not in RUNTIMES:
        raise CostModelError(
            f"--runtime {name}: this machine is measured in {', '.join(RUNTIMES)} only; "
            "--from takes measurements of any"
        )
    return RUNTIMES[name]
