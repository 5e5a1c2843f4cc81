"""`costmodel check`: hold specs to the figures that they expect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from costmodel import sources
from costmodel.cli.arguments import ARCH
from costmodel.cli.gate import gate, gate_options, judge_all, shown
from costmodel.cli.output import emit
from costmodel.cli.progress import progress
from costmodel.documents.safe_text import one_line
from costmodel.errors import SpecError
from costmodel.pricing import totals
from costmodel.sources import Source
from costmodel.spec import Spec, expand
from costmodel.spec.library import files, is_bundled
from costmodel.units import counted


@dataclass
class Verdict:
    """What a file's networks came to: how many there are, how many say what they expect, and what is wrong."""

    networks: int = 0
    without: int = 0
    faults: list[str] = field(default_factory=list)
    unbuilt: bool = False


@click.command("check")
@click.argument("archs", metavar="[FILE]...", nargs=-1, type=ARCH)
@click.option("-q", "--quiet", is_flag=True, help="Show only what is wrong.")
@gate_options
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
def check_command(archs: tuple[str, ...], quiet: bool, form: str, **asked: Any) -> None:
    """Check that specs can be built and that their params and mult-adds are what they `expect`, each variant too.

    Without FILEs, all that have a name (see `costmodel list`) are checked. With --budget, --max or --against, each FILE
    (FILE#VARIANT for one of its variants) is also held to limits. The exit code is 1 if one of them fails.

    \b
    Examples:
      costmodel check
      costmodel check my_net.yaml
      costmodel check --quiet specs/*.yaml
      costmodel check model.onnx --max params=5M
      costmodel check my_net.yaml --max params=5M --max mult_adds=600M --max peak_live_bytes=8MB
      costmodel check nets/*.yaml --budget budget.yaml --against git:main --growth 5%
    """
    held = gate(**asked)
    asked_for = archs or tuple(map(str, files()))
    verdicts: dict[str, Verdict] = {}
    found = []
    with progress("files", wait=1.0) as tell:
        for place, arch in enumerate(asked_for):
            tell(place, len(asked_for), arch)
            if (source := _held(arch, verdicts)) is not None:
                found.append(source)
    failed = sum(bool(verdict.faults) for verdict in verdicts.values())
    unbuilt = any(verdict.unbuilt for verdict in verdicts.values())
    judged = judge_all(held, found) if held and not unbuilt else None
    if form == "text":
        _say(verdicts, failed, quiet)
    if judged is not None or form != "text":
        wrong = [fault for verdict in verdicts.values() for fault in verdict.faults]
        emit(shown(judged, wrong, form, quiet))
    if failed or (judged is not None and judged.broken):
        click.get_current_context().exit(1)


def _say(verdicts: Mapping[str, Verdict], failed: int, quiet: bool) -> None:
    """Say for each file what its networks came to."""
    for path, verdict in verdicts.items():
        for fault in verdict.faults:
            emit(f"{fault}\n")
        if not quiet and not verdict.faults:
            emit(f"{one_line(_near(path))}: {_counted(verdict)}\n")
    if not quiet or failed:
        networks = sum(verdict.networks for verdict in verdicts.values())
        summary = f"{counted(failed, 'file')} fail{'s' * (failed == 1)}" if failed else "all as expected"
        emit(f"{counted(networks, 'network')} in {counted(len(verdicts), 'file')}: {summary}\n")


def _near(name: str) -> str:
    """Return a path as seen from here, where it lies below."""
    path = Path(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else name


def _counted(verdict: Verdict) -> str:
    return f"{counted(verdict.networks, 'network')} as expected" + (
        f", {verdict.without} of them expecting nothing" if verdict.without else ""
    )


def _held(arch: str, verdicts: dict[str, Verdict]) -> Source | None:
    """Return what was asked for, or None if its file is wrong, and add what the file came to, once a file.

    Raises:
        CostModelError: if it cannot be read at all.
    """
    try:
        source = sources.open(arch)
    except SpecError as error:
        verdicts.setdefault(error.file, Verdict(faults=[str(error)], unbuilt=True))
        return None
    file = source.spec.file if source.spec is not None else arch
    if file not in verdicts:
        verdicts[file] = check_source(source)
    return source


def check_source(source: Source) -> Verdict:
    """Build and price every network of a file; what is no spec is one network, and expects nothing of it.

    Raises:
        CostModelError: if a network that is no spec cannot be read.
    """
    if source.spec is None:
        totals(source.graph)
        return Verdict(networks=1, without=1)
    verdict = Verdict()
    try:
        verdict.faults += _unsaid(source.spec)
        for network in source.family():
            verdict.networks += 1
            verdict.without += network.expect.params is None and network.expect.mult_adds is None
            verdict.faults += _unmet(network, network.file)
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


def _unmet(spec: Spec, file: str) -> Iterator[str]:
    """Yield each figure that is not what the spec expects."""
    cost = totals(expand(spec))
    for name, computed in (("params", cost.params), ("mult_adds", cost.mult_adds)):
        expected = getattr(spec.expect, name)
        if expected is not None and computed != expected:
            said = f"{name} are {computed:,}, but {expected:,} is expected ({computed - expected:+,})"
            yield one_line(f"{file}: {spec.name}: {said}")
