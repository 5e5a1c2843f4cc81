"""The arithmetic of specs against Python's own, and what it refuses."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.documents.expressions import ARITHMETIC, MAX_VALUE, parse
from costmodel.documents.grammar import MAX_DEPTH, BadArithmeticError

NAMES = {"a": 3, "b_2": 7, "width": 0.75, "zero": 0}

SIGNS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
CALLS = {"min": min, "max": max}


def reference(text: str) -> int | float:
    """Evaluate by Python's own parser and precedence."""

    def value(node: ast.expr) -> int | float:
        match node:
            case ast.Constant(number):
                return number
            case ast.Name(name):
                return NAMES[name]
            case ast.UnaryOp(ast.USub(), inner):
                return -value(inner)
            case ast.BinOp(left, sign, right):
                return SIGNS[type(sign)](value(left), value(right))
            case ast.Call(ast.Name(name), arguments):
                return CALLS[name](*map(value, arguments))
        raise AssertionError(ast.dump(node))

    return value(ast.parse(text, mode="eval").body)


numbers = st.integers(0, 9999).map(str) | st.sampled_from(["0.5", "1e3", "2.5e-1", ".25", "10_000"])
leaves = numbers | st.sampled_from(sorted(NAMES))
spaces = st.sampled_from(["", " ", "  "])


def larger(signs: str) -> Callable[[st.SearchStrategy[str]], st.SearchStrategy[str]]:
    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, spaces, st.sampled_from(signs.split()), spaces, inner).map("".join),
            inner.map("({})".format),
            inner.map("-{}".format),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda it: f"{it[0]}({it[1]}, {it[2]})"),
        )

    return grow


expressions = st.recursive(leaves, larger("+ - * / // %"), max_leaves=12)
whole_leaves = st.integers(1, 99).map(str) | st.sampled_from(["a", "b_2"])
whole_expressions = st.recursive(whole_leaves, larger("+ - * // %"), max_leaves=6)


@settings(max_examples=400, deadline=None)
@given(expressions)
def test_values_are_those_of_python(text):
    try:
        expected = reference(text)
    except ZeroDivisionError:
        with pytest.raises(BadArithmeticError, match="divides by zero"):
            parse(text)(NAMES)
        return
    if abs(expected) > MAX_VALUE:
        with pytest.raises(BadArithmeticError, match="more than"):
            parse(text)(NAMES)
        return
    found = parse(text)(NAMES)
    assert found == expected
    assert type(found) is type(expected)


@settings(max_examples=100, deadline=None)
@given(whole_expressions, st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_arrays_and_symbols_give_what_numbers_give(text, sizes):
    a = sympy.Symbol("a", positive=True, integer=True)
    try:
        expected = [parse(text)(NAMES | {"a": size}) for size in sizes]
        symbolic = sympy.sympify(parse(text)(NAMES | {"a": a}))
    except (BadArithmeticError, ZeroDivisionError):
        return
    at_once = parse(text)(NAMES | {"a": np.array(sizes)})
    assert np.broadcast_to(at_once, len(sizes)).tolist() == expected
    assert [symbolic.subs(a, size).doit() for size in sizes] == expected


ROUNDINGS = ("floor({})", "ceil({})", "round({})", "divisible({}, 8)", "divisible({}, 5)", "min({}, 9)", "max(9, {})")


@pytest.mark.parametrize("text", ROUNDINGS)
@given(st.integers(1, 99), st.sampled_from([1, 2, 4, 5, 8]))
@settings(max_examples=40, deadline=None)
def test_rounding_a_symbol_and_then_knowing_it_is_rounding_the_number(text, times, parts):
    """Halves among them: round goes to the even neighbour, for numbers, arrays and symbols."""
    a = sympy.Symbol("a", positive=True)
    rule = parse(text.format("a * times"))
    number = rule({"a": 1 / parts, "times": times})
    symbolic = sympy.sympify(rule({"a": a, "times": times}))
    assert symbolic.subs(a, sympy.Rational(1, parts)) == pytest.approx(number)
    assert rule({"a": np.array([1 / parts]), "times": times}).tolist() == [number]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("floor(2.9)", 2),
        ("floor(-0.5)", -1),
        ("ceil(2.1)", 3),
        ("floor(0.29 * 100)", 29),  # 28.999999999999996 in binary
        ("ceil(1.1 * 10)", 11),  # 11.000000000000002 in binary
        ("round(2.5)", 2),
        ("round(3.5)", 4),
        ("divisible(32 * width, 8)", 24),
        ("divisible(3, 8)", 8),  # never less than the divisor
        ("divisible(11, 8)", 16),  # 8 would be more than 10 % below
        ("divisible(100, 8)", 104),
        ("min(a, b_2) + max(a, b_2)", 10),
        ("2 - 3 - 4", -5),
        ("2 - -3", 5),
        ("-a * b_2", -21),
        ("7 // 2 * 2", 6),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
    ],
)
def test_rounding_and_precedence(text, value):
    found = parse(text)(NAMES)
    assert (found, type(found)) == (value, type(value))


