"""What a module is called with: shapes, examples or both, as tensors without numbers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import nn

from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.modules.tensors import META

Given: TypeAlias = "torch.Tensor | Sequence[Any] | Mapping[str, Any] | None"
"""A shape, an example, a list of several of them, or a map from names of arguments to them."""


@dataclass
class Arguments:
    """The arguments of a call, and the tensors among them by the names that the network's inputs have."""

    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    bare: set[str] = field(default_factory=set)
    """Inputs of which only the shape was given, so that their dtype was assumed."""
    examples: dict[str, torch.Tensor] = field(default_factory=dict)
    """Inputs that were given as examples."""


def arguments(module: nn.Module, given: Given, whole: set[str], title: str = "") -> Arguments:
    """Return the arguments of a call; those in `whole`, of which only shapes are given, hold indices. `title` is what
    complaints call the module.

    Raises:
        CostModelError: if what was given is no shape, tensor, list or map of such.
    """
    names, title = list(_parameters(module)), title or type(module).__name__
    found = Arguments()
    if isinstance(given, Mapping):
        _require_known(module, names, given, title)
        for name, one in given.items():
            found.kwargs[name] = _made(module, name, one, found, whole)
        return found
    several = [given] if is_shape(given) or isinstance(given, torch.Tensor) else given
    if not isinstance(several, (list, tuple)) or not several:
        what = quote(given) if isinstance(given, (str, list, tuple)) else f"a {type(given).__name__}"
        raise CostModelError(
            f"{what} is no input of a module; give a shape as (1, 3, 224, 224), a tensor, a tuple of several, or "
            "inputs={'name': shape}"
        )
    for place, one in enumerate(several):
        name = names[place] if place < len(names) and len(several) > 1 else f"input_{place + 1}"
        found.args.append(_made(module, "input" if len(several) == 1 else name, one, found, whole))
    return found


def is_shape(given: Any) -> bool:
    """Say whether something is a shape: whole numbers, one an axis."""
    return isinstance(given, (list, tuple)) and bool(given) and all(type(one) is int for one in given)


def _parameters(module: nn.Module) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(module.forward).parameters
    except (TypeError, ValueError):
        return {}


def _require_known(module: nn.Module, names: list[str], given: Mapping[str, Any], title: str) -> None:
    kinds = {one.kind for one in _parameters(module).values()}
    if inspect.Parameter.VAR_KEYWORD in kinds or not names:
        return
    for name in given:
        if name not in names:
            raise CostModelError(f"{title}: its forward takes no {quote(name)}; {known_or_suggest(name, names)}")


def _made(module: nn.Module, name: str, given: Any, found: Arguments, whole: set[str]) -> Any:
    """Return an argument; tensors within lists and maps get the names of their places."""
    if isinstance(given, torch.Tensor) or is_shape(given):
        tensor = _tensor(module, name, given, whole)
        if isinstance(given, torch.Tensor):
            found.examples[name] = given
        else:
            found.bare.add(name)
        found.tensors[name] = tensor
        return tensor
    if isinstance(given, Mapping):
        return {key: _made(module, f"{name}.{key}", one, found, whole) for key, one in given.items()}
    if isinstance(given, (list, tuple)) and any(isinstance(one, torch.Tensor) or is_shape(one) for one in given):
        return type(given)(_made(module, f"{name}.{place}", one, found, whole) for place, one in enumerate(given))
    return given


def _tensor(module: nn.Module, name: str, given: Any, whole: set[str]) -> torch.Tensor:
    if isinstance(given, torch.Tensor):
        return torch.empty_strided(given.shape, given.stride(), dtype=given.dtype, device=META)
    if any(size < 1 for size in given):
        raise CostModelError(
            f"{type(module).__name__}: {tuple(given)} is no shape of an input; its sizes are 1 or more"
        )
    annotation = str(getattr(_parameters(module).get(name), "annotation", ""))
    integers = name in whole or "LongTensor" in annotation or "IntTensor" in annotation
    return torch.empty(tuple(given), dtype=torch.int64 if integers else real_dtype(module), device=META)


def real_dtype(module: nn.Module) -> torch.dtype:
    """Return the dtype of the most of a module's real numbers; float32 if it has none."""
    sizes: dict[torch.dtype, int] = {}
    for tensor in module.parameters():
        if tensor.dtype.is_floating_point and not isinstance(tensor, nn.parameter.UninitializedTensorMixin):
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.numel()
    return max(sizes, key=lambda dtype: sizes[dtype], default=torch.float32)
