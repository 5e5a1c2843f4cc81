"""What people like to read, found in what was read; where it is not found, nothing is lost."""

from __future__ import annotations

from costmodel.reading.network import Network
from costmodel.reading.recognise.activations import activations
from costmodel.reading.recognise.attention import attentions
from costmodel.reading.recognise.biases import biases
from costmodel.reading.recognise.canonical import canonical
from costmodel.reading.recognise.functions import functions
from costmodel.reading.recognise.groups import groups
from costmodel.reading.recognise.merges import merges
from costmodel.reading.recognise.norms import norms
from costmodel.reading.recognise.paths import called
from costmodel.reading.recognise.plain import plain
from costmodel.reading.recognise.pools import pools
from costmodel.reading.recognise.rearrangements import composed, named, vanished
from costmodel.reading.recognise.rolls import rolls
from costmodel.reading.recognise.slices import sliced
from costmodel.reading.recognise.spread import spread
from costmodel.reading.recognise.stored import stored
from costmodel.reading.recognise.tidy import tidied

PASSES = (
    canonical,
    plain,
    vanished,
    activations,
    norms,
    sliced,
    attentions,
    composed,
    vanished,
    groups,
    rolls,
    spread,
    merges,
    biases,
    stored,
    pools,
    functions,
    named,
    tidied,
    called,
)
"""What is looked for, in this order."""


def recognised(network: Network) -> None:
    """Name in a network what is recognised."""
    for one in PASSES:
        one(network)
        network.settle()
