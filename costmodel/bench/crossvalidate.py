"""How far a model is off on networks of a family that it has never seen, and the interval that this earns.

Leave one family out (LOFO): each network is predicted by a model fitted without any network of its family.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from costmodel.bench.fit import CHAIN, Design, Prior, Sample, ratios_of
from costmodel.errors import CostModelError
from costmodel.latency.device import LEVEL
from costmodel.latency.forms import Form

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

GAIN = 0.97
"""Each further coefficient must bring the error below this share of the simpler form's,"""
POINTS = 0.25
"""and by so many points of percent."""
FEWEST_FAMILIES = 3
LEAST_HELD = 85.0
"""Where the interval held less of unseen families, in percent, it is taken wider."""
PER_TERM = 3
"""Networks needed for each coefficient, where no prior says what they are about."""


@dataclass(frozen=True)
class Score:
    """Errors of predictions: mean absolute percentage error, share within 10 %, rank correlation."""

    mape_percent: float
    within_10_percent: float
    spearman: float


def held_out(design: Design, prior: Prior | None = None, keep: Array | None = None, strict: bool = True) -> Array:
    """Return the LOFO prediction of each sample, in seconds; NaN outside `keep` and for micro-benchmarks.

    With a prior, `strict` fits the prior too without the family that is left out.
    """
    before = None if prior is None else prior.design(design.form)

    def fitted(rest: Array, family: str) -> Array:
        ratios = None if before is None else ratios_of(before, (before.families != family) | (not strict))
        return design.fit(rest, ratios, prior.strength if prior else 0.0)

    return left_out(design, fitted, keep)


def left_out(design: Design, fitted: Callable[[Array, str], Array], keep: Array | None = None) -> Array:
    """Return the prediction of each sample in `keep` by the coefficients that `fitted` returns for those that are left
    without its family, given which these are and the family; NaN for all others and for micro-benchmarks.
    """
    import numpy as np

    kept = np.ones(len(design.seconds), bool) if keep is None else keep
    predicted = np.full(len(design.seconds), np.nan)
    for family in _families(design, kept):
        out = design.families == family
        predicted[out & kept] = design.predict(fitted(kept & ~out, family))[out & kept]
    return predicted


def _families(design: Design, kept: Array) -> list[str]:
    return [family for family in dict.fromkeys(design.families[kept].tolist()) if family != CHAIN]


def score(predicted: Array, measured: Array) -> Score:
    """Return the errors of predictions, those of networks that were not predicted (NaN) left out."""
    import numpy as np

    known = ~np.isnan(predicted)
    predicted, measured = predicted[known], measured[known]
    error = np.abs(predicted / measured - 1)
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (predicted, measured)]
    spread = np.std(ranks[0]) * np.std(ranks[1])
    correlation = (
        float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())) / spread) if spread else 0.0
    )
    return Score(float(100 * error.mean()), float(100 * (error <= 0.1).mean()), correlation)


def half_width(predicted: Array, measured: Array, families: Array, level: float = LEVEL) -> float:
    """Return the q of the interval t * exp(-q) .. t * exp(q): a quantile of LOFO residuals, where each family weighs
    the same; the largest residual where there are fewer than ten families.
    """
    import numpy as np

    known = ~np.isnan(predicted)
    predicted, measured, families = predicted[known], measured[known], families[known]
    residual = np.abs(np.log(np.maximum(predicted, 1e-12) / measured))
    if len(set(families.tolist())) < 1 / (1 - LEVEL):
        return float(residual.max())
    return reach(residual, families, level)


def reach(values: Array, groups: Array, level: float = LEVEL) -> float:
    """Return the quantile of values, where each group weighs the same."""
    import numpy as np

    names, place = np.unique(groups, return_inverse=True)
    weight = 1 / (np.bincount(place)[place] * len(names))
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, level - 1e-9).clip(max=len(values) - 1)])


