"""The network in an ONNX file."""

from __future__ import annotations

from costmodel.graph import LayerGraph
from costmodel.sources.source import Source

ENDING = ".onnx"
TAKERS = "report, latency, diff, check, verify, export and show --graph take ONNX files"


def takes(asked: str) -> bool:
    """Say whether a path is that of an ONNX file, by how it ends."""
    return asked.lower().endswith(ENDING)


def opened(asked: str) -> Source:
    """Return the network in an ONNX file, read when it is first looked at."""

    def build() -> LayerGraph:
        from costmodel.onnx.read import read_onnx

        return read_onnx(asked)

    return Source(asked, build=build, kind="an ONNX file", takers=TAKERS, file=asked)
