"""Sequences of several lengths, packed: how many steps there are in all is known where the lengths are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch


def is_packed(func: Any) -> bool:
    """Say whether a call is about packed sequences."""
    name = func._schema.name
    return name in CALLS or (name in LAYERS and func._overloadname == "data")


def packed(func: Any, args: Any, known: Callable[[torch.Tensor], torch.Tensor | None]) -> list[torch.Tensor]:
    """Return what a call about packed sequences gives: tensors without numbers, and lengths on the processor.

    Args:
        func: the operator.
        args: what it is called with, in order.
        known: gives the numbers of a tensor, where they are known.

    Raises:
        LookupError: if the lengths are not known.
    """
    data, lengths, *rest = args
    with torch.inference_mode(False):
        numbers = known(lengths)
        if numbers is None:
            raise LookupError
        run: Callable[..., Iterator[torch.Tensor]] = CALLS.get(func._schema.name, _layers)
        return list(run(data, numbers, *rest))


def _pack(data: torch.Tensor, lengths: torch.Tensor, batch_first: bool) -> Iterator[torch.Tensor]:
    _, sizes = torch._VF._pack_padded_sequence(torch.zeros(*data.shape[:2], 1), lengths, batch_first)
    yield torch.empty((int(lengths.sum()), *data.shape[2:]), dtype=data.dtype, device="meta")
    yield sizes


def _pad(data: torch.Tensor, sizes: torch.Tensor, batch_first: bool, *rest: Any) -> Iterator[torch.Tensor]:
    whole, lengths = torch._VF._pad_packed_sequence(torch.zeros(data.shape[0], 1), sizes, batch_first, *rest)
    yield torch.empty((*whole.shape[:2], *data.shape[1:]), dtype=data.dtype, device="meta")
    yield lengths


def _layers(data: torch.Tensor, _: torch.Tensor, state: Any, *rest: Any) -> Iterator[torch.Tensor]:
    states = state if isinstance(state, (list, tuple)) else [state]
    width = states[0].shape[-1] * (2 if rest[-1] else 1)
    yield torch.empty((data.shape[0], width), dtype=data.dtype, device="meta")
    for one in states:
        yield torch.empty(one.shape, dtype=one.dtype, device="meta")


CALLS: dict[str, Callable[..., Iterator[torch.Tensor]]] = {
    "aten::_pack_padded_sequence": _pack,
    "aten::_pad_packed_sequence": _pad,
}
LAYERS = ("aten::lstm", "aten::gru", "aten::rnn_tanh", "aten::rnn_relu")
