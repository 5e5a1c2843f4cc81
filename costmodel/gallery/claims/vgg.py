"""What VGG and AlexNet cost, and where."""

from __future__ import annotations

from costmodel.gallery.claims.claim import Finding, Theme, judge, near
from costmodel.gallery.claims.sources import CANZIANI, VGG
from costmodel.gallery.facts import Facts
from costmodel.graph import INPUT, LayerGraph
from costmodel.ops import OPERATORS
from costmodel.pricing import CostTable, price
from costmodel.units import short

THEME = Theme("VGG and AlexNet")
BY_FAR = 1.5
"""How many times as expensive as the next something has to be, for us to say by far."""


@THEME.claim(
    "VGG is by far the most expensive architecture, both in computation and in parameters.",
    f"{CANZIANI}, figure 2, quoted by the article",
)
def vgg_most_expensive(facts: Facts) -> Finding:
    rivals = "alexnet alexnet_bn nin_bn googlenet resnet18 resnet34 resnet50 resnet101 resnet152 inception_v3 inception_v4".split()
    next_up = max(rivals, key=facts.giga)
    most_params = max(rivals, key=lambda name: facts.totals(name).params)
    ratios = [facts.giga(name) / facts.giga(next_up) for name in ("vgg16", "vgg19")]
    more = facts.totals("vgg16").params / facts.totals(most_params).params
    words = (
        f"VGG-16 and VGG-19 take {facts.giga('vgg16'):.2f} and {facts.giga('vgg19'):.2f} G mult-adds, {ratios[0]:.2f} and {ratios[1]:.2f} times "
        f"the next ({next_up}, {facts.giga(next_up):.2f} G), and VGG-16 has {more:.2f} times the params of the next ({most_params}). "
        f"'By far', if that means {BY_FAR} times, needs Inception-v4's point, which the figure seems to place too low (see below)."
    )
    return Finding(
        judge(min(ratios) > 1 < more, min(ratios) < BY_FAR),
        words,
        {"next": next_up, "ratios": ratios, "params_ratio": more},
    )


def _chain(channels: int, *kernels: int) -> CostTable:
    """Price a chain of square convolutions without bias that keep the channels, on a map of 32x32."""
    graph = LayerGraph("chain", (channels, 32, 32))
    last = INPUT
    for index, kernel in enumerate(kernels):
        conv = OPERATORS["conv"](out_channels=channels, kernel_size=kernel, padding="same", bias=False)
        last = graph.add(f"conv{index}", conv, (last,)).path
    return price(graph)


@THEME.claim(
    "Stacked 3x3 convolutions see as much as one large one with fewer parameters: 27C² against 49C² for 7x7.",
    f"{VGG}, section 2.3",
)
def stacked(facts: Facts) -> Finding:
    channels = 64
    cases = {(3, 3): 5, (3, 3, 3): 7}
    same = all(
        _chain(channels, *small).totals.receptive_field == _chain(channels, large).totals.receptive_field
        for small, large in cases.items()
    )
    weights = {k: _chain(channels, *k).totals.params // channels**2 for k in [(3, 3), (5,), (3, 3, 3), (7,)]}
    words = f"Two see 5x5 with {weights[3, 3]}C² weights against {weights[5,]}C²; three see 7x7 with {weights[3, 3, 3]}C² against {weights[7,]}C²."
    return Finding(
        judge(same and weights[3, 3, 3] == 27 and weights[7,] == 49), words, {str(k): v for k, v in weights.items()}
    )


@THEME.claim(
    "Fully connected layers hold most of AlexNet's and VGG's parameters, and are inefficient for small batches.",
    f"{CANZIANI}, first version",
)
def fully_connected(facts: Facts) -> Finding:
    shares = {}
    for name in ("alexnet", "vgg16"):
        rows = [row for row in facts.table(name) if row["kind"] == "linear"]
        total = facts.totals(name)
        shares[name] = tuple(
            100 * sum(row[key] for row in rows) / getattr(total, key) for key in ("params", "mult_adds")
        )
    intensity = {batch: _linear_intensity(facts, batch) for batch in (1, 64)}
    words = (
        f"They hold {shares['alexnet'][0]:.1f}% of AlexNet's params for {shares['alexnet'][1]:.1f}% of its mult-adds, and {shares['vgg16'][0]:.1f}% for "
        f"{shares['vgg16'][1]:.1f}% in VGG-16. Their weights are read once a batch: {intensity[1]:.1f} FLOP a byte at batch 1, {intensity[64]:.0f} at 64."
    )
    return Finding(
        judge(all(share[0] > 50 for share in shares.values()) and intensity[64] > 10 * intensity[1]),
        words,
        {"shares": shares},
    )


def _linear_intensity(facts: Facts, batch: int) -> float:
    """Return FLOPs per byte of AlexNet's first fully connected layer."""
    table = facts.table("alexnet", batch=batch)
    intensity: float = next(row["arithmetic_intensity"] for row in table if row["kind"] == "linear")
    return intensity


@THEME.claim(
    "VGG-16's activations take 24 M values, 93 MB an image, for the forward pass.",
    "Stanford CS231n, notes on convolutional networks",
)
def vgg_memory(facts: Facts) -> Finding:
    kept = ("conv kxk", "pool", "linear")
    values = sum(row["output_bytes"] // 4 for row in facts.table("vgg16") if row["kind"] in kept) + 3 * 224 * 224
    words = f"The rows listed there (input, convolutions, pools, fully connected) add up to {values:,} values: {short(4 * values, 'B')}, or {4 * values / 2**20:.1f} MiB."
    return Finding(judge(near(values / 1e6, 24, 0)), words, {"values": values})


@THEME.claim("VGG A to E have 133/133/134/138/144 M parameters.", f"{VGG}, table 2")
def vgg_params(facts: Facts) -> Finding:
    printed = {"vgg11": 133, "vgg13": 133, "vgg16_c": 134, "vgg16": 138, "vgg19": 144}
    computed = {name: facts.totals(name).params for name in printed}
    words = ", ".join(f"{value / 1e6:.2f}" for value in computed.values()) + " M."
    return Finding(judge(all(round(computed[name] / 1e6) == value for name, value in printed.items())), words, computed)
