"""The two calls that begin every use from Python."""

from __future__ import annotations

import os
from typing import Any

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.spec import Spec, expand, find
from costmodel.spec.library import is_onnx


def read(arch: str | os.PathLike[str] | Spec, **parameters: Any) -> Spec:
    """Return the spec of a name or path, with parameters set.

    Raises:
        CostModelError: if there is no such architecture or parameter, or for an ONNX file, which has no spec.
        SpecError: with everything that is wrong in its file.
    """
    found = arch if isinstance(arch, Spec) else find(os.fspath(arch))
    return found.set(**parameters) if parameters else found


def load(arch: str | os.PathLike[str] | Spec, **parameters: Any) -> LayerGraph:
    """Return the network of a name, a path or a spec, with parameters set: ``load("mobilenet_v1", width=0.75)``.

    The path of an ONNX file works as well: ``load("model.onnx")``.

    Raises:
        CostModelError: if there is no such architecture or parameter, or a node of an ONNX file has no operator.
        SpecError: with everything that is wrong in its file.
    """
    if not isinstance(arch, Spec) and is_onnx(os.fspath(arch)):
        if parameters:
            raise CostModelError(
                f"{os.fspath(arch)}: an ONNX file has no parameters, so no {next(iter(parameters))} to set"
            )
        from costmodel.onnx.read import read_onnx

        return read_onnx(arch)
    return expand(read(arch, **parameters))
