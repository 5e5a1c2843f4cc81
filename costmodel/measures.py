"""What is counted: the one list of measures that tables, sums, sweeps, budgets, diffs, reports and help texts read.

A measure is an attribute of `Measured`: its name is the column of a table, the key in JSON, the attribute of `Totals`
and the word that every option takes. It is computed in one place: from an operator's `Cost` where it is `counted`, by
its own `rule` from measures above it, or by those who walk the network, time it or add energy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeAlias, TypeVar, get_args, overload

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.numbers.arithmetic import Number, is_plain
from costmodel.units import FLOPS_PER_MULT_ADD

if TYPE_CHECKING:
    from collections.abc import Callable

Row: TypeAlias = dict[str, Any]
"""A row of a table, whatever table it is: its values by the names of the columns."""
T = TypeVar("T")
Needs = Literal["", "training", "step", "memory", "device", "energy"]


@dataclass(frozen=True, eq=False)
class Measure(Generic[T]):
    """Something that is counted, of a network and mostly of each layer as well.

    title: what people read; unit: of the raw number ("B", "s", "J", ... or nothing).
    rank: where a table has no room, columns of the highest rank go first; columns stand in the order of rank.
    adds: how layers make up a block or a network: their "sum", their largest ("peak"), or by the rule from the sums of
    others ("derived").
    row: whether a layer has it too, as a column of the cost table.
    counted: "once" a network or for each "image", where it is a figure of the operator's `Cost` of that name.
    rule: what it comes to, from the measures above it that its arguments name, `batch` and `itemsize`.
    ends: the measures of its 90 % interval, the low one first, where it has one.
    more: whether people want more of it and not less, so that a limit is the least that may be.
    needs: what has to be asked for to have it: the costs of training, the walk of a training step, the plan of a
    runtime's memory, a device, or energy.
    shown: the pages that show it without being asked: kind, block, network (comparisons), diff, growth, sweep, formula,
    list, gallery.
    """

    title: str
    unit: str = ""
    rank: int = 0
    adds: Literal["sum", "peak", "derived"] = "sum"
    row: bool = True
    counted: Literal["", "once", "image"] = ""
    rule: Callable[..., Any] | None = None
    ends: tuple[str, ...] = ()
    more: bool = False
    needs: Needs = ""
    shown: str = ""
    name: str = field(default="", init=False)

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", name)

    @overload
    def __get__(self, totals: None, owner: type) -> Self: ...
    @overload
    def __get__(self, totals: Measured, owner: type) -> T: ...
    def __get__(self, totals: Measured | None, owner: type) -> Self | T:
        if totals is None:
            return self
        try:
            value: T = totals.values[self.name]
        except KeyError:
            raise AttributeError(f"these totals have no {self.name}; {HOW[self.needs]}") from None
        return value

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """What its rule is told: measures, `batch` or `itemsize`, by the names of its arguments."""
        code = getattr(self.rule, "__code__", None)
        return code.co_varnames[: code.co_argcount] if code else ()

    def of(self, values: Mapping[str, Any]) -> Any:
        """Return what the rule makes of `values`."""
        assert self.rule is not None
        return self.rule(*[values[name] for name in self.reads])


HOW = {
    "": "a table of its own network has it",
    "training": "price with training=True",
    "step": "price one network with training=True, or sweep with it",
    "memory": "price with memory='onnxruntime', or another runtime",
    "device": "time(table, device) adds it",
    "energy": "with_energy(table) adds it",
}
"""What adds a measure to the totals, by what it needs."""


def _intensity(mult_adds: Number, other_ops: Number, traffic_bytes: Number) -> Number:
    flops = FLOPS_PER_MULT_ADD * mult_adds + other_ops
    return flops / traffic_bytes if not is_plain(traffic_bytes) or traffic_bytes else 0.0


def _per_second(batch: Number, seconds: Number) -> Number:
    return batch / seconds if not is_plain(seconds) or seconds else 0.0


def _of_time(
    title: str, unit: str, rule: Callable[..., Any], ends: tuple[str, ...] = (), more: bool = False
) -> Measure[float]:
    """Return a measure that follows from the latency of a batch."""
    return Measure[float](title, unit, 13, "derived", row=False, rule=rule, ends=ends, more=more, needs="device")


class Measured:
    """What has measures: `values` holds them by name, attributes give them typed.

    Whole numbers are ints, for networks priced as arrays or symbols arrays and symbols. One that was not asked for is
    an AttributeError that says how to ask.
    """

    values: Mapping[str, Any]

    layers = Measure[int]("layers", rank=6, row=False, shown="kind diff")
    weighted_layers = Measure[int]("depth", rank=13, row=False)
    """Layers that multiply by kernels or matrices of their own, on the longest path: a ResNet-50 has 50. It is not
    called depth, as parameters of specs are.
    """
    params = Measure[int]("params", counted="once", shown="block network diff growth sweep formula list gallery")
    matrix_params = Measure[int]("matrices", counted="once", shown="kind")
    """Params in kernels and matrices: those of arrays with two or more axes."""
    vector_params = Measure[int](
        "biases, norms", rank=4, shown="kind", rule=lambda params, matrix_params: params - matrix_params
    )
    buffers = Measure[int]("buffers", rank=12, counted="once", shown="diff")
    """Numbers that are stored but not trained: running statistics."""
    mult_adds = Measure[int](
        "mult-adds", counted="image", shown="kind block network diff growth sweep formula list gallery"
    )
    other_ops = Measure[int]("other ops", rank=11, counted="image", shown="kind block diff sweep")
    """Bias, norms, activations, pooling and merging."""
    bias_ops = Measure[int]("bias", rank=13, counted="image")
    """Those of other_ops that add a bias; the others are the work that a layer's kind names."""
    weight_bytes = Measure[int](
        "weights", "B", rank=6, shown="network diff sweep gallery", rule=lambda params, itemsize: params * itemsize
    )
    peak_live_bytes = Measure[int](
        "peak live", "B", rank=4, adds="peak", shown="block network diff growth sweep gallery"
    )
    """The most activation bytes alive at once while these layers run as written; weights are not in it."""
    peak_fused_bytes = Measure[int]("peak fused", "B", rank=10, adds="peak", shown="block network diff")
    """The same of a runtime that fuses norms and activations into the convolution or product before them, and writes
    activations and merges over what nothing else needs: of a layer, while its kernel runs.
    """
    held_bytes = Measure[int](
        "held",
        "B",
        rank=13,
        row=False,
        rule=lambda weight_bytes, buffers, itemsize, peak_live_bytes: (
            weight_bytes + buffers * itemsize + peak_live_bytes
        ),
    )
    """What inference holds at most: weights, buffers and peak_live_bytes."""
    input_bytes = Measure[int]("inputs", "B", rank=13)
    output_bytes = Measure[int]("outputs", "B", rank=13)
    traffic_bytes = Measure[int]("traffic", "B", rank=5, shown="kind block network diff growth sweep formula gallery")
    """Weights, inputs and outputs of every layer, each moved once."""
    fused_traffic_bytes = Measure[int]("fused traffic", "B", rank=9, shown="block network diff gallery")
    """The same with norms and activations fused into the convolution or product before them."""
    im2col_bytes = Measure[int]("im2col", "B", rank=13)
    """The windows of convolutions, each written out as a product of matrices would read them; kernels of one element
    that skip nothing need none. Runtimes that compute so hold those of one layer at a time, often of one image.
    """
    arithmetic_intensity = Measure[float](
        "intensity", "FLOP/B", rank=10, adds="derived", shown="network diff", rule=_intensity
    )
    """FLOPs (2 a mult-add, plus other_ops) per byte of traffic."""

    backward_mult_adds = Measure[int]("backward", rank=4, needs="training", shown="kind block")
    step_mult_adds = Measure[int](
        "step mult-adds",
        rank=4,
        row=False,
        needs="training",
        shown="network",
        rule=lambda mult_adds, backward_mult_adds: mult_adds + backward_mult_adds,
    )
    saved_bytes = Measure[int]("saved", "B", rank=4, needs="training", shown="kind block network")
    """Activations kept for the backward pass. A batch norm's statistics of the batch are not in it."""
    trained_bytes = Measure[int]("trained weights", "B", rank=13, needs="training")
    """The weights that are trained: all but those of layers that are not."""
    gradient_bytes = Measure[int](
        "gradients", "B", rank=13, row=False, needs="training", rule=lambda trained_bytes: trained_bytes
    )
    sgd_momentum_bytes = Measure[int](
        "SGD state", "B", rank=13, row=False, needs="training", rule=lambda trained_bytes: trained_bytes
    )
    """What SGD with momentum keeps besides: a number a weight. Mixed precision keeps float32 weights and state: price
    those at float32.
    """
    adam_bytes = Measure[int](
        "Adam state", "B", rank=13, row=False, needs="training", rule=lambda trained_bytes: 2 * trained_bytes
    )
    """What Adam keeps besides: two numbers a weight."""
    step_peak_bytes = Measure[int]("step peak", "B", rank=1, row=False, needs="step", shown="network diff")
    """The most that a training step holds at once: weights, buffers, optimizer state, gradients and activations."""
    recomputed_mult_adds = Measure[int]("recomputed", rank=13, row=False, needs="step")
    """Mult-adds that checkpoints compute a second time."""

    arena_bytes = Measure[int]("arena", "B", rank=1, adds="peak", row=False, needs="memory", shown="network diff")
    """The block that a runtime plans for activations."""
    whole_arena_bytes = Measure[int]("whole arena", "B", rank=13, row=False, needs="memory")
    """The arena of a microcontroller with what is kept there throughout; a fit, for 64 bits."""
    flash_bytes = Measure[int]("flash", "B", rank=6, row=False, needs="memory")
    """What a microcontroller stores: weights, biases of int32 and scales."""

    latency_s = Measure[float](
        "latency",
        "s",
        ends=("latency_low_s", "latency_high_s"),
        needs="device",
        shown="kind block network diff sweep",
    )
    latency_low_s = Measure[float]("latency low", "s", rank=2, needs="device", shown="diff sweep")
    latency_high_s = Measure[float]("latency high", "s", rank=2, needs="device", shown="diff sweep")
    """With latency_low_s, the 90 % interval that the device has earned."""
    latency_per_image_s = _of_time(
        "a sample",
        "s",
        lambda latency_s, batch: latency_s / batch,
        ("latency_per_image_low_s", "latency_per_image_high_s"),
    )
    """Of an image, where a network reads such."""
    latency_per_image_low_s = _of_time("a sample low", "s", lambda latency_low_s, batch: latency_low_s / batch)
    latency_per_image_high_s = _of_time("a sample high", "s", lambda latency_high_s, batch: latency_high_s / batch)
    throughput_per_s = _of_time(
        "throughput",
        "samples/s",
        lambda latency_s, batch: _per_second(batch, latency_s),
        ("throughput_low_per_s", "throughput_high_per_s"),
        more=True,
    )
    """Images a second, where a network reads such."""
    throughput_low_per_s = _of_time(
        "throughput low", "samples/s", lambda latency_high_s, batch: _per_second(batch, latency_high_s), more=True
    )
    """What is done in a second where a batch takes latency_high_s."""
    throughput_high_per_s = _of_time(
        "throughput high", "samples/s", lambda latency_low_s, batch: _per_second(batch, latency_low_s), more=True
    )

    energy_j = Measure[float](
        "energy", "J", rank=1, row=False, ends=("energy_low_j", "energy_high_j"), needs="energy", shown="network"
    )
    energy_low_j = Measure[float]("energy low", "J", rank=13, row=False, needs="energy")
    energy_high_j = Measure[float]("energy high", "J", rank=13, row=False, needs="energy")
    power_w = Measure[float]("power", "W", rank=13, adds="derived", row=False, needs="energy")
    mult_adds_j = Measure[float]("energy of mult-adds", "J", rank=13, row=False, needs="energy")
    dram_j = Measure[float]("energy of DRAM", "J", rank=13, row=False, needs="energy")


