"""Whether specs can be built, and cost what they expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from costmodel import sources
from costmodel.documents.bundled import is_bundled
from costmodel.documents.safe_text import one_line
from costmodel.errors import SpecError
from costmodel.pricing import totals
from costmodel.sources import Source
from costmodel.spec import Spec, expand
from costmodel.spec.document import read_spec


@dataclass
class Verdict:
    """What a file's networks came to: how many there are, how many expect nothing, and what is wrong."""

    networks: int = 0
    without: int = 0
    faults: list[str] = field(default_factory=list)
    unbuilt: bool = False


def hold(
    network: str, verdicts: MutableMapping[str, Verdict], opened: Callable[[str], Source] = sources.open
) -> Source | None:
    """Return what was asked for, or None if its file is wrong, and add what the file came to, once a file; `opened`
    opens it.

    Raises:
        CostModelError: if it cannot be read at all.
    """
    try:
        source = opened(network)
    except SpecError as error:
        verdicts.setdefault(error.file, Verdict(faults=[str(error)], unbuilt=True))
        return None
    file = source.spec.file if source.spec is not None else network
    if file not in verdicts:
        verdicts[file] = verdict_of(source)
    return source


def verdict_of(source: Source) -> Verdict:
    """Build and price every network of a file; what is no spec is one network, and expects nothing of it.

    Raises:
        CostModelError: if a network that is no spec cannot be read.
    """
    if source.spec is None:
        totals(source.graph)
        return Verdict(networks=1, without=1)
    verdict = Verdict()
    try:
        read_spec(source.spec.text, source.spec.file)  # by the validator, which no bundled file is read by
        verdict.faults += _unsaid(source.spec)
        for network in source.family():
            verdict.networks += 1
            verdict.without += network.expect.params is None and network.expect.mult_adds is None
            verdict.faults += unmet(network, network.file)
    except SpecError as error:
        verdict.faults.append(str(error))
        verdict.unbuilt = True
    return verdict


def _unsaid(spec: Spec) -> Iterator[str]:
    """Yield what a spec of the package's own has to say, and one of anybody's own need not."""
    path = Path(spec.file)
    if not is_bundled(spec.file):
        return
    if spec.name != path.stem and spec.name not in spec.variants:
        yield one_line(f"{path}: it is named {spec.name}; a bundled spec is named as its file")
    for key in ("title", "source"):
        if not getattr(spec, key):
            yield one_line(f"{path}: a bundled spec has a {key}")


def unmet(spec: Spec, file: str) -> Iterator[str]:
    """Yield each figure that is not what the spec expects."""
    cost = totals(expand(spec))
    for name, computed in (("params", cost.params), ("mult_adds", cost.mult_adds)):
        expected = getattr(spec.expect, name)
        if expected is not None and computed != expected:
            said = f"{name} are {computed:,}, but {expected:,} is expected ({computed - expected:+,})"
            yield one_line(f"{file}: {spec.name}: {said}")
