"""Where operators that move put each value, told apart from how they are written."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import pytest

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Shape
from costmodel.ops import OPERATORS
from costmodel.ops.rearrange import Rearrange


def numbered(*shape: int) -> Any:
    """An image whose every value says where it stands."""
    return np.arange(np.prod(shape)).reshape(1, *shape)


def run(name: str, *inputs: Any, **fields: Any) -> Any:
    (out,) = OPERATORS[name](**fields).run({}, *inputs)
    return out


X = numbered(4, 6, 9)


@pytest.mark.parametrize(
    ("name", "fields", "shape", "place"),
    [
        ("tokens", {}, (54, 4), lambda t, c: (c, t // 9, t % 9)),
        ("flatten", {}, (216,), lambda n: (n // 54, n // 9 % 6, n % 9)),
        ("flatten", {"start_dim": 1}, (4, 54), lambda c, n: (c, n // 9, n % 9)),
        ("flatten", {"end_dim": -2}, (24, 9), lambda n, w: (n // 6, n % 6, w)),
        ("channel_shuffle", {"groups": 2}, (4, 6, 9), lambda c, h, w: (c % 2 * 2 + c // 2, h, w)),
        ("pixel_shuffle", {"upscale_factor": 2}, (1, 12, 18), lambda c, h, w: (h % 2 * 2 + w % 2, h // 2, w // 2)),
        (
            "pixel_unshuffle",
            {"downscale_factor": 3},
            (36, 2, 3),
            lambda c, h, w: (c // 9, h * 3 + c % 9 // 3, w * 3 + c % 3),
        ),
        (
            "window_partition",
            {"window_size": (2, 3)},
            (9, 6, 4),
            lambda n, t, c: (c, n // 3 * 2 + t // 3, n % 3 * 3 + t % 3),
        ),
        ("transpose", {}, (4, 9, 6), lambda c, w, h: (c, h, w)),
        ("transpose", {"axes": (0, -1)}, (9, 6, 4), lambda w, h, c: (c, h, w)),
        ("unsqueeze", {"axis": -2}, (4, 6, 1, 9), lambda c, h, _, w: (c, h, w)),
        ("rearrange", {"pattern": "c ... -> (...) 1 c"}, (54, 1, 4), lambda t, _, c: (c, t // 9, t % 9)),
        ("rearrange", {"pattern": "c ... w -> w ... c"}, (9, 6, 4), lambda w, h, c: (c, h, w)),
        (
            "rearrange",
            {"pattern": "(a b) h w -> b h (w a)", "sizes": (("a", 2),)},
            (2, 6, 18),
            lambda b, h, n: (n % 2 * 2 + b, h, n // 2),
        ),
        ("split", {"parts": 3, "index": 1, "axis": 1}, (4, 2, 9), lambda c, h, w: (c, h + 2, w)),
        ("split", {"sizes": (1, 3), "index": 1}, (3, 6, 9), lambda c, h, w: (c + 1, h, w)),
        ("slice", {"start": -3, "stop": -1}, (2, 6, 9), lambda c, h, w: (c + 1, h, w)),
        (
            "slice",
            {"axis": (-1, 1), "start": (1, 0), "stop": (-1, 4), "step": (3, 2)},
            (4, 2, 3),
            lambda c, h, w: (c, h * 2, w * 3 + 1),
        ),
        ("crop", {"size": (3, 5)}, (4, 3, 5), lambda c, h, w: (c, h + 1, w + 2)),
        ("crop", {"size": 4, "start": (2, 1)}, (4, 4, 4), lambda c, h, w: (c, h + 2, w + 1)),
        ("roll", {"shifts": (-1, 2), "axis": (1, 2)}, (4, 6, 9), lambda c, h, w: (c, (h + 1) % 6, (w - 2) % 9)),
        ("flip", {"axis": (0, -1)}, (4, 6, 9), lambda c, h, w: (3 - c, h, 8 - w)),
        ("reshape", {"sizes": (8, 27)}, (8, 27), lambda a, b: ((a * 27 + b) // 54, (a * 27 + b) // 9 % 6, b % 9)),
        (
            "reshape",
            {"sizes": (27, 2), "start_dim": 1},
            (4, 27, 2),
            lambda c, a, b: (c, (2 * a + b) // 9, (2 * a + b) % 9),
        ),
        ("tile", {"repeats": 2, "axis": 1}, (4, 12, 9), lambda c, h, w: (c, h % 6, w)),
        (
            "pad",
            {"axis": 1, "before": 2, "after": 1, "mode": "reflect"},
            (4, 9, 9),
            lambda c, h, w: (c, h - 2 if h > 1 and h < 8 else 2 - h if h < 2 else 4, w),
        ),
        ("pad", {"axis": (2, 0), "before": (0, 1), "mode": "edge"}, (5, 6, 9), lambda c, h, w: (max(c - 1, 0), h, w)),
    ],
)
def test_every_value_comes_from_its_place(name: str, fields: dict[str, Any], shape: Shape, place: Any) -> None:
    out = run(name, X, **fields)
    assert out.shape == shape
    for index in np.ndindex(*shape):
        assert out[index] == X[(0, *place(*index))], index


def test_focus_takes_every_second_pixel_in_the_order_of_yolov5() -> None:
    x = X[..., :8]
    corners = [x[0, :, row::2, column::2] for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))]
    np.testing.assert_array_equal(run("focus", x), np.concatenate(corners))


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (("tokens", {}), ("from_tokens", {"height": 6, "width": 9})),
        (("pixel_unshuffle", {"downscale_factor": 3}), ("pixel_shuffle", {"upscale_factor": 3})),
        (
            ("window_partition", {"window_size": (2, 3)}),
            ("window_reverse", {"window_size": (2, 3), "height": 6, "width": 9}),
        ),
        (("unsqueeze", {"axis": 1}), ("squeeze", {"axis": 1})),
        (("roll", {"shifts": 4, "axis": 2}), ("roll", {"shifts": -4, "axis": 2})),
    ],
)
def test_what_went_there_comes_back(there: Any, back: Any) -> None:
    moved = run(there[0], X, **there[1])
    assert moved.shape != X.shape[1:] or (moved != X[0]).any()
    np.testing.assert_array_equal(run(back[0], moved[None], **back[1]), X[0])


def test_inputs_of_which_one_carries_no_batch_are_stacked_for_each_image() -> None:
    first, second = numbered(2, 3), np.stack([np.full((2, 3), n) for n in range(4)])
    out = OPERATORS["stack"](axis=-1).run({}, first, second)
    assert out.shape == (4, 2, 3, 2)
    assert (out[3, ..., 1] == 3).all()
    assert (out[3, ..., 0] == first[0]).all()


def test_a_map_is_cropped_to_another() -> None:
    np.testing.assert_array_equal(run("crop", X, numbered(1, 4, 4)), X[0, :, 1:5, 2:6])


HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


@pytest.mark.parametrize(
    ("name", "fields", "window"),
    [
        ("rearrange", {"pattern": "(a b) h w -> (b a) h w", "sizes": (("a", 2),)}, ()),
        ("rearrange", {"pattern": "a b c -> (a b) c"}, None),
        ("rearrange", {"pattern": "a b c -> a c b"}, None),
        ("pixel_shuffle", {"upscale_factor": 2}, ((1, HALF), (1, HALF))),
        ("pixel_unshuffle", {"downscale_factor": 3}, ((3, 3), (3, 3))),
        ("slice", {"axis": (0, 1), "step": (2, 3)}, ((1, 3), (1, 1))),
        ("slice", {"axis": 0, "step": 2}, ()),
        ("pad", {"before": 2}, ()),
        ("roll", {"shifts": 1, "axis": 0}, ()),
        ("roll", {"shifts": 1, "axis": 1}, None),
        ("resize", {"scale": (2, 3)}, ((1, HALF), (1, THIRD))),
        ("resize", {"scale": (2, 3), "mode": "bilinear"}, ((2, HALF), (2, THIRD))),
        ("resize", {"size": (3, 3), "mode": "bilinear"}, ((2, 2), (1, 3))),
        ("resize", {"scale": 1.5}, None),
        ("resize", {"scale": 2, "mode": "bilinear", "align_corners": True}, None),
        ("adaptive_avg_pool", {"output_size": (3, 1)}, ((2, 2), (inf, 9))),
        ("adaptive_avg_pool", {"output_size": 4}, None),
    ],
)
def test_what_one_output_sees(name: str, fields: dict[str, Any], window: Any) -> None:
    assert OPERATORS[name](**fields).window((4, 6, 9)) == window


@pytest.mark.parametrize(
    ("pattern", "view"),
    [
        ("c h w -> c (h w)", True),
        ("... (a b) -> (... a) 1 b", True),
        ("c ... -> (c ...)", True),
        ("c h w -> h c w", False),
        ("c ... -> (...) c", False),
    ],
)
def test_a_rearrangement_that_changes_no_order_is_a_view(pattern: str, view: bool) -> None:
    op = Rearrange(pattern=pattern, sizes=(("a", 1),) if "a" in pattern else ())
    assert op.view is view
    assert op.kind((1, 2, 3)) == ("view" if view else "move")


@pytest.mark.parametrize(
    ("pattern", "sizes", "message", "field"),
    [
        ("c h w", {}, '"c h w" has no two sides with one -> between them', "pattern"),
        (
            "c (h w -> c h w",
            {},
            '"c (h w -> c h w" has a side that cannot be read: "c (h w"; it takes names, ( ), 1 and ...',
            "pattern",
        ),
        (
            "c 2 w -> c w",
            {},
            '"c 2 w -> c w" has a side that cannot be read: "c 2 w"; it takes names, ( ), 1 and ...',
            "pattern",
        ),
        ("c h h -> c h", {}, '"c h h -> c h" names h twice on one side', "pattern"),
        ("c h w -> c h", {}, '"c h w -> c h" names w on one side only', "pattern"),
        (
            "(... c) -> c ...",
            {},
            '"(... c) -> c ..." has ... within ( ) on its left, where it says too little',
            "pattern",
        ),
        ("c h -> h c", {}, '"c h -> h c" reads 2 axes, but its input has 3', "pattern"),
        (
            "a b c d ... -> ...  d c b a",
            {},
            '"a b c d ... -> ...  d c b a" reads at least 4 axes, but its input has 3',
            "pattern",
        ),
        (
            "c (h a) w -> c h a w",
            {"a": 4},
            'rearrange "c (h a) w -> c h a w", a = 4, of 4x6x9: a = 4 does not divide the 6 of (h a)',
            "sizes",
        ),
        (
            "c (h a) w -> c h a w",
            {},
            'rearrange "c (h a) w -> c h a w", of 4x6x9: the sizes of h and a do not follow from the 6 of (h a)',
            "sizes",
        ),
        ("c h w -> h w c", {"h": 5}, 'rearrange "c h w -> h w c", h = 5, of 4x6x9: h = 5 is not the 6 of h', "sizes"),
        ("c h w -> h w c", {"z": 5}, 'rearrange "c h w -> h w c", z = 5, of 4x6x9: the pattern has no z', "sizes"),
        ("1 h w -> h w", {}, 'rearrange "1 h w -> h w", of 4x6x9: an axis written 1 is of 4', "sizes"),
    ],
)
def test_says_what_a_pattern_does_not_fit(pattern: str, sizes: dict[str, int], message: str, field: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Rearrange(pattern=pattern, sizes=tuple(sizes.items())).shape((4, 6, 9))
    assert (caught.value.message, caught.value.field) == (message, field)


@pytest.mark.parametrize(
    ("name", "fields", "shapes", "message", "field"),
    [
        (
            "window_partition",
            {"window_size": (2, 4)},
            [(4, 6, 9)],
            'window_partition "... c (h a) (w b) -> ... (h w) (a b) c", a = 2, b = 4, of 4x6x9: '
            "b = 4 does not divide the 9 of (w b)",
            "window_size",
        ),
        (
            "window_reverse",
            {"window_size": 2, "height": 5, "width": 4},
            [(4, 4, 1)],
            "windows of 2 do not fill height = 5",
            "height",
        ),
        (
            "from_tokens",
            {"height": 2, "width": 3},
            [(7, 4)],
            'from_tokens "... (h w) c -> ... c h w", h = 2, w = 3, of 7x4: h * w = 6 is not the 7 of (h w)',
            "height",
        ),
        ("squeeze", {"axis": 0}, [(4, 6)], 'squeeze "1 n1 -> n1", of 4x6: an axis written 1 is of 4', "axis"),
        ("transpose", {"axes": (0, 1, 2)}, [(4, 6, 9)], "transpose swaps two axes, not 3", "axes"),
        ("flatten", {"start_dim": 2, "end_dim": 1}, [(4, 6, 9)], "start_dim 2 comes after end_dim 1", "end_dim"),
        ("slice", {"start": 3, "stop": -1}, [(4, 6)], "3 up to -1 is no part of an axis of 4", "stop"),
        ("slice", {"axis": (0, 1), "start": (1, 2, 3)}, [(4, 6)], "start has 3 numbers for 2 axes", "start"),
        ("slice", {"axis": (0, -2)}, [(4, 6)], "[0, -2] names an axis twice", "axis"),
        ("split", {"parts": 3}, [(4, 6)], "parts = 3 does not divide 4", "parts"),
        ("split", {"sizes": (1, 2)}, [(4, 6)], "sizes add up to 3, but the axis is of 4", "sizes"),
        ("split", {"parts": 2, "index": 2}, [(4, 6)], "there is no part 2 among 2", "index"),
        ("split", {}, [(4, 6)], "split takes either a number of parts or their sizes", None),
        ("crop", {"size": 7}, [(4, 6, 9)], "there are not 7 from -1 on in an axis of 6", "size"),
        ("crop", {"size": 2}, [(4, 6), (2, 2)], "crop takes either a size or a second input that has it", "size"),
        ("pad", {"before": 9, "mode": "reflect"}, [(4, 6, 9)], "an axis of 9 has too little to mirror", "before"),
        ("broadcast_to", {"sizes": (4, 3)}, [(4, 6)], "broadcast_to cannot spread 4x6 to 4x3", "sizes"),
        ("reshape", {"sizes": (5, 5)}, [(4, 6)], "5x5 has 25 elements, but 4x6 has 24", "sizes"),
        ("tril", {}, [(4,)], "tril reads (..., rows, columns), but its input is 4", None),
        ("stack", {}, [(4, 6), (4, 5)], "stack needs inputs of one shape, but got 4x6 and 4x5", None),
        ("resize", {}, [(4, 6, 9)], "resize takes either a size or a scale", None),
        ("resize", {"scale": 0.0}, [(4, 6, 9)], "scale must be more than 0, but is 0.0", "scale"),
        (
            "resize",
            {"size": 2, "mode": "linear"},
            [(4, 6, 9)],
            "linear is over length, not over 2 axes of space",
            "mode",
        ),
        (
            "resize",
            {"size": 2, "align_corners": True},
            [(4, 6, 9)],
            "align_corners is for modes that interpolate, not for nearest",
            "align_corners",
        ),
        (
            "fold",
            {"output_size": (4, 4), "kernel_size": 2},
            [(8, 8)],
            "3x3 windows fit into 4x4, but there are 8 columns",
            "output_size",
        ),
    ],
)
def test_says_what_does_not_fit(
    name: str, fields: dict[str, Any], shapes: list[Shape], message: str, field: str | None
) -> None:
    with pytest.raises(ShapeError) as caught:
        OPERATORS[name](**fields).shape(*shapes)
    assert (caught.value.message, caught.value.field) == (message, field)


@pytest.mark.parametrize(
    ("fields", "first_row"),
    [
        ({"scale": 2}, [1, 1, 2, 2]),
        ({"scale": 2, "mode": "bilinear"}, [1, 1.25, 1.75, 2]),
        ({"scale": 2, "mode": "bilinear", "align_corners": True}, [1, 4 / 3, 5 / 3, 2]),
        ({"size": (4, 4), "mode": "bicubic", "align_corners": True}, [1, 1.3148148, 1.6851852, 2]),
    ],
)
def test_resize_gives_what_is_printed_in_the_manual(fields: dict[str, Any], first_row: list[float]) -> None:
    """The examples of torch.nn.Upsample; the last by hand, from Keys' kernel."""
    x = np.array([[[[1, 2], [3, 4]]]], dtype=np.float32)
    out = run("resize", x, **fields)
    np.testing.assert_allclose(out[0, 0], first_row, rtol=1e-6)
    np.testing.assert_allclose(out[0, :, 0] - 1, 2 * (np.array(first_row) - 1), rtol=1e-6, atol=1e-6)


