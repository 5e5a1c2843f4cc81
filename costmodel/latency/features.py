"""What a time model counts: for each fused kernel, its mult-adds by kind, the bytes it moves, its weights and itself.

Everything is read from a cost table's rows with plain arithmetic, so the counts are numbers for one network and NumPy
arrays for a million.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from costmodel.formula import Number, product

Counts = dict[str, Number]
"""How much of each feature a kernel, or a network, has."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A thing that takes time: the unit it is counted in, what it means, and which bound it belongs to."""

    unit: str
    meaning: str
    bound: str


FEATURES: Mapping[str, Feature] = {
    "mult_adds_winograd": Feature(
        "mult-add", "3x3 convolutions of stride 1, which many runtimes compute by Winograd's method", "compute"
    ),
    "mult_adds_kxk": Feature("mult-add", "other k x k convolutions", "compute"),
    "mult_adds_1x1": Feature("mult-add", "1x1 convolutions", "compute"),
    "mult_adds_grouped": Feature("mult-add", "grouped convolutions", "compute"),
    "mult_adds_depthwise": Feature("mult-add", "depthwise convolutions", "compute"),
    "mult_adds_matmul": Feature("mult-add", "linear layers and matrix products", "compute"),
    "smooth_elements": Feature(
        "element", "activations that are more than a clip: sigmoid, SiLU, hard-swish, GELU", "compute"
    ),
    "lrn_elements": Feature("element", "local response normalisation, a power an element", "compute"),
    "compute_bytes": Feature("byte", "activations that convolutions and matrix products read and write", "memory"),
    "memory_bytes": Feature("byte", "activations that all other kernels read and write", "memory"),
    "conv_weight_bytes": Feature("byte", "weights of convolutions and norms, read once a batch", "memory"),
    "linear_weight_bytes": Feature("byte", "weights of linear layers, read once a batch", "memory"),
    "kernels": Feature("kernel", "kernels launched, once a batch", "overhead"),
}
"""Every feature by name, in the order of reports."""

_MULT_ADDS = {
    "conv kxk": "mult_adds_kxk",
    "transposed conv": "mult_adds_kxk",
    "conv 1x1": "mult_adds_1x1",
    "grouped conv": "mult_adds_grouped",
    "depthwise conv": "mult_adds_depthwise",
    "linear": "mult_adds_matmul",
    "matmul": "mult_adds_matmul",
}
COMPUTE_KINDS = frozenset(_MULT_ADDS)
"""Kinds of layers that have mult-adds."""

ELEMENTS = dict.fromkeys(("sigmoid", "silu", "hardsigmoid", "hardswish", "gelu"), "smooth_elements") | {
    "lrn": "lrn_elements"
}
"""Operators whose time goes by the number of their elements rather than by what they move."""

STEM_CHANNELS = 4
"""A convolution that reads at most so many channels (a picture) is never computed by Winograd's method."""


def kernel_counts(rows: Iterable[Mapping[str, Any]], batch: Number, fuses: bool) -> Iterator[tuple[str, Counts]]:
    """Yield what each layer adds to its kernel: the path of the layer that heads the kernel, and the counts.

    Args:
        rows: of a cost table, in order.
        batch: images at once.
        fuses: whether the runtime computes norms and activations within the convolution before them. If not, every
        layer
        is a kernel of its own and moves its whole input and output.

    Views take no time and are left out.
    """
    computes: dict[str, bool] = {}
    for row in rows:
        head = row["kernel"]
        if head is None:
            continue
        path, kind, weights = row["path"], row["kind"], row["weight_bytes"]
        if not fuses:
            head = path
        starts = head == path
        if starts:
            computes[path] = kind in COMPUTE_KINDS
        moved = row["fused_bytes"] - weights if fuses else row["input_bytes"] + row["output_bytes"]
        counts: Counts = {"compute_bytes" if computes[head] else "memory_bytes": moved}
        if kind in COMPUTE_KINDS:
            _count_mult_adds(counts, row, kind, batch)
        if row["op"] in ELEMENTS:
            counts[ELEMENTS[row["op"]]] = product(row["output_shape"]) * batch
        counts["linear_weight_bytes" if kind == "linear" else "conv_weight_bytes"] = weights
        if starts:
            counts["kernels"] = 1
        yield head, counts


def _count_mult_adds(counts: Counts, row: Mapping[str, Any], kind: str, batch: Number) -> None:
    mult_adds = row["mult_adds"]
    if kind != "conv kxk":
        counts[_MULT_ADDS[kind]] = mult_adds
        return
    (channels, high, _), out = row["input_shapes"][0], row["output_shape"]
    square = mult_adds == 9 * channels * product(out) * batch
    winograd = mult_adds * (square & (channels > STEM_CHANNELS) & (2 * out[1] > high + 1))
    counts["mult_adds_winograd"] = winograd
    counts["mult_adds_kxk"] = mult_adds - winograd


def total_counts(rows: Iterable[Mapping[str, Any]], batch: Number, fuses: bool) -> Counts:
    """Return the counts of the whole network, every feature present."""
    total: Counts = dict.fromkeys(FEATURES, 0)
    for _, counts in kernel_counts(rows, batch, fuses):
        for name, count in counts.items():
            total[name] = total[name] + count
    return total
