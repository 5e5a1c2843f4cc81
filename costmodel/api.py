"""The two calls that begin every use from Python."""

from __future__ import annotations

import os
from typing import Any

from costmodel.graph import LayerGraph
from costmodel.spec import Spec, expand, find


def read(arch: str | os.PathLike[str] | Spec, **parameters: Any) -> Spec:
    """Return the spec of a name or path, with parameters set.

    Raises:
        CostModelError: if there is no such architecture or parameter.
        SpecError: with everything that is wrong in its file.
    """
    found = arch if isinstance(arch, Spec) else find(os.fspath(arch))
    return found.set(**parameters) if parameters else found


def load(arch: str | os.PathLike[str] | Spec, **parameters: Any) -> LayerGraph:
    """Return the network of a name, a path or a spec, with parameters set: ``load("mobilenet_v1", width=0.75)``.

    Raises:
        CostModelError: if there is no such architecture or parameter.
        SpecError: with everything that is wrong in its file.
    """
    return expand(read(arch, **parameters))
