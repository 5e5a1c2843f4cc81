"""What people like to read, found in what was read; where it is not found, nothing is lost."""

from __future__ import annotations

from costmodel.reading.network import Network


def recognised(network: Network) -> None:
    """Name in a network what is recognised."""