def test_windows_of_an_adaptive_pool_share_inputs_where_they_must() -> None:
    """5 inputs to 3 outputs: the first two, the middle three, the last two."""
    x = np.array([[[3, 1, 4, 1, 5]]], dtype=np.float32)
    np.testing.assert_array_equal(run("adaptive_avg_pool", x, output_size=3), [[2, 2, 3]])
    np.testing.assert_array_equal(run("adaptive_max_pool", x, output_size=3), [[3, 4, 5]])
    assert OPERATORS["adaptive_max_pool"](output_size=3).cost((1, 5)).other_ops == 2 + 3 + 2


def test_columns_are_windows_and_add_up_to_how_often_a_pixel_is_seen() -> None:
    x = numbered(2, 3, 4)
    columns = run("unfold", x, kernel_size=(2, 3))
    assert columns.shape == (12, 4)
    np.testing.assert_array_equal(columns[:, 3], x[0, :, 1:3, 1:4].ravel())
    seen = run("fold", np.ones((1, 12, 4)), output_size=(3, 4), kernel_size=(2, 3))
    np.testing.assert_array_equal(seen[1], [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]])


def test_int8_rounds_to_even_and_stops_at_its_ends() -> None:
    weights = {"scale": np.array([0.5, 2.0], dtype=np.float32), "zero_point": np.array([1.0, 0.0], dtype=np.float32)}
    x = np.array([[[0.25, 0.75, 100], [-1, 3, -1000]]], dtype=np.float32)
    whole = OPERATORS["quantize"](axis=0).run(weights, x)
    np.testing.assert_array_equal(whole, [[[1, 3, 127], [0, 2, -128]]])
    assert whole.dtype == "int8"
    back = OPERATORS["dequantize"](axis=0).run(weights, whole)
    np.testing.assert_array_equal(back, [[[0, 1, 63], [0, 4, -256]]])


