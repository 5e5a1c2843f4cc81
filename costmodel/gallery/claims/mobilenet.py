"""What depthwise separable convolutions cost."""

from __future__ import annotations

from costmodel.gallery.claims.claim import Finding, Theme, cut_off, judge, near, rounds
from costmodel.gallery.claims.sources import ARTICLE, MOBILENET
from costmodel.gallery.facts import Facts
from costmodel.graph import INPUT, LayerGraph
from costmodel.numbers.arithmetic import product
from costmodel.ops import OPERATORS
from costmodel.pricing import Totals, price

THEME = Theme("MobileNet and separable convolutions")


@THEME.claim(
    "MobileNet's 1x1 convolutions take 94.86% of its mult-adds and hold 74.59% of its parameters.",
    f"{MOBILENET}, table 2",
)
def mobilenet_pointwise(facts: Facts) -> Finding:
    work, weights = _shares(facts)
    words = (
        f"{work['conv 1x1']:.2f}% of mult-adds and {weights['conv 1x1']:.2f}% of the weights, batch norm and the last bias left out as the table does. "
        "The text has 95% of computation time: what that comes to stands under time."
    )
    holds = rounds(work["conv 1x1"], 94.86, 2) and rounds(weights["conv 1x1"], 74.59, 2)
    return Finding(judge(holds), words, {"mult_adds": work, "weights": weights})


def _shares(facts: Facts) -> tuple[dict[str, float], dict[str, float]]:
    """Return percent of mult-adds, and of weights of convolutions and linear layers, by kind."""
    work: dict[str, int] = {}
    weights: dict[str, int] = {}
    for layer in facts.graph("mobilenet_v1").layers:
        arrays = layer.op.weights(*layer.input_shapes)
        if "weight" in arrays and layer.op.fuses == "head":
            kind = layer.op.kind(*layer.input_shapes)
            work[kind] = work.get(kind, 0) + layer.op.price(*layer.input_shapes).mult_adds
            weights[kind] = weights.get(kind, 0) + product(arrays["weight"])
    return (
        {kind: 100 * value / sum(work.values()) for kind, value in work.items()},
        {kind: 100 * value / sum(weights.values()) for kind, value in weights.items()},
    )


@THEME.claim("MobileNet's 3x3 convolution (the first layer) takes 1.19% of mult-adds.", f"{MOBILENET}, table 2")
def mobilenet_first_layer(facts: Facts) -> Finding:
    work, _ = _shares(facts)
    column = (94.86, 3.06, 1.19, 0.18)
    share = work["conv kxk"]
    words = f"{share:.2f}%. The printed column adds up to {sum(column):.2f}%; with {share:.2f} in place of 1.19, to {sum(column) - 1.19 + share:.2f}%."
    return Finding(judge(near(share, 1.19, 2)), words, {"share": share})


@THEME.claim(
    "Full convolutions in place of separable ones: 4866 M mult-adds and 29.3 M params, against 569 M and 4.2 M.",
    f"{MOBILENET}, table 4",
)
def conv_mobilenet(facts: Facts) -> Finding:
    full, separable = facts.totals("conv_mobilenet"), facts.totals("mobilenet_v1")
    without_fc = facts.conv_mult_adds("conv_mobilenet") / 1e6
    holds = near(without_fc, 4866, 0) and near(separable.mult_adds / 1e6, 569, 0)
    holds = holds and near(full.params / 1e6, 29.3, 1) and near(separable.params / 1e6, 4.2, 1)
    words = (
        f"{full.mult_adds / 1e6:.2f} M and {full.params / 1e6:.2f} M against {separable.mult_adds / 1e6:.2f} M and {separable.params / 1e6:.2f} M: "
        f"{full.mult_adds / separable.mult_adds:.2f} times the work. The printed 4866 leaves the fully connected layer out ({without_fc:.2f} M), 569 counts it."
    )
    return Finding(
        judge(holds, not near(full.mult_adds / 1e6, 4866, 0)),
        words,
        {"full": full.mult_adds, "separable": separable.mult_adds},
    )


