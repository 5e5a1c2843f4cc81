"""Closed formulas of what a network costs: the operators' own rules, walked once with symbols instead of numbers.

Sizes round (a width rounds down to whole channels, a stride halves a map), so one polynomial can only be true of
parameters in equal steps, in which every size changes by whole numbers. The steps are found from the roundings
themselves, reach the spec's own value, and are said beside the formula.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from costmodel.errors import CostModelError, SpecError, known_or_suggest
from costmodel.graph import LayerGraph
from costmodel.measures import shown
from costmodel.numbers.arithmetic import Number
from costmodel.numbers.verdicts import LISTENER
from costmodel.pricing.sums import sums
from costmodel.spec import Spec, expand
from costmodel.spec.structure import structural
from costmodel.units import DTYPES

BATCH = "batch"
MEASURED = tuple(measure.name for measure in shown("formula"))
MAX_ROUNDS = 12
MAX_POWER = 9


@dataclass(frozen=True)
class Step:
    """The values of a parameter that a formula is true of: `least`, and every `step` from there on."""

    name: str
    step: Any
    least: Any

    def __str__(self) -> str:
        rest = self.least % self.step
        values = f"a multiple of {self.step}" if rest == 0 else f"{rest} more than a multiple of {self.step}"
        if self.step == 1:
            values = "whole"
        return f"{self.name} is {values}" + (f", at least {self.least}" if self.least > self.step else "")


@dataclass(frozen=True)
class Formulas:
    """What a network costs, as SymPy polynomials in some of its parameters and the batch; True where `steps` say."""

    title: str
    names: tuple[str, ...]
    dtype: str
    steps: tuple[Step, ...]
    total: Mapping[str, Any]
    blocks: Mapping[str, Mapping[str, Any]]

    @property
    def conditions(self) -> list[str]:
        """Say for which values of the parameters the formulas hold."""
        return [str(step) for step in self.steps if step.name != BATCH]

    def terms(self, measures: Mapping[str, Any]) -> dict[str, list[tuple[Fraction, tuple[int, ...]]]]:
        """Return polynomials as plain numbers: the terms of each, with the power of every one of `names`."""
        import sympy

        return {
            measure: [
                (Fraction(int(coefficient.p), int(coefficient.q)), powers)
                for powers, coefficient in sympy.Poly(expression, *self._symbols()).terms()
                if coefficient
            ]
            for measure, expression in measures.items()
        }

    def _symbols(self) -> list[Any]:
        """Return the symbols of `names`, those that occur as they occur."""
        known = {found.name: found for expression in self.total.values() for found in expression.free_symbols}
        return [known.get(name) or symbol(name, False) for name in self.names]

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("total", ()):
            return self.total[name]
        raise AttributeError(name)


def formulas(arch: Spec | str, names: Sequence[str] | None = None, *, dtype: str = "float32") -> Formulas:
    """Return closed formulas of params, mult-adds and traffic, of the network and of each of its blocks.

    Args:
        arch: a spec, or the name of one.
        names: the parameters, and ``batch``, that stay symbols: width (or else resolution) and batch if not given.
        dtype: of weights and activations, for the bytes.

    Raises:
        CostModelError: if SymPy is not installed, a name is unknown or shapes the network, or no polynomial is found.
    """
    from costmodel.api import read

    try:
        import sympy  # noqa: F401
    except ImportError:
        raise CostModelError("formulas need SymPy: pip install 'nn-costmodel[formula]'") from None
    if dtype not in DTYPES:
        raise CostModelError(f"unknown dtype {dtype!r}; {known_or_suggest(dtype, DTYPES)}")
    spec = read(arch)
    chosen = tuple(dict.fromkeys(_usual(spec) if names is None else names))
    _check(spec, chosen)
    for steps in _candidates(spec, [name for name in chosen if name != BATCH]):
        try:
            found = _written(spec, chosen, steps, dtype)
        except SpecError:  # these steps do not fit together
            continue
        if found is not None:
            return found
    raise CostModelError(f"{spec.name} does not grow evenly with {' and '.join(chosen)}: no polynomial tells its costs")


def _candidates(spec: Spec, names: list[str]) -> Iterator[list[Step]]:
    """Yield the steps that the roundings ask for, then the same from the spec's own values on, then powers of two."""
    import sympy

    try:
        steps = _steps(spec, names)
    except SpecError:  # maps that only meet for some sizes cannot be joined for any size
        whole = [name for name in names if isinstance(spec.parameters[name], int)]
        for power in range(1, MAX_POWER):
            yield [_from_default(spec, n, sympy.Integer(2**power if n in whole else 1)) for n in names]
    else:
        yield steps
        yield [_at_default(spec, step) for step in steps]  # a maximum may be decided only where nothing is small


def _usual(spec: Spec) -> list[str]:
    free = [name for name in ("width", "resolution") if name in spec.parameters and name not in structural(spec)]
    return [*free[:1], BATCH]


def _check(spec: Spec, names: Sequence[str]) -> None:
    shaping = structural(spec)
    for name in names:
        if name != BATCH and name not in spec.parameters:
            hint = known_or_suggest(name, [*spec.parameters, BATCH])
            raise CostModelError(f"{spec.name} has no parameter {name!r}; {hint}")
        if name in shaping:
            raise CostModelError(f"{name} shapes the network, so it cannot stay a symbol; set it to a number")


def symbol(name: str, whole: bool) -> Any:
    """Return the symbol that a parameter is written as."""
    import sympy

    return sympy.Symbol(name, positive=True, integer=True) if whole else sympy.Symbol(name, positive=True)


