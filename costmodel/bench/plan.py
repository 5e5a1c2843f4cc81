"""What a calibration measures: bundled networks of many families, sizes and shapes, and single-layer chains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial

from costmodel.api import load
from costmodel.bench.chain import Chain
from costmodel.bench.fit import CHAIN
from costmodel.bench.measure import Job
from costmodel.bench.microbench import chains, is_rare
from costmodel.bench.tables import family_of
from costmodel.graph import LayerGraph
from costmodel.latency.known import words_of
from costmodel.pricing import totals

NETWORKS = (
    "alexnet",
    "alexnet_owt",
    "vgg11",
    "vgg16",
    "nin",
    "nin_cifar10",
    "googlenet",
    "bn_inception",
    "inception_v3",
    "inception_v4",
    "inception_resnet_v1",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet50 resolution=160",
    "resnet50 resolution=288",
    "resnet101",
    "resnet152",
    "resnet20",
    "resnet56",
    "preresnet164",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "squeezenet",
    "squeezenet1_1",
    "xception",
    "densenet121",
    "densenet169",
    "densenet201",
    "mobilenet_v1",
    "mobilenet_v1 width=0.75 resolution=192",
    "mobilenet_v1 width=0.5",
    "mobilenet_v1 width=0.5 resolution=160",
    "mobilenet_v1 width=0.25 resolution=128",
    "mobilenet_v2",
    "mobilenet_v2 width=0.5",
    "mobilenet_v2 width=1.4",
    "mobilenet_v2 resolution=160",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "mnasnet1_0",
    "mnasnet0_5",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x2_0",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "regnet_x_400mf",
    "regnet_x_1_6gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
    "convnext_tiny",
    "vit_b_32",
    "enet",
)
QUICK = (
    "mobilenet_v1",
    "resnet18",
    "resnet50",
    "squeezenet1_1",
    "alexnet_owt",
    "nin",
    "densenet121",
    "mobilenet_v2",
)
"""Eight that are spread well: small and large, weights and activations, full and depthwise convolutions."""
MOST_MULT_ADDS = 130 * 10**9
"""A batch with more than that many mult-adds is not measured: it takes seconds a run and shows nothing new."""


def jobs(names: Sequence[str], batches: Sequence[int], with_chains: bool) -> list[Job]:
    """Return the jobs of a calibration, networks before chains."""
    return [*_networks(names, batches), *(_chains(batches) if with_chains else [])]


def few_jobs(batches: Sequence[int], with_chains: bool) -> list[Job]:
    """Return what scales a device in a minute: the networks of `QUICK` at the smallest and the largest batch, and the
    chains of rare operators, which none of these networks has, at the smallest.
    """
    ends = sorted({min(batches), max(batches)})
    chained = _chains(ends[:1]) if with_chains else ()
    return [*_networks(QUICK, ends), *(job for job in chained if is_rare(job.network))]


def _networks(names: Sequence[str], batches: Sequence[int]) -> Iterator[Job]:
    for network in names:
        mult_adds = totals(network_of(network)).mult_adds
        wanted = tuple(batch for batch in batches if batch == min(batches) or batch * mult_adds <= MOST_MULT_ADDS)
        yield Job(network, family_of(network.split()[0]), wanted, partial(network_of, network))


def _chains(batches: Sequence[int]) -> Iterator[Job]:
    for chain in chains():
        yield Job(chain.name, CHAIN, tuple(sorted({min(batches), max(batches)})), chain.build)


def network_of(network: str) -> LayerGraph:
    """Return the network that a text like ``mobilenet_v1 width=0.5`` names.

    Raises:
        CostModelError: if there is none.
    """
    if (chain := _chains_by_name().get(network)) is not None:
        return chain.build()
    architecture, values = words_of(network)
    return load(architecture, **values)


@cache
def _chains_by_name() -> dict[str, Chain]:
    return {chain.name: chain for chain in chains()}
