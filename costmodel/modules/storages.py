"""What each tensor of a running module is as a value of the network, whoever renamed or overwrote it before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import torch

from costmodel.modules.tensors import Geometry, covers, geometry, key
from costmodel.reading.value import Value

Derive: TypeAlias = Callable[[torch.Tensor, Value, torch.Tensor], Value]
"""How the value of a tensor follows from that of another one in the same storage."""


@dataclass
class Held:
    """One storage: the tensor that stands for all of it, and the values of the ways in which it was seen."""

    whole: torch.Tensor
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
            held = self._held[key(tensor)] = Held(tensor)
        held.values[geometry(tensor)] = value

    def of(self, tensor: torch.Tensor, derive: Derive) -> Value:
        """Return what a tensor is. One that shows what was overwritten since follows from all of its storage."""
        held = self._held[key(tensor)]
        at = geometry(tensor)
        found = held.values.get(at)
        if found is None:
            found = held.values[at] = derive(held.whole, held.values[geometry(held.whole)], tensor)
        return found

    def write(self, tensor: torch.Tensor, value: Value, merge: Callable[[Value, Value], Value]) -> None:
        """Say what a tensor is that was overwritten. `merge` gives the whole where that was a part of it."""
        held = self._held.get(key(tensor))
        if held is None:
            self.put(tensor, value)
            return
        whole = geometry(held.whole)
        if geometry(tensor) == whole or covers(tensor):
            held.whole, held.values = tensor, {geometry(tensor): value}
        else:
            held.values = {whole: merge(held.values[whole], value), geometry(tensor): value}