MEASURES: dict[str, Measure[Any]] = {m.name: m for m in vars(Measured).values() if isinstance(m, Measure)}
"""Every measure by its name, in the order in which they stand in JSON, CSV and sweeps."""

SMALLER = {"s": {"ms": 1e-3, "us": 1e-6, "ns": 1e-9}, "J": {"mj": 1e-3, "uj": 1e-6, "nj": 1e-9}}
"""Endings of a name that mean the same measure in a smaller unit."""
SPOKEN = {
    "fps": "throughput_per_s",
    "fps_low": "throughput_low_per_s",
    "fps_high": "throughput_high_per_s",
}
"""What people call a measure."""


def names(needs: Collection[str] = ("",), rows: bool = False) -> tuple[str, ...]:
    """Return the measures that need no more than is given; with `rows`, those that layers have too."""
    return tuple(m.name for m in MEASURES.values() if m.needs in needs and (m.row or not rows))


EVERYTHING: tuple[Needs, ...] = get_args(Needs)
"""All that can be asked for."""


def shown(page: str, needs: Collection[str] = EVERYTHING) -> tuple[Measure[Any], ...]:
    """Return the measures that a page shows without being asked."""
    return tuple(m for m in MEASURES.values() if page in m.shown.split() and m.needs in needs)


