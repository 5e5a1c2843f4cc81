"""From measurements to a device: choose a form, fit it, and write down how far it is off where it has not looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from costmodel.bench.campaign import About, Published
from costmodel.bench.crossvalidate import (
    CHAIN,
    Score,
    choice_mape_percent,
    choose,
    choose_among,
    coverage_percent,
    half_width,
    held_out,
    score,
)
from costmodel.bench.fit import Design, Prior, Sample, coefficients_of
from costmodel.bench.scale import scale
from costmodel.bench.tables import read_table, samples_of
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
    Operations,
    TermModel,
    find_device,
)
from costmodel.latency.forms import FORMS, OPERATIONS, Form
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
    width = half_width(predicted, design.seconds, design.families)
    if repeatability_percent is not None:
        width = max(width, repeatability_percent / 100)
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
            error=_errors(samples, form, designs, scores, prior),
            interval=Interval(
                level_percent=100 * LEVEL,
                half_width=_short(width),
                coverage_percent=_short(coverage_percent(design, prior)),
                repeatability_percent=None if repeatability_percent is None else _short(repeatability_percent),
            ),
            residuals=[
                (sample.network, sample.batch, sample.family, round(float(100 * (guess / sample.seconds - 1)), 1))
                for sample, guess in zip(samples, predicted, strict=True)
                if sample.family != CHAIN
            ],
        )
    except ValidationError as error:
        fault = fault_of(error.errors()[0], ())
        raise CostModelError(f"these measurements are those of no machine: {fault.message}") from None


def unseen_error_percent(samples: Sequence[Sample], forms: Sequence[Form] = FORMS) -> float:
    """Return the error on unseen families that a device fitted to these samples would state.

    Raises:
        CostModelError: if there are too few measurements.
    """
    form, scores = choose(samples, forms)
    return _short(scores[form.name].mape_percent)


def _shortest(samples: Sequence[Sample]) -> float:
    return _short(min(sample.seconds for sample in samples if sample.family != CHAIN))


def _terms(design: Design, samples: Sequence[Sample], form: Form, prior: Prior | None) -> list[TermModel]:
    coefficients = coefficients_of(samples, form, prior)
    spent = design.active(coefficients) * coefficients
    shares = (spent / spent.sum(axis=1, keepdims=True)).max(axis=0)
    return [
        TermModel(
            of=list(term), seconds=_short(seconds, 6) if seconds >= LEAST_SECONDS else 0.0, largest_share=_short(share)
        )
        for term, seconds, share in zip(form.terms, coefficients, shares, strict=True)
    ]


def _errors(
    samples: Sequence[Sample], form: Form, designs: dict[Form, Design], scores: dict[str, Score], prior: Prior | None
) -> Errors:
    networks = [sample for sample in samples if sample.family != CHAIN]
    found, plain = scores[form.name], Design(networks, OPERATIONS)
    baseline = score(held_out(plain), plain.seconds)
    design = designs[form]
    loose = None if prior is None else score(held_out(design, prior, strict=False), design.seconds).mape_percent
    return Errors(
        networks=len(networks),
        families=len({sample.family for sample in networks}),
        **_figures(found),
        mape_choice_percent=_finite(choice_mape_percent(list(designs.values()), prior)),
        mape_prior_percent=None if loose is None else _short(loose),
        operations_only=Operations(
            seconds=_short(float(coefficients_of(networks, OPERATIONS)[0]), 6), **_figures(baseline)
        ),
        others={name: _short(other.mape_percent) for name, other in scores.items() if name != form.name},
    )


def _figures(found: Score) -> dict[str, Any]:
    return {
        "mape_percent": _short(found.mape_percent),
        "within_10_percent": _short(found.within_10_percent),
        "spearman": _short(found.spearman, 4),
    }


def _finite(value: float) -> float | None:
    return None if value != value else _short(value)


def _short(value: float, digits: int = 3) -> float:
    """Return a figure with as many digits as a device file states."""
    return float(f"{float(value):.{digits}g}")


def fit_published(asked: Published) -> Device:
    """Return the device that somebody's measurements describe.

    Raises:
        CostModelError: if the tables cannot be read, or hold too few measurements.
    """
    measurements = read_table(asked.table)
    conditions = asked.conditions([one.batch for one in measurements])
    if asked.scale is not None:
        other = find_device(asked.scale)
        return scale(other, samples_of(measurements, asked.dtype, other.model.lowering), asked.about, conditions)
    samples = samples_of(measurements, asked.dtype, asked.lowering)
    prior = None
    if asked.prior is not None:
        prior = Prior(samples_of(read_table(asked.prior), asked.dtype, asked.lowering))
    return fit_device(asked.about, samples, conditions, lowering=asked.lowering, prior=prior)
