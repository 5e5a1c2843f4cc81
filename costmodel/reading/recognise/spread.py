"""Axes of size 1 put in front so that tensors spread over one another, which they do without; and what is transposed
to be multiplied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.reading.recognise.order import Order
from costmodel.reading.recognise.rearrangements import rearranging

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part
    from costmodel.reading.value import Value

SPREADING = "add subtract multiply divide power minimum maximum compare and or xor mod where matmul".split()


def find(network: Network) -> None:
    """Let tensors spread as they are, and transposed ones be multiplied as they lie."""
    for part in list(network.parts.values()):
        if part.op.name in SPREADING and len(part.inputs) > 1:
            _levelled(network, part)
            _expanded(network, part)
        if part.op.name == "matmul":
            _transposed(network, part)


def _levelled(network: Network, part: Part) -> None:
    reads: list[str | Value] = []
    gone = []
    for source in part.inputs:
        made = network.maker(source)
        order = rearranging(network, made)
        if made is not None and order is not None and order.kept and network.alone(made.path):
            before = network.shape(made.inputs[0])
            more = len(made.shape) - len(before)
            if more > 0 and (*[1] * more, *before) == made.shape:
                gone.append(made)
                source = made.inputs[0]
        reads.append(source)
    if gone:
        network.become(part, part.op, reads)


def _expanded(network: Network, part: Part) -> None:
    """Let what was spread beforehand be spread by the operator itself."""
    reads: list[str | Value] = []
    for source in part.inputs:
        made = network.maker(source)
        expands = made is not None and made.op.name == "broadcast_to" and network.alone(made.path)
        reads.append(made.inputs[0] if made is not None and expands and part.op.name != "matmul" else source)
    if reads != part.inputs:
        network.become(part, part.op, reads)


def _transposed(network: Network, part: Part) -> None:
    """A product whose second factor has its last two axes swapped right before it."""
    left, right = part.inputs
    made = network.maker(right)
    order = rearranging(network, made)
    if made is None or order is None or left == right or not network.alone(made.path):
        return
    before = network.shape(made.inputs[0])
    if len(before) < 2:
        return  # a vector, that became a matrix of one column
    swap = made.op.name in ("rearrange", "transpose") and (*before[:-2], before[-1], before[-2]) == made.shape
    if swap and order == _swap(before):
        op = OPERATORS["matmul"](transpose_b=not part.op.transpose_b)  # type: ignore[attr-defined]
        network.become(part, op, [left, made.inputs[0]])


def _swap(shape: tuple[int, ...]) -> Order:
    from costmodel.reading.recognise.order import normal

    own = list(range(len(shape)))
    own[-2:] = own[:-3:-1]
    return normal(shape, own)
