"""What GoogLeNet and its successors cost."""

from __future__ import annotations

from costmodel.gallery.claims.claim import OPEN, Finding, Theme, judge, near, rounds
from costmodel.gallery.claims.sources import GOOGLENET, INCEPTION
from costmodel.gallery.facts import Facts

THEME = Theme("GoogLeNet and Inception")


@THEME.claim("GoogLeNet keeps to a budget of 1.5 billion multiply-adds at inference.", f"{GOOGLENET}, section 1")
def googlenet_budget(facts: Facts) -> Finding:
    computed = facts.giga("googlenet")
    first = next(row["mult_adds"] for row in facts.table("googlenet") if row["mult_adds"]) / 1e6
    printed_first = 34
    without = computed - (first - printed_first) / 1e3
    words = (
        f"{computed:.3f} G by the filters of table 1. The table prints {printed_first} M for the first convolution, whose own filters take {first:.0f} M; "
        f"with the printed value the sum is {without:.2f} G."
    )
    return Finding(judge(round(computed, 1) <= 1.5), words, {"mult_adds": computed, "with_printed_first": without})


@THEME.claim("GoogLeNet uses 12 times fewer parameters than AlexNet.", f"{GOOGLENET}, section 1")
def googlenet_params(facts: Facts) -> Finding:
    alexnet, googlenet = facts.totals("alexnet").params, facts.totals("googlenet").params
    ratio = alexnet / googlenet
    table_1 = (2.7, 112, 159, 380, 364, 437, 463, 580, 840, 1072, 1388, 1000)  # thousands, as printed
    words = (
        f"{alexnet:,} / {googlenet:,} = {ratio:.1f}; 12 needs a net of {alexnet / 12 / 1e6:.1f} M, "
        f"and table 1's own rows add up to {sum(table_1) / 1e3:.1f} M."
    )
    return Finding(judge(near(ratio, 12, 0)), words, {"ratio": ratio})


@THEME.claim(
    "Inception v3 takes 5 billion multiply-adds and fewer than 25 million parameters.",
    f"{INCEPTION}, abstract",
)
def inception_v3(facts: Facts) -> Finding:
    computed = facts.totals("inception_v3")
    work = computed.mult_adds / 1e9
    words = (
        f"The released network takes {work:.3f} G, which is 5 only when cut off, and {computed.params / 1e6:.2f} M params. "
        "It differs from the paper's table 1: five factorised blocks there, four and a reduction in the release."
    )
    return Finding(
        judge(computed.params < 25e6 and near(work, 5, 0), caveat=not rounds(work, 5, 0)),
        words,
        {"mult_adds": computed.mult_adds},
    )


@THEME.claim("GoogLeNet is 22 layers deep, counting only layers with parameters.", f"{GOOGLENET}, section 5")
def googlenet_depth(facts: Facts) -> Finding:
    depth = facts.totals("googlenet").weighted_layers
    return Finding(judge(depth == 22), f"{depth} on the longest path.", {"depth": depth})


@THEME.claim("The network of factorised Inception blocks is 42 layers deep.", f"{INCEPTION}, section 6")
def inception_depth(facts: Facts) -> Finding:
    depth = facts.totals("inception_v3").weighted_layers
    words = (
        f"The released Inception v3 has {depth} layers with weights on its longest path. The paper's own form, which is not quite that, "
        "is not bundled, so that the difference may lie in the form or in what was counted."
    )
    return Finding(judge(depth == 42, otherwise=OPEN), words, {"depth": depth})
