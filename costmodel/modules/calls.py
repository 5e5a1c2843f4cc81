"""One call of an operator of PyTorch's: its name, its arguments by their names, and what it gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from costmodel.modules.tensors import tensors_in


@dataclass
class Call:
    """A call as the schema of its operator has it, defaults filled in."""

    func: Any
    args: dict[str, Any]
    results: list[torch.Tensor]
    name: str = ""
    """Without namespace, overload, and the underscore of what works in place."""
    written: list[torch.Tensor] = field(default_factory=list)
    """Which of its arguments it writes to."""

    def __getitem__(self, name: str) -> Any:
        return self.args.get(name)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """Its arguments that are tensors, in order."""
        return tensors_in(list(self.args.values()))

    @property
    def out(self) -> torch.Tensor:
        """The first tensor that it gives."""
        return self.results[0]


def called(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Call:
    """Return a call, its arguments named."""
    schema = func._schema
    named: dict[str, Any] = {}
    written: list[torch.Tensor] = []
    for place, one in enumerate(schema.arguments):
        value = args[place] if place < len(args) else kwargs.get(one.name, one.default_value)
        named[one.name] = value
        if one.alias_info is not None and one.alias_info.is_write:
            written += tensors_in(value)
    namespace, _, base = schema.name.partition("::")
    in_place = base.endswith("_") and not base.endswith("__") and bool(written)
    name = base.removesuffix("_") if in_place else base
    if namespace != "aten":
        name = f"{namespace}.{name}"
    return Call(func, named, tensors_in(result), name, written)


def renames(func: Any) -> bool:
    """Say whether what an operator gives may be its input under another shape: its schema says so, or it copies it."""
    returns = func._schema.returns
    aliased = bool(returns) and all(one.alias_info is not None and not one.alias_info.is_write for one in returns)
    return aliased or func._schema.name in COPIES


COPIES = {
    "aten::clone",
    "aten::_unsafe_view",
    "aten::_to_copy",
    "aten::type_as",
    "aten::_reshape_copy",
    "aten::lift_fresh_copy",
    "aten::alias_copy",
    "aten::view_copy",
    "aten::permute_copy",
    "aten::expand_copy",
    "aten::transpose_copy",
    "aten::slice_copy",
    "aten::select_copy",
    "aten::_conj_copy",
}
"""Operators that give their input in a storage of its own."""
