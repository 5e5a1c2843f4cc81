"""What operations say about time, measured."""

from __future__ import annotations

from statistics import median

from costmodel.gallery.claims.claim import FAILS, OPEN, OURS, Finding, Theme, judge
from costmodel.gallery.claims.sources import ARTICLE, CANZIANI
from costmodel.gallery.facts import Facts
from costmodel.gallery.lines import front, line
from costmodel.gallery.timing import (
    BATCH,
    NETWORKS,
    REPORTED,
    STANDS_FOR,
    Linearity,
    Point,
    courses,
    dear_share,
    linearities,
    listed,
    spoken,
)
from costmodel.latency.predict import time

THEME = Theme("Time")
STRAIGHT = 0.95
"""The least R² at which we call points a line."""
RELIABLE = 10
"""The most percent that an estimate may be off on average for us to call it reliable."""
BENT = 0.8
"""The least R² at which we say that a hyperbola describes points."""
NOTHING = Finding(OPEN, "No log has enough of the article's networks.", {})


@THEME.claim(
    "At batch 16 the time of an image is linear in its operations, so that limiting operations limits time.",
    f"{CANZIANI}, figure 7, as quoted by {ARTICLE}",
    "figure7.png",
)
def time_is_linear(facts: Facts) -> Finding:
    found = linearities(facts)
    if not found:
        return NOTHING
    straight, without = (
        min(line.r2 for line in lines) for lines in zip(*((one.all, one.plain) for one in found), strict=True)
    )
    words = "\n\n".join(_linear(facts, one) for one in found)
    words += "\n\nNIN stands for its form with norms, which the runtime folds away; ENet is the network that segments, where theirs classified."
    lesson = (
        " For a designer: among networks of convolutions, pools and rectifiers a limit on mult-adds is a limit on time; an operator "
        "that is dear by the element needs a limit of its own."
    )
    verdict = judge(without >= STRAIGHT, straight < STRAIGHT, FAILS)
    numbers = {one.log.name: {"r2": one.all.r2, "r2_without": one.plain.r2} for one in found}
    return Finding(verdict, words + lesson * (straight < STRAIGHT <= without), numbers)


def _linear(facts: Facts, one: Linearity) -> str:
    """Say how straight the points of one log are."""
    line, without = one.plain, listed([point.label for point in one.dear])
    rule = f"a line of {1e3 * line.slope:.2f} ms for each G of mult-adds and {1e3 * line.intercept:.2f} ms besides, {line.mape_percent:.1f}% off on average"
    text = f"{one.log.setting} (`{one.log.name}`): R² is {one.all.r2:.2f} over the {len(one.points)} of the article's networks measured at batch {BATCH}"
    if not one.dear:
        return f"{text}, {rule}."
    excess = listed([_excess(facts, one, point) for point in one.dear])
    return f"{text}, and {line.r2:.3f} without {without}: {rule}. {excess}."


def _excess(facts: Facts, one: Linearity, point: Point) -> str:
    """Say how far above the line a network is, and how much of its time what is dear takes."""
    share = dear_share(facts, one.log, point)
    why = spoken(point.dear) if share is None else f"{share:.0f}% of it {spoken(point.dear)}, by the device's model"
    return f"{point.label} takes {one.times(point):.1f} times what that line says ({why})"


@THEME.claim(
    "The number of operations is a reliable estimate of the inference time.", f"{CANZIANI}, abstract, key finding 4"
)
def operations_estimate_time(facts: Facts) -> Finding:
    errors = {}
    for name in facts.device_names():
        device = facts.device(name)
        if device and device.error and device.error.operations_only:
            errors[name] = device.error
    if not errors:
        return Finding(OPEN, "No device says how far operations alone are off.", {})
    off = {name: error.operations_only.mape_percent for name, error in errors.items() if error.operations_only}
    ranks = [error.operations_only.spearman for error in errors.values() if error.operations_only]
    alike = max((one.plain.mape_percent for one in linearities(facts)), default=float("inf"))
    middle, best = median(off.values()), min(off, key=off.__getitem__)
    words = (
        f"On the median of {len(off)} devices time in proportion to mult-adds is {middle:.0f}% off on average, on families left out of the fit "
        f"({min(off.values()):.0f}% on {best}, up to {max(off.values()):.0f}%), where the fitted models are {median(e.mape_percent for e in errors.values()):.0f}% off. "
        f"It ranks networks well (rank correlation {min(ranks):.2f} to {max(ranks):.2f}). Where nothing is dear by the element, the lines above are {alike:.1f}% off on average at most. "
        f"We call an estimate reliable that is at most {RELIABLE}% off."
    )
    return Finding(
        judge(min(middle, alike) <= RELIABLE, middle > RELIABLE, FAILS), words, {"median": middle, "alike": alike}
    )


