"""Where in a module something runs: which submodule is being called, and how often it was called before."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.modules import module as hooks


@dataclass(frozen=True)
class Place:
    """One call of one submodule. `path` is "" for the module itself, or what it is called in the module."""

    path: str
    call: int
    leaf: bool
    module: nn.Module


class Places:
    """The submodules that are being called now, the innermost last."""

    def __init__(self, module: nn.Module) -> None:
        self._names = {id(one): name for name, one in module.named_modules()}
        self._calls: dict[str, int] = {}
        self._stack = [Place("", 0, not list(module.children()), module)]
        self.called: set[str] = set()
        self.failed = ""
        """The innermost module in which something was raised."""

    @property
    def now(self) -> Place:
        """The call that is running."""
        return self._stack[-1]

    def _enter(self, module: nn.Module, _: Any) -> None:
        path = self._names.get(id(module))
        if path is None:  # made while the module ran
            path, leaf = self.now.path, False
        else:
            leaf = next(module.children(), None) is None
        self._calls[path] = number = self._calls.get(path, 0) + 1
        self.called.add(path)
        self._stack.append(Place(path, number, leaf, module))

    def _leave(self, module: nn.Module, *_: Any) -> None:
        if sys.exc_info()[0] is not None:
            self.failed = self.failed or self.now.path
        if len(self._stack) > 1 and self._stack[-1].module is module:
            self._stack.pop()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Follow the calls of modules, without a mark on any of them."""
        handles = [
            hooks.register_module_forward_pre_hook(self._enter),
            hooks.register_module_forward_hook(self._leave, always_call=True),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