def test_what_is_put_at_places_is_found_there() -> None:
    x, indices = np.zeros((1, 3, 2)), np.array([[[2, 0], [0, 0]]])
    values = np.array([[[5.0, 6.0], [7.0, 8.0]]])
    np.testing.assert_array_equal(run("scatter", x, indices, values), [[7, 8], [0, 0], [5, 0]])
    np.testing.assert_array_equal(run("scatter", x, indices, values, reduction="add"), [[7, 14], [0, 0], [5, 0]])
    np.testing.assert_array_equal(run("gather_elements", X[:, :3, :2, 0], indices), [[108, 9], [0, 9]])


def test_tuples_of_indices_name_one_element_of_each_axis() -> None:
    places = np.array([[[3, 8], [0, 1]]])
    np.testing.assert_array_equal(run("gather_nd", X, places, axis=(0, 2)), [X[0, 3, :, 8], X[0, 0, :, 1]])
    out = run("scatter_nd", X, places, np.array([[[-1] * 6, [-2] * 6]]), axis=(0, 2))
    assert set(map(tuple, np.argwhere(out == -1))) == {(3, h, 8) for h in range(6)}
    assert set(map(tuple, np.argwhere(out == -2))) == {(0, h, 1) for h in range(6)}
    assert (out < 0).sum() == 12


