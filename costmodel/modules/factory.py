"""A module built by code that somebody names, without its weights where that can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def build(factory: Callable[[], nn.Module]) -> nn.Module:
    """Return what a factory builds: on tensors without numbers, or where it needs some in memory left untouched."""
    try:
        with torch.device("meta"):
            return factory()
    except (NotImplementedError, RuntimeError):
        with _uninitialised():
            return factory()


@contextmanager
def _uninitialised() -> Iterator[None]:
    """Let the functions of `torch.nn.init` do nothing: memory that nobody writes to is never there."""
    names = [name for name in vars(nn.init) if name.endswith("_") and not name.startswith("_")]
    own = {name: getattr(nn.init, name) for name in names}

    def skip(tensor: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return tensor

    for name in names:
        setattr(nn.init, name, skip)
    try:
        yield
    finally:
        for name, function in own.items():
            setattr(nn.init, name, function)
