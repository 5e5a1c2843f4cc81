"""What the backward pass of a layer reads of its forward pass: the least that the mathematics needs, and what eager
PyTorch keeps where that is more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from costmodel.numbers.arithmetic import Number, same

OUTPUT = "output"
Which = int | str
"""The number of an input, "output", or what a tensor of the layer's own is."""
By = tuple[int | Literal["weights"], ...]
Keeper = Literal["", "pytorch", "minimum"]


@dataclass(frozen=True, slots=True)
class Saved:
    """One tensor that the backward pass of a layer reads.

    of: which: the number of an input, "output", or what a new one is, such as "places" or "statistics".
    by: the gradients that need it, by number of an input, and "weights"; () where each of them does. also: one of
    these must be there besides. without: those for whose sake PyTorch goes another way, on which it is not needed.
    keeper: who keeps it: "pytorch" alone (the mathematics does without), "minimum" alone (PyTorch keeps another
    instead), or "" for both.
    instead: what the mathematics takes as well where it is kept anyway: a function that is told from its result needs
    no input.
    share: 1, or in an array of networks 0 for those that do not keep it.
    numbers: how many numbers a new one has, for one image, or for the whole batch where it is there `once`; of an input
    that may be true and false, how many PyTorch makes of it. dtype: theirs; None is the dtype of the layer.
    room: instead of numbers, the bytes of one that a kernel lays out as it likes, for so many images and so many bytes
    a number.
    """

    of: Which
    by: By = ()
    also: By = ()
    without: By = ()
    keeper: Keeper = ""
    instead: Which | None = None
    share: Number = 1
    numbers: Number = 0
    dtype: str | None = None
    once: bool = False
    room: Callable[[Number, int], Number] | None = None


Facts: TypeAlias = tuple[Saved, ...]

NOTHING: Facts = ()
"""It needs neither what went in nor what came out, such as an addition."""
INPUT: Facts = (Saved(0),)
OF_INPUT: Facts = (Saved(0, instead=OUTPUT),)
"""PyTorch keeps the input, from whose result the gradient follows as well."""
OF_OUTPUT: Facts = (Saved(OUTPUT, instead=0),)
"""PyTorch keeps the output; the input gives the gradient as well."""
RESULT: Facts = (Saved(OUTPUT),)
EAGER_INPUT: Facts = (Saved(0, keeper="pytorch"),)
"""PyTorch keeps the input, of which the gradient needs no more than the sizes."""
FACTOR: Facts = (Saved(0, by=("weights",)),)
"""The gradient of the weights needs the input; that of the input needs the weights alone."""


def map_read(padded: Number, numbers: Number) -> Facts:
    """Return what PyTorch keeps of the map that a window slides over: the input, or where that is `padded` beforehand
    (1, else 0), so many numbers.
    """
    if same(padded, 0):
        return EAGER_INPUT
    copy = Saved("padded", keeper="pytorch", numbers=padded * numbers)
    return (copy,) if same(padded, 1) else (Saved(0, keeper="pytorch", share=1 - padded), copy)


def places(numbers: Number) -> Saved:
    """Return the places (int64) at which so many values were found."""
    return Saved("places", numbers=numbers, dtype="int64")


def statistics(numbers: Number, once: bool = False) -> Saved:
    """Return so many means and deviations."""
    return Saved("statistics", numbers=numbers, once=once)
