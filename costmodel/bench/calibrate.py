"""From measurements to a device: choose a form, fit it, and write down how far it is off where it has not looked."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from costmodel.bench.campaign import About, Published
from costmodel.bench.crossvalidate import Score, choice_mape_percent, choose_among, earned, held_out, score
from costmodel.bench.figures import errors_of, residuals, short
from costmodel.bench.fit import CHAIN, Design, Prior, Sample, coefficients_of
from costmodel.bench.like import like
from costmodel.bench.tables import read_table, samples_of
from costmodel.bench.unseen import seen_in, unseen_factor
from costmodel.errors import CostModelError
from costmodel.latency.complaints import fault_of
from costmodel.latency.device import (
    LEAST_SECONDS,
    LEVEL,
    Conditions,
    Device,
    Errors,
    Interval,
    Model,
    TermModel,
)
from costmodel.latency.forms import FORMS, Form
from costmodel.latency.lowering import Lowering


def fit_device(
    about: About,
    samples: Sequence[Sample],
    conditions: Conditions,
    *,
    lowering: Lowering,
    prior: Prior | None = None,
    forms: Sequence[Form] = FORMS,
    repeatability_percent: float | None = None,
) -> Device:
    """Return the device that measured networks describe.

    Args:
        about: what the device's file says of it.
        samples: the measured networks.
        conditions: under which they were measured.
        lowering: how the runtime turns layers into kernels.
        prior: measurements of similar devices, towards which the ratios of coefficients are drawn.
        forms: the forms to choose among.
        repeatability_percent: how far two measurements of one network differ.

    Raises:
        CostModelError: if there are too few measurements, or no machine can have taken them.
    """
    designs = {form: Design(samples, form) for form in forms}
    form, scores = choose_among(list(designs.values()), prior)
    design = designs[form]
    predicted = held_out(design, prior)
    width, held, why = earned(design, prior)
    if repeatability_percent is not None:
        width = max(width, repeatability_percent / 100)
    factor = unseen_factor(samples, form, prior)
    try:
        return Device(
            **about.fields,
            conditions=conditions.model_copy(update={"shortest_s": _shortest(samples)}),
            model=Model(
                form=form.name,
                fuses=lowering.fuses,
                lanes=lowering.lanes,
                combine=form.combine,
                terms=_terms(design, samples, form, prior),
            ),
            seen=seen_in(samples),
            error=_errors(samples, form, designs, scores, prior),
            interval=Interval(
                level_percent=100 * LEVEL,
                half_width=short(width),
                coverage_percent=short(held),
                repeatability_percent=None if repeatability_percent is None else short(repeatability_percent),
                unseen_factor=None if factor is None else short(factor),
                why=why,
            ),
            residuals=residuals(samples, predicted),
        )
    except ValidationError as error:
        fault = fault_of(error.errors()[0], ())
        raise CostModelError(f"these measurements are those of no machine: {fault.message}") from None


def _shortest(samples: Sequence[Sample]) -> float:
    return short(min(sample.seconds for sample in samples if sample.family != CHAIN))


def _terms(design: Design, samples: Sequence[Sample], form: Form, prior: Prior | None) -> list[TermModel]:
    coefficients = coefficients_of(samples, form, prior)
    spent = design.active(coefficients) * coefficients
    networks = design.families != CHAIN
    shares = (spent / spent.sum(axis=1, keepdims=True))[networks].max(axis=0)
    return [
        TermModel(
            of=list(term), seconds=short(seconds, 6) if seconds >= LEAST_SECONDS else 0.0, largest_share=short(share)
        )
        for term, seconds, share, count in zip(form.terms, coefficients, shares, design.sums.sum(axis=0), strict=True)
        if count  # what nothing has that was measured is not free, it is unknown
    ]


def _errors(
    samples: Sequence[Sample], form: Form, designs: dict[Form, Design], scores: dict[str, Score], prior: Prior | None
) -> Errors:
    networks = [sample for sample in samples if sample.family != CHAIN]
    design = designs[form]
    loose = None if prior is None else score(held_out(design, prior, strict=False), design.seconds).mape_percent
    return errors_of(
        networks,
        scores[form.name],
        mape_choice_percent=_finite(choice_mape_percent(list(designs.values()), prior)),
        mape_prior_percent=None if loose is None else short(loose),
        others={name: short(other.mape_percent) for name, other in scores.items() if name != form.name},
    )


def _finite(value: float) -> float | None:
    return None if value != value else short(value)


def fit_published(asked: Published) -> Device:
    """Return the device that somebody's measurements describe.

    Raises:
        CostModelError: if the tables cannot be read, or hold too few measurements.
    """
    measurements = read_table(asked.table)
    conditions = asked.conditions([one.batch for one in measurements])
    if asked.like is not None:
        lowering = Lowering(asked.like.model.fuses, asked.lowering.lanes)
        return like(asked.like, samples_of(measurements, asked.dtype, lowering), asked.about, conditions, lowering)
    samples = samples_of(measurements, asked.dtype, asked.lowering)
    prior = None
    if asked.prior is not None:
        prior = Prior(samples_of(read_table(asked.prior), asked.dtype, asked.lowering))
    return fit_device(asked.about, samples, conditions, lowering=asked.lowering, prior=prior)