def earned(design: Design, prior: Prior | None = None) -> tuple[float, float, str]:
    """Return the half width that LOFO residuals have earned, the share of unseen families' networks that it held in
    percent, and why it is wider than their 90 % quantile, where it is: where that held too few.

    Of n residuals and one more, all alike, that one lies within the k-th smallest with probability k / (n + 1), so that
    0.9 (n + 1) of n hold a further family in 90 % of cases: that is the wider quantile.
    Source: Vovk et al. 2005, Algorithmic Learning in a Random World, chapter 2.
    """
    predicted, held = held_out(design, prior), coverage_percent(design, prior)
    width = half_width(predicted, design.seconds, design.families)
    if held >= LEAST_HELD:
        return width, held, ""
    level = LEVEL * (1 + 1 / len(set(design.families[design.families != CHAIN].tolist())))
    wider = half_width(predicted, design.seconds, design.families, level)
    if wider == width:
        return width, held, ""
    why = f"the 90 % quantile of the residuals, {100 * math.expm1(width):.0f} %, held {held:.0f} % of unseen families"
    return wider, coverage_percent(design, prior, level), why


def coverage_percent(design: Design, prior: Prior | None = None, level: float = LEVEL) -> float:
    """Return the share of networks that the interval holds, where neither model nor interval saw their family (each
    family weighs the same).
    """
    import numpy as np

    shares = []
    everyone = np.ones(len(design.seconds), bool)
    outer = held_out(design, prior)
    for family in _families(design, everyone):
        out = design.families == family
        rest = everyone & ~out
        inner = held_out(design, prior, rest)[rest]
        width = half_width(inner, design.seconds[rest], design.families[rest], level)
        residual = np.abs(np.log(np.maximum(outer[out], 1e-12) / design.seconds[out]))
        shares.append(float((residual <= width).mean()))
    return 100 * sum(shares) / len(shares)


def choose(
    samples: Sequence[Sample], forms: Sequence[Form], prior: Prior | None = None
) -> tuple[Form, dict[str, Score]]:
    """Return the simplest form whose LOFO error no richer one clearly betters, and the scores of all that could be
    fitted.

    Raises:
        CostModelError: if there are too few measurements or families.
    """
    return choose_among([Design(samples, form) for form in forms], prior)


def choose_among(
    designs: Sequence[Design], prior: Prior | None = None, keep: Array | None = None
) -> tuple[Form, dict[str, Score]]:
    """As `choose`, among the same samples under several forms, or among those of them in `keep`.

    Raises:
        CostModelError: if there are too few measurements or families.
    """
    import numpy as np

    kept = np.ones(len(designs[0].seconds), bool) if keep is None else keep
    networks, families = _networks(designs[0], kept), _families(designs[0], kept)
    fewest = PER_TERM * min(len(design.form.terms) for design in designs)
    if networks < fewest or len(families) < FEWEST_FAMILIES:
        raise CostModelError(
            f"{networks} networks of {len(families)} families are too few to fit: "
            f"at least {fewest} of {FEWEST_FAMILIES} families are needed; "
            "with fewer, --like DEVICE scales one that is there"
        )
    scores: dict[str, Score] = {}
    best: Form | None = None
    for design in sorted(designs, key=lambda design: len(design.form.terms)):
        form = design.form
        if prior is None and PER_TERM * len(form.terms) > networks:
            continue
        scores[form.name] = found = score(held_out(design, prior, kept), design.seconds)
        if best is None or pays(scores[best.name], found, len(form.terms) - len(best.terms)):
            best = form
    assert best is not None
    return best, scores


def _networks(design: Design, kept: Array) -> int:
    """Return how many networks there are, each counted once over its batches, micro-benchmarks not."""
    return len(set(design.networks[kept & (design.families != CHAIN)].tolist()))


def pays(simple: Score, rich: Score, more: int) -> bool:
    """Say whether `more` coefficients are worth their gain."""
    share = rich.mape_percent < simple.mape_percent * math.pow(GAIN, more)
    return share and rich.mape_percent < simple.mape_percent - POINTS * more


def choice_mape_percent(designs: Sequence[Design], prior: Prior | None = None) -> float:
    """Return the LOFO error when the form too is chosen without the family that is predicted: what choosing may have
    flattered. `designs` are the same samples under several forms.
    """
    import numpy as np

    by_form = {design.form: design for design in designs}
    everyone = np.ones(len(designs[0].seconds), bool)
    errors = []
    for family in _families(designs[0], everyone):
        out = designs[0].families == family
        try:
            form, _ = choose_among(designs, prior, ~out)
        except CostModelError:
            return float("nan")
        design = by_form[form]
        before = None if prior is None else prior.design(form)
        ratios = None if before is None else ratios_of(before, before.families != family)
        found = design.fit(~out, ratios, prior.strength if prior else 0.0)
        errors += list(np.abs(design.predict(found)[out] / design.seconds[out] - 1))
    return float(100 * np.mean(errors))
