"""What people like to read, found in what was read; where it is not found, nothing is lost."""

from __future__ import annotations

from costmodel.reading.network import Network
from costmodel.reading.recognise import (
    activations,
    adaptive,
    attention,
    biases,
    canonical,
    columns,
    functions,
    groups,
    heads,
    merges,
    norms,
    paths,
    places,
    plain,
    pools,
    rearrangements,
    recurrent,
    rolls,
    slices,
    spread,
    stored,
    tidy,
)

PASSES = (
    canonical.find,
    plain.find,
    places.find,
    rearrangements.vanished,
    activations.find,
    norms.find,
    recurrent.joined,
    slices.find,
    attention.find,
    heads.find,
    rearrangements.composed,
    rearrangements.vanished,
    recurrent.find,
    adaptive.find,
    functions.find,
    columns.find,
    groups.find,
    rolls.find,
    spread.find,
    merges.find,
    biases.find,
    stored.find,
    pools.find,
    rearrangements.named,
    tidy.find,
)
"""What is looked for, in this order."""


def recognised(network: Network) -> None:
    """Name in a network what is recognised."""
    for one in PASSES:
        one(network)
    network.settle()
    paths.find(network)
