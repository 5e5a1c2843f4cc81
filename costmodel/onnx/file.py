"""ONNX files written: whole or not at all, once ONNX itself has checked them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.documents.write import check_place, follow, plainly, write_whole
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.weights import RandomWeights

if TYPE_CHECKING:
    import onnx

MISSING = "ONNX files need its library: pip install 'nn-costmodel[onnx]'"
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
        raise CostModelError(MISSING) from None
    from costmodel.onnx.export import to_onnx
    from costmodel.pricing import totals

    model = to_onnx(graph, batch, RandomWeights(seed))
    if totals(graph, dtype="float32").weight_bytes > LARGEST:
        _save_both(model, follow(path))
        return
    onnx.checker.check_model(model, full_check=True)
    write_whole(path, model.SerializeToString())


def _save_both(model: onnx.ModelProto, path: Path) -> None:
    """Write a model with its weights in a file beside it: both in a folder first, where ONNX checks them."""
    import tempfile

    import onnx

    check_place(path)
    if path.exists() and not path.is_file():
        raise CostModelError(f"{path}: the weights go into a file beside the model, and beside this there can be none")
    data = f"{path.name}.data"
    with plainly(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:50]}.") as folder:
        whole = Path(folder) / path.name
        onnx.save(model, str(whole), save_as_external_data=True, location=data)
        onnx.checker.check_model(str(whole))
        (Path(folder) / data).replace(path.with_name(data))
        whole.replace(path)
