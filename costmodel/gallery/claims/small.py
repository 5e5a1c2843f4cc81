"""What the small networks cost."""

from __future__ import annotations

from costmodel.gallery.claims.claim import Finding, Theme, about, judge, near, rounds
from costmodel.gallery.claims.sources import MOBILENET
from costmodel.gallery.facts import Facts

THEME = Theme("Small networks")


@THEME.claim("SqueezeNet takes 1700 M mult-adds.", f"{MOBILENET}, table 9")
def squeezenet_work(facts: Facts) -> Finding:
    computed = facts.totals("squeezenet").mult_adds / 1e6
    words = f"{computed:.0f} M: the printed number is {1700 / computed:.2f} times that, near to counting two operations a mult-add."
    return Finding(judge(near(computed, 1700, 0)), words, {"mult_adds": computed})


@THEME.claim("SqueezeNet has 50 times fewer parameters than AlexNet.", "Iandola et al. 2016, arXiv:1602.07360, title")
def squeezenet_params(facts: Facts) -> Finding:
    ratio = facts.totals("alexnet").params / facts.totals("squeezenet").params
    words = f"{facts.totals('alexnet').params:,} / {facts.totals('squeezenet').params:,} = {ratio:.1f}."
    return Finding(judge(rounds(ratio, 50, -1), caveat=ratio < 50), words, {"ratio": ratio})


@THEME.claim("ENet has 0.37 M parameters.", "Paszke et al. 2016, arXiv:1606.02147, table 3, as quoted by others")
def enet_params(facts: Facts) -> Finding:
    computed = facts.totals("enet").params
    printed = 370_000
    words = f"{computed:,} in the form that the paper describes, {100 * (computed / printed - 1):+.1f}% from the printed number."
    return Finding(
        judge(about(computed, printed, 2), caveat=not near(computed / 1e6, 0.37, 2)), words, {"params": computed}
    )
