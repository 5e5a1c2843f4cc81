"""What parts are called: as the layer that they were read from, with a number where several were read from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
            path = part.name
            while path in taken:
                copies[part.name] = copies.get(part.name, 1) + 1
                path = f"{part.name}_{copies[part.name]}"
            taken.add(path)
            paths[part] = path
    network.rename(paths)
