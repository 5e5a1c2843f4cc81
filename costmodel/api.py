"""The two calls that begin every use from Python."""

from __future__ import annotations

from typing import Any

from costmodel import sources
from costmodel.graph import LayerGraph
from costmodel.sources import Question
from costmodel.spec import Spec


def read(arch: Question, **parameters: Any) -> Spec:
    """Return the spec of a name or path, with parameters set: all that `load` takes, but for what is no spec.

    Raises:
        CostModelError: if there is no such architecture or parameter, or for an ONNX file, which has no spec.
        SpecError: with everything that is wrong in its file.
    """
    return sources.open(arch, **parameters).needed_spec()


def load(arch: Question, **parameters: Any) -> LayerGraph:
    """Return the network of a name, a path or a spec, with parameters set: ``load("mobilenet_v1", width=0.75)``.

    ``FILE#VARIANT``, ``git:REVISION:PATH``, ``-`` for standard input and the path of an ONNX file work as well.

    Raises:
        CostModelError: if there is no such architecture or parameter, or a node of an ONNX file has no operator.
        SpecError: with everything that is wrong in its file.
    """
    return sources.open(arch, **parameters).graph
