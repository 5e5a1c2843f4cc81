"""What networks hold: weights, activations, a training step, windows written out."""

from __future__ import annotations

from costmodel.gallery.claims.claim import FAILS, OPEN, OURS, Finding, Theme, about, judge
from costmodel.gallery.claims.sources import ARTICLE, CANZIANI, MOBILENET, RESNET
from costmodel.gallery.facts import Facts
from costmodel.gallery.lines import line
from costmodel.gallery.timing import NETWORKS, listed
from costmodel.numbers.arithmetic import ceil_div
from costmodel.pricing import Totals
from costmodel.units import short

THEME = Theme("Memory")


@THEME.claim(
    "The memory of ResNet-152 is lower than VGG's, because VGG uses too many convolution filters.",
    f"{ARTICLE}, after {RESNET}",
)
def resnet152_memory(facts: Facts) -> Finding:
    resnet, vgg = (facts.step(name) for name in ("resnet152", "vgg19"))
    lower = {
        "weights": (resnet.weight_bytes, vgg.weight_bytes),
        "activations alive at inference": (resnet.peak_live_bytes, vgg.peak_live_bytes),
        "bytes moved for an image": (resnet.traffic_bytes, vgg.traffic_bytes),
        "activations kept to train on an image": (resnet.saved_bytes, vgg.saved_bytes),
    }
    sizes = ", ".join(f"{what} {short(a, 'B')} against {short(b, 'B')}" for what, (a, b) in lower.items())
    higher = [what for what, (a, b) in lower.items() if a > b]
    rows = list(facts.table("vgg19"))
    filters = 100 * sum(row["params"] for row in rows if row["kind"] == "conv kxk") / facts.totals("vgg19").params
    batch = passes(resnet, vgg)
    words = (
        f"ResNet-152 and VGG-19: {sizes}. Higher: {listed(higher) or 'none'}. {_from(batch)} "
        f"And convolution filters hold {filters:.1f}% of VGG-19's params: it is its fully connected layers that make it large."
    )
    holds = lower["weights"][0] < lower["weights"][1] and not higher and filters > 50
    partly = lower["weights"][0] < lower["weights"][1] and filters > 50
    return Finding(judge(holds or partly, not holds, FAILS), words, {"batch": batch, "filters": filters})


def step_bytes(totals: Totals, batch: int) -> int:
    """Return weights, gradients, momentum and kept activations of a training step, from the totals of one image."""
    whole: int = totals.weight_bytes + totals.gradient_bytes + totals.sgd_momentum_bytes + batch * totals.saved_bytes
    return whole


def passes(one: Totals, other: Totals) -> int | None:
    """Return the batch from which a training step of one network needs more than that of another, None if none."""
    more = one.saved_bytes - other.saved_bytes
    if more <= 0:
        return None
    return max(1, (step_bytes(other, 0) - step_bytes(one, 0)) // more + 1)


def _from(batch: int | None) -> str:
    if batch is None:
        return "With gradients and momentum it needs less at every batch."
    return f"With gradients and momentum ResNet-152 needs more from batch {batch} on."


@THEME.claim(
    "Memory is nearly constant for small batches and grows with the batch where activations outweigh the weights.",
    f"{CANZIANI}, figure 5, as summarised by others",
)
def memory_over_batches(facts: Facts) -> Finding:
    totals = {name: facts.totals(name) for name in ("alexnet", "vgg16", "resnet50", "googlenet", "mobilenet_v1")}
    batches = {name: ceil_div(one.weight_bytes + 1, one.peak_live_bytes) for name, one in totals.items()}
    words = (
        "Activations, which grow with the batch, pass the weights, which do not, from this batch on: "
        + ", ".join(f"{name} {batch}" for name, batch in batches.items())
        + ". The shape is that of the figure. The caveat is ours: where the figure begins is what its framework takes for itself, which is not computed here."
    )
    return Finding(judge(all(batch > 1 for batch in batches.values()), OURS, FAILS), words, batches)


@THEME.claim(
    "Memory at batch 1 grows with the params, 1.30 bytes for each byte of them, from 200 MB on.",
    f"{CANZIANI}, figure 6, as summarised by others",
)
def memory_over_params(facts: Facts) -> Finding:
    totals = [facts.totals(name) for name in NETWORKS]
    fit = line([(one.weight_bytes, one.held_bytes) for one in totals])
    if fit is None:
        return Finding(OPEN, "Too few networks.", {})
    words = (
        f"Weights, buffers and activations of {len(totals)} networks at batch 1 grow by {fit.slope:.2f} bytes for each byte of weights, from {short(fit.intercept, 'B', digits=3)} on "
        f"(R² {fit.r2:.3f}). What lies between the two lines is that framework's own, workspaces of its kernels among it, and cannot be recomputed."
    )
    verdict = judge(True) if about(fit.slope, 1.30, 10) else OPEN
    return Finding(verdict, words, {"slope": fit.slope, "intercept": fit.intercept})


@THEME.claim(
    "Convolutions of 1x1 need no reordering in memory (im2col) before a product of matrices.",
    f"{MOBILENET}, section 3.2",
)
def pointwise_needs_no_windows(facts: Facts) -> Finding:
    shares, needed = {}, {}
    for name in ("mobilenet_v1", "resnet50", "vgg16"):
        rows, whole = list(facts.table(name)), facts.totals(name)
        shares[name] = 100 * sum(row["mult_adds"] for row in rows if not row["im2col_bytes"]) / whole.mult_adds
        needed[name] = {
            kind: sum(row["im2col_bytes"] for row in rows if row["kind"] == kind)
            for kind in dict.fromkeys(
                row["kind"] for row in rows if row["kind"].endswith("conv") or "conv" in row["kind"]
            )
        }
    words = (
        "Of all mult-adds these are in layers that need none: "
        + ", ".join(f"{name} {share:.1f}%" for name, share in shares.items())
        + ". Windows written out, by kind: "
        + "; ".join(
            f"{name} " + ", ".join(f"{kind} {short(size, 'B')}" for kind, size in its.items())
            for name, its in needed.items()
        )
        + "."
    )
    strided = needed["resnet50"].get("conv 1x1", 0)
    if strided:
        words += " Where a 1x1 convolution skips positions, as ResNet-50's with stride 2 do, what it reads is gathered all the same."
    return Finding(
        judge(not needed["mobilenet_v1"]["conv 1x1"], bool(strided), FAILS), words, {"shares": shares, "bytes": needed}
    )