def _steps(spec: Spec, names: Sequence[str]) -> list[Step]:
    """Return the steps in which no size of the network needs rounding, from the smallest value there may be."""
    import sympy

    widths = {name: sympy.Integer(1) if isinstance(spec.parameters[name], int) else None for name in names}
    symbols = {name: symbol(name, widths[name] is not None) for name in names}
    conditions: list[Any] = []
    token = LISTENER.set(conditions.append)
    try:
        graph = expand(spec.set(**symbols))
    finally:
        LISTENER.reset(token)
    monomials: dict[Any, None] = {}
    for size in _sizes(graph):
        monomials |= dict.fromkeys(_terms(_settled(size, monomials)))
    for remainder in (part for condition in conditions for part in condition.atoms(sympy.Mod)):
        number, divisor = remainder.args
        monomials |= dict.fromkeys(_terms(_settled(number, monomials) / divisor))
    for _ in range(MAX_ROUNDS):
        short = [term for term in monomials if not _whole(term, symbols, widths)]
        if not short:
            break
        for term in short:
            _lengthen(term, symbols, widths)
    else:
        raise CostModelError(f"no steps of {' and '.join(names)} leave every size of {spec.name} whole")
    return [_from_default(spec, name, widths[name] or sympy.Integer(1)) for name in names]


def _from_default(spec: Spec, name: str, step: Any) -> Step:
    """Return the steps that reach the spec's own value, from the smallest that can be built."""
    import sympy

    default = sympy.nsimplify(spec.parameters[name], rational=True)
    least = default % step or step
    while least < default and not _can_be(spec.set(**{name: int(least) if least.is_integer else float(least)})):
        least += step
    return Step(name, step, least)


def _can_be(spec: Spec) -> bool:
    try:
        expand(spec)
    except CostModelError:
        return False
    return True


def _sizes(graph: LayerGraph) -> Iterator[Number]:
    """Yield every size there is: of tensors, and of operators' arrays."""
    yield from graph.input_shape
    for layer in graph.layers:
        yield from layer.shape
        for shape in layer.op.weights(*layer.input_shapes).values():
            yield from shape


def _settled(size: Any, terms: dict[Any, None]) -> Any:
    """Return a size as it is where nothing needs rounding, noting in `terms` what must be whole for that."""
    import sympy

    expression = sympy.sympify(size)
    if not expression.args:
        return expression
    if isinstance(expression, sympy.Piecewise):
        return _settled(expression.args[-1][0], terms)
    args = [_settled(arg, terms) for arg in expression.args]
    if isinstance(expression, sympy.floor):
        constant, rest = sympy.expand(args[0]).as_coeff_Add()
        terms.update(dict.fromkeys(_terms(rest)))
        return rest + sympy.floor(constant)
    if isinstance(expression, (sympy.Max, sympy.Min)):
        return max(args, key=lambda arg: len(arg.free_symbols))
    return expression.func(*args)


def _terms(expression: Any) -> list[Any]:
    """Return the terms of a polynomial that are no plain numbers."""
    import sympy

    return [term for term in sympy.Add.make_args(sympy.expand(expression)) if term.free_symbols]


def _whole(term: Any, symbols: Mapping[str, Any], widths: Mapping[str, Any]) -> bool:
    """Say whether a term is whole in whole steps of these widths."""
    known = {symbols[name]: width for name, width in widths.items() if width is not None}
    value = term.subs(known)
    return not value.free_symbols and bool(value.is_integer)


def _lengthen(term: Any, symbols: Mapping[str, Any], widths: dict[str, Any]) -> None:
    """Choose the shortest step, or the next longer one, of one parameter of a term so that the term becomes whole."""
    import sympy

    coefficient, _ = term.as_coeff_Mul()
    name = next((n for n in widths if symbols[n] in term.free_symbols and widths[n] is None), None)
    if name is not None:
        widths[name] = 1 / abs(coefficient)
        return
    value = term.subs({symbols[n]: width for n, width in widths.items()})
    name = max((n for n in widths if symbols[n] in term.free_symbols), key=lambda n: widths[n] >= 1)
    widths[name] = widths[name] * sympy.Rational(value).q


def _written(spec: Spec, names: tuple[str, ...], steps: list[Step], dtype: str) -> Formulas | None:
    """Walk the network on the steps; return what it costs in the parameters, or None if that is no polynomial."""
    import sympy

    places = {step.name: sympy.Symbol(f"{step.name}_step", integer=True, nonnegative=True) for step in steps}
    batch = symbol(BATCH, True) if BATCH in names else 1
    graph = expand(spec.set(**{step.name: step.least + step.step * places[step.name] for step in steps}))
    back = {
        places[step.name]: (symbol(step.name, isinstance(spec.parameters[step.name], int)) - step.least) / step.step
        for step in steps
    }
    total = _polynomials(sums(graph, batch, dtype, MEASURED), back)
    if not all(map(_closed, total.values())):
        return None
    groups: dict[str, list[Any]] = {}
    for layer in graph.layers:
        groups.setdefault(layer.path.split(".")[0], []).append(layer)
    blocks = {name: _polynomials(sums(graph, batch, dtype, MEASURED, layers), back) for name, layers in groups.items()}
    return Formulas(spec.title, names, dtype, tuple(steps), total, blocks)


def _at_default(spec: Spec, step: Step) -> Step:
    import sympy

    return Step(step.name, step.step, sympy.nsimplify(spec.parameters[step.name], rational=True))


def _polynomials(values: Mapping[str, Any], back: Mapping[Any, Any]) -> dict[str, Any]:
    import sympy

    return {name: sympy.expand(sympy.expand(value).subs(back)) for name, value in values.items()}


def _closed(expression: Any) -> bool:
    """Say whether an expression is a polynomial."""
    return bool(expression.is_polynomial(*expression.free_symbols))
