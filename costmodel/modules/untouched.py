"""What a module holds is as it was after it was looked at: its attributes, and what hangs on them."""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

PLAIN = (bool, int, float, complex, str, bytes, type(None), tuple, frozenset)
"""Values of a class that its instances count with."""

MANY = 10_000
"""Elements of a container that is looked into: more are data."""


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Give a module back what it held: plain attributes, its own and its classes', containers, and objects of other
    classes that hang on it, however deep. What lies elsewhere, such as a global cache, is not known.
    """
    kept = _Kept()
    for one in module.modules():
        kept.look_at(one)
    try:
        yield
    finally:
        kept.put_back()


@contextmanager
def random_numbers(notes: dict[str, None]) -> Iterator[None]:
    """Give the generators of random numbers back the state that they had; note if others than PyTorch's were asked."""
    numpy: Any = sys.modules.get("numpy")
    own, pythons = torch.get_rng_state(), random.getstate()
    numpys = numpy.random.get_state() if numpy is not None else None
    try:
        yield
    finally:
        torch.set_rng_state(own)
        if random.getstate() != pythons:
            notes[
                "Python's random numbers are asked for while it runs; those that were drawn just now were followed"
            ] = None
            random.setstate(pythons)
        if numpys is not None and str(numpy.random.get_state()) != str(numpys):
            notes[
                "NumPy's random numbers are asked for while it runs; those that were drawn just now were followed"
            ] = None
            numpy.random.set_state(numpys)


class _Kept:
    """Containers and attributes as they were, each looked at once."""

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}
        self._before: list[tuple[Any, Any]] = []
        self._classes: dict[type, dict[str, Any]] = {}

    def look_at(self, value: Any) -> None:
        """Keep what something holds, and what that holds."""
        todo = [value]
        while todo:
            one = todo.pop()
            if id(one) in self._seen:
                continue
            self._seen[id(one)] = one
            if isinstance(one, (dict, list, set, deque)):
                self._before.append((one, one.copy()))
                if len(one) <= MANY:
                    todo += one.values() if isinstance(one, dict) else one
            elif isinstance(one, tuple):
                todo += one
            elif _own(one):
                self._class_of(one)
                todo.append(vars(one))

    def _class_of(self, one: Any) -> None:
        for kind in type(one).__mro__:
            if kind.__module__.partition(".")[0] not in ("torch", "builtins") and kind not in self._classes:
                self._classes[kind] = {name: value for name, value in vars(kind).items() if isinstance(value, PLAIN)}

    def put_back(self) -> None:
        for container, before in self._before:
            if isinstance(container, dict):
                if list(container) != list(before) or any(container[name] is not before[name] for name in before):
                    container.clear()
                    container.update(before)
            elif isinstance(container, set):
                if container != before:
                    container.clear()
                    container.update(before)
            elif len(container) != len(before) or any(a is not b for a, b in zip(container, before, strict=True)):
                container.clear()
                container.extend(before)
        for kind, plain in self._classes.items():
            for name, value in plain.items():
                if not name.startswith("__") and vars(kind).get(name) is not value:
                    setattr(kind, name, value)


def _own(one: Any) -> bool:
    """Say whether something is a module, or an object of a class of somebody's own, whose attributes are its state."""
    if isinstance(one, nn.Module):
        return not isinstance(one, torch.jit.ScriptModule)
    kind = type(one).__module__.partition(".")[0]
    theirs = kind == "torch" or (kind in sys.stdlib_module_names and not isinstance(one, SimpleNamespace))
    return not theirs and not isinstance(one, type) and type(getattr(one, "__dict__", None)) is dict
