"""The network in an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.graph import LayerGraph
from costmodel.onnx.strangers import CONFIGURATIONS, ENDINGS
from costmodel.sources.source import Source

if TYPE_CHECKING:
    from costmodel.onnx.sizes import Sizes
    from costmodel.sources.parametric import Parametric

ENDING = ".onnx"
TAKERS = (
    "report, whatif, latency, diff, check, verify, export and show --graph take ONNX files; "
    "sweep and solve those that leave sizes open"
)


def takes(asked: str) -> bool:
    """Say whether a path is that of an ONNX file, by how it ends, or of what is taken for one: where that is read, it
    is said what it is, and the way from there.
    """
    lower = asked.lower()
    return lower.endswith((ENDING, *ENDINGS)) or Path(lower).name in CONFIGURATIONS


def opened(asked: str, sizes: Sizes | None = None) -> Source:
    """Return the network in an ONNX file, read when it is first looked at, its open sizes as `sizes` has them."""

    def build() -> LayerGraph:
        from costmodel.onnx.read import read_onnx

        return read_onnx(asked, sizes)

    def resize(values: Mapping[str, Any]) -> Source:
        from costmodel.onnx.sizes import Sizes
        from costmodel.onnx.sizes import asked as wanted

        return opened(asked, wanted(asked, sizes or Sizes(), values))

    def vary() -> Parametric:
        from costmodel.onnx.sizes import Sizes
        from costmodel.sources.open_sizes import open_sizes

        return open_sizes(asked, sizes or Sizes())

    return Source(asked, build=build, kind="an ONNX file", takers=TAKERS, file=asked, resize=resize, vary=vary)
