"""A prediction for a machine that is visibly another than this one says so, before anything else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import click

from costmodel.cli.streams import say
from costmodel.errors import CostModelError

OPTION = "--device"


def say_elsewhere(device: str | None) -> None:
    """Say on standard error, where a device was measured on visibly another machine, which two these are and what to
    do. A device that cannot be had is complained of where it is used.
    """
    if device is None:
        return
    from costmodel.latency.find import find_device

    with suppress(CostModelError, OSError):
        if said := find_device(device).elsewhere():
            say(f"note: {said}")


def watched(command: click.Command) -> click.Command:
    """Return a command whose --device, where it has one, says where that was measured as soon as it is read."""
    for option in command.params:
        if OPTION in option.opts and option.callback is None:
            option.callback = _read
    return command


def _read(ctx: click.Context, param: click.Parameter, device: Any) -> Any:
    if not ctx.resilient_parsing:
        say_elsewhere(device)
    return device
