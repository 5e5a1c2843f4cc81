"""What operators say when they cannot take their inputs, and what they refuse to be."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from costmodel.errors import CostModelError, ShapeError
from costmodel.numbers.arithmetic import Shape
from costmodel.ops import OPERATORS, find_operator
from costmodel.ops.base import Cost, Operator

MAP = (8, 5, 7)


def complaint(name: str, shapes: tuple[Shape, ...], **fields: Any) -> ShapeError:
    with pytest.raises(ShapeError) as caught:
        OPERATORS[name](**fields).shape(*shapes)
    return caught.value


@pytest.mark.parametrize(
    ("name", "fields", "shapes", "message", "field"),
    [
        (
            "conv",
            {"out_channels": 4},
            [(8,)],
            "conv reads (channels, *space), such as (channels, height, width), but its input is 8",
            None,
        ),
        ("conv", {"out_channels": 4, "groups": 3}, [MAP], "groups = 3 does not divide the 8 input channels", "groups"),
        ("conv", {"out_channels": 6, "groups": 4}, [MAP], "groups = 4 does not divide out_channels = 6", "groups"),
        (
            "conv",
            {"out_channels": 4, "kernel_size": (6, 3), "dilation": (1, 2)},
            [MAP],
            "a window of 6x5 is larger than its padded input 5x7",
            "kernel_size",
        ),
        (
            "conv_transpose",
            {"out_channels": 4, "kernel_size": 2, "stride": 3, "padding": "same"},
            [MAP],
            "padding 'same' needs a kernel at least as large as the stride, but it spans 2x2 and the stride is 3x3",
            "padding",
        ),
        (
            "conv_transpose",
            {"out_channels": 4, "stride": (2, 1), "output_padding": 1},
            [MAP],
            "output_padding 1x1 must be smaller than the stride 2x1",
            "output_padding",
        ),
        (
            "conv_transpose",
            {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": "same", "output_padding": 1},
            [MAP],
            "padding 'same' leaves no room for output_padding",
            "output_padding",
        ),
        (
            "conv_transpose",
            {"out_channels": 4, "padding": 3},
            [MAP],
            "the padding leaves nothing of the output (-1x1)",
            "padding",
        ),
        (
            "max_pool",
            {"kernel_size": 2, "stride": 2, "padding": 2},
            [MAP],
            "padding must be smaller than kernel_size = 2, or a window sees nothing else",
            "padding",
        ),
        (
            "max_unpool",
            {"kernel_size": 2, "stride": 2},
            [MAP, (8, 5, 6)],
            "max_unpool needs one index for each value, but got 8x5x7 and 8x5x6",
            None,
        ),
        (
            "conv",
            {"out_channels": 4, "kernel_size": (3, 3, 3)},
            [MAP],
            "conv with a kernel of 3x3x3 slides over the depth, height and width of (channels, depth, height, width), "
            "but its input is 8x5x7",
            "kernel_size",
        ),
        ("add", {}, [MAP, (8, 5, 6)], "add cannot merge 8x5x7 with 8x5x6", None),
        ("add", {}, [MAP, (8,)], "add cannot merge 8x5x7 with 8", None),
        (
            "concat",
            {},
            [MAP, (8, 6, 7)],
            "concat cannot put 8x5x7 beside 8x6x7: only their channels may differ",
            None,
        ),
        ("channel_shuffle", {"groups": 3}, [MAP], "groups = 3 does not divide the 8 channels", "groups"),
        (
            "slice_channels",
            {"start": 4, "stop": 9},
            [MAP],
            "channels 4 up to 9 are not among the 8 of the input",
            "stop",
        ),
        ("lrn", {"size": 4}, [MAP], "size must be odd, but is 4", "size"),
        ("group_norm", {"groups": 3}, [MAP], "groups = 3 does not divide the 8 channels", "groups"),
        (
            "instance_norm",
            {"axis": -1},
            [MAP],
            "instance_norm reads (channels, *space), but nothing stands behind axis -1 of 8x5x7",
            "axis",
        ),
        ("grn", {}, [(8,)], "grn reads channels and space, but its input is 8", None),
        ("glu", {"axis": 1}, [MAP], "glu halves axis 1, but that has 5 elements", "axis"),
        ("hardtanh", {"min_val": 2.0}, [MAP], "min_val = 2.0 is more than max_val = 1.0", "min_val"),
        ("softshrink", {"lambd": -1}, [MAP], "lambd must be at least 0, but is -1", "lambd"),
        ("softplus", {"beta": 0}, [MAP], "beta must be more than 0, but is 0", "beta"),
        ("celu", {"alpha": 0}, [MAP], "alpha must not be 0", "alpha"),
        ("clamp", {}, [MAP], "clamp needs min, max or both", None),
        ("clamp", {"min": 1, "max": 0}, [MAP], "min = 1 is more than max = 0", "min"),
        ("power", {}, [MAP], "power takes either a second input or an exponent", "exponent"),
        ("power", {"exponent": 2}, [MAP, MAP], "power takes either a second input or an exponent", "exponent"),
        ("top_k", {"k": 6, "axis": -2}, [MAP], "there are no 6 elements along axis -2, which has 5", "k"),
        ("top_k", {"k": 2}, [MAP, MAP], "top_k needs the places of 8x5x2 values, but they are 8x5x7", None),
        ("sum", {"axis": (0, -3)}, [MAP], "[0, -3] names an axis twice", "axis"),
        ("subtract", {}, [MAP, (8, 5, 6)], "subtract cannot merge 8x5x7 with 8x5x6", None),
        ("dropout", {"rate": 1.0}, [MAP], "rate must be at least 0 and below 1, but is 1.0", "rate"),
        ("batch_norm", {"axis": 2}, [(4, 8)], "there is no axis 2 in 4x8, which has 2", "axis"),
        ("attention", {"heads": 3}, [(4, 8)] * 3, "heads = 3 does not divide 8", "heads"),
        (
            "attention",
            {"heads": 2},
            [(4, 8), (4, 6), (4, 6)],
            "queries 4x8, keys 4x6 and values 4x6 do not fit: queries and keys must be equally wide, "
            "keys and values equally many",
            None,
        ),
        (
            "attention",
            {"heads": 4, "kv_heads": 3},
            [(4, 8)] * 3,
            "kv_heads = 3 does not divide heads = 4",
            "kv_heads",
        ),
        (
            "attention",
            {"heads": 4, "kv_heads": 2},
            [(4, 8)] * 3,
            "queries 4x8, keys 4x8 and values 4x8 do not fit: their heads must be equally wide, "
            "keys and values equally many",
            None,
        ),
        (
            "attention",
            {"heads": 4, "kv_heads": 2},
            [(4, 8), (4, 4), (4, 5)],
            "kv_heads = 2 does not divide 5",
            "kv_heads",
        ),
        (
            "attention",
            {"heads": 2, "past": 1},
            [(4, 8)] * 3 + [(4, 4)],
            "a mask of 4x4 does not spread over scores of 2x4x5",
            None,
        ),
        (
            "attention",
            {"heads": 2},
            [(2, 4, 8), (3, 4, 8), (3, 4, 8)],
            "what stands before the tokens does not fit: 2x4x8, 3x4x8",
            None,
        ),
        (
            "matmul",
            {},
            [(2, 3), (4, 5)],
            "matmul cannot multiply 2x3 by 4x5: the rows have 3 elements, and the columns 4",
            None,
        ),
        ("matmul", {}, [(3,), (3, 5)], "matmul cannot multiply 3 by 3x5", None),
        (
            "matmul",
            {"transpose_b": True},
            [(2, 4, 3), (3, 5, 3)],
            "matmul cannot multiply 2x4x3 by 3x5x3 transposed",
            None,
        ),
        (
            "einsum",
            {"equation": "q h d, k h d -> h q k"},
            [(5, 3, 8), (6, 4, 8)],
            "h of 'q h d, k h d -> h q k' is 3 in input 1, but 4 in input 2",
            None,
        ),
        (
            "einsum",
            {"equation": "ij,jk->ik"},
            [(5, 3)],
            "'ij,jk->ik' names 2 inputs, but there are 1",
            "equation",
        ),
        (
            "einsum",
            {"equation": "ij,jk->ik"},
            [(5, 3), (3,)],
            "input 2 is 3, but 'ij,jk->ik' names 2 axes of it",
            "equation",
        ),
        (
            "einsum",
            {"equation": "ij,jk->ik"},
            [(2, 5, 3), (3, 3, 4)],
            "what stands before the axes of 'ij,jk->ik' does not fit: 2x5x3, 3x3x4",
            None,
        ),
        ("einsum", {"equation": "ij,jk"}, [(5, 3), (3, 4)], "'ij,jk' has no single ->", "equation"),
        ("einsum", {"equation": "ij->ik"}, [(5, 3)], "'ij->ik' gives k, which no input has", "equation"),
        (
            "einsum",
            {"equation": "ii->i"},
            [(3, 3)],
            "'ii->i' has a letter twice in 'i i'; diagonals are not known",
            "equation",
        ),
        (
            "einsum",
            {"equation": "...i->i"},
            [(3, 3)],
            "'...i->i' has ... among its inputs, but not in its output",
            "equation",
        ),
        (
            "einsum",
            {"equation": "i...->i"},
            [(3, 3)],
            "'i...->i' names an axis '.', but names are words, and ... may only stand before all of them",
            "equation",
        ),
        (
            "lstm",
            {"hidden_size": 4, "proj_size": 4},
            [(5, 3)],
            "proj_size = 4 must be below hidden_size = 4",
            "proj_size",
        ),
        ("gru", {"hidden_size": 4}, [(5,)], "gru reads a sequence (..., tokens, features), but its input is 5", None),
        ("gather", {"axis": 2}, [(4, 8), (3,)], "there is no axis 2 in 4x8, which has 2", "axis"),
        (
            "gather_elements",
            {"axis": 1},
            [(4, 8), (5, 9)],
            "gather_elements needs indices with the axes of 4x8, none longer but axis 1, but they are 5x9",
            None,
        ),
        ("scatter", {}, [(4, 8), (5, 8), (4, 8)], "scatter needs 5x8 to put, but is given 4x8", None),
        (
            "gather_nd",
            {"axis": (0, 1)},
            [(4, 8, 3), (5, 3)],
            "gather_nd needs 2 indices along the last axis, but they are 5x3",
            "axis",
        ),
        ("scatter_nd", {}, [(4, 8), (5, 1), (5, 4)], "scatter_nd needs 5x8 to put, but is given 5x4", None),
        (
            "grid_sample",
            {},
            [MAP, (5, 7, 3)],
            "grid_sample reads (..., channels, height, width) at places (..., rows, columns, 2), not 8x5x7 at 5x7x3",
            None,
        ),
        (
            "constant",
            {"size": (4,), "below": 3, "mask": True},
            [],
            "a constant is of indices or a mask, not both",
            "mask",
        ),
        (
            "constant",
            {"size": (4,), "value": 3, "below": 3},
            [],
            "3 is no whole number from 0 up to, and not including, 3",
            "value",
        ),
        (
            "constant",
            {"size": (4,), "value": 0.5, "mask": True},
            [],
            "0.5 is no whole number from 0 up to, and not including, 2",
            "value",
        ),
        ("arange", {"start": 5, "stop": 5}, [], "there is nothing from 5 up to 5", "stop"),
        ("select_token", {"index": 4}, [(4, 8)], "there is no token 4 among 4", "index"),
        (
            "class_token",
            {},
            [(8,)],
            "class_token reads a token sequence (tokens, features), but its input is 8",
            None,
        ),
    ],
)
def test_says_what_does_not_fit(
    name: str, fields: dict[str, Any], shapes: list[Shape], message: str, field: str | None
) -> None:
    error = complaint(name, tuple(shapes), **fields)
    assert (error.message, error.field) == (message, field)


@pytest.mark.parametrize(
    ("name", "fields", "dtypes", "message"),
    [
        ("add", {}, (None, "int64"), "add reads numbers of one dtype, but is given real numbers and int64"),
        ("multiply", {}, ("bool", "bool"), "multiply reads numbers of one dtype, but is given bool"),
        ("divide", {}, ("int64", "int64"), "divide reads real numbers, but is given int64"),
        ("and", {}, (None, "bool"), "and reads tensors of dtype bool, but is given real numbers and bool"),
        ("not", {}, ("int64",), "not reads tensors of dtype bool, but is given int64"),
        (
            "compare",
            {"how": "less"},
            ("int32", "int64"),
            "compare reads numbers of one dtype, but is given int32 and int64",
        ),
        (
            "where",
            {},
            (None, None, None),
            "the condition of where reads tensors of dtype bool, but is given real numbers",
        ),
        (
            "where",
            {},
            ("bool", None, "int64"),
            "where chooses between tensors of one dtype, but is given real numbers and int64",
        ),
        ("shift", {"amount": 0.5}, ("int64",), "shift reads real numbers, but is given int64"),
        ("scale", {"factor": 0.5}, ("int64",), "scale reads real numbers, but is given int64"),
        (
            "scatter",
            {},
            (None, "int64", "int64"),
            "scatter puts numbers of the dtype that is there, but is given real numbers and int64",
        ),
        ("exp", {}, ("int64",), "exp reads real numbers, but is given int64"),
        ("mean", {"axis": 0}, ("int64",), "mean reads real numbers, but is given int64"),
        ("argmax", {"axis": 0}, ("bool",), "argmax reads numbers of one dtype, but is given bool"),
    ],
)
def test_says_which_dtypes_do_not_fit(
    name: str, fields: dict[str, Any], dtypes: tuple[str | None, ...], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        OPERATORS[name](**fields).dtype(*dtypes)
    assert caught.value.message == message


def test_one_bad_element_of_an_array_is_enough() -> None:
    heights = np.array([5, 2, 9])
    assert complaint("conv", ((8, heights, heights),), out_channels=4, kernel_size=3).field == "kernel_size"


def test_an_operator_needs_a_cost_rule() -> None:
    with pytest.raises(TypeError, match="operator 'half_an_operator' has no cost rule"):

        class HalfAnOperator(Operator):
            def shape(self, x: Shape) -> Shape:
                return x

    assert "half_an_operator" not in OPERATORS


def test_a_name_is_taken_once() -> None:
    with pytest.raises(TypeError, match="operator 'relu' is defined twice"):

        class Relu(Operator):
            saves = ()

            def shape(self, x: Shape) -> Shape:
                return x

            def cost(self, x: Shape) -> Cost:
                return Cost()

    assert OPERATORS["relu"].__module__ == "costmodel.ops.activation"


def test_an_unknown_operator_is_answered_with_the_nearest() -> None:
    with pytest.raises(CostModelError, match=re.escape("unknown operator 'hardswitch'; did you mean 'hardswish'?")):
        find_operator("hardswitch")


@pytest.mark.parametrize("name", ["add", "multiply"])
@pytest.mark.parametrize("turned", [False, True])
def test_of_arrays_each_element_merges_as_it_would_alone(name: str, turned: bool) -> None:
    """A gate of 1 beside a map of 8, and a map of 8 beside another, in whichever order."""
    gate, full, odd = ((8, np.array(sizes), 5) for sizes in ([1, 8], [8, 8], [1, 7]))
    shapes = (full, gate) if turned else (gate, full)
    assert [size.tolist() for size in OPERATORS[name]().shape(*shapes)[1:2]] == [[8, 8]]
    with pytest.raises(ShapeError, match="cannot merge"):
        OPERATORS[name]().shape(*(full, odd)[:: -1 if turned else 1])
