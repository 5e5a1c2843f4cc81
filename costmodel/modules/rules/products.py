"""Linear layers, matrix products and sums of products."""

from __future__ import annotations

from math import prod

from costmodel.modules.calls import Call
from costmodel.modules.kernels import copied, lies_as_one
from costmodel.modules.reader import KNOWN, Reader, rule
from costmodel.ops import OPERATORS
from costmodel.ops.product import parsed
from costmodel.reading.moves import reshaped
from costmodel.reading.value import UnreadError, Value


def is_stored(value: Value | None) -> bool:
    """Say whether a value is stored with the module, as a parameter or a buffer."""
    return value is not None and value.constant and bool(value.arrays)


def is_weight(value: Value | None) -> bool:
    """Say whether a value is stored with the module as a parameter; what is computed with a buffer has no weights."""
    return value is not None and value.constant and any(array.trained for array in value.arrays)


@rule("linear")
def _linear(read: Reader, call: Call) -> Value:
    gathers = not lies_as_one(call["input"], -2)
    return linear(read, read.value(call["input"]), read.value(call["weight"]), read.optional(call["bias"]), gathers)


def linear(read: Reader, value: Value, weight: Value, bias: Value | None, gathers: bool = False) -> Value:
    """Add a linear layer with a weight of (out, in), computed or stored; where it `gathers`, rows of its input are
    copied to lie together.
    """
    stored = is_weight(weight) and (bias is None or is_weight(bias))
    if stored and not (value.constant and not value.arrays) and len(weight.shape) == 2:
        arrays = {"weight": weight} | ({} if bias is None else {"bias": bias})
        op = OPERATORS["linear"](out_features=weight.shape[0], bias=bias is not None)
        found = read.add(op, value, arrays=arrays)
        if gathers:
            read.rooms.gather(found.source, 0)
        return found
    if len(value.shape) < 2 or len(weight.shape) < 2:
        raise UnreadError("its weight is computed, and what it reads has one axis")
    out = read.add(OPERATORS["matmul"](transpose_b=True, copies="first" if gathers else "neither"), value, weight)
    return out if bias is None else read.add(OPERATORS["add"](), out, bias)


KNOWN["linear"] = lambda call: (
    call["input"].numel() * (call["weight"].shape[0] if call["weight"].dim() > 1 else 1),
    0 if call["bias"] is None else call.out.numel(),
)


@rule("matmul", "mm", "bmm")
def _matmul(read: Reader, call: Call) -> Value:
    one, other = call.tensors[:2]
    return product(read, read.value(one), read.value(other), copied(one, other))


def product(read: Reader, one: Value, other: Value, copies: str = "neither") -> Value:
    """Add a matrix product; a vector is a matrix of one row or column."""
    if is_weight(other) and other.whole and len(other.shape) == 2 and not one.constant:
        op = OPERATORS["linear"](out_features=other.shape[1], bias=False)
        return read.add(op, one, arrays={"weight": other})
    left, right = one.shape, other.shape
    if len(left) == 1:
        one = read.chain(reshaped(left, (1, *left)), one)
    if len(right) == 1:
        other = read.chain(reshaped(right, (*right, 1)), other)
    out = read.add(OPERATORS["matmul"](copies=copies), one, other)
    wanted = (
        *out.shape[:-2],
        *([] if len(left) == 1 else [out.shape[-2]]),
        *([] if len(right) == 1 else [out.shape[-1]]),
    )
    return read.chain(reshaped(out.shape, wanted), out)


@rule("mv", "dot", "vdot", "inner")
def _vectors(read: Reader, call: Call) -> Value:
    one, other = (read.value(tensor) for tensor in call.tensors[:2])
    if len(other.shape) != 1:
        raise UnreadError("it is of two matrices")
    return product(read, one, other)


@rule("addmm", "addmv", "baddbmm")
def _addmm(read: Reader, call: Call) -> Value:
    added, one, other = (read.value(tensor) for tensor in call.tensors[:3])
    plain = call["alpha"] == 1 and call["beta"] == 1
    if (
        call.name == "addmm"
        and plain
        and is_weight(other)
        and other.whole
        and is_weight(added)
        and added.whole
        and not one.constant
    ):
        op = OPERATORS["linear"](out_features=other.shape[1])
        if added.size == other.shape[1]:
            return read.add(op, one, arrays={"weight": other, "bias": added})
    out = product(read, one, other)
    if call["alpha"] != 1:
        out = read.add(OPERATORS["scale"](factor=call["alpha"]), out)
    if call["beta"] == 0:
        return out
    if call["beta"] != 1:
        added = read.add(OPERATORS["scale"](factor=call["beta"]), added)
    return read.add(OPERATORS["add"](), added, out)


@rule("outer", "ger")
def _outer(read: Reader, call: Call) -> Value:
    one, other = (read.value(tensor) for tensor in call.tensors[:2])
    return read.add(OPERATORS["multiply"](), read.chain(reshaped(one.shape, (*one.shape, 1)), one), other)


