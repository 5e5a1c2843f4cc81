"""Where networks come from: the one way to open what was asked for.

Each kind of source is a module here: `takes` says by the look of a text whether it is one, `opened` opens it. They are
asked in the order of `KINDS`, and the last takes all that is left: names and paths of specs.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from costmodel.graph import LayerGraph
from costmodel.sources.source import Source

if TYPE_CHECKING:
    from costmodel.spec import Spec

__all__ = ["KINDS", "Question", "Source", "open"]

Question: TypeAlias = "str | os.PathLike[str] | Spec | LayerGraph"
"""A name, a path (``FILE#VARIANT``, ONNX files too), ``-``, ``git:REVISION:PATH``, ``package.module:factory`` of a
PyTorch module, or what was opened before.
"""

KINDS = ("stdin", "git", "onnx", "torch", "specs")


def open(question: Question, **parameters: Any) -> Source:
    """Return what was asked for, with parameters set.

    Raises:
        CostModelError: if there is no such network or parameter, or something is to be set where nothing can be.
        SpecError: with everything that is wrong in a spec's file.
    """
    return _opened(question).set(**parameters)


def _opened(question: Question) -> Source:
    if isinstance(question, LayerGraph):
        return Source(question.name, build=lambda: question)
    if not isinstance(question, (str, os.PathLike)):
        from costmodel.spec import Spec

        if isinstance(question, Spec):
            return Source(question.name, question, file=question.file)
    asked = os.fspath(question)
    kinds = (import_module(f"costmodel.sources.{kind}") for kind in KINDS)
    found: Source = next(kind.opened(asked) for kind in kinds if kind.takes(asked))
    return found
