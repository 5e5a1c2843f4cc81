"""What parts are called: as the layer that they were read from, with a number where several were read from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.reading.free import free

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part


def find(network: Network) -> None:
    """Give each part its name, the first of several that have it; the others get a number behind it."""
    taken = {*network.inputs}
    paths: dict[Part, str] = {}
    for part in network.parts.values():
        if part.name not in taken:
            taken.add(part.name)
            paths[part] = part.name
    copies: dict[str, int] = {}
    for part in network.parts.values():
        if part not in paths:
            paths[part] = free(part.name, taken.__contains__, copies)
            taken.add(paths[part])
    network.rename(paths)
