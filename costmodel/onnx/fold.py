"""What a node makes of arrays that are known beforehand: the arithmetic on sizes and constants that files hold."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from costmodel.onnx.folding import elementwise, making, moving, picking, reducing
from costmodel.onnx.folding.call import RULES, Call
from costmodel.onnx.model import Node
from costmodel.reading.value import FAULTS

MOST = 2**20
"""Numbers that a node may give to be computed beforehand."""
NUMBERS = "biufc"
"""NumPy's kinds of numbers."""
ROOMS = (elementwise, making, moving, picking, reducing)
"""The files that enter their rules in the table."""
FOLDED = frozenset(RULES)
"""What can be computed beforehand."""


def folded(
    node: Node, opset: int, arrays: Sequence[np.ndarray[Any, Any] | None], most: int = MOST
) -> list[np.ndarray[Any, Any]] | None:
    """Return the outputs of a node of ONNX's own vocabulary, in its version `opset`.

    `arrays` are its inputs, None for one that is left out or not known. None is returned where an input is not known,
    the node is none of `FOLDED`, or fails, or gives more than `most` numbers, which is known before they are made.
    """
    if node.domain or node.op_type not in RULES or len(arrays) != len(node.inputs):
        return None
    if any(array is None and name for name, array in zip(node.inputs, arrays, strict=True)):
        return None
    if not all(
        array is None or (array.dtype.kind in NUMBERS and array.dtype.type.__module__ == "numpy") for array in arrays
    ):
        return None
    empty = [array.shape for array in arrays if array is not None and not array.size]
    if any(prod(max(size, 1) for size in shape) > most for shape in empty):
        return None  # an axis of no places beside a long one: what is made of it may have the long one alone
    rule, bound = RULES[node.op_type]
    call = Call(node, opset, arrays)
    try:
        with np.errstate(all="ignore"):
            if not 0 <= bound(call) <= most:
                return None
            made = rule(call)
    except FAULTS:
        return None
    results = [np.asarray(array) for array in (made if isinstance(made, tuple) else (made,))]
    return results[: len(node.outputs)] if len(node.outputs) <= len(results) else None
