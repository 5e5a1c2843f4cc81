"""What is asked of PyTorch's tensors: where one lies in its storage, how it is called, and copies without numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Geometry = tuple[int, tuple[int, ...], tuple[int, ...], torch.dtype]
"""Offset, sizes, strides and dtype; the stride of an axis of size 1 says nothing and is 0."""

META = torch.device("meta")
"""The device of tensors without numbers."""


def key(tensor: torch.Tensor) -> int:
    """Return what tells one storage from all others that are alive."""
    return int(tensor.untyped_storage()._cdata)


def geometry(tensor: torch.Tensor) -> Geometry:
    """Return where a tensor lies in its storage."""
    strides = tuple(0 if size == 1 else stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return int(tensor.storage_offset()), tuple(tensor.shape), strides, tensor.dtype


def dtype_name(given: torch.Tensor | torch.dtype) -> str:
    """Return the name of a dtype, as "float32"."""
    return str(given if isinstance(given, torch.dtype) else given.dtype).removeprefix("torch.")


def covers(tensor: torch.Tensor) -> bool:
    """Say whether a tensor is all of its storage, each element once."""
    sizes = sorted((stride, size) for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if size != 1)
    reach = 1
    for stride, size in sizes:
        if stride != reach:
            return False
        reach *= size
    whole = tensor.untyped_storage().nbytes() == reach * tensor.element_size()
    return bool(whole and tensor.storage_offset() == 0)


def bare(tensor: torch.Tensor) -> torch.Tensor:
    """Return all of a storage without numbers, as large as that of `tensor`."""
    size = tensor.untyped_storage().nbytes() // tensor.element_size()
    with torch.inference_mode(False), torch.no_grad():
        return torch.empty(size, dtype=tensor.dtype, device="meta")


def within(whole: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """Return the part of `whole` that lies as `tensor` does in its storage."""
    with torch.inference_mode(False), torch.no_grad():
        seen = whole if whole.dtype == tensor.dtype else whole.view(tensor.dtype)
        return seen.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def mapped(change: Callable[[torch.Tensor], Any], given: Any) -> Any:
    """Return arguments with each tensor in them changed; lists and tuples are looked into."""
    if isinstance(given, torch.Tensor):
        return change(given)
    if isinstance(given, (list, tuple)):
        return type(given)(mapped(change, one) for one in given) if type(given) in (list, tuple) else given
    if isinstance(given, dict):
        return {name: mapped(change, one) for name, one in given.items()}
    return given


def tensors_in(given: Any) -> list[torch.Tensor]:
    """Return the tensors of arguments or results, in their order."""
    found: list[torch.Tensor] = []
    mapped(found.append, given)
    return found
