"""An ONNX file of a network: exported, checked by ONNX itself, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.weights import RandomWeights

LARGEST = 2_000_000_000
"""Bytes of weights beyond which they go into a file beside the model, since one file holds at most 2 GB."""


def save_onnx(graph: LayerGraph, path: Path, batch: int | str = "batch", seed: int = 0) -> None:
    """Write `graph` to `path`; weights beyond 2 GB go to a file of the same name with `.data` behind it.

    Raises:
        CostModelError: if ONNX is not installed, or the file cannot be written.
    """
    try:
        import onnx
    except ImportError:
        raise CostModelError("ONNX files need its library: pip install 'nn-costmodel[onnx]'") from None
    from costmodel.onnx.export import to_onnx
    from costmodel.pricing import totals

    model = to_onnx(graph, batch, RandomWeights(seed))
    large = totals(graph).weight_bytes > LARGEST
    temporary = path.with_name(f".{path.name}.part")
    try:
        if large:
            onnx.save(model, str(path), save_as_external_data=True, location=f"{path.name}.data")
            onnx.checker.check_model(str(path))
            return
        onnx.checker.check_model(model, full_check=True)
        temporary.write_bytes(model.SerializeToString())
        os.replace(temporary, path)
    except OSError as error:
        raise CostModelError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
