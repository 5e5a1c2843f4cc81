"""`costmodel check`: hold specs to the figures that they expect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from costmodel.api import load
from costmodel.cli.arguments import ARCH
from costmodel.cli.gate import file_of, gate, gate_options, judge_all, shown
from costmodel.cli.output import emit
from costmodel.cli.progress import progress
from costmodel.documents.safe_text import one_line
from costmodel.errors import SpecError
from costmodel.pricing import totals
from costmodel.spec import Spec, expand
from costmodel.spec.library import files, is_bundled, is_onnx, read_file
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
    verdicts = _verdicts(list(dict.fromkeys(map(file_of, asked_for))))
    failed = sum(bool(verdict.faults) for verdict in verdicts.values())
    unbuilt = any(verdict.unbuilt for verdict in verdicts.values())
    judged = judge_all(held, asked_for) if held and not unbuilt else None
    if form == "text":
        _say(verdicts, failed, quiet)
    if judged is not None or form != "text":
        wrong = [fault for verdict in verdicts.values() for fault in verdict.faults]
        emit(shown(judged, wrong, form, quiet))
    if failed or (judged is not None and judged.broken):
        click.get_current_context().exit(1)


def _verdicts(paths: list[Path]) -> dict[Path, Verdict]:
    verdicts = {}
    with progress("files", wait=1.0) as tell:
        for place, path in enumerate(paths):
            tell(place, len(paths), path.name)
            verdicts[path] = check_file(path)
    return verdicts


def _say(verdicts: Mapping[Path, Verdict], failed: int, quiet: bool) -> None:
    """Say for each file what its networks came to."""
    for path, verdict in verdicts.items():
        for fault in verdict.faults:
            emit(f"{fault}\n")
        if not quiet and not verdict.faults:
            emit(f"{one_line(str(_near(path)))}: {_counted(verdict)}\n")
    if not quiet or failed:
        networks = sum(verdict.networks for verdict in verdicts.values())
        summary = f"{counted(failed, 'file')} fail{'s' * (failed == 1)}" if failed else "all as expected"
        emit(f"{counted(networks, 'network')} in {counted(len(verdicts), 'file')}: {summary}\n")


def _near(path: Path) -> Path:
    """Return a path as seen from here, where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _counted(verdict: Verdict) -> str:
    return f"{counted(verdict.networks, 'network')} as expected" + (
        f", {verdict.without} of them expecting nothing" if verdict.without else ""
    )


def check_file(path: Path) -> Verdict:
    """Build and price every network of a file; an ONNX file holds one, and expects nothing of it.

    Raises:
        CostModelError: if the file cannot be read at all.
    """
    if is_onnx(path.name):
        totals(load(path))
        return Verdict(networks=1, without=1)
    verdict = Verdict()
    try:
        spec = read_file(path)
        verdict.faults += _unsaid(spec, path)
        for network in [spec, *(spec.choose(variant) for variant in spec.variants)]:
            verdict.networks += 1
            verdict.without += network.expect.params is None and network.expect.mult_adds is None
            verdict.faults += _unmet(network, path)
    except SpecError as error:
        verdict.faults.append(str(error))
        verdict.unbuilt = True
    return verdict


def _unsaid(spec: Spec, path: Path) -> Iterator[str]:
    """Yield what a spec of the package's own has to say, and one of anybody's own need not."""
    if not is_bundled(str(path)):
        return
    if spec.name != path.stem:
        yield one_line(f"{path}: it is named {spec.name}; a bundled spec is named as its file")
    for key in ("title", "source"):
        if not getattr(spec, key):
            yield one_line(f"{path}: a bundled spec has a {key}")


def _unmet(spec: Spec, path: Path) -> Iterator[str]:
    """Yield each figure that is not what the spec expects."""
    cost = totals(expand(spec))
    for name, computed in (("params", cost.params), ("mult_adds", cost.mult_adds)):
        expected = getattr(spec.expect, name)
        if expected is not None and computed != expected:
            said = f"{name} are {computed:,}, but {expected:,} is expected ({computed - expected:+,})"
            yield one_line(f"{path}: {spec.name}: {said}")
