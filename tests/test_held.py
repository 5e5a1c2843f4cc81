"""Numbers that are known beforehand answer as NumPy's arrays of them do, whether they are bytes or arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from costmodel.reading.held import COMPLEX, FLOATS, LETTERS, Held, listed, of_array, throughout

SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FEW = [0, 1, -0.0, 3, float("nan"), float("inf")]


def numbers(dtype):
    """Return arrays of a type: of any numbers, or of few, so that many are alike."""
    kind = np.dtype(dtype)
    few = [kind.type(one) for one in FEW if kind.kind == "f" or np.isfinite(one)]
    anything = arrays_of.arrays(kind, SHAPES)
    return st.one_of(anything, arrays_of.arrays(kind, SHAPES, elements=st.sampled_from(few), fill=st.nothing()))


ARRAYS = st.sampled_from(sorted(LETTERS)).flatmap(numbers)


def both(array):
    """Return numbers as bytes, and as an array."""
    return Held(array.shape, array.dtype.name, array.tobytes()), of_array(array)


def same(held, array):
    assert (held.shape, held.dtype, held.size) == (array.shape, array.dtype.name, array.size)
    assert held.array().dtype == array.dtype
    assert held.array().tobytes() == array.tobytes()
    assert held.array().shape == array.shape
    assert np.array_equal(np.array(held.row(), array.dtype), array.reshape(-1), equal_nan=True)


@given(ARRAYS)
def test_bytes_and_arrays_are_the_same_numbers(array):
    for held in both(array):
        same(held, array)
        same(held.as_shape((array.size, 1)), array.reshape(-1, 1))
        same(held.transposed(range(array.ndim)[::-1]), array.T)
        if array.shape[:1] > (0,):
            same(held.first(), array[0])


@given(ARRAYS)
def test_the_one_number_everywhere(array):
    alike = array.size == 1 or (array.size > 0 and bool((array == array.reshape(-1)[0]).all()))
    for held in both(array):
        found = held.everywhere()
        assert (found is not None) == alike
        if alike:
            assert np.array_equal(found, array.reshape(-1)[0], equal_nan=array.dtype.kind == "f")


@pytest.mark.parametrize("dtype", FLOATS)
def test_nothing_is_as_large_as_what_is_no_number_and_both_zeros_are_one(dtype):
    for row, wanted in (([0.0, -0.0], 0), ([-0.0, 0.0], 0), ([0.0, 1.0], None), ([np.nan] * 2, None), ([1.5] * 3, 1.5)):
        assert [held.everywhere() for held in both(np.array(row, dtype))] == [wanted] * 2


@pytest.mark.parametrize("bound", [1e30, 65504.0, 1.0])
@given(st.sampled_from(FLOATS).flatmap(numbers), st.data())
def test_whether_all_are_smaller_than_a_bound(bound, array, data):
    bound = min(bound, float(np.finfo(array.dtype).max))
    if array.size:
        at, toward = data.draw(st.integers(0, array.size - 1)), data.draw(st.sampled_from([0, np.inf]))
        array = np.where(np.abs(array) < bound, array, 0).astype(array.dtype)
        with np.errstate(over="ignore"):  # beyond the largest is infinity
            array.reshape(-1)[at] = np.nextafter(array.dtype.type(-bound), array.dtype.type(-toward))
    wanted = bool((abs(array.astype(np.float64)) < bound).all())
    for held in both(array):
        assert held.within(bound) == wanted


@given(ARRAYS, st.sampled_from(sorted(LETTERS)))
def test_as_another_type(array, dtype):
    with np.errstate(all="ignore"):
        wanted = array.astype(dtype)
    for held in both(array):
        same(held.as_type(dtype), wanted)


@given(ARRAYS, ARRAYS)
def test_the_same_numbers(one, other):
    for held in both(one):
        assert held.same(of_array(np.copy(one))) == bool((one == one).all())
        assert held.same(of_array(other)) == (one.shape == other.shape and bool((one == other).all()))


def test_numbers_of_none_of_the_types_are_refused():
    assert listed([1, 2], "int64").row() == (1, 2)
    for wrong, dtype in (([2**63], "int64"), (["1"], "int64"), ([1.5], "int8"), ([-1], "uint8")):
        with pytest.raises(ValueError, match=f"not of type {dtype}"):
            listed(wrong, dtype)
    with pytest.raises(ValueError, match="2 numbers cannot have the shape"):
        listed([1, 2], "int64").as_shape((3,))


@pytest.mark.parametrize("dtype", [*LETTERS, *COMPLEX])
def test_one_number_throughout(dtype):
    same(throughout((2, 3), 1, dtype), np.full((2, 3), 1, dtype))


def test_many_changes_are_made_one_after_the_other():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    for held in both(array):
        for _ in range(10_001):
            held = held.transposed((1, 0))
        same(held, array.T)
