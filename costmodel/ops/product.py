"""Products of tensors that are all computed: matmul, and einsum for all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from string import ascii_letters
from typing import TYPE_CHECKING, NoReturn

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Number, Shape, equal, product, same, show_shape
from costmodel.ops import lead
from costmodel.ops.base import Cost, Emit, Operator, Weights, require
from costmodel.ops.fields import Copied, Pattern
from costmodel.ops.saved import NOTHING, Saved

if TYPE_CHECKING:
    from costmodel.ops.base import Array

Letters = tuple[str, ...]


class Matmul(Operator):
    """Matrix product of the last two axes: (..., m, k) and (..., k, n), or (..., n, k) where `transpose_b`, give
    (..., m, n). What stands before is spread as NumPy does.

    No params. mult_adds = k per output element. `copies` says which factors eager PyTorch copies for a stack of
    products, and keeps for a training step so: those whose axes before the matrix do not lie as one; by default
    (`auto`) those that are spread.
    """

    family = "matmul"
    inputs = 2

    transpose_b: bool = False
    copies: Copied = "auto"

    def shape(self, a: Shape, b: Shape) -> Shape:
        def sentence() -> str:
            turned = f"{show_shape(b)} transposed" if self.transpose_b else show_shape(b)
            return f"matmul cannot multiply {show_shape(a)} by {turned}"

        require(len(a) > 1 and len(b) > 1, sentence, hint="both need two axes; unsqueeze gives one more")
        inner, columns = (b[-1], b[-2]) if self.transpose_b else (b[-2], b[-1])
        require(
            equal(a[-1], inner),
            lambda: f"{sentence()}: the rows have {a[-1]} elements, and the columns {inner}",
            hint="" if self.transpose_b else "transpose_b: true takes the second as (..., n, k)",
        )
        return (*lead.spread((a[:-2], b[:-2]), sentence), a[-2], columns)

    def saved(self, a: Shape, b: Shape) -> tuple[Saved, ...]:
        *before, rows, columns = self.shape(a, b)
        inner = a[-1]
        least = tuple(Saved(n, by=(1 - n,), keeper="minimum") for n in (0, 1))
        sizes = product(before) * rows * inner, product(before) * inner * columns
        if self.copies == "auto":
            return (*least, *_factor(0, a, product(before), sizes[0]), *_factor(1, b, product(before), sizes[1]))
        copied = COPIED[self.copies]
        alone = product(a[:-2]) if len(b) == 2 else product(before)
        sizes = alone * rows * inner, sizes[1]
        return (*least, *(_copy(n, sizes[n]) if n in copied else _as_it_is(n) for n in (0, 1)))

    def cost(self, a: Shape, b: Shape) -> Cost:
        return Cost(mult_adds=product(self.shape(a, b)) * a[-1])

    def window(self, a: Shape, b: Shape) -> None:
        return None

    def run(self, weights: Weights, a: Array, b: Array) -> Array:
        from costmodel.ops import arrays

        a, b = lead.level((a, b))
        return arrays.contract(a, b.swapaxes(-1, -2) if self.transpose_b else b)

    def onnx(self, emit: Emit, weights: Mapping[str, str], a: str, b: str) -> str:
        rank = 1 + max(len(emit.shape(a)), len(emit.shape(b)))
        a, b = lead.levelled(emit, (a, b))
        if self.transpose_b:
            b = emit("Transpose", b, perm=[*range(rank - 2), rank - 1, rank - 2])
        return emit("MatMul", a, b)


COPIED: Mapping[str, tuple[int, ...]] = {"neither": (), "first": (0,), "second": (1,), "both": (0, 1)}
"""Places of the factors that are copied."""


def _factor(place: int, x: Shape, before: Number, numbers: Number) -> tuple[Saved, ...]:
    """Return what PyTorch keeps of a factor of a stack of products: a copy of one that is spread over the stack."""
    return (_as_it_is(place) if same(product(x[:-2]), before) else _copy(place, numbers),)


def _as_it_is(place: int) -> Saved:
    return Saved(place, by=(1 - place,), keeper="pytorch")


def _copy(place: int, numbers: Number) -> Saved:
    return Saved(f"factor {place}", by=(1 - place,), keeper="pytorch", numbers=numbers)


@dataclass(frozen=True)
class Equation:
    """The letters of each input and of the output."""

    inputs: tuple[Letters, ...]
    output: Letters

    def left_to_right(self) -> list[tuple[Letters, Letters, Letters]]:
        """Return the products of two that a chain takes: letters of what was multiplied so far, of the next input,
        and of what is kept because the output or a later input has it.
        """
        steps = []
        held = self.inputs[0]
        for place, term in enumerate(self.inputs[1:], 2):
            wanted = {*self.output, *(letter for later in self.inputs[place:] for letter in later)}
            last = place == len(self.inputs)
            kept = self.output if last else tuple(x for x in dict.fromkeys((*held, *term)) if x in wanted)
            steps.append((held, term, kept))
            held = kept
        return steps


class Einsum(Operator):
    """Sum of products by Einstein's rule: the axes of every input are named, and what the output does not name is
    summed. `equation` is written as einops does, "q h d, k h d -> h q k", or a letter an axis, "qhd,khd->hqk". Axes
    before those named repeat and are spread; "..." may say so.

    No params. mult_adds of two inputs = product of the sizes of all letters. More inputs are multiplied from left to
    right, two at a time, where what neither the output nor a later input names is summed at once. One input is summed
    or transposed without mult-adds: other_ops are then 1 per element of it, if anything is summed.

    Raises:
        ShapeError: if the equation does not fit the inputs, or takes a diagonal (a letter twice in one input).
    """

    family = "matmul"
    inputs = (1, None)

    equation: Pattern

    def shape(self, *inputs: Shape) -> Shape:
        sizes, equation = self._sizes(inputs), parsed(self.equation)
        return (*self._before(inputs), *(sizes[letter] for letter in equation.output))

    def saved(self, *inputs: Shape) -> tuple[Saved, ...]:
        if len(inputs) == 1:
            return NOTHING
        everyone = range(len(inputs))
        return tuple(Saved(n, by=tuple(m for m in everyone if m != n)) for n in everyone)

    def cost(self, *inputs: Shape) -> Cost:
        sizes, equation = self._sizes(inputs), parsed(self.equation)
        if len(inputs) == 1:
            summed = len(equation.inputs[0]) > len(equation.output)
            return Cost(other_ops=product(inputs[0]) if summed else 0)
        total: Number = 0
        for place, (held, term, _) in enumerate(equation.left_to_right(), 2):
            letters = dict.fromkeys((*held, *term))
            total = total + product((*self._before(inputs[:place]), *(sizes[letter] for letter in letters)))
        return Cost(mult_adds=total)

    def window(self, *inputs: Shape) -> None:
        return None

    def _before(self, inputs: tuple[Shape, ...]) -> Shape:
        """Return the axes before those named, of the first inputs."""
        terms = parsed(self.equation).inputs[: len(inputs)]
        return lead.spread(
            tuple(x[: len(x) - len(term)] for x, term in zip(inputs, terms, strict=True)),
            lambda: f"what stands before the axes of {self.equation!r} does not fit: {_listed(inputs)}",
        )

    def _sizes(self, inputs: tuple[Shape, ...]) -> dict[str, Number]:
        """Return the size of every letter."""
        terms = parsed(self.equation).inputs
        require(
            len(terms) == len(inputs),
            lambda: f"{self.equation!r} names {len(terms)} inputs, but there are {len(inputs)}",
            "equation",
        )
        sizes: dict[str, Number] = {}
        first: dict[str, int] = {}
        for place, (term, x) in enumerate(zip(terms, inputs, strict=True), 1):
            require(
                len(term) <= len(x),
                lambda x=x, term=term, place=place: (  # type: ignore[misc]
                    f"input {place} is {show_shape(x)}, but {self.equation!r} names {len(term)} axes of it"
                ),
                "equation",
            )
            for letter, size in zip(term, x[len(x) - len(term) :], strict=True):
                before = sizes.setdefault(letter, size)
                first.setdefault(letter, place)
                require(
                    equal(before, size),
                    lambda a=letter, n=before, m=size, place=place: (  # type: ignore[misc]
                        f"{a} of {self.equation!r} is {n} in input {first[a]}, but {m} in input {place}"
                    ),
                )
        return sizes

    def run(self, weights: Weights, *inputs: Array) -> Array:
        equation = parsed(self.equation)
        if len(inputs) == 1:
            return _summed(inputs[0], equation.inputs[0], equation.output)
        own = max(map(_axes_before, inputs, equation.inputs))
        held, *others = (
            x.reshape(len(x), *[1] * (own - _axes_before(x, term)), *x.shape[1:])
            for x, term in zip(inputs, equation.inputs, strict=True)
        )
        for other, (letters, term, kept) in zip(others, equation.left_to_right(), strict=True):
            held = _multiplied(held, letters, other, term, kept)
        return held

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        equation = parsed(self.equation)
        names = dict.fromkeys(letter for term in equation.inputs for letter in term)
        short = dict(zip(names, ascii_letters, strict=False))

        def written(letters: Letters) -> str:
            return "..." + "".join(short[letter] for letter in letters)

        left = ",".join(map(written, equation.inputs))
        return emit("Einsum", *self._levelled(emit, inputs), equation=f"{left}->{written(equation.output)}")

    def _levelled(self, emit: Emit, inputs: tuple[str, ...]) -> list[str]:
        """Write the inputs with as many axes before those named."""
        terms = parsed(self.equation).inputs
        own = [len(emit.shape(x)) - len(term) for x, term in zip(inputs, terms, strict=True)]
        missing = [max(own) - axes for axes in own]
        return [
            emit("Unsqueeze", x, emit.constant([1 + n for n in range(more)])) if more else x
            for x, more in zip(inputs, missing, strict=True)
        ]


def _axes_before(x: Array, term: Letters) -> int:
    """Return how many axes stand before those named, the batch among them."""
    return x.ndim - len(term)


def _listed(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(show_shape, shapes))


@cache
def parsed(text: str) -> Equation:
    """Return the letters of an equation: names apart by spaces if a term has several of them, single letters otherwise.

    Raises:
        ShapeError: if it is none.
    """

    def refuse(why: str) -> NoReturn:
        raise ShapeError(
            f"{text!r} {why}", field="equation", hint='write it as "q h d, k h d -> h q k" or as "qhd,khd->hqk"'
        )

    left, arrow, right = text.partition("->")
    if not arrow or "->" in right:
        refuse("has no single ->")
    terms = [term.strip() for term in (*left.split(","), right)]
    dotted = [term.startswith("...") for term in terms]
    terms = [term.removeprefix("...").strip() for term in terms]
    spaced = any(len(term.split()) > 1 for term in terms)
    *named, output = (tuple(term.split() if spaced else term) for term in terms)
    for name in {name for term in (*named, output) for name in term}:
        if not name.isidentifier():
            refuse(f"names an axis {name!r}, but names are words, and ... may only stand before all of them")
    if any(dotted[:-1]) and not dotted[-1]:
        refuse("has ... among its inputs, but not in its output")
    for term in (*named, output):
        if len(set(term)) < len(term):
            refuse(f"has a letter twice in {' '.join(term)!r}; diagonals are not known")
    unknown = [name for name in output if not any(name in term for term in named)]
    if unknown:
        refuse(f"gives {unknown[0]}, which no input has")
    return Equation(tuple(named), output)


def _summed(x: Array, letters: Letters, output: Letters) -> Array:
    """Sum one array over the letters that are not of the output, and bring those into its order."""
    before = x.ndim - len(letters)
    out = x.sum(axis=tuple(before + n for n, letter in enumerate(letters) if letter not in output))
    left = [letter for letter in letters if letter in output]
    result: Array = out.transpose(*range(before), *(before + left.index(letter) for letter in output))
    return result


def _multiplied(a: Array, of_a: Letters, b: Array, of_b: Letters, kept: Letters) -> Array:
    """Return the product of two arrays (batch, *before, *letters) by one stack of matrix products.

    A letter that is summed and that one of them lacks is repeated in it, so that all its products are taken.
    """
    summed = tuple(letter for letter in dict.fromkeys((*of_a, *of_b)) if letter not in kept)
    stacked = tuple(letter for letter in kept if letter in of_a and letter in of_b)
    rows = tuple(letter for letter in kept if letter not in of_b)
    columns = tuple(letter for letter in kept if letter not in of_a)
    size = dict(zip(of_a, a.shape[a.ndim - len(of_a) :], strict=True))
    size |= dict(zip(of_b, b.shape[b.ndim - len(of_b) :], strict=True))

    def flat(letters: Letters) -> int:
        return reduce(lambda n, letter: n * size[letter], letters, 1)

    def matrices(x: Array, letters: Letters, *parts: Letters) -> Array:
        import numpy as np

        before = x.ndim - len(letters)
        wanted = (*stacked, *parts[0], *parts[1])
        missing = [letter for letter in wanted if letter not in letters]
        wide = x.reshape(*x.shape, *[1] * len(missing))
        wide = np.broadcast_to(wide, (*x.shape, *(size[letter] for letter in missing)))
        order = [before + (*letters, *missing).index(letter) for letter in wanted]
        apart = wide.transpose(*range(before), *order)
        return apart.reshape(*apart.shape[: before + len(stacked)], flat(parts[0]), flat(parts[1]))

    from costmodel.ops import arrays

    out = arrays.contract(matrices(a, of_a, rows, summed), matrices(b, of_b, summed, columns))
    before = a.ndim - len(of_a)
    have = (*stacked, *rows, *columns)
    out = out.reshape(*out.shape[:before], *(size[letter] for letter in have))
    result: Array = out.transpose(*range(before), *(before + have.index(letter) for letter in kept))
    return result
