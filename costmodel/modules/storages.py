"""What each tensor of a running module is as a value of the network, whoever renamed or overwrote it before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import torch

from costmodel.modules.tensors import Geometry, covers, geometry, key
from costmodel.reading.value import Value

Derive: TypeAlias = Callable[[Geometry, Value, torch.Tensor], Value]
"""How the value of a tensor follows from that of what lies otherwise in the same storage."""


@dataclass
class Held:
    """One storage: how the tensor lay that stands for all of it, and the values of the ways in which it was seen."""

    whole: Geometry
    values: dict[Geometry, Value] = field(default_factory=dict)


class Storages:
    """Values by storage and place in it. Storages are kept alive, so that none is taken for another."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}

    def __contains__(self, tensor: torch.Tensor) -> bool:
        return key(tensor) in self._held

    def put(self, tensor: torch.Tensor, value: Value) -> None:
        """Say what a tensor is that was made, or that shows another one otherwise."""
        held = self._held.get(key(tensor))
        if held is None:
            held = self._held[key(tensor)] = Held(geometry(tensor))
        held.values[geometry(tensor)] = value

    def of(self, tensor: torch.Tensor, derive: Derive) -> Value:
        """Return what a tensor is. One that shows what was overwritten since follows from all of its storage."""
        held = self._held[key(tensor)]
        at = geometry(tensor)
        found = held.values.get(at)
        if found is None:
            found = held.values[at] = derive(held.whole, held.values[held.whole], tensor)
        return found

    def write(self, tensor: torch.Tensor, value: Value, merge: Callable[[Value, Value], Value]) -> None:
        """Say what a tensor is that was overwritten. `merge` gives the whole where that was a part of it."""
        held = self._held.get(key(tensor))
        if held is None:
            self.put(tensor, value)
            return
        at = geometry(tensor)
        if at == held.whole or covers(tensor):
            held.whole, held.values = at, {at: value}
        else:
            held.values = {held.whole: merge(held.values[held.whole], value), at: value}
