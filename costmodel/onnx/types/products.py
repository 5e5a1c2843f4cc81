"""Products of matrices: linear layers where one of both is stored, on either side, and einsum."""

from __future__ import annotations

from math import prod

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import as_shape, counted, rank_of
from costmodel.onnx.types.equation import expanded
from costmodel.onnx.types.windows import weights
from costmodel.ops import OPERATORS
from costmodel.ops.product import Einsum, parsed
from costmodel.reading.moves import transposed
from costmodel.reading.value import UnreadError, Value


@rule("MatMul")
def _matmul(read: Reader, node: Node) -> Value:
    return multiplied(read, node, read.value(node, 0), read.value(node, 1))


def multiplied(read: Reader, node: Node, left: Value, right: Value, dtype: str = "") -> Value:
    """Add a matrix product as NumPy's: a linear layer where the right one is a stored matrix, a product of two
    otherwise, of which one may be stored; vectors have no second axis, nor has the result then.

    Raises:
        UnreadError: if they do not fit.
    """
    if not left.shape or not right.shape or left.shape[-1] != right.shape[-2 if len(right.shape) > 1 else 0]:
        raise UnreadError(f"{show_shape(left.shape)} cannot be multiplied by {show_shape(right.shape)}")
    stored = right.constant and not left.constant
    if stored and len(right.shape) > 2 and set(right.shape[:-2]) == {1} and len(left.shape) >= len(right.shape):
        right = right.as_shape(right.shape[-2:])
    if stored and len(right.shape) <= 2:
        wide = 1 if len(right.shape) == 1 else right.shape[1]
        op = OPERATORS["linear"](out_features=wide, bias=False)
        out = read.add(node, op, left, arrays={"weight": right}, dtype=dtype)
        return out if len(right.shape) == 2 else as_shape(read, node, out, left.shape[:-1])
    if len(left.shape) > 1 and len(right.shape) > 1:
        return read.add(node, OPERATORS["matmul"](), left, right, dtype=dtype)
    one = "k" if len(left.shape) == 1 else "mk"
    other = "k" if len(right.shape) == 1 else "kn"
    equation = f"{one},{other}->{one[:-1]}{other[1:]}"
    return read.add(node, OPERATORS["einsum"](equation=equation), left, right, dtype=dtype)


def turned(read: Reader, node: Node, value: Value) -> Value:
    """Return a matrix with its axes changed over; the same numbers, where it is stored."""
    if not value.constant:
        return read.chain(node, transposed((1, 0)), value)
    held = None if value.held is None else value.held.transposed((1, 0))
    return Value(value.shape[::-1], value.dtype, arrays=value.arrays, held=held, whole=value.whole)


@rule("Gemm")
def _gemm(read: Reader, node: Node) -> Value:
    return gemm(read, node, read.value(node, 0), read.value(node, 1), read.optional(node, 2))


def gemm(read: Reader, node: Node, left: Value, right: Value, bias: Value | None, dtype: str = "") -> Value:
    """Add a product of two matrices, either transposed first, scaled, with something added that spreads over it."""
    rank_of(left, 2)
    rank_of(right, 2)
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    if node.get("transA", 0):
        left = turned(read, node, left)
    if not node.get("transB", 0) or right.constant:
        right = turned(read, node, right) if node.get("transB", 0) else right
        plain = alpha == 1 and bias is not None and bias.constant and bias.shape[-1:] == (bias.size,) == right.shape[1:]
        if plain and right.constant and not left.constant and left.shape[1] == right.shape[0]:
            op = OPERATORS["linear"](out_features=right.shape[1])
            return read.add(node, op, left, arrays=weights(right, bias), dtype=dtype)
        out = multiplied(read, node, left, right, dtype)
    else:
        out = read.add(node, OPERATORS["matmul"](transpose_b=True), left, right, dtype=dtype)
    if alpha != 1:
        out = read.add(node, OPERATORS["scale"](factor=alpha), out)
    if bias is None or not beta:
        return out
    # A stored bias is scaled once and for all beforehand.
    if beta != 1 and not bias.constant:
        bias = read.add(node, OPERATORS["scale"](factor=beta), bias)
    return read.add(node, OPERATORS["add"](), out, bias)


@rule("Einsum")
def _einsum(read: Reader, node: Node) -> Value:
    values = read.all(node)
    terms, output = expanded(node.get("equation", None), [len(value.shape) for value in values])
    own = [_sizes_of(term, value.shape) for term, value in zip(terms, values, strict=True)]
    sizes: dict[str, int] = {}
    for letter, size in (pair for one in own for pair in one.items()):
        if sizes.setdefault(letter, size) in (1, size):
            sizes[letter] = size
        elif size != 1:
            raise UnreadError(f"{letter} of its equation is {sizes[letter]} and {size}")
    spread = {letter for one in own for letter, size in one.items() if sizes[letter] != size}
    first = _first(terms, output)
    if spread <= set(first) and all(len(set(term)) == len(term) for term in terms):
        return read.add(node, Einsum(equation=_written(terms, output, first if spread else first[:1])), *values)
    mult_adds, other_ops = _taken(own, output)
    shape = tuple(sizes[x] for x in output)
    return counted(read, node, shape, *values, mult_adds=mult_adds, other_ops=other_ops)


def _sizes_of(term: str, shape: tuple[int, ...]) -> dict[str, int]:
    """Return the size of each letter of an input; along a diagonal an axis of 1 is spread."""
    found: dict[str, int] = {}
    for letter, size in zip(term, shape, strict=True):
        found[letter] = max(found.get(letter, 1), size)
    return found


def _first(terms: list[str], output: str) -> str:
    """Return the first letters of an equation that stand before all others wherever they are, as those of "..." do."""
    for length in range(len(output), 0, -1):
        first = output[:length]
        own = [term[: sum(letter in first for letter in term)] for term in terms]
        if all(first.endswith(one) for one in own) and any(own):
            return first
    return ""


def _written(terms: list[str], output: str, first: str) -> str:
    """Return an equation as the operator reads it; letters that are first throughout are "...", as batches are."""
    if any(letter in first for term in terms for letter in term):
        terms, output = [f"...{term.lstrip(first)}" for term in terms], f"...{output.removeprefix(first)}"
    return f"{','.join(terms)}->{output}"


def _taken(own: list[dict[str, int]], output: str) -> tuple[int, int]:
    """Return the mult-adds and other operations of an equation with diagonals, or sizes that are spread, from the sizes
    of the letters of each input: what is multiplied so far is as large as the inputs so far make it.
    """
    if len(own) == 1:
        return 0, prod(own[0].values()) if len(own[0]) > len(output) else 0
    try:
        steps = parsed(f"{','.join(map(''.join, own))}->{output}").left_to_right()
    except ShapeError as error:
        raise UnreadError(error.message) from None
    reached, mult_adds = dict(own[0]), 0
    for (held, term, _), sizes in zip(steps, own[1:], strict=True):
        reached |= {letter: max(reached.get(letter, 1), size) for letter, size in sizes.items()}
        mult_adds += prod(reached[letter] for letter in {*held, *term})
    return mult_adds, 0