def meant(word: str) -> tuple[str, float]:
    """Return the measure that a word means and the size of its unit: ``latency_high_ms`` is latency_high_s, 0.001. A
    word that means no measure is returned as it is.
    """
    word = SPOKEN.get(word.lower(), word)
    stem, _, ending = word.rpartition("_")
    for unit, sizes in SMALLER.items():
        whole = f"{stem}_{unit.lower()}"
        if word not in MEASURES and ending in sizes and whole in MEASURES and MEASURES[whole].unit == unit:
            return whole, sizes[ending]
    return word, 1


def find(word: str, known: Collection[str] = MEASURES.keys()) -> tuple[Measure[Any], float]:
    """Return the measure that a word means, and the size of its unit.

    Raises:
        CostModelError: if it means none of `known`.
    """
    name, size = meant(word)
    if name not in known:
        raise CostModelError(f"there is no measure {word!r}; {known_or_suggest(word, [*known, *SPOKEN])}")
    return MEASURES[name], size


def needed(wanted: Iterable[str]) -> set[Needs]:
    """Return what has to be asked for to have all of `wanted`; names that are no measures need nothing."""
    return {MEASURES[name].needs for name in wanted if name in MEASURES and MEASURES[name].needs}


def completed(
    values: Mapping[str, Any], batch: Number, itemsize: int, needs: Collection[str] = ("",)
) -> dict[str, Any]:
    """Return measures of a whole network in their order, with those added that a rule makes of them, of what was asked
    for.
    """
    known = {**values, "batch": batch, "itemsize": itemsize}
    for m in MEASURES.values():
        if m.rule is not None and m.name not in known and m.needs in needs and known.keys() >= {*m.reads}:
            known[m.name] = m.of(known)
    return {name: known[name] for name in MEASURES if name in known}