def _of_matmul(call: Call) -> tuple[int, int]:
    tensors = call.tensors
    one = tensors[-2]
    other = tensors[-1]
    inner = other.shape[-2] if other.dim() > 1 and call.name != "inner" else other.shape[-1]
    total = call.out.numel() * inner
    if call.name == "addbmm":
        total *= one.shape[0]
    return total, call.out.numel() if call.name.startswith(("add", "badd")) else 0


KNOWN.update(
    dict.fromkeys(
        ("matmul", "mm", "bmm", "mv", "dot", "vdot", "inner", "addmm", "addmv", "baddbmm", "addbmm"), _of_matmul
    )
)


@rule("bilinear")
def _bilinear(read: Reader, call: Call) -> Value:
    raise UnreadError("no operator stands for it")


def _of_bilinear(call: Call) -> tuple[int, int]:
    outs, one, other = call["weight"].shape
    rows = call["input1"].numel() // one
    return rows * outs * (one * other + other), 0 if call["bias"] is None else rows * outs


KNOWN["bilinear"] = _of_bilinear


@rule("einsum")
def _einsum(read: Reader, call: Call) -> Value:
    terms, output = spelt(call)
    values = [read.value(tensor) for tensor in call.tensors]
    shared = _shared(terms, output)
    equation = f"{','.join(term[shared:] for term in terms)}->{output[shared:]}"
    parsed(equation)
    op, shapes = OPERATORS["einsum"](equation=equation), [value.shape for value in values]
    if tuple(op.shape(*shapes)) != tuple(call.out.shape) or op.cost(*shapes).mult_adds != einsum_cost(call)[0]:
        raise UnreadError("it is no plain sum of products")
    return read.add(op, *values)


def _shared(terms: list[str], output: str) -> int:
    """Return how many letters all begin with, which only repeat what the others do; each keeps one of its own."""
    most = min(map(len, terms)) - 1
    alike = (len({term[at : at + 1] for term in (*terms, output)}) == 1 for at in range(most))
    return next((at for at, same in enumerate(alike) if not same), max(most, 0))


def spelt(call: Call) -> tuple[list[str], str]:
    """Return the letters of each input and of the output, those that `...` stands for too."""
    equation = call["equation"].replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    shapes = [tuple(tensor.shape) for tensor in call.tensors]
    used = set(equation)
    free = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in used]
    hidden = [
        len(shape) - len(term.replace("...", "")) if "..." in term else 0
        for term, shape in zip(terms, shapes, strict=True)
    ]
    dots = "".join(free[: max(hidden, default=0)])
    if not arrow:
        letters = "".join(terms).replace("...", "")
        right = ("..." if "..." in left else "") + "".join(
            sorted(one for one in set(letters) if letters.count(one) == 1)
        )
    spread = [
        term.replace("...", dots[len(dots) - own :] if own else "") for term, own in zip(terms, hidden, strict=True)
    ]
    return spread, right.replace("...", dots)


def einsum_cost(call: Call) -> tuple[int, int]:
    """Return mult-adds and other operations: two inputs at a time, from left to right; what only one of two has and
    nobody else needs is summed before, and without anything that is summed in common nothing is added.
    """
    terms, output = spelt(call)
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms, call.tensors, strict=True):
        for letter, size in zip(term, tensor.shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size)
    own = [
        {letter for letter, size in zip(term, tensor.shape, strict=True) if size > 1}
        for term, tensor in zip(terms, call.tensors, strict=True)
    ]
    held, mult_adds, operations = own[0], 0, 0
    if len(terms) == 1:
        return 0, call.tensors[0].numel() if set(terms[0]) - set(output) else 0
    for place, other in enumerate(own[1:], 2):
        wanted = set(output).union(*own[place:])
        common = (held & other) - wanted
        kept = ((held | other) & wanted) | common
        count = prod(sizes[letter] for letter in kept)
        mult_adds, operations = (mult_adds + count, operations) if common else (mult_adds, operations + count)
        held = kept & wanted
    return mult_adds, operations


KNOWN["einsum"] = einsum_cost


def _of_chain(call: Call) -> tuple[int, int]:
    shapes = [tuple(tensor.shape) for tensor in call.tensors]
    sizes = [
        shapes[0][0] if len(shapes[0]) > 1 else 1,
        *(shape[-1] if len(shape) > 1 or at == 0 else 1 for at, shape in enumerate(shapes)),
    ]
    number = len(shapes)
    best = [[0] * number for _ in range(number)]
    for span in range(1, number):
        for start in range(number - span):
            stop = start + span
            best[start][stop] = min(
                best[start][cut] + best[cut + 1][stop] + sizes[start] * sizes[cut + 1] * sizes[stop + 1]
                for cut in range(start, stop)
            )
    return best[0][-1], 0


KNOWN["linalg_multi_dot"] = _of_chain


def _of_tensordot(call: Call) -> tuple[int, int]:
    summed = prod(call["self"].shape[axis] for axis in call["dims_self"])
    return call.out.numel() * summed, 0


KNOWN["tensordot"] = _of_tensordot


def _of_distances(call: Call) -> tuple[int, int]:
    return 0, call.out.numel() * call.tensors[0].shape[-1] * 3


KNOWN["cdist"] = _of_distances
