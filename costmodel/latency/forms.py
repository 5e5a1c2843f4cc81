"""The forms that a time model may take, from the simplest to the richest; measurements choose among them.

A form is a few terms. A term is one coefficient times a sum of features (`costmodel.latency.features`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from costmodel.latency.features import FEATURES

Term: TypeAlias = tuple[str, ...]
"""The features that one coefficient is shared by. All of them are counted in one unit."""

MULT_ADDS: Term = tuple(name for name in FEATURES if name.startswith("mult_adds_"))
BYTES: Term = ("compute_bytes", "memory_bytes")
WEIGHTS: Term = ("conv_weight_bytes", "linear_weight_bytes")


ELEMENTS: tuple[Term, ...] = (
    ("smooth_elements",),
    ("scalar_elements",),
    ("logs_elements",),
    ("slow_elements",),
    ("lrn_elements",),
    ("index_elements",),
)
BLOCKS: tuple[Term, ...] = (
    ("idle_mult_adds",),
    BYTES,
    ("spilled_bytes",),
    ("spilled_weight_bytes",),
    ("unfolded_elements",),
    ("reordered_bytes",),
)
"""What takes time in a runtime that keeps maps in blocks of channels (`costmodel.latency.blocked`)."""


def _without(term: Term, *names: str) -> Term:
    return tuple(name for name in term if name not in names)


GROUPED = _without(MULT_ADDS, "mult_adds_grouped")
"""All mult-adds but those of grouped convolutions."""


@dataclass(frozen=True)
class Form:
    """One form. `combine` says how the time of a kernel follows from its terms.

    sum: all terms are added. max: the larger of its compute terms and its memory terms, plus its overhead (a roofline).
    """

    name: str
    terms: tuple[Term, ...]
    combine: Literal["sum", "max"] = "sum"


OPERATIONS = Form("operations", (MULT_ADDS,))
"""Time proportional to mult-adds (Canziani et al. 2016, arXiv:1605.07678, figure 7): the baseline that every device
shows.
"""

FORMS = (
    Form("operations, bytes", (MULT_ADDS, BYTES)),
    Form("operations, bytes, weights", (MULT_ADDS, BYTES, WEIGHTS)),
    Form("operations, bytes of compute and of other kernels", (MULT_ADDS, ("compute_bytes",), ("memory_bytes",))),
    Form("operations, bytes, weights, kernels", (MULT_ADDS, BYTES, WEIGHTS, ("kernels",))),
    Form(
        "operations, bytes, smooth activations, response normalisation",
        (MULT_ADDS, BYTES, ("smooth_elements",), ("lrn_elements",)),
    ),
    Form(
        "grouped apart, bytes, weights, smooth activations, response normalisation",
        (GROUPED, ("mult_adds_grouped",), BYTES, WEIGHTS, ("smooth_elements",), ("lrn_elements",)),
    ),
    Form(
        "blocks of channels: operations, idle lanes, bytes, spilled bytes and weights, unfolding, reordering, elements",
        ((*MULT_ADDS, "padding_mult_adds"), *BLOCKS, *ELEMENTS),
    ),
    Form(
        "Winograd and grouped apart, bytes, weights of linear layers",
        (
            ("mult_adds_winograd",),
            _without(GROUPED, "mult_adds_winograd", "mult_adds_matmul"),
            ("mult_adds_grouped",),
            BYTES,
            ("linear_weight_bytes",),
        ),
    ),
    Form(
        "Winograd and matrix products apart, bytes of compute and of other kernels, weights of linear layers",
        (
            ("mult_adds_winograd",),
            ("mult_adds_matmul",),
            _without(MULT_ADDS, "mult_adds_winograd", "mult_adds_matmul"),
            ("compute_bytes",),
            ("memory_bytes",),
            ("linear_weight_bytes",),
        ),
    ),
    Form(
        "depthwise apart, bytes, weights, kernels",
        (
            _without(MULT_ADDS, "mult_adds_depthwise"),
            ("mult_adds_depthwise",),
            BYTES,
            WEIGHTS,
            ("kernels",),
        ),
    ),
    Form(
        "roofline: operations or bytes and weights of compute kernels, bytes of others, kernels",
        (MULT_ADDS, ("compute_bytes", *WEIGHTS), ("memory_bytes",), ("kernels",)),
        "max",
    ),
)
"""The candidates of a calibration. Mult-adds by five kinds are not among them: they fit better and predict worse."""
