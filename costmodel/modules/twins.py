"""Tensors without numbers that stand for those of a module while it is looked at, so that nothing of it is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from costmodel.modules.shadows import FEW, Shadows
from costmodel.modules.tensors import bare, dtype_name, geometry, key, within
from costmodel.reading.held import Held, of_array
from costmodel.reading.value import Array, Value


class Twins:
    """The parameters and buffers of a module: their twins by storage, and what each is as a value of a network."""

    def __init__(self, module: nn.Module, shadows: Shadows) -> None:
        self.shadows = shadows
        self.owners: dict[int, tuple[str, str]] = {}
        """By storage: the module that it is registered with, and its name there; the first where there are several."""
        self.stored: dict[int, dict[object, Array]] = {}
        self.parameters: dict[str, int] = {}
        """Numbers of each parameter that is a tensor of its own, by name."""
        self._wholes: dict[int, torch.Tensor] = {}
        self._of_twin: dict[int, int] = {}
        self._keep: list[torch.Tensor] = []
        trained = [(name, one, True) for name, one in module.named_parameters()]
        for name, tensor, is_trained in [*trained, *((name, one, False) for name, one in module.named_buffers())]:
            self._enter(name, tensor, is_trained)

    def _enter(self, name: str, tensor: torch.Tensor, trained: bool) -> None:
        if isinstance(tensor, nn.parameter.UninitializedTensorMixin) or tensor.layout is not torch.strided:
            return
        self._keep.append(tensor)
        own = key(tensor)
        place, _, last = name.rpartition(".")
        self.owners.setdefault(own, (place, last))
        arrays = self.stored.setdefault(own, {})
        at = geometry(tensor)
        if at not in arrays:
            arrays[at] = Array(
                name, tuple(tensor.shape), dtype_name(tensor), trained, trained and not tensor.requires_grad
            )
            if trained:
                self.parameters[name] = tensor.numel()

    def holds(self, tensor: torch.Tensor) -> bool:
        """Say whether a tensor lies in a storage of the module."""
        return key(tensor) in self.stored

    def of(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the twin of a tensor that lies in a storage of the module."""
        own = key(tensor)
        whole = self._wholes.get(own)
        if whole is None:
            whole = self._wholes[own] = bare(tensor)
            self._of_twin[key(whole)] = own
            if tensor.device.type == "cpu" and whole.numel() <= FEW:
                with torch.inference_mode(False), torch.no_grad():
                    numbers = tensor.detach().as_strided((whole.numel(),), (1,), 0)
                    self.shadows.keep(whole, numbers)
                trained = next((array for array in self.stored[own].values() if array.trained), None)
                if trained is not None:
                    self.shadows.doubt([whole], f"the numbers of {trained.name}; those that it has now were followed")
        return within(whole, tensor)

    def value(self, tensor: torch.Tensor) -> Value | None:
        """Return what a twin, or a part of one, is as a value: the array that it is, or some of its numbers."""
        own = self._of_twin.get(key(tensor))
        if own is None:
            return None
        arrays = self.stored[own]
        found = arrays.get(geometry(tensor))
        shape, dtype = tuple(tensor.shape), dtype_name(tensor)
        numbers = self.shadows.of(tensor)
        held = None if numbers is None or found is None or found.trained else as_held(numbers)
        if found is not None:
            return Value(shape, dtype, arrays=(found,), held=held, whole=True)
        first = next(iter(arrays.values()))
        return Value(shape, dtype, arrays=(first,), whole=len(arrays) == 1 and first.size == tensor.numel())

    @contextmanager
    def unwritten(self) -> Iterator[None]:
        """Give tensors of the module back the count of writes that PyTorch keeps: it counts before a write is turned
        aside.
        """
        counted = tuple(tensor for tensor in self._keep if not tensor.is_inference())
        with torch.autograd._unsafe_preserve_version_counter(counted):
            yield

    def arrays(self) -> list[Array]:
        """Return the arrays that are a tensor of their own, in order."""
        return [array for arrays in self.stored.values() for array in arrays.values()]

    def owner(self, array: Array) -> str:
        """Return the name of the module that an array is registered with."""
        return array.name.rpartition(".")[0]


def as_held(numbers: torch.Tensor) -> Held | None:
    """Return known numbers as they are now, None for kinds that NumPy does not have."""
    try:
        with torch.inference_mode(False):
            return of_array(numbers.detach().clone().numpy())
    except (TypeError, RuntimeError):
        return None
