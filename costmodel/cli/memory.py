"""Options that say which memory is meant: a runtime's plan, and how a training step trains."""

from __future__ import annotations

from typing import Any

import click

from costmodel.cli.arguments import Command
from costmodel.errors import known_or_suggest
from costmodel.pricing.memory.asked import EVERY_LEVEL, KEEPERS, LANES, OPTIMIZERS, RUNTIMES


class RuntimeName(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.3 on
    """The name of a runtime, or nothing for every level."""

    name = "runtime"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        if value not in (*RUNTIMES, EVERY_LEVEL):
            hint = known_or_suggest(value, RUNTIMES)
            self.fail(f"there is no runtime {value!r}; {hint}; alone, --memory stands behind the network", param, ctx)
        return str(value)


every_level_option = click.option(
    "--memory",
    type=RuntimeName(),
    is_flag=False,
    flag_value=EVERY_LEVEL,
    metavar="[RUNTIME]",
    help=f"Show memory over time: every level side by side, or the plan of a runtime: {', '.join(RUNTIMES)}.",
)
runtime_option = click.option(
    "--memory",
    type=click.Choice(RUNTIMES),
    metavar="RUNTIME",
    help=f"Whose plan arena_bytes means: {', '.join(RUNTIMES)}.",
)


def step_options(command: Command) -> Command:
    """Add the options that say how a training step trains, and how many channels lie in a block."""
    options = (
        click.option(
            "--lanes",
            type=click.Choice(list(map(str, LANES))),
            callback=lambda ctx, param, value: None if value is None else int(value),
            help="Channels in a block of ONNX Runtime's: 8 with AVX2 (by default), 16 with AVX-512.",
        ),
        click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="Of a training step; adam by default."),
        click.option("--foreach", is_flag=True, help="The optimizer updates all weights at once, as on GPUs."),
        click.option("--amp", is_flag=True, help="Train under autocast to bfloat16."),
        click.option(
            "--keeps",
            type=click.Choice(KEEPERS),
            help="What is kept for the backward pass: as eager PyTorch does (by default), or the least that is needed.",
        ),
        click.option("--freeze", multiple=True, metavar="PATTERN", help="Layers that are not trained. Repeatable."),
        click.option(
            "--checkpoint",
            multiple=True,
            metavar="PATTERN",
            help="Layers that are computed again in the backward pass and not kept: 'conv4_x.*'. Repeatable.",
        ),
        click.option("--accumulates", is_flag=True, help="Gradients of earlier batches are there as the step begins."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def memory_options(command: Command) -> Command:
    """Add the options of commands that ask for measures by name."""
    return runtime_option(step_options(command))
