"""The two calls that begin every use from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from costmodel import sources
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.sources import Question
from costmodel.sources import torch as modules

if TYPE_CHECKING:
    from costmodel.pricing.table import CostTable
    from costmodel.spec import Spec

Module: TypeAlias = "Any"
"""A `torch.nn.Module`, which is not imported to say so."""


def read(arch: Question, **parameters: Any) -> Spec:
    """Return the spec of a name or path, with parameters set: all that `load` takes, but for what is no spec.

    Raises:
        CostModelError: if there is no such architecture or parameter, or for an ONNX file, which has no spec.
        SpecError: with everything that is wrong in its file.
    """
    return sources.open(arch, **parameters).needed_spec()


def load(arch: Question | Module, example: Any = None, **parameters: Any) -> LayerGraph:
    """Return the network of a name, a path or a spec, with parameters set: ``load("mobilenet_v1", width=0.75)``.

    ``FILE#VARIANT``, ``git:REVISION:PATH``, ``-`` for standard input and the path of an ONNX file work as well, and a
    PyTorch module with what it is called with: ``load(module, (1, 3, 224, 224))``, a tensor as an example, a tuple of
    several, or ``inputs={"input_ids": (1, 128)}``. The module is run on tensors without numbers and left as it was.

    Raises:
        CostModelError: if there is no such architecture or parameter, or a node of an ONNX file has no operator.
        SpecError: with everything that is wrong in its file.
    """
    if modules.is_module(arch):
        return modules.of_module(arch, example, **parameters).graph
    if example is not None:
        raise CostModelError(
            f"what a network is called with is said of PyTorch modules, and this is {_named(arch)}; "
            "of specs and files, name the size"
        )
    return sources.open(arch, **parameters).graph


def summary(module: Module, input_size: Any = None, **inputs: Any) -> CostTable:
    """Return what a PyTorch module costs, for those who come from torchinfo: ``summary(module, (1, 3, 224, 224))``.

    Args:
        module: it is run on tensors without numbers, in the mode that it is in, and left as it was.
        input_size: shapes with their batch, examples, or a tuple of several.
        inputs: what its arguments are by their names, in place of `input_size`.

    Raises:
        CostModelError: if the module raises, or what it runs depends on the numbers of its input.
    """
    from costmodel.pricing import price

    return price(load(module, input_size, **({"inputs": inputs} if inputs else {})))


def _named(asked: Any) -> str:
    """Return what something is that is no module: a text as it stands, all else by its class."""
    if isinstance(asked, type):
        return f"the class {asked.__name__}, of which one is to be built first"
    return repr(asked) if isinstance(asked, str) else f"a {type(asked).__name__}"
