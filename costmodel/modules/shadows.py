"""Numbers that are known although nothing is computed: those of small constants, kept beside tensors that have none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from costmodel.modules.tensors import key, mapped, tensors_in

FEW = 2**16
"""Numbers that a storage may have for them to be kept."""
UNSURE = torch.Tag.nondeterministic_seeded
DRAWN = "numbers that are drawn at random; those that were drawn just now were followed"
EXAMPLE = "numbers of its input; those of the example were followed"
FINITE = "whether numbers are finite; that they are was assumed"
ASKS_FINITE = {"aten::isnan": False, "aten::isinf": False, "aten::isneginf": False, "aten::isposinf": False}
ASKS_FINITE |= {"aten::isfinite": True}
MOST_BYTES = 2**28
"""Of answers that are the same for all elements."""


class Shadows:
    """For each storage whose numbers are known: a copy on the processor, of the same layout. `doubts` say what is to be
    said of those that may be others at another call.
    """

    def __init__(self) -> None:
        self._kept: dict[int, torch.Tensor] = {}
        self._doubts: dict[int, str] = {}
        self._held: list[torch.Tensor] = []

    def doubt(self, tensors: Iterable[torch.Tensor], why: str) -> None:
        """Say why the numbers of tensors may be others at another call."""
        for tensor in tensors if why else ():
            self._doubts[key(tensor)] = why
            with torch.inference_mode(False):
                self._held.append(tensor.detach())  # so that no other storage is taken for it

    def doubtful(self, tensors: Iterable[torch.Tensor]) -> str:
        """Return why the numbers of one of some tensors may be others at another call, "" where they may not."""
        return next((self._doubts[key(tensor)] for tensor in tensors if key(tensor) in self._doubts), "")

    def assume_finite(self, func: Any, given: list[torch.Tensor], results: list[torch.Tensor]) -> None:
        """Answer where it is asked which numbers are finite: all are."""
        answer = ASKS_FINITE.get(func._schema.name)
        for result in results if answer is not None and all(self.of(tensor) is None for tensor in given) else ():
            if result.untyped_storage().nbytes() <= MOST_BYTES:
                with torch.inference_mode(False):
                    numbers = torch.full((result.untyped_storage().nbytes(),), answer)
                self._kept[key(result)] = numbers
                self.doubt([result], FINITE)

    def keep(self, tensor: torch.Tensor, numbers: torch.Tensor) -> None:
        """Keep the numbers of a tensor, which is the first of its storage."""
        if tensor.untyped_storage().nbytes() <= FEW * 8 and tensor.layout is torch.strided:
            flat = torch.zeros(
                tensor.untyped_storage().nbytes() // tensor.element_size(), dtype=tensor.dtype, device="cpu"
            )
            flat.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).copy_(numbers)
            self._kept[key(tensor)] = flat

    def learn(self, tensor: torch.Tensor, example: torch.Tensor) -> None:
        """Keep the whole numbers of an example: lengths and marks, by which code decides."""
        if not example.is_floating_point() and not example.is_complex() and example.device.type == "cpu":
            with torch.inference_mode(False), torch.no_grad():
                self.keep(tensor, example)
                self.doubt([tensor], EXAMPLE)

    def drop(self, tensor: torch.Tensor) -> None:
        """Forget the numbers of a storage: they depend on an input now."""
        self._kept.pop(key(tensor), None)

    def of(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return the numbers of a tensor, None where they are not known. They are a view: written there, kept here."""
        flat = self._kept.get(key(tensor))
        if flat is None or flat.dtype != tensor.dtype:
            return None
        return flat.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    def follow(self, func: Any, args: Any, kwargs: Any, results: list[torch.Tensor]) -> None:
        """Compute on known numbers what was just done to tensors without any, or forget what that has changed."""
        given = tensors_in((args, kwargs))
        before = {key(tensor) for tensor in given}
        self.assume_finite(func, given, results)
        small = all(tensor.untyped_storage().nbytes() <= FEW * 8 for tensor in results)
        known = small and UNSURE not in func.tags and all(self.of(tensor) is not None for tensor in given)
        why = self.doubtful(given)
        if why == EXAMPLE and any(tensor.dtype.is_floating_point for tensor in results):
            known = False  # what is looked up for examples is not computed
        if known:
            known = self._computed(func, args, kwargs, results, before)
            self.doubt(results if known else (), why)
        if not known:
            named = {**dict(zip((one.name for one in func._schema.arguments), args, strict=False)), **kwargs}
            for name, argument in named.items():
                if _written(func, name):
                    for tensor in tensors_in(argument):
                        self.drop(tensor)

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Return what a function gives for known numbers.

        Raises:
            KeyError: if some are not known.
        """

        def numbers(tensor: torch.Tensor) -> torch.Tensor:
            found = self.of(tensor)
            if found is None:
                raise KeyError
            return found

        cpu = torch.device("cpu")
        placed = [cpu if isinstance(one, torch.device) else one for one in args]
        named = {name: cpu if name == "device" else value for name, value in kwargs.items()}
        return func(*mapped(numbers, placed), **mapped(numbers, named))

    def _computed(self, func: Any, args: Any, kwargs: Any, results: list[torch.Tensor], before: set[int]) -> bool:
        try:
            found = tensors_in(self.run(func, args, kwargs))
        except (KeyError, RuntimeError, NotImplementedError, TypeError, ValueError, IndexError):
            return False
        if len(found) != len(results) or any(a.shape != b.shape for a, b in zip(found, results, strict=True)):
            return False
        for tensor, numbers in zip(results, found, strict=True):
            if key(tensor) not in before and key(tensor) not in self._kept:
                self.keep(tensor, numbers)
        return True


def _written(func: Any, name: str) -> bool:
    return any(
        one.name == name and one.alias_info is not None and one.alias_info.is_write for one in func._schema.arguments
    )
