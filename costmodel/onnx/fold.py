"""What a node makes of numbers that are known beforehand: the arithmetic on sizes and constants that files hold."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from costmodel.onnx.folding import arithmetic, shaping  # noqa: F401 - enter their rules
from costmodel.onnx.folding.call import RULES, Call
from costmodel.onnx.model import Node
from costmodel.reading.held import COMPLEX, LETTERS, Held, of_array
from costmodel.reading.value import FAULTS, MOST_AXES, UnreadError

MOST = 2**20
"""Numbers that a node may give to be computed beforehand."""
PLAIN = frozenset(RULES)
"""The nodes that do without NumPy where numbers are few; what computes the others is loaded when there is one."""


def foldable() -> frozenset[str]:
    """Return what can be computed beforehand."""
    from costmodel.onnx.folding import elementwise, making, moving, picking, reducing  # noqa: F401 - enter their rules

    return frozenset(RULES)


def folded(node: Node, opset: int, inputs: Sequence[Held | None], most: int = MOST) -> list[Held] | None:
    """Return the outputs of a node of ONNX's own vocabulary, in its version `opset`.

    `inputs` are its inputs, None for one that is left out or not known. None is returned where an input is not known,
    the node is none of `foldable`, or fails, or gives more than `most` numbers, which is known before they are made.
    """
    if node.domain or len(inputs) != len(node.inputs):
        return None
    if any(held is None and name for name, held in zip(node.inputs, inputs, strict=True)):
        return None
    if not all(held is None or held.dtype in LETTERS or held.dtype in COMPLEX for held in inputs):
        return None
    if any(prod(max(size, 1) for size in held.shape) > most for held in inputs if held is not None and not held.size):
        return None  # an axis of no places beside a long one: what is made of it may have the long one alone
    if node.op_type not in RULES and node.op_type not in foldable():
        return None
    call = Call(node, opset, inputs)
    try:
        made = _made(call, most) if node.op_type in PLAIN else _made_as_arrays(call, most)
    except (UnreadError, *FAULTS):
        return None
    if len(made) < len(node.outputs) or any(len(held.shape) > MOST_AXES for held in made):
        return None
    return made[: len(node.outputs)]


def _made(call: Call, most: int) -> list[Any]:
    """Return what a node makes; nothing where that is too many numbers."""
    rule, bound = RULES[call.node.op_type]
    if not 0 <= bound(call) <= most:
        return []
    made = rule(call)
    return list(made) if isinstance(made, tuple) else [made]


def _made_as_arrays(call: Call, most: int) -> list[Held]:
    import numpy as np

    with np.errstate(all="ignore"):
        return [one if isinstance(one, Held) else of_array(np.asarray(one)) for one in _made(call, most)]
