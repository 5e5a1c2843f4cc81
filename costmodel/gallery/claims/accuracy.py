"""Accuracy as it was reported, against cost."""

from __future__ import annotations

from itertools import pairwise

from costmodel.gallery.claims.claim import FAILS, OURS, Finding, Theme, judge
from costmodel.gallery.claims.sources import ARTICLE, CANZIANI, RESNET
from costmodel.gallery.facts import Facts
from costmodel.gallery.lines import front, line

THEME = Theme("Accuracy against cost")
NEWEST = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "inception_v3", "inception_v4")
OTHERS = ("alexnet", "alexnet_bn", "nin_bn", "googlenet", "vgg16", "vgg19")
STRAIGHT = 0.95
"""The least R² at which we call points a line."""


@THEME.claim(
    "The newest ResNet and Inception surpass all other architectures by a margin of at least 7 percentage points.",
    f"{CANZIANI}, figure 1, as quoted by {ARTICLE}",
)
def newest_by_seven(facts: Facts) -> Finding:
    others, newest = facts.top1(OTHERS), facts.top1(NEWEST)
    best = max(others, key=others.__getitem__)
    margins = {name: top1 - others[best] for name, top1 in newest.items()}
    winners = [name for name, margin in margins.items() if margin >= 7]
    words = (
        f"Against the best other, {best} with {others[best]:.2f}%, by the accuracies that their specs report: "
        + ", ".join(f"{name} {margin:+.1f}" for name, margin in margins.items())
        + f". {len(winners)} of {len(margins)} have 7 points more: {', '.join(winners) or 'none'}."
    )
    return Finding(judge(len(winners) == len(margins)), words, margins)


@THEME.claim(
    "Without VGG, the architectures form a steep straight line that seems to start to flatten with the latest of them.",
    f"{CANZIANI}, figure 2, as quoted by {ARTICLE}",
)
def line_that_flattens(facts: Facts) -> Finding:
    names = [name for name in (*OTHERS, *NEWEST) if not name.startswith("vgg")]
    spots = {name: (facts.giga(name), top1) for name, top1 in facts.top1(names).items()}
    best = front(spots)
    slopes = {
        f"{one} to {other}": (best[other][1] - best[one][1]) / (best[other][0] - best[one][0])
        for one, other in pairwise(best)
    }
    straight = line(list(best.values())[:-1])
    last = [*slopes][-1]
    flattens = slopes[last] == min(slopes.values())
    r2 = straight.r2 if straight else 0.0
    words = (
        "Points of top-1 for each further G of mult-adds, from one that none beats in both to the next: "
        + ", ".join(f"{step} {slope:.1f}" for step, slope in slopes.items())
        + f". The last step is {'the flattest' if flattens else 'not the flattest'}; up to it a straight line explains {100 * r2:.0f}% of the variance."
    )
    return Finding(judge(flattens, r2 < STRAIGHT, FAILS), words, slopes)


@THEME.claim(
    "A plain net of 34 layers errs more than one of 18 (28.54 against 27.94%), and with shortcuts less (25.03 against 27.88%).",
    f"{RESNET}, table 2 (ImageNet validation, top-1, 10 crops); the article's paradox of depth",
)
def degradation(facts: Facts) -> Finding:
    printed = {"plain": (27.94, 28.54), "residual": (27.88, 25.03)}
    deeper = {name: errors[1] - errors[0] for name, errors in printed.items()}
    small, large = facts.totals("resnet18_a"), facts.totals("resnet34_a")
    beside = [row for row in facts.table("resnet34_a") if row["op"] == "add" or ".shortcut." in row["path"]]
    more = sum(row["params"] + row["mult_adds"] for row in beside)
    words = (
        f"The errors are published facts, which nothing here recomputes: {deeper['plain']:+.2f} points with depth for plain nets, {deeper['residual']:+.2f} with shortcuts. "
        f"What is computed is the cost: with shortcuts that have no params, {large.mult_adds / 1e9:.2f} against {small.mult_adds / 1e9:.2f} G mult-adds, "
        f"{large.params / 1e6:.1f} against {small.params / 1e6:.1f} M params and depth {large.weighted_layers} against {small.weighted_layers}. "
        f"A plain net is this without its {len(beside)} sums and shortcuts, which take {more} params and mult-adds: cost does not tell the two apart."
    )
    return Finding(
        judge(deeper["plain"] > 0 > deeper["residual"] and not more, OURS),
        words,
        {"depth": (small.weighted_layers, large.weighted_layers)},
    )
