"""Which storages were there when: tensors are watched from the call that gives them until nobody has them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from costmodel.modules.tensors import dtype_name, geometry, key, mapped, tensors_in
from costmodel.reading.draft import Step
from costmodel.reading.seen import NOWHERE, Room, Seen

COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
WHOLE = {f"aten::{name}" for name in ("scaled_dot_product_attention", "lstm", "gru", "rnn_tanh", "rnn_relu")}
"""What has a kernel of its own on processors and GPUs, though without numbers it is made of others."""


class Rooms:
    """The storages of one call, told by the tensors in them; `now` says how many steps were made."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._rooms: dict[int, Room] = {}
        self._alive: dict[int, dict[int, weakref.ref[torch.Tensor]]] = {}
        self._of_steps: dict[str, Room] = {}
        self._taken: set[Room] = set()
        self._shown: set[str] = set()
        """Steps whose tensor lies in another one."""
        self._held: dict[str, tuple[int, int]] = {}
        self._gathered: dict[str, tuple[int, ...]] = {}
        self._calls: dict[str, int] = {}
        self._within: dict[tuple[Any, str], int] = {}

    def belongs(self, tensor: torch.Tensor, owner: str) -> None:
        """Say whose a tensor is that no call gave: an input's, or "" for the weights."""
        self._rooms[key(tensor)] = Room(owner=owner)

    def watch(self, tensors: Iterable[torch.Tensor]) -> None:
        """Follow tensors until nobody has them."""
        for tensor in tensors:
            own, mark = key(tensor), id(tensor)
            if own not in self._rooms:
                size = tensor.untyped_storage().nbytes() // tensor.element_size()
                self._rooms[own] = Room(numbers=size, dtype=dtype_name(tensor))
            self._rooms[own].freed = None
            alive = self._alive.setdefault(own, {})

            def gone(_: object, own: int = own, mark: int = mark) -> None:
                self._alive[own].pop(mark, None)
                if not self._alive[own]:
                    self._rooms[own].freed = self._now()

            alive[mark] = weakref.ref(tensor, gone)

    def settle(self, source: str, tensor: torch.Tensor) -> None:
        """Say which tensor a step gave. A view that is copied is where its copy is."""
        room = self._rooms.get(key(tensor), NOWHERE)
        fresh = room.owner is None and room not in self._taken
        if source not in self._of_steps or (fresh and source in self._shown):
            self._of_steps[source] = room
            self._taken.add(room)
            (self._shown.discard if fresh else self._shown.add)(source)

    def hold(self, source: str, once: int, batched: int) -> None:
        """Say which bytes the kernel of a step held besides."""
        self._held[source] = once, batched

    def gather(self, source: str, *places: int) -> None:
        """Say which inputs the kernel of a step copied first."""
        self._gathered[source] = places

    def take(self, sources: Iterable[str], call: int) -> None:
        """Say which steps one call took several pieces with."""
        self._calls |= dict.fromkeys(sources, call)

    def within(self, func: Any, args: Any, kwargs: Mapping[str, Any]) -> int:
        """Return the bytes that are held at most while a call runs, besides what it gives: found out once for calls of
        tensors that lie alike.
        """
        if not _composite(func):
            return 0
        places: dict[int, int] = {}
        lie = mapped(lambda one: (geometry(one), places.setdefault(key(one), len(places))), [args, kwargs])
        question = func, repr(lie)
        if question not in self._within:
            self._within[question] = held_within(func, args, kwargs)
        return self._within[question]

    def tell(self, steps: Iterable[Step]) -> None:
        """Tell steps where their tensors lay."""
        for step in steps:
            room = self._of_steps.get(step.path, NOWHERE)
            held, gathered = self._held.get(step.path, (0, 0)), self._gathered.get(step.path, ())
            step.seen = Seen(room, *held, gathered, self._calls.get(step.path, 0))


class _Within(TorchDispatchMode):  # type: ignore[misc]  # Any where PyTorch is not there
    """Adds up the storages that are made in a call that is taken apart."""

    def __init__(self, known: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self.known = {key(tensor) for tensor in known}
        self.bytes = self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = _apart(func, args, kwargs or {})
        for tensor in tensors_in(result):
            self._enter(tensor.untyped_storage())
        return result

    def _enter(self, storage: torch.UntypedStorage) -> None:
        own, size = int(storage._cdata), storage.nbytes()
        if own not in self.known:
            self.known.add(own)
            self.bytes += size
            self.most = max(self.most, self.bytes)
            weakref.finalize(storage, self._leave, own, size).atexit = False

    def _leave(self, own: int, size: int) -> None:
        self.known.discard(own)
        self.bytes -= size


def _apart(func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Return what a call gives, made by its parts where it is made of others."""
    return func._op_dk(COMPOSITE, *args, **kwargs) if _composite(func) else func(*args, **kwargs)


@cache
def _composite(func: Any) -> bool:
    if func._schema.name in WHOLE or func._schema.is_mutable:  # what is written to is not to be written twice
        return False
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), COMPOSITE))


def held_within(func: Any, args: Any, kwargs: Mapping[str, Any]) -> int:
    """Return the bytes that are held at most while a call of tensors without numbers runs, which is made of others,
    besides what it gives.
    """
    within = _Within(tensors_in((args, kwargs)))
    try:
        with within:
            found = _apart(func, args, kwargs)
    except (RuntimeError, NotImplementedError):  # its parts ask for numbers, and its kernel is not known
        return 0
    most, given = within.most, within.bytes if tensors_in(found) else 0
    return most - given
