"""Non-negative least squares on relative error: the coefficients of a form, from measured networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from costmodel.errors import CostModelError
from costmodel.latency.features import FEATURES, Counts
from costmodel.latency.forms import Form, Term

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

CHAIN = "single-layer chain"
"""The family of micro-benchmarks: always fitted on, never scored."""
CHAIN_WEIGHT = 0.03
"""What a chain's error counts beside a network's. So little decides nothing that networks tell, and what none of them
tells it decides alone. On the three logs of `benchmarks/measurements` the error on unseen families is 3.5, 4.7 and
5.6 % with it, 3.7, 4.9 and 6.1 % without chains, and 5.1 % and more where chains count like networks.
"""
ROUNDS = 12
"""How often a roofline decides anew which kernels are bound by what."""


class Alone(NamedTuple):
    """A layer: its operator and kind, and what it would count as a kernel of its own."""

    op: str
    kind: str
    counts: Counts


@dataclass(frozen=True)
class Sample:
    """One measured network: `kernels` counts the features of each of its kernels, for the whole batch.

    `layers` are its layers but views, and `input_shape` is of one image; both are empty where nobody knows.
    """

    network: str
    family: str
    batch: int
    seconds: float
    kernels: tuple[Counts, ...]
    layers: tuple[Alone, ...] = ()
    input_shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Prior:
    """What is believed of the coefficients before measuring: their ratios on similar devices, and how firmly.

    A `strength` of 0.3 lets a factor of two between a coefficient and the prior cost as much as a relative error of
    55 % on one measured network.
    """

    samples: Sequence[Sample]
    strength: float = 0.3
    _designs: dict[Form, Design] = field(default_factory=dict, init=False, repr=False, compare=False)

    def design(self, form: Form) -> Design:
        """Return its measurements under a form, counted once."""
        if form not in self._designs:
            self._designs[form] = Design(self.samples, form)
        return self._designs[form]


def nnls(matrix: Array, target: Array) -> Array:
    """Return the x >= 0 that minimises |matrix x - target|.

    Source: Lawson and Hanson 1974, Solving Least Squares Problems, chapter 23.
    """
    import numpy as np

    size = np.linalg.norm(matrix, axis=0)
    size[size == 0] = 1
    scaled = matrix / size
    x = np.zeros(scaled.shape[1])
    free = np.zeros(len(x), bool)
    gradient = scaled.T @ target
    tiny = 1e-12 * max(1.0, float(np.abs(gradient).max(initial=0)))
    for _ in range(10 * len(x)):
        if free.all() or gradient[~free].max() <= tiny:
            break
        free[np.argmax(np.where(free, -np.inf, gradient))] = True
        x = _step(scaled, target, x, free)
        gradient = scaled.T @ (target - scaled @ x)
    found: Array = x / size
    return found


def _step(matrix: Array, target: Array, x: Array, free: Array) -> Array:
    """Solve for the free unknowns, fixing at zero those that would turn negative. Changes `free`."""
    import numpy as np

    while True:
        wanted = np.zeros_like(x)
        wanted[free] = np.linalg.lstsq(matrix[:, free], target, rcond=None)[0]
        wrong = free & (wanted <= 0)
        if not wrong.any():
            return wanted
        share = np.min(x[wrong] / (x[wrong] - wanted[wrong] + 1e-300))
        x = x + share * (wanted - x)
        free &= x > 1e-15
        x = np.where(free, x, 0.0)


def term_counts(kernels: Sequence[Counts], terms: Sequence[Term]) -> Array:
    """Return the features of each kernel summed by term: one row a kernel, one column a term."""
    import numpy as np

    places: dict[str, list[int]] = {}
    for column, term in enumerate(terms):
        for name in term:
            places.setdefault(name, []).append(column)
    summed = np.zeros((len(kernels), len(terms)))
    for row, counts in zip(summed, kernels, strict=True):
        for name, count in counts.items():
            for column in places.get(name, ()):
                row[column] += count
    return summed


def sides(terms: Sequence[Term]) -> Array:
    """Return for each term whether it is compute (1), memory (-1) or overhead (0)."""
    import numpy as np

    side = {"compute": 1, "memory": -1, "overhead": 0}
    return np.array([side[FEATURES[term[0]].bound] for term in terms])


class Design:
    """Samples as arrays under one form, so that a family can be left out without counting anything twice.

    chains: what the error of a micro-benchmark counts beside a network's.
    """

    def __init__(self, samples: Sequence[Sample], form: Form, chains: float = CHAIN_WEIGHT) -> None:
        import numpy as np

        self.form = form
        self.seconds = np.array([sample.seconds for sample in samples])
        self.networks = np.array([sample.network for sample in samples])
        self.families = np.array([sample.family for sample in samples])
        self.weights = np.where(self.families == CHAIN, chains, 1.0)
        counts = np.concatenate([term_counts(sample.kernels, form.terms) for sample in samples])
        self.kernels = np.asfortranarray(counts)  # a roofline goes through them term by term, thousands of times
        self.starts = np.cumsum([0, *(len(sample.kernels) for sample in samples[:-1])])
        self.sums = np.add.reduceat(self.kernels, self.starts)
        self.sides = sides(form.terms)
        self._fits: dict[tuple[bytes, bytes, float], Array] = {}

    def active(self, coefficients: Array) -> Array:
        """Return what each coefficient is multiplied with: all counts, or under a roofline those of the bound that
        wins.
        """
        import numpy as np

        if self.form.combine == "sum":
            return self.sums
        active: Array = np.add.reduceat(self._active(self.kernels, coefficients), self.starts)
        return active

    def _active(self, kernels: Array, coefficients: Array) -> Array:
        """Return of each kernel's counts those that take time."""
        import numpy as np

        if self.form.combine == "sum":
            return kernels
        compute, memory = (kernels @ np.where(self.sides == side, coefficients, 0) for side in (1, -1))
        bound = compute >= memory
        active = kernels.copy(order="K")
        for column, side in enumerate(self.sides):
            if side:
                active[:, column] *= bound if side == 1 else ~bound
        return active

    def predict(self, coefficients: Array) -> Array:
        """Return seconds for each sample."""
        predicted: Array = self.active(coefficients) @ coefficients
        return predicted

    def alone(self, kernels: Sequence[Counts], coefficients: Array) -> float:
        """Return the seconds of kernels, those of no sample, one after the other."""
        counts = term_counts(kernels, self.form.terms)
        return float((self._active(counts, coefficients) @ coefficients).sum())

    def fit(self, keep: Array, prior: Array | None = None, strength: float = 0.0) -> Array:
        """Return the coefficients that fit the samples in `keep`, drawn towards the ratios of `prior` where there is
        one.

        Each fit is made once: two families are left out together both when the one and when the other is judged.
        """
        asked = (keep.tobytes(), b"" if prior is None else prior.tobytes(), strength)
        if asked not in self._fits:
            self._fits[asked] = self._fit(keep, prior, strength)
        return self._fits[asked]

    def _fit(self, keep: Array, prior: Array | None, strength: float) -> Array:
        import numpy as np

        scaled = None if prior is None else prior / np.median((self.sums[keep] @ prior) / self.seconds[keep])
        return self.drawn(keep, scaled, strength)

    def drawn(self, keep: Array, towards: Array | None, strength: float) -> Array:
        """Return the coefficients that fit the samples in `keep`, each drawn towards the one of `towards`."""
        import numpy as np

        weights = self.weights[keep]
        per_second = (weights / self.seconds[keep])[:, None]
        rows = np.zeros((0, self.sums.shape[1]))
        if towards is not None:
            rows = np.sqrt(strength) * np.diag(1 / np.where(towards > 0, towards, np.inf))
        target = np.concatenate([weights, np.full(len(rows), np.sqrt(strength))])

        def solve(active: Array) -> Array:
            return nnls(np.vstack([active[keep] * per_second, rows]), target)

        coefficients = solve(self.sums)
        if self.form.combine == "sum":
            return coefficients
        before = solved = None
        for _ in range(ROUNDS):
            active = self.active(coefficients)
            if before is None or not np.array_equal(active, before):  # mostly no kernel changes sides any more
                before, solved = active, solve(active)
            coefficients = (coefficients + solved) / 2
        return coefficients


def coefficients_of(samples: Sequence[Sample], form: Form, prior: Prior | None = None) -> Array:
    """Return one non-negative coefficient a term, in seconds per unit.

    Raises:
        CostModelError: if there are too few samples.
    """
    import numpy as np

    if len(samples) < len(form.terms):
        raise CostModelError(f"{len(samples)} measurements cannot fit {len(form.terms)} coefficients")
    ratios = None if prior is None else ratios_of(prior.design(form), np.ones(len(prior.samples), bool))
    return Design(samples, form).fit(np.ones(len(samples), bool), ratios, prior.strength if prior else 0.0)


def ratios_of(design: Design, keep: Array) -> Array:
    """Return a prior's coefficients, fitted to those of its samples in `keep`; a term it says nothing of gets a small
    share, not zero.
    """
    import numpy as np

    found = design.fit(keep)
    floor = 0.02 * np.median(design.seconds[keep]) / np.maximum(design.sums[keep].mean(axis=0), 1e-300)
    floored: Array = np.maximum(found, floor)
    return floored
