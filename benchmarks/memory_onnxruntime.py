"""Measures the memory that ONNX Runtime plans on this processor for networks as costmodel writes them to ONNX.

    PYTHONPATH=.:tests python benchmarks/memory_onnxruntime.py resnet18 "mobilenet_v1 width=0.5" --batch 1 8

Each network is run twice. The first run finds out which tensors there are; with it ONNX Runtime lays out one block of
memory, and asks its arena for that block when the second run begins. Between the runs the arena gives back what it
has, and it takes no more than it is asked for, so that what the second run takes first is the block. Its size stands in
the arena's log. The file that is written (network, batch, channels in a block, bytes) holds one line for each; lines of
other processors stay. Blocks of 8 channels, which processors with AVX2 alone have, can be measured by an emulated one:

    PYTHONPATH=.:tests:SITE_PACKAGES qemu-x86_64 -cpu max PYTHON benchmarks/memory_onnxruntime.py ...

where SITE_PACKAGES holds ONNX Runtime and PYTHON is the program itself, not a link or script.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
from memory.onnx_runtime import FACTS, FIELDS, build, facts, over

from costmodel.bench.onnx_runner import OnnxRuntime
from costmodel.graph import INPUT, LayerGraph
from costmodel.onnx.export import to_onnx
from costmodel.ops.activation import Relu

SHRINK = ("memory.enable_memory_arena_shrinkage", "cpu:0")
ASKED = re.compile(r"\(requested\) num_bytes: (\d+)")
DTYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}


class Plain:
    """Weights that are quickly made. What they are does not matter, but no two arrays may be the same: ONNX Runtime
    computes once what is the same.
    """

    def __init__(self) -> None:
        self.made = 0

    def of(self, layer):
        shapes = layer.op.weights(*layer.input_shapes) | layer.op.buffers(*layer.input_shapes)
        return {name: self._array(shape, layer.op.stored()[0]) for name, shape in shapes.items()}

    def _array(self, shape, dtype):
        self.made += 1
        return np.full(shape, 0.5 + self.made / 10_000).astype(dtype or np.float32)


class Arena:
    """An arena that all sessions share, which takes only what it is asked for, and says so."""

    def __init__(self) -> None:
        ort.set_default_logger_severity(0)
        where = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
        how = ort.OrtArenaCfg({"arena_extend_strategy": 1, "initial_chunk_size_bytes": 256})
        ort.create_and_register_allocator(where, how)
        tiny = LayerGraph("tiny", (1,))
        tiny.add("relu", Relu(), (INPUT,))
        self.tiny = self._open(tiny, 1)  # the first memory that an arena takes it never gives back: let it be little
        self._run(self.tiny)

    def block(self, graph: LayerGraph, batch: int) -> int:
        """Return the bytes of the block that ONNX Runtime plans for a network."""
        self._run(self.tiny)  # what the last network left is given back before there are weights among it
        session = self._open(graph, batch)
        self._run(session)
        with tempfile.TemporaryFile() as log:
            kept = os.dup(2)
            os.dup2(log.fileno(), 2)
            try:
                self._run(session)
            finally:
                os.dup2(kept, 2)
                os.close(kept)
            log.seek(0)
            asked = ASKED.findall(log.read().decode(errors="replace"))
        return int(asked[0]) if asked else 0

    def _open(self, graph: LayerGraph, batch: int) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        options.add_session_config_entry("session.use_env_allocators", "1")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            path.write_bytes(to_onnx(graph, batch, Plain()).SerializeToString())
            return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def _run(self, session: ort.InferenceSession) -> None:
        """Run a network into arrays of our own, and give back what the arena does not need."""
        options = ort.RunOptions()
        options.add_run_config_entry(*SHRINK)
        binding = session.io_binding()
        for one in session.get_inputs():
            binding.bind_cpu_input(one.name, _zeros(one))
        for one in session.get_outputs():
            binding.bind_ortvalue_output(one.name, ort.OrtValue.ortvalue_from_numpy(_zeros(one)))
        session.run_with_iobinding(binding, options)


def _zeros(one: ort.NodeArg) -> np.ndarray:
    return np.zeros(one.shape, DTYPES.get(one.type, np.float32))


def main() -> None:
    """Measure the networks asked for, and write what was found beside what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=over(), help="the small ones that show each operator by default")
    parser.add_argument("--batch", type=int, nargs="+", default=[1])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lanes = OnnxRuntime(1, Path(folder)).lowering.lanes
    arena = Arena()
    found = {fact[:3]: fact[3] for fact in facts()}
    for network in asked.networks:
        for batch in asked.batch:
            found[network, batch, lanes] = arena.block(build(network), batch)
            print(network, batch, lanes, found[network, batch, lanes], flush=True)
            write(found)


def write(found: dict[tuple[str, int, int], int]) -> None:
    """Write what was found."""
    with FACTS.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# ONNX Runtime {ort.__version__}, CPU; see benchmarks/memory_onnxruntime.py\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows((*key, size) for key, size in sorted(found.items()))


if __name__ == "__main__":
    main()
