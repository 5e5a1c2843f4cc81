"""Networks that people wrote in words that the language does not have, in those that it has: sums by hand, or as
published for the bundled ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import costmodel as cm

WORDS = {
    "an unnamed scratch file": ("input: [3, 8, 8]\nlayers: {c: {op: conv, out_channels: 8}}", (8, 8, 8), 32, 1_536),
    "conv1d": (
        "input: [1, 16000]\nlayers:\n  c: {op: conv, out_channels: 64, kernel_size: 80, stride: 4}\n  r: {op: relu}\n"
        "  p: {op: max_pool, kernel_size: 4, stride: 4}",
        (64, 995),  # 3,981 places of the window of 80
        64 * 80 + 64,
        64 * 80 * 3_981,
    ),
    "c3d": (
        "input: [3, 16, 112, 112]\nlayers: {c: {op: conv, out_channels: 64, kernel_size: 3, padding: 1}}",
        (64, 16, 112, 112),
        64 * 81 + 64,
        64 * 81 * 16 * 112 * 112,
    ),
    "lstm": (
        "input: [50, 128]\nlayers: {rnn: {op: lstm, hidden_size: 128}}",
        (50, 128),
        4 * (2 * 128 * 128 + 2 * 128),
        50 * 4 * 2 * 128 * 128,
    ),
    "sequences joined": (
        "input: [4, 8, 8]\nlayers:\n  t1: {op: tokens}\n  p: {op: max_pool, from: in, kernel_size: 2, stride: 2}\n"
        "  t2: {op: tokens}\n  all: {op: concat, from: [t1, t2]}",
        (64 + 16, 4),
        0,
        0,
    ),
    "a dilation that doubles": (
        "input: [8, 8, 8]\nlayers:\n  c: {op: conv, out_channels: 8, kernel_size: 3, repeat: 4, "
        'dilation: "power(2, copy)", padding: "power(2, copy)"}',
        (8, 8, 8),
        4 * (8 * 72 + 8),
        4 * 8 * 72 * 64,
    ),
    "windows of tokens": (
        "input: [3, 224, 224]\nlayers:\n"
        "  patch: {op: conv, out_channels: 96, kernel_size: 4, stride: 4}\n"
        "  w: {op: window_partition, window_size: 7}\n"  # 64 windows of 49 tokens
        "  n: {op: layer_norm}\n"
        "  q: {op: linear, out_features: 96}\n"
        "  k: {op: linear, from: n, out_features: 96}\n"
        "  v: {op: linear, from: n, out_features: 96}\n"
        "  a: {op: attention, from: [q, k, v], heads: 3}\n"
        "  m: {op: window_reverse, window_size: 7, height: 56, width: 56}\n"
        "  d: {op: conv, out_channels: 192, kernel_size: 2, stride: 2}",
        (192, 28, 28),
        (96 * 48 + 96) + 192 + 3 * (96 * 96 + 96) + (192 * 384 + 192),
        96 * 48 * 3_136 + 3 * 96 * 96 * 3_136 + 64 * 2 * 49 * 49 * 96 + 192 * 384 * 784,
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_what_newcomers_wanted_can_be_said(name: str, tmp_path: Path) -> None:
    text, shape, params, mult_adds = WORDS[name]
    file = tmp_path / "net.yaml"
    file.write_text(text)
    graph = cm.load(str(file))
    totals = cm.price(graph).totals
    assert (graph.layers[-1].shape, totals.params, totals.mult_adds) == (shape, params, mult_adds)


@pytest.mark.parametrize(
    ("name", "shape", "params", "mult_adds"),
    [
        ("unet", (2, 388, 388), 31_030_658, 150_428_424_448),
        ("gpt2", (1024, 50257), 124_439_808, 145_824_153_600),
        ("bert_base", (768,), 109_482_240, 11_174_215_680),
        ("yolov8n", (84, 8_400), 3_157_200, 4_371_993_600),
        ("wavenet", (256, 16_000), 248_000, 3_934_208_000),
        ("ds_cnn", (12,), 23_180, 2_656_768),
    ],
)
def test_what_is_bundled_now_has_the_totals_that_were_wanted(
    name: str, shape: tuple[int, ...], params: int, mult_adds: int
) -> None:
    graph = cm.load(name)
    totals = cm.price(graph).totals
    assert (graph.layers[-1].shape, totals.params, totals.mult_adds) == (shape, params, mult_adds)


def test_gpt2_has_as_many_params_at_every_length() -> None:
    assert {cm.price(cm.load("gpt2", tokens=tokens)).totals.params for tokens in (1, 64, 1024)} == {124_439_808}
