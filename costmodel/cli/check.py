"""`costmodel check`: hold specs to the figures that they expect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from costmodel.cli.output import emit
from costmodel.errors import SpecError
from costmodel.pricing import totals
from costmodel.spec import Spec, expand
from costmodel.spec.library import files, read_file


@dataclass
class Verdict:
    """What a file's networks came to: how many there are, how many say what they expect, and what is wrong."""

    networks: int = 0
    without: int = 0
    faults: list[str] = field(default_factory=list)


@click.command("check")
@click.argument("paths", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("-q", "--quiet", is_flag=True, help="Show only what is wrong.")
@click.pass_context
def check_command(ctx: click.Context, paths: tuple[Path, ...], quiet: bool) -> None:
    r"""Check that specs can be built and that their params and mult-adds are what they `expect`, each variant too.

    Without FILEs, all that have a name (see `costmodel list`) are checked. The exit code is 1 if one of them fails.

    \b
    Examples:
      costmodel check
      costmodel check my_net.yaml
      costmodel check --quiet specs/*.yaml
    """
    verdicts = []
    for path in paths or files():
        verdict = check_file(path)
        verdicts.append(verdict)
        for fault in verdict.faults:
            emit(f"{fault}\n")
        if not quiet and not verdict.faults:
            emit(f"{path}: {_counted(verdict)}\n")
    failed = sum(bool(verdict.faults) for verdict in verdicts)
    if not quiet or failed:
        networks = sum(verdict.networks for verdict in verdicts)
        emit(
            f"{networks} networks in {len(verdicts)} files: {f'{failed} files fail' if failed else 'all as expected'}\n"
        )
    if failed:
        ctx.exit(1)


def _counted(verdict: Verdict) -> str:
    count = f"{verdict.networks} network{'s' * (verdict.networks != 1)}"
    return f"{count} as expected" + (f", {verdict.without} of them expecting nothing" if verdict.without else "")


def check_file(path: Path) -> Verdict:
    """Build and price every network of a file.

    Raises:
        CostModelError: if the file cannot be read at all.
    """
    verdict = Verdict()
    try:
        spec = read_file(path)
        for network in [spec, *(spec.choose(variant) for variant in spec.variants)]:
            verdict.networks += 1
            verdict.without += network.expect.params is None and network.expect.mult_adds is None
            verdict.faults += _unmet(network, path)
    except SpecError as error:
        verdict.faults.append(str(error))
    return verdict


def _unmet(spec: Spec, path: Path) -> Iterator[str]:
    """Yield each figure that is not what the spec expects."""
    cost = totals(expand(spec))
    for name, computed in (("params", cost.params), ("mult_adds", cost.mult_adds)):
        expected = getattr(spec.expect, name)
        if expected is not None and computed != expected:
            yield (
                f"{path}: {spec.name}: {name} are {computed:,}, but {expected:,} is expected ({computed - expected:+,})"
            )
