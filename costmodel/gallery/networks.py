"""Every bundled network with its costs: the rows of the gallery's tables and the points of its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from costmodel.measures import shown
from costmodel.pricing import Totals, totals
from costmodel.spec import Spec, expand, specs
from costmodel.spec.library import twin

FAMILIES = {
    "AlexNet": "alexnet alexnet_bn",
    "NIN": "nin_bn",
    "VGG": "vgg11 vgg13 vgg16 vgg19",
    "Inception": "googlenet bn_inception inception_v3 inception_v4 inception_resnet_v2",
    "ResNet": "resnet18 resnet34 resnet50 resnet101 resnet152",
    "MobileNet v1": "mobilenet_v1 mobilenet_v1_075 mobilenet_v1_050 mobilenet_v1_025",
}
"""The networks of the article and of Canziani et al. that have a reported ImageNet accuracy, by family."""


@dataclass(frozen=True)
class Network:
    """One architecture at its own parameters: what was said of it, and what it costs for one image in float32."""

    spec: Spec
    input_shape: tuple[int, ...]
    totals: Totals

    @property
    def name(self) -> str:
        """The name it is loaded by."""
        return self.spec.name

    @property
    def top1(self) -> float | None:
        """Reported ImageNet top-1 accuracy in percent, if there is one."""
        value = self.spec.reported.get("top1")
        return None if value is None else float(value)

    @property
    def density(self) -> float | None:
        """Information density: top-1 per million params (Canziani et al. 2016, figure 10)."""
        return None if self.top1 is None else self.top1 / (self.totals.params / 1e6)


def networks(tell: Callable[[int, int, str], None] = lambda done, total, name: None) -> Iterator[Network]:
    """Yield every bundled network once, in order of files; a file whose defaults are a variant's is that variant.

    Before each, `tell` is told how many are done, of how many, and its name.
    """
    known = [spec for spec in specs() if twin(spec) is None]
    for done, spec in enumerate(known):
        tell(done, len(known), spec.name)
        graph = expand(spec)
        yield Network(spec, graph.input_shape, totals(graph))


def row(network: Network) -> dict[str, Any]:
    """Return a network as a row of the gallery's table, raw numbers, unit in the column's name."""
    spec, sums = network.spec, network.totals
    return {
        "name": spec.name,
        "title": spec.title,
        "year": spec.year,
        "input": "x".join(map(str, network.input_shape)),
        **{measure.name: sums.values[measure.name] for measure in shown("gallery")},
        "top1_percent": network.top1,
        "top1_per_million_params": None if network.density is None else round(network.density, 3),
        "source": spec.source,
    }
