"""The network in an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import is_number, whole
from costmodel.onnx.strangers import CONFIGURATIONS, ENDINGS
from costmodel.sources.source import Source

if TYPE_CHECKING:
    from costmodel.onnx.sizes import Sizes

ENDING = ".onnx"
TAKERS = "report, latency, diff, check, verify, export and show --graph take ONNX files"


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
        return opened(asked, _sized(asked, sizes, values))

    return Source(asked, build=build, kind="an ONNX file", takers=TAKERS, file=asked, resize=resize)


def _sized(asked: str, sizes: Sizes | None, values: Mapping[str, Any]) -> Sizes:
    """Return sizes with others set: `resolution` is the height and width of pictures, a list is the whole shape of an
    input, a whole number an open size by the name that the file has for it.

    Raises:
        CostModelError: if a value is none of these.
    """
    from costmodel.onnx.sizes import Sizes

    found = sizes or Sizes()
    for name, value in values.items():
        several = tuple(map(_whole, value if isinstance(value, (list, tuple)) else [value]))
        if not several or not all(isinstance(size, int) and size > 0 for size in several):
            raise CostModelError(f"{asked}: {name} is a size, or a list of them, and {value!r} is none")
        if name == "resolution":
            found = replace(found, space=(several[0], several[-1]))
        elif isinstance(value, (list, tuple)):
            found = replace(found, inputs={**found.inputs, name: several})
        else:
            found = replace(found, names={**found.names, name: several[0]})
    return found


def _whole(value: Any) -> Any:
    return whole(value) if is_number(value) else None
