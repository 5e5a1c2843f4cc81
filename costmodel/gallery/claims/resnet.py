"""What residual networks cost."""

from __future__ import annotations

from costmodel.gallery.claims.claim import Finding, Theme, cut_off, judge, near, rounds
from costmodel.gallery.claims.sources import RESNET
from costmodel.gallery.facts import Facts

THEME = Theme("ResNet")


@THEME.claim(
    "The 152-layer ResNet (11.3 billion FLOPs) has lower complexity than VGG-16/19 (15.3/19.6 billion).",
    f"{RESNET}, section 4.1",
)
def resnet152_below_vgg(facts: Facts) -> Finding:
    conv_only = facts.conv_mult_adds("vgg16") / 1e9
    vgg16, vgg19, resnet = facts.giga("vgg16"), facts.giga("vgg19"), facts.giga("resnet152")
    holds = resnet < conv_only and near(resnet, 11.3, 1) and near(conv_only, 15.3, 1) and near(vgg19, 19.6, 1)
    words = (
        f"{resnet:.2f} against {vgg16:.2f} and {vgg19:.2f} G mult-adds. The printed 15.3 leaves VGG-16's fully connected layers out ({conv_only:.2f}), "
        "while the printed 19.6 counts VGG-19's."
    )
    return Finding(judge(holds, not near(vgg16, 15.3, 1)), words, {"resnet152": resnet, "vgg16_conv": conv_only})


@THEME.claim("The 34-layer net has 3.6 billion FLOPs, only 18% of VGG-19.", f"{RESNET}, section 3.3")
def resnet34_share_of_vgg19(facts: Facts) -> Finding:
    form_a, form_b = facts.giga("resnet34_a"), facts.giga("resnet34")
    share = 100 * form_a / facts.giga("vgg19")
    words = (
        f"{form_a:.3f} G with the zero-padded shortcuts of the comparison (option A), {form_b:.3f} G with projections (B): "
        f"A is {share:.1f}% of VGG-19's {facts.giga('vgg19'):.3f} G. FLOPs there are mult-adds."
    )
    return Finding(
        judge(near(form_a, 3.6, 1) and near(share, 18, 0), caveat=not rounds(share, 18, 0)), words, {"share": share}
    )


@THEME.claim("ResNet-18/34/50/101/152 take 1.8/3.6/3.8/7.6/11.3 billion FLOPs.", f"{RESNET}, table 1")
def resnet_table(facts: Facts) -> Finding:
    printed = {"resnet18": 1.8, "resnet34": 3.6, "resnet50": 3.8, "resnet101": 7.6, "resnet152": 11.3}
    computed = {name: facts.giga(name) for name in printed}
    cut = [name for name, value in printed.items() if not rounds(computed[name], value, 1)]
    words = ", ".join(f"{value:.3f}" for value in computed.values()) + f" G mult-adds. {cut_off(cut)}"
    return Finding(judge(all(near(computed[n], v, 1) for n, v in printed.items()), bool(cut)), words, computed)


@THEME.claim(
    "Plain and residual nets of 20 and 56 layers are comparable: identity shortcuts add neither parameters nor computation.",
    f"{RESNET}, section 3.3; the article's paradox of 56 against 20 layers",
)
def plain_paradox(facts: Facts) -> Finding:
    pairs = {n: (facts.totals(f"plain{n}"), facts.totals(f"resnet{n}")) for n in (20, 56)}
    equal = all((plain.params, plain.mult_adds) == (res.params, res.mult_adds) for plain, res in pairs.values())
    words = (
        f"Equal to the unit: {pairs[20][0].params:,} params and {pairs[20][0].mult_adds:,} mult-adds at 20 layers, "
        f"{pairs[56][0].params:,} and {pairs[56][0].mult_adds:,} at 56, plain and residual alike. "
        "So it is not cost that makes the plain net of 56 layers worse than that of 20."
    )
    return Finding(judge(equal), words, {str(n): plain.params for n, (plain, _) in pairs.items()})


@THEME.claim(
    "CIFAR ResNets of 20/32/44/56/110/1202 layers have 0.27/0.46/0.66/0.85/1.7/19.4 M params.", f"{RESNET}, table 6"
)
def cifar_params(facts: Facts) -> Finding:
    printed = {20: (0.27, 2), 32: (0.46, 2), 44: (0.66, 2), 56: (0.85, 2), 110: (1.7, 1), 1202: (19.4, 1)}
    computed = {n: facts.totals(f"resnet{n}").params for n in printed}
    words = ", ".join(f"{value:,}" for value in computed.values()) + "."
    return Finding(
        judge(all(round(computed[n] / 1e6, d) == v for n, (v, d) in printed.items())),
        words,
        {str(n): v for n, v in computed.items()},
    )


@THEME.claim("152 layers, 8 times deeper than VGG nets but still of lower complexity.", f"{RESNET}, abstract")
def eight_times_deeper(facts: Facts) -> Finding:
    resnet, vgg16, vgg19 = (facts.totals(name) for name in ("resnet152", "vgg16", "vgg19"))
    words = (
        f"{resnet.weighted_layers} layers with weights on the longest path against {vgg19.weighted_layers} in VGG-19, {resnet.weighted_layers / vgg19.weighted_layers:.2f} times as many "
        f"({resnet.weighted_layers / vgg16.weighted_layers:.1f} times VGG-16's {vgg16.weighted_layers}), for {resnet.mult_adds / 1e9:.2f} against {vgg19.mult_adds / 1e9:.2f} G mult-adds."
    )
    holds = (
        resnet.weighted_layers == 152
        and rounds(resnet.weighted_layers / vgg19.weighted_layers, 8, 0)
        and resnet.mult_adds < vgg16.mult_adds
    )
    return Finding(judge(holds), words, {"depth": resnet.weighted_layers})