@THEME.claim(
    "VGG takes a fifth of a second for one image (on a Jetson TX1).", f"{CANZIANI}, figure 3, as quoted by {ARTICLE}"
)
def vgg_fifth_of_a_second(facts: Facts) -> Finding:
    printed, cores, clock = 0.2, 256, 0.998e9
    peak = cores * 2 * clock
    rate = 2e9 * facts.giga("vgg16") / printed
    here = [f"{1e3 * s:.0f} ms on {log.name}" for log in facts.logs for s in log.at(1, ["vgg16"]).values()]
    words = (
        f"VGG-16 would then run at {rate / 1e9:.0f} G operations a second, {100 * rate / peak:.0f}% of the {peak / 1e9:.0f} GFLOP/s "
        f"that {cores} cores at {clock / 1e6:.0f} MHz can do in float32: it can be. The caveat is ours: nobody here measured that board, and the profile "
        f"`jetson-tx1` is scaled to meet this very time."
    )
    if here:
        words += f" Measured here, one image at batch 1 takes {listed(here)}."
    return Finding(judge(rate <= peak, OURS), words, {"share_of_peak": rate / peak})


@THEME.claim(
    "A larger batch makes an image cheaper, above all where fully connected layers hold the weights.",
    f"{CANZIANI}, figure 3, and key finding 1 of its first version",
    "figure3.png",
)
def batch_makes_cheaper(facts: Facts) -> Finding:
    told, holds, numbers = [], [], {}
    for log in facts.logs:
        runs = [run for run in courses(facts, log) if run.gain is not None]
        heavy, rest = ({run.label: run.gain or 0.0 for run in runs if run.heavy == which} for which in (True, False))
        if not heavy or not rest:
            continue
        numbers[log.name] = heavy | rest
        holds.append((min(heavy.values()) > max(rest.values()), min(rest.values()) >= 1))
        told.append(
            f"`{log.name}`, at the largest batch measured: an image of {listed([f'{name} is {gain:.2f}' for name, gain in heavy.items()])} times as fast as alone, "
            f"those of the other {len(rest)} networks between {min(rest.values()):.2f} and {max(rest.values()):.2f} times."
        )
    if not told:
        return NOTHING
    verdict = judge(all(most for most, _ in holds), not all(cheaper for _, cheaper in holds), FAILS)
    return Finding(verdict, " ".join(told), numbers)


@THEME.claim("Accuracy and inference time are in a hyperbolic relationship.", f"{CANZIANI}, abstract, key finding 2")
def accuracy_over_time(facts: Facts) -> Finding:
    accurate = {STANDS_FOR.get(name, name): top1 for name, top1 in facts.top1(REPORTED).items()}
    found = []
    for log in facts.logs:
        spots = {name: (seconds, accurate[name]) for name, seconds in log.at(1, NETWORKS).items() if name in accurate}
        everyone, best = (_bent([*some.values()]) for some in (spots, front(spots)))
        if everyone and best:
            found.append((log, len(spots), everyone, [*front(spots)], best))
    if not found:
        return NOTHING
    words = " ".join(
        f"`{log.name}`, batch 1, measured time and reported top-1 of {number} networks: top-1 = a - b / time explains {100 * bent:.0f}% of the variance, "
        f"a straight line {100 * straight:.0f}%; of those that none beats in both ({', '.join(names)}), {100 * bent_best:.0f}% and {100 * straight_best:.0f}%."
        for log, number, (bent, straight), names, (bent_best, straight_best) in found
    )
    of_all, of_best = (
        [bent >= BENT and bent > straight for bent, straight in some]
        for some in zip(*((e, b) for _, _, e, _, b in found), strict=True)
    )
    verdict = judge(all(of_best), not all(of_all), FAILS)
    return Finding(verdict, words, {log.name: {"all": everyone, "best": best} for log, _, everyone, _, best in found})


def _bent(spots: list[tuple[float, float]]) -> tuple[float, float] | None:
    """Return R² of a hyperbola in time and of a straight line."""
    bent, straight = line([(1 / seconds, top1) for seconds, top1 in spots]), line(spots)
    return (bent.r2, straight.r2) if bent and straight else None


@THEME.claim(
    "MobileNet spends 95% of its computation time in 1x1 convolutions.",
    "Howard et al. 2017, arXiv:1704.04861, section 3.2",
)
def mobilenet_time(facts: Facts) -> Finding:
    shares = {name: _shares_of_time(facts, name) for name in facts.device_names()}
    pointwise = {name: share["conv 1x1"] for name, share in shares.items()}
    order = sorted(pointwise, key=pointwise.__getitem__, reverse=True)
    first, last = shares[order[0]], shares[order[-1]]
    rest = {kind: last[kind] for kind in ("norm", "activation") if kind in last}
    words = (
        "By the devices' models, each at the smallest batch that it was measured at: "
        + ", ".join(f"{name} {pointwise[name]:.0f}%" for name in order)
        + f". Depthwise convolutions take {first['depthwise conv']:.0f}% on {order[0]} and {last['depthwise conv']:.0f}% on {order[-1]}, "
        f"norms and activations that are not fused {sum(rest.values()):.0f}% on {order[-1]}."
    )
    return Finding(judge(pointwise[order[0]] >= 94.5, pointwise[order[-1]] < 94.5), words, pointwise)


def _shares_of_time(facts: Facts, device: str) -> dict[str, float]:
    """Return percent of MobileNet's time by kind of layer, by the model of a device."""
    found = facts.device(device)
    assert found is not None
    table = facts.table("mobilenet_v1", batch=found.conditions.batch[0], dtype=found.conditions.dtype)
    spent: dict[str, float] = {}
    for row in time(table, found):
        spent[row["kind"]] = spent.get(row["kind"], 0.0) + row["latency_s"]
    return {kind: 100 * seconds / sum(spent.values()) for kind, seconds in spent.items()}
