"""What a device has seen, and what it has cost to be asked of what it has not: operators and kinds left out of the fit.

Leave one operator (or kind) out: the model is fitted without every network and chain that has it, and what those took
beyond what is predicted of the rest is set against what is predicted of the operator by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from costmodel.bench.crossvalidate import FEWEST_FAMILIES, PER_TERM
from costmodel.bench.fit import CHAIN, Alone, Design, Prior, Sample, ratios_of
from costmodel.latency.device import LEVEL
from costmodel.latency.forms import Form
from costmodel.latency.seen import Seen
from costmodel.numbers.arithmetic import product

if TYPE_CHECKING:
    from costmodel.bench.fit import Array

TELLING = 0.05
"""A network tells of an operator that has at least this share of its predicted time: below, all else drowns it out."""
FEWEST_TOLD = 2
"""Measurements that must tell of an operator,"""
FEWEST_LEFT_OUT = 10
"""and operators and kinds that must be told of, before their errors say what to expect of another one."""

Named: TypeAlias = Callable[[Alone], str]


def seen_in(samples: Sequence[Sample]) -> Seen:
    """Return what the samples have: operators and kinds by how many networks and chains do, batches, and inputs."""
    networks = {sample.network: sample for sample in samples}.values()
    operators, kinds = (
        Counter(name for one in networks for name in {named(layer) for layer in one.layers}) for named in (_op, _kind)
    )
    whole = [sample for sample in samples if sample.family != CHAIN]
    shapes = sorted((one.input_shape for one in whole if one.input_shape), key=lambda shape: product(shape))
    axes = Counter(map(len, shapes)).most_common(1)
    shapes = [shape for shape in shapes if len(shape) == axes[0][0]]
    return Seen(
        operators=dict(sorted(operators.items())),
        kinds=dict(sorted(kinds.items())),
        batches=sorted({sample.batch for sample in samples}),
        inputs=[list(shapes[0]), list(shapes[-1])] if shapes else [],
    )


def _op(layer: Alone) -> str:
    return layer.op


def _kind(layer: Alone) -> str:
    return layer.kind


def unseen_factor(samples: Sequence[Sample], form: Form, prior: Prior | None = None) -> float | None:
    """Return how many times longer than predicted the least expected tenth of operators and kinds took, when each was
    left out; None where too few can be left out to tell.

    Each operator and kind weighs the same: the median of what tells of it. Between two of them it is interpolated on
    logarithms.
    """
    import numpy as np

    found: dict[tuple[int, ...], float] = {}
    for told in _left_out(samples, form, prior):
        if len(told) >= FEWEST_TOLD:  # a kind of one operator is told of by the same measurements, and counts once
            found.setdefault(tuple(told), float(np.median(list(told.values()))))
    if len(found) < FEWEST_LEFT_OUT:
        return None
    return float(np.exp(np.quantile(np.log(np.maximum(list(found.values()), 1.0)), LEVEL)))


def _left_out(samples: Sequence[Sample], form: Form, prior: Prior | None) -> Iterator[dict[int, float]]:
    """Yield for each operator and kind that can be left out what each sample that tells of it says: how many times
    longer it took than predicted.
    """
    design = Design(samples, form)
    for named in (_op, _kind):
        for name in sorted({named(layer) for sample in samples for layer in sample.layers}):
            coefficients = _fitted_without(design, samples, named, name, prior)
            if coefficients is not None:
                yield dict(_told(design, samples, named, name, coefficients))


def _fitted_without(
    design: Design, samples: Sequence[Sample], named: Named, name: str, prior: Prior | None
) -> Array | None:
    """Return the coefficients fitted without what has `name`; None where too little is left."""
    keep = _without(samples, named, name)
    left = [sample for sample, kept in zip(samples, keep, strict=True) if kept]
    terms = len(design.form.terms)
    if len({sample.family for sample in left} - {CHAIN}) < FEWEST_FAMILIES:
        return None
    if prior is None:
        enough = len({sample.network for sample in left}) >= PER_TERM * terms
        return design.fit(keep) if enough else None
    before = _without(prior.samples, named, name)
    if before.sum() < terms:
        return None
    return design.fit(keep, ratios_of(prior.design(design.form), before), prior.strength)


def _without(samples: Sequence[Sample], named: Named, name: str) -> Array:
    import numpy as np

    return np.array([name not in map(named, sample.layers) for sample in samples])


def _told(
    design: Design, samples: Sequence[Sample], named: Named, name: str, coefficients: Array
) -> Iterator[tuple[int, float]]:
    predicted = design.predict(coefficients)
    for place, sample in enumerate(samples):
        own = design.alone([layer.counts for layer in sample.layers if named(layer) == name], coefficients)
        if own > 0 and own >= TELLING * predicted[place]:
            yield place, float((sample.seconds - (predicted[place] - own)) / own)
