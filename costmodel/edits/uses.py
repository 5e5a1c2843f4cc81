"""Which lines of a spec a pattern means: every layer and block by its path, with the way back to its line.

A pattern is a path in which ``*`` stands for any text, dots included. Numbers of copies may be left out, and then mean
every copy: ``ds4.pointwise`` is ``ds4.0.pointwise``, ``ds4.1.pointwise``, ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from costmodel.documents.faults import Fault
from costmodel.documents.patterns import means, nearest
from costmodel.documents.text import KeyPath
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.spec.document import Spec
from costmodel.spec.expand import Use, trace
from costmodel.spec.parts import LayerSpec


@dataclass(frozen=True)
class Tree:
    """Every use of every line in the network, layers inside the blocks that hold them. The network itself is ``""``."""

    spec: Spec
    graph: LayerGraph
    uses: dict[str, Use]
    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, spec: Spec) -> Tree:
        """Expand a spec, whether or not all of it fits."""
        expanded = trace(spec)
        return cls(spec, expanded.graph, {use.path: use for use in expanded.uses}, expanded.faults)

    @cached_property
    def children(self) -> dict[str, list[Use]]:
        """The uses that stand directly in each block's use, and in the network."""
        found: dict[str, list[Use]] = {"": []}
        for use in self.uses.values():
            found.setdefault(parent(use), []).append(use)
        return found

    def layer(self, use: Use) -> LayerSpec:
        """Return the line of a use."""
        base = self.spec.layers if use.line[0] == "layers" else self.spec.blocks[str(use.line[1])].layers
        return base[str(use.line[-1])]

    def written(self, use: Use, name: str) -> Any:
        """Return what stands in a use's line for a field, or None where nobody wrote it."""
        line = self.layer(use)
        return line.first[name] if copy_of(use) == 0 and name in line.first else line.fields.get(name)

    def inside(self, path: str) -> Iterator[Use]:
        """Yield a use and all that stand in it."""
        if path in self.uses:
            yield self.uses[path]
        for child in self.children.get(path, []):
            yield from self.inside(child.path)

    def matching(self, pattern: str, keep: Callable[[Use], bool] = lambda use: True) -> list[Use]:
        """Return the outermost uses that a pattern means and `keep` accepts.

        Raises:
            CostModelError: if the pattern means nothing in the network, with the nearest paths.
        """
        matched = [use for use in self.uses.values() if means(pattern, use.path)]
        if not matched:
            raise CostModelError(f"{pattern!r} matches no layer of {self.spec.name}; {nearest(pattern, self.uses)}")
        kept = {use.path: use for use in matched if keep(use)}
        return [use for path, use in kept.items() if not any(above in kept for above in self._above(path))]

    def _above(self, path: str) -> Iterator[str]:
        while path := parent(self.uses[path]):
            yield path


def parent(use: Use) -> str:
    """Return the path of the block's use that a use stands in, ``""`` for the network."""
    path = use.path
    if copy_of(use) is not None:
        path = path.rpartition(".")[0]
    return path.rpartition(".")[0]


def copy_of(use: Use) -> int | None:
    """Return which copy of its line a use is, or None where the line has no `repeat`."""
    last = use.path.rpartition(".")[2]
    return int(last) if last.isdigit() else None


def block_of(line: KeyPath) -> str | None:
    """Return the block that a line stands in, or None for the network's own."""
    return str(line[1]) if line[0] == "blocks" else None