def test_the_names_that_are_read_and_where():
    assert parse("a * (width + a) // floor(b_2)").names == (("a", 0), ("width", 5), ("b_2", 25))


def refusal(text: str, **names: object) -> tuple[str, int | None]:
    with pytest.raises(BadArithmeticError) as error:
        parse(text)(NAMES | names)
    return str(error.value), error.value.offset


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("", "a number or a name is missing here", 0),
        ("2 *", "a number or a name is missing here", 3),
        ("2 ** 3", "'*' does not belong here", 3),
        ("a ^ 2", "'^' is not part of it", 2),
        ("3a", "a sign is missing before 'a'", 1),
        ("a b_2", "a sign is missing before 'b_2'", 2),
        ("(a", "')' is missing here", 2),
        ("a)", "')' does not belong here", 1),
        ("max(1)", "max takes 2 numbers, not 1", 0),
        ("floor()", "')' does not belong here", 6),
        ("flor(1)", "unknown function 'flor'", 0),
        ("a.__class__", "'.' is not part of it", 1),
        ("a[0]", "'[' is not part of it", 1),
        ("'a'", '"\'" is not part of it', 0),
        ("lambda: 1", "':' is not part of it", 6),
        ("1 if a else 2", "a sign is missing before 'if'", 2),
        ("a == 3", "'=' is not part of it", 2),
        ("__import__('os')", "unknown function '__import__'", 0),
        ("٣", "'٣' is not part of it", 0),
        ("a\u00a0+ 1", "'\\xa0' is not part of it", 1),
        ("1e400", "'1e400' comes to no finite number", 0),
    ],
)
def test_what_is_no_arithmetic(text, message, offset):
    assert refusal(text) == (message, offset)


def test_values_that_are_none():
    assert refusal("a / zero") == ("'a / zero' divides by zero", None)
    assert refusal("a % zero")[0] == "'a % zero' divides by zero"
    assert refusal("divisible(a, zero)")[0] == "'divisible(a, zero)' divides by zero"
    assert refusal("a / zero", zero=np.array([1, 0]))[0] == "'a / zero' divides by zero"
    assert refusal("a // zero", zero=np.array([1, 0]))[0] == "'a // zero' divides by zero"
    assert refusal("a * 9e18")[0] == "'a * 9e18' comes to more than 2**63"
    assert refusal("big - big", big=math.inf)[0] == "'big - big' comes to no finite number"
    assert refusal("floor(big)", big=math.inf)[0] == "'floor(big)' comes to no finite number"
    assert refusal("floor(big - big)", big=math.inf)[0] == "'floor(big - big)' comes to no finite number"
    assert refusal("2 * act", act="relu") == ("act is 'relu', so nothing can be computed with it", 4)
    assert refusal("2 * size", size=(1, 3)) == ("size is [1, 3], so nothing can be computed with it", 4)


def test_length_and_depth_are_bounded():
    longest = "+".join(["1"] * ((ARITHMETIC.longest + 1) // 2))
    assert parse(longest)({}) == (ARITHMETIC.longest + 1) // 2
    assert refusal(longest + "+1")[0] == f"it is longer than {ARITHMETIC.longest} characters"
    deepest = "(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH
    assert parse(deepest)({}) == 1
    assert refusal(f"({deepest})")[0] == refusal("-" * (MAX_DEPTH + 1) + "1")[0] == "it is nested more than 30 deep"


@settings(max_examples=300, deadline=None)
@given(st.text("ab_2w0159.eE+-*/%(), \tfloormaxin&é", max_size=40))
def test_any_text_has_a_value_or_a_message(text):
    try:
        value = parse(text)(NAMES)
    except BadArithmeticError as error:
        offset = error.offset
    except KeyError as missing:
        value, offset = 0, text.index(missing.args[0])
    else:
        offset = None
        assert math.isfinite(value)
    assert offset is None or 0 <= offset <= len(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("power(2, 10)", 1024), ("power(2, -1)", 0.5), ("power(n, n)", 27), ("power(1.5, 2)", 2.25), ("power(0, 0)", 1)],
)
def test_powers_are_whole_where_both_are(text, value):
    found = parse(text)({"n": 3})
    assert (found, type(found)) == (value, type(value))


def test_powers_of_arrays_and_symbols():
    found = parse("power(2, n)")({"n": np.array([0, 3, 61])})
    assert (found.tolist(), found.dtype.kind) == ([1, 8, 2**61], "i")
    assert parse("power(n, 2)")({"n": sympy.Symbol("n")}) == sympy.Symbol("n") ** 2


@pytest.mark.parametrize("text", ["power(10, 99999999)", "power(-8, 0.5)", "power(0, -1)", "power(power(2, 60), 60)"])
def test_powers_without_a_value_in_bounds_are_refused_at_once(text):
    with pytest.raises(BadArithmeticError, match=r"comes to no finite number|2\*\*63"):
        parse(text)({})
