"""What a time model counts: for each fused kernel, its mult-adds by kind, the bytes it moves, its weights and itself.

Everything is read from a cost table's rows with plain arithmetic, so the counts are numbers for one network and NumPy
arrays for a million.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from costmodel.formula import Number, Shape, largest, product

if TYPE_CHECKING:
    from costmodel.pricing.table import CostTable

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
    "spilled_bytes": Feature(
        "byte", "of a kernel's activations, what is beyond 4 MB and so beyond a near cache", "memory"
    ),
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

NEAR_BYTES = 4 * 10**6
"""What a kernel reads and writes beyond so many bytes has left the caches near a core (about one core's share)."""

STEM_CHANNELS = 4
"""A convolution that reads at most so many channels (a picture) is never computed by Winograd's method."""


COLUMNS = (
    "path",
    "op",
    "kind",
    "kernel",
    "mult_adds",
    "weight_bytes",
    "input_bytes",
    "output_bytes",
    "fused_bytes",
    "input_shapes",
    "output_shape",
)
"""What is read of a row of the cost table."""


def of_table(table: CostTable) -> Iterator[tuple[Any, ...]]:
    """Yield a table's rows as `kernel_counts` reads them."""
    return zip(*(table.columns[name] for name in COLUMNS), strict=True)


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table that is not kept as `kernel_counts` reads them."""
    return map(itemgetter(*COLUMNS), rows)


def kernel_counts(rows: Iterable[tuple[Any, ...]], batch: Number, fuses: bool) -> Iterator[tuple[str, Counts]]:
    """Yield what each layer adds to its kernel: the path of the layer that heads the kernel, and the counts.

    Args:
        rows: from `of_table` or `of_rows`, in order.
        batch: images at once.
        fuses: whether the runtime computes norms and activations within the convolution before them. If not, every
        layer is a kernel of its own and moves its whole input and output.

    Views take no time and are left out.
    """
    computes: dict[str, bool] = {}
    for path, op, kind, head, mult_adds, weights, read, wrote, fused, inputs, out in rows:
        if head is None:
            continue
        if not fuses:
            head = path
        counts: Counts = {"linear_weight_bytes" if kind == "linear" else "conv_weight_bytes": weights}
        if head == path:
            computes[path] = kind in COMPUTE_KINDS
            counts["kernels"] = 1
            counts["spilled_bytes"] = largest(read + wrote - NEAR_BYTES, 0)
        counts["compute_bytes" if computes[head] else "memory_bytes"] = fused - weights if fuses else read + wrote
        if kind == "conv kxk":
            winograd = mult_adds * _suits_winograd(mult_adds, inputs[0], out, batch)
            counts["mult_adds_winograd"] = winograd
            counts["mult_adds_kxk"] = mult_adds - winograd
        elif kind in COMPUTE_KINDS:
            counts[_MULT_ADDS[kind]] = mult_adds
        elif op in ELEMENTS:
            counts[ELEMENTS[op]] = product(out) * batch
        yield head, counts


def _suits_winograd(mult_adds: Number, x: Shape, out: Shape, batch: Number) -> Any:
    """Say whether an ungrouped convolution is 3x3 with stride 1 and reads more than a picture."""
    square = mult_adds == 9 * x[0] * product(out) * batch
    return square & (x[0] > STEM_CHANNELS) & (2 * out[1] > x[1] + 1)


def total_counts(table: CostTable, fuses: bool) -> Counts:
    """Return the counts of the whole network, every feature present."""
    total: Counts = dict.fromkeys(FEATURES, 0)
    for _, counts in kernel_counts(of_table(table), table.batch, fuses):
        for name, count in counts.items():
            total[name] = total[name] + count
    return total
