"""What a time model counts: for each fused kernel, its mult-adds by kind, the bytes it moves, its weights and itself.

Everything is read from a cost table's rows with plain arithmetic, so the counts are numbers for one network and NumPy
arrays for a million.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from costmodel.numbers.arithmetic import Number, Shape, is_array, is_plain, largest, product
from costmodel.ops import OPERATORS, Operator

Counts = dict[str, Number]
"""How much of each feature a kernel, or a network, has."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A thing that takes time: the unit it is counted in, what it means, which bound it belongs to, and whether it is
    there once a batch, however many images that has.
    """

    unit: str
    meaning: str
    bound: str
    once: bool = False


FEATURES: Mapping[str, Feature] = {
    "mult_adds_winograd": Feature("mult-add", "3x3 convolutions of stride 1, as Winograd's method takes", "compute"),
    "mult_adds_kxk": Feature("mult-add", "other k x k convolutions", "compute"),
    "mult_adds_1x1": Feature("mult-add", "1x1 convolutions", "compute"),
    "mult_adds_grouped": Feature("mult-add", "grouped convolutions", "compute"),
    "mult_adds_depthwise": Feature("mult-add", "depthwise convolutions", "compute"),
    "mult_adds_matmul": Feature("mult-add", "linear layers and matrix products", "compute"),
    "padding_mult_adds": Feature("mult-add", "channels that fill up the last block", "compute"),
    "idle_mult_adds": Feature("mult-add", "blocks missing to the four computed at a time", "compute"),
    "smooth_elements": Feature("element", "sigmoid, tanh, exp, SiLU, hard-sigmoid, hard-swish", "compute"),
    "scalar_elements": Feature("element", "log, sin, cos, ELU and its kin", "compute"),
    "logs_elements": Feature("element", "softplus, log-sigmoid, mish", "compute"),
    "slow_elements": Feature("element", "GELU and PReLU", "compute"),
    "lrn_elements": Feature("element", "local response normalisation", "compute"),
    "index_elements": Feature("element", "places of maxima that a max-pool writes down", "compute"),
    "unfolded_elements": Feature("element", "windows copied out, where channels fill no blocks", "memory"),
    "compute_bytes": Feature("byte", "activations of convolutions and matrix products", "memory"),
    "memory_bytes": Feature("byte", "activations of all other kernels", "memory"),
    "reordered_bytes": Feature("byte", "maps turned into blocks of channels or back", "memory"),
    "spilled_bytes": Feature("byte", "a convolution's activations beyond 4 MB", "memory"),
    "conv_weight_bytes": Feature("byte", "weights of convolutions and norms, once a batch", "memory", once=True),
    "linear_weight_bytes": Feature("byte", "weights of linear layers, once a batch", "memory", once=True),
    "spilled_weight_bytes": Feature("byte", "a kernel's weights beyond 128 kB, once a batch", "memory", once=True),
    "kernels": Feature("kernel", "kernels launched, once a batch", "overhead", once=True),
}
"""Every feature by name, in the order of reports."""

MULT_ADDS_OF = {
    "conv kxk": "mult_adds_kxk",
    "transposed conv": "mult_adds_kxk",
    "conv 1x1": "mult_adds_1x1",
    "grouped conv": "mult_adds_grouped",
    "depthwise conv": "mult_adds_depthwise",
    "linear": "mult_adds_matmul",
    "matmul": "mult_adds_matmul",
}
"""The feature that a kind of layer's mult-adds are counted as."""

GENERAL = "mult_adds_matmul"
"""The feature that the mult-adds of every other kind are counted as: no device has measured them apart."""

ELEMENTS = {
    "smooth": "smooth_elements",
    "scalar": "scalar_elements",
    "logs": "logs_elements",
    "slow": "slow_elements",
    "window": "lrn_elements",
    "places": "index_elements",
}
"""The feature that elements are counted as, by the effort that an operator's page states. The time of operators that
state none goes by the bytes they move.
"""

NEAR_BYTES = 4 * 10**6
"""What a kernel reads and writes beyond so many bytes has left the caches near a core (about one core's share)."""

NEAR_WEIGHT_BYTES = 128 * 10**3
"""The same for its weights: those of small layers stay in a cache from batch to batch."""

PLANE = 3
"""Axes of (channels, height, width)."""

STEM_CHANNELS = 4
"""A convolution that reads at most so many channels (a picture) is never computed by Winograd's method."""


class LayerCosts(NamedTuple):
    """What is read of a row of the cost table; see `costmodel.pricing.table`."""

    path: str
    op: str
    kind: str
    kernel: str | None
    groups: Number
    mult_adds: Number
    traffic_bytes: Number
    input_bytes: Number
    output_bytes: Number
    fused_traffic_bytes: Number
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape

    @property
    def weights_read(self) -> Number:
        """The bytes of weights that it reads: all of them, of a table the rows that are looked up."""
        return self.traffic_bytes - self.input_bytes - self.output_bytes


def computes(row: LayerCosts) -> bool:
    """Say whether a layer has mult-adds, be it of a kind that is known here or not."""
    if row.kind in MULT_ADDS_OF:
        return True
    return bool(row.mult_adds.any()) if is_array(row.mult_adds) else row.mult_adds != 0


def work_counts(row: LayerCosts, batch: Number) -> Counts:
    """Return what a layer counts under every runtime: its weights, mult-adds and costly elements."""
    counts: Counts = {}
    weights = row.weights_read
    if not is_plain(weights) or weights:
        counts["linear_weight_bytes" if row.kind == "linear" else "conv_weight_bytes"] = weights
        counts["spilled_weight_bytes"] = largest(weights - NEAR_WEIGHT_BYTES, 0)
    if row.kind == "conv kxk" and len(row.output_shape) == PLANE:
        winograd = row.mult_adds * _suits_winograd(row.mult_adds, row.input_shapes[0], row.output_shape, batch)
        counts["mult_adds_winograd"] = winograd
        counts["mult_adds_kxk"] = row.mult_adds - winograd
    elif computes(row):
        counts[MULT_ADDS_OF.get(row.kind, GENERAL)] = row.mult_adds
    effort = page(row.op).effort
    if effort:
        counts[ELEMENTS[effort]] = product(row.output_shape) * batch
    return counts


def alone_counts(row: LayerCosts, batch: Number) -> Counts:
    """Return what a layer would count as a kernel of its own, whatever it is computed within."""
    moved = "compute_bytes" if computes(row) else "memory_bytes"
    return work_counts(row, batch) | {moved: row.input_bytes + row.output_bytes, "kernels": 1}


def page(op: str) -> type[Operator]:
    """Return the page of an operator of a cost table, which states what runtimes need to know of it."""
    return OPERATORS.get(op, Operator)


def spilled_bytes(row: LayerCosts) -> Number:
    """Return what a layer reads and writes beyond the near caches."""
    return largest(row.input_bytes + row.output_bytes - NEAR_BYTES, 0)


def _suits_winograd(mult_adds: Number, x: Shape, out: Shape, batch: Number) -> Any:
    """Say whether an ungrouped convolution is 3x3 with stride 1 and reads more than a picture."""
    square = mult_adds == 9 * x[0] * product(out) * batch
    return square & (x[0] > STEM_CHANNELS) & (2 * out[1] > x[1] + 1)