@THEME.claim(
    "Width 1/0.75/0.5/0.25 at 224: 569/325/149/41 M mult-adds; resolution 224/192/160/128: 569/418/290/186 M.",
    f"{MOBILENET}, tables 6 and 7",
)
def mobilenet_grid(facts: Facts) -> Finding:
    printed = {
        (1.0, 224): 569,
        (0.75, 224): 325,
        (0.5, 224): 149,
        (0.25, 224): 41,
        (1.0, 192): 418,
        (1.0, 160): 290,
        (1.0, 128): 186,
    }
    computed = {key: facts.totals("mobilenet_v1", width=key[0], resolution=key[1]).mult_adds / 1e6 for key in printed}
    cut = [str(value) for key, value in printed.items() if not rounds(computed[key], value, 0)]
    words = ", ".join(f"{value:.3f}" for value in computed.values()) + f" M. {cut_off(cut)}"
    return Finding(
        judge(all(near(computed[k], v, 0) for k, v in printed.items()), bool(cut)),
        words,
        {f"{w}-{r}": v for (w, r), v in computed.items()},
    )


@THEME.claim(
    "TF-slim's list gives MobileNet 0.75 at 224/192/160/128 as 317/233/162/104 M mult-adds.",
    "tensorflow/models, research/slim/nets/mobilenet_v1.md",
)
def mobilenet_slim_list(facts: Facts) -> Finding:
    printed = {224: 317, 192: 233, 160: 162, 128: 104}
    computed = {r: facts.totals("mobilenet_v1", width=0.75, resolution=r).mult_adds / 1e6 for r in printed}
    low = [100 * (1 - value / computed[r]) for r, value in printed.items()]
    paper = "is right" if near(computed[224], 325, 0) else "is not right either"
    words = (
        ", ".join(f"{value:.2f}" for value in computed.values())
        + f" M: the list is between {min(low):.2f}% and {max(low):.2f}% low; the paper's 325 for 224 {paper}."
    )
    return Finding(
        judge(all(near(computed[r], v, 0) for r, v in printed.items())),
        words,
        {str(r): v for r, v in computed.items()},
    )


def _worked_example() -> tuple[Totals, Totals]:
    """Price 16 filters of 3x3 over 32x32x3, without bias, as one convolution and as a separable one."""
    conv = OPERATORS["conv"]
    full = LayerGraph("full", (3, 32, 32))
    full.add("conv", conv(out_channels=16, kernel_size=3, padding=1, bias=False), (INPUT,))
    split = LayerGraph("separable", (3, 32, 32))
    split.add("depthwise", conv(out_channels=3, kernel_size=3, padding=1, groups=3, bias=False), (INPUT,))
    split.add("pointwise", conv(out_channels=16, bias=False), ("depthwise",))
    return price(full).totals, price(split).totals


@THEME.claim(
    "16 filters of 3x3 on 32x32x3: 432 params and 442,368 mult-adds; separable 75 and 76,800.",
    f"{ARTICLE}, worked example",
)
def worked_example(facts: Facts) -> Finding:
    full, split = _worked_example()
    words = (
        f"{full.params} and {full.mult_adds:,}; separable {split.params} and {split.mult_adds:,}: "
        f"{split.mult_adds / full.mult_adds:.4f} of the work, 1/16 + 1/9 = {1 / 16 + 1 / 9:.4f}."
    )
    holds = (full.params, full.mult_adds, split.params, split.mult_adds) == (432, 442_368, 75, 76_800)
    return Finding(judge(holds), words, {"ratio": split.mult_adds / full.mult_adds})


@THEME.claim("The separable convolution's mult-adds are (H·W + F)·(N·N)·F.", f"{ARTICLE}, worked example, last line")
def worked_example_last_line(facts: Facts) -> Finding:
    high, wide, size, channels, filters = 3, 3, 32, 3, 16
    printed = (high * wide + filters) * size * size * filters
    meant = (high * wide + filters) * size * size * channels
    _, split = _worked_example()
    words = f"The printed line gives {printed:,}; with C in place of the last F it gives {meant:,}, which is what the layers cost ({split.mult_adds:,})."
    return Finding(judge(printed == split.mult_adds), words, {"printed": printed, "meant": meant})


@THEME.claim(
    "MobileNet has 28 layers, counting depthwise and pointwise convolutions apart.", f"{MOBILENET}, section 3.2"
)
def mobilenet_depth(facts: Facts) -> Finding:
    depth = facts.totals("mobilenet_v1").weighted_layers
    return Finding(judge(depth == 28), f"{depth} layers with weights on the longest path.", {"depth": depth})