def test_remainders_have_the_sign_of_the_divisor_or_where_truncated_of_the_dividend() -> None:
    x, by = np.array([[-7.0, 7.0, -7.0, 7.0]]), np.array([[3.0, -3.0, -3.0, 3.0]])
    assert run("mod", x, by).tolist() == [2, -2, -1, 1]
    assert run("mod", x, by, truncated=True).tolist() == [-1, 1, -1, 1]


def test_casting_drops_what_stands_behind_the_point_and_finds_zero_false() -> None:
    x = np.array([[-1.75, -0.5, 0.0, 2.5]], np.float32)
    assert run("cast", x, to="int64").tolist() == [-1, 0, 0, 2]
    assert run("cast", x, to="bool").tolist() == [True, True, False, True]
    assert OPERATORS["cast"](to="float").run({}, x > 0).dtype == np.float32


def test_whole_numbers_stay_whole_under_a_shift_a_factor_and_bounds() -> None:
    x = np.array([[-3, 0, 4]])
    for name, fields, expected in (
        ("shift", {"amount": 1.0}, [-2, 1, 5]),
        ("scale", {"factor": -2.0}, [6, 0, -8]),
        ("clamp", {"min": -1.0, "max": 2}, [-1, 0, 2]),
    ):
        out = run(name, x, **fields)
        assert (out.tolist(), out.dtype) == (expected, np.int64)
