"""Where networks stand in the pictures of accuracy against operations."""

from __future__ import annotations

from costmodel.gallery.claims.claim import READING, Finding, Theme, about, judge, rounds
from costmodel.gallery.claims.sources import CANZIANI
from costmodel.gallery.facts import Facts

THEME = Theme("The points of figure 2")


@THEME.claim("Inception-v4 stands at about 18 G operations.", f"{CANZIANI}, figure 2, as digitised by others")
def inception_v4_point(facts: Facts) -> Finding:
    ops = 2 * facts.giga("inception_v4")
    words = (
        f"{ops:.1f} G operations (2 a mult-add, as for the figure's other points) at 299x299, {100 * (ops / 18 - 1):.0f}% more. "
        "The point matches no form of the network that we know."
    )
    return Finding(judge(about(ops, 18, READING)), words, {"ops": ops})


@THEME.claim(
    "AlexNet stands at about 2.5 G operations, twice BN-AlexNet's 1.25.",
    f"{CANZIANI}, figure 2, as digitised by others",
)
def alexnet_point(facts: Facts) -> Finding:
    grouped, whole, batch_norm = (2 * facts.giga(name) for name in ("alexnet", "alexnet_ungrouped", "alexnet_bn"))
    words = (
        f"{grouped:.2f} G as published, with groups; {whole:.2f} G if a counter ignores the groups, as the operation counter of the authors' tools did until July 2017; "
        f"BN-AlexNet, which has none, {batch_norm:.2f} G."
    )
    return Finding(
        judge(about(grouped, 2.5, READING) and about(batch_norm, 1.25, READING)),
        words,
        {"grouped": grouped, "ungrouped": whole},
    )


@THEME.claim(
    "GoogLeNet has 10 times the information density (top-1 per parameter) of AlexNet, and 20 times VGG-16's.",
    f"{CANZIANI}, first version, as summarised by others",
)
def density(facts: Facts) -> Finding:
    top1 = facts.top1(("googlenet", "alexnet", "vgg16"))
    each = {name: percent / facts.totals(name).params for name, percent in top1.items()}
    alexnet, vgg = (each["googlenet"] / each[name] for name in ("alexnet", "vgg16"))
    words = f"{alexnet:.1f} times AlexNet's and {vgg:.1f} times VGG-16's, with the accuracies that their specs report."
    return Finding(
        judge(
            about(alexnet, 10, 20) and about(vgg, 20, 20),
            caveat=not (rounds(alexnet, 10, 0) and rounds(vgg, 20, 0)),
        ),
        words,
        {"alexnet": alexnet, "vgg16": vgg},
    )
