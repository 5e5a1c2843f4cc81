"""Runs networks in ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from costmodel.bench.measure import Job, LayerTimes, Run
from costmodel.bench.onnx_profile import number_nodes, times_of
from costmodel.graph import INPUT, LayerGraph
from costmodel.latency.lowering import Lowering
from costmodel.ops.conv import Conv
from costmodel.units import counted

BLOCKED = "com.microsoft.nchwc"
"""ONNX Runtime's name for operators on maps in blocks of channels. It pads output channels to whole blocks."""


class OnnxRuntime:
    """Runs networks in ONNX Runtime on the CPU, with random weights.

    Each network is exported once, with an open batch, and optimised once; later visits load the optimised model.
    """

    def __init__(self, threads: int, folder: Path) -> None:
        self.threads, self.folder = threads, folder
        self.single_thread = threads == 1
        self.files: dict[str, Path] = {}

    @cached_property
    def lowering(self) -> Lowering:
        """How ONNX Runtime turns layers into kernels on this processor, as its answer to one convolution tells."""
        import onnx

        probe = LayerGraph("probe", (64, 8, 8))
        probe.add("conv", Conv(out_channels=1), (INPUT,))
        self._open(Job("probe", "", (1,), lambda: probe))
        graph = onnx.load(self.files["probe"]).graph
        blocks = [node for node in graph.node if node.op_type == "Conv" and node.domain == BLOCKED]
        sizes = {array.name: array.dims[0] for array in graph.initializer}
        return Lowering(fuses=True, lanes=sizes[blocks[0].input[1]] if blocks else 1)

    @property
    def options(self) -> str:
        """How ONNX Runtime is set, in words."""
        waits = "sleep" if self.threads == 1 else "spin"
        return (
            f"{counted(self.threads, 'thread')} within a layer and one between; all optimisations; idle threads {waits}"
        )

    def prepare(self, job: Job) -> Callable[[int], Run]:
        """Open the network; the weights are read from a file in `folder`."""
        return _runs(self._open(job))

    def profile(self, job: Job, batch: int, runs: int) -> list[LayerTimes]:
        """Return what each node took in each of some runs of a network, in seconds on the wall."""
        import onnx
        import onnxruntime as ort  # type: ignore[import-untyped]

        self._open(job)
        model = onnx.load(self.files[job.network])
        named = onnx.GraphProto.FromString(model.graph.SerializeToString()).node
        number_nodes(model)
        options = self._options()
        options.enable_profiling, options.profile_file_prefix = True, str(self.folder / "profile")
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return times_of(job.build(), named, session, _runs(session)(batch), runs)

    def _options(self) -> Any:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0" if self.threads == 1 else "1")
        return options

    def _open(self, job: Job) -> Any:
        import onnxruntime as ort

        options = self._options()
        path = self.files.get(job.network)
        if path is None:
            from costmodel.onnx.export import to_onnx

            path = self.files[job.network] = self.folder / f"{len(self.files)}.onnx"
            options.optimized_model_filepath = str(path)
            model = to_onnx(job.build(), "batch").SerializeToString()
            return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _runs(session: Any) -> Callable[[int], Run]:
    """Return what makes a run of a batch in a session."""
    import numpy as np

    entry = session.get_inputs()[0]
    outputs = [output.name for output in session.get_outputs()]

    def make(batch: int) -> Run:
        size = [batch, *entry.shape[1:]]
        dtype = np.int64 if "int64" in entry.type else np.float32
        # not negative, as pictures are: PReLU's branch on random signs takes ten times as long as on smooth maps
        picture = {entry.name: np.random.default_rng(0).random(size).astype(dtype)}
        return lambda: session.run(outputs, picture)

    return make
