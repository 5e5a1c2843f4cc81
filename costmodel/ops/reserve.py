"""What oneDNN, which computes PyTorch's LSTMs on a processor, keeps of one layer for its way back."""

from __future__ import annotations

from costmodel.numbers.arithmetic import Number, ceil_div, largest, smallest

PAGE, LINE, ALIASED, WIDE = 4096, 64, 256, 4
"""Bytes of a page and of a cache line; how many numbers a row must not be a multiple of; bytes of a float32."""


def reserve(tokens: Number, rows: Number, features: Number, hidden_size: Number, itemsize: int) -> Number:
    """Return the bytes that one direction of one layer of an LSTM reserves, for a batch of so many `rows`: gates,
    outputs, states and their gradients, each from a page of its own on.

    It does not depend on the processor's instructions. Gradients, and states in one of two places, are float32.
    Source: oneDNN 3, its workspace of a layer of recurrent cells that trains; equal to what PyTorch 2.13 makes, at
    float32 and bfloat16.
    """
    cells, more = tokens * rows, 2 * (tokens + 1) * rows
    widest = largest(features, hidden_size)
    blocks = (
        cells * _row(4 * hidden_size, itemsize),
        cells * _row(hidden_size, itemsize),
        more * _row(widest, itemsize),
        more * _row(widest, WIDE),
        more * _row(widest, WIDE),
        more * hidden_size * itemsize,
        more * hidden_size * WIDE,
    )
    return sum(ceil_div(block, PAGE) for block in blocks) * PAGE


def _row(numbers: Number, itemsize: int) -> Number:
    """Return the bytes of a row of a matrix: whole lines of the cache, and one more where rows would share one."""
    line = LINE // itemsize
    whole = ceil_div(numbers, line) * line
    return (whole + line * (1 - smallest(whole % ALIASED, 1))) * itemsize
