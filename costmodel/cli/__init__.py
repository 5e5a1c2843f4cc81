"""The command. Each subcommand is a module of its own, imported only to be run, so that the command starts fast."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from importlib import import_module

import click

from costmodel.cli.elsewhere import watched
from costmodel.cli.streams import WORDS, Interrupts, complain, finish, plain, say
from costmodel.errors import CostModelError, known_or_suggest

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some reads every installed package

COMMANDS = {
    "report": "What one or several networks cost.",
    "list": "The architectures that have a name.",
    "show": "An architecture's spec, or its expanded layers.",
    "whatif": "Edit an architecture and see what changes.",
    "diff": "Compare two architectures layer by layer.",
    "moves": "The design moves that whatif can make.",
    "watch": "Report a file again each time it is saved.",
    "sweep": "Price an architecture over ranges of its parameters.",
    "solve": "Find the best parameters that meet constraints.",
    "fit-batch": "The largest batch that fits a memory.",
    "suggest": "Find design moves that reach a goal.",
    "formula": "Closed formulas of an architecture's costs.",
    "latency": "Predicted latency over batch sizes, as table and plot.",
    "devices": "The devices that latency can be predicted for.",
    "device-report": "How well a device's time model fits, and what it says.",
    "device-from": "A device nobody measured, scaled from one that was.",
    "calibrate": "Fit a time model to this machine or to a table of measurements.",
    "export": "Write an architecture as an ONNX file.",
    "verify": "Execute an architecture and compare with what was inferred.",
    "check": "Hold specs to what they expect, and to budgets.",
    "gallery": "Write the tables, pictures and claims in reports/.",
    "operators": "What operators there are and what they take.",
    "schema": "The JSON schema of the spec language, for editors.",
}
"""Every subcommand with its line of help; the code is in the module of the same name."""


class Lazy(click.Group):
    """A group that imports a subcommand's module only to run it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words as they were given, for files that say by which command they were made."""
        ctx.meta[WORDS] = tuple(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one subcommand."""
        if cmd_name not in COMMANDS:
            return None
        module = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"costmodel.cli.{module}"), f"{module}_command")
        return watched(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand, with a suggestion where there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"no command {args[0]!r}; {known_or_suggest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="nn-costmodel", prog_name="costmodel")
def costmodel() -> None:
    """What a neural network costs, before it is trained or run.

    \b
      costmodel report mobilenet_v1
      costmodel report resnet50 --batch 16 --dtype float16
      costmodel report my_network.yaml --by block --format markdown
      costmodel whatif vgg16 --move 'separable:conv*'
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command; complaints go to standard error in plain words and end with exit code 2."""
    code = _run(argv)
    if code:
        sys.exit(code)


def _run(argv: list[str] | None) -> int:
    """Run the command and return its exit code, whatever ended it."""
    interrupts = Interrupts()
    try:
        with interrupts:
            code = _ended(argv)
            finish()
        return code
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _stopped()
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        with suppress(OSError):
            say(shown.getvalue().removesuffix("\n"))
        return 2
    except CostModelError as error:
        complain(str(error))
        return 2
    except OSError as error:
        complain(plain(error))
        return 2
    except MemoryError as error:
        complain(f"there is not enough memory for this. {error}".rstrip())
        return 2
    except Exception:
        if interrupts.struck:
            return _stopped()
        raise


def _ended(argv: list[str] | None) -> int:
    try:
        left = costmodel.main(args=argv, prog_name="costmodel", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except SystemExit as leave:
        left = leave.code
    return left if isinstance(left, int) else 0


def _stopped() -> int:
    with suppress(OSError):
        say("stopped")
    return 130
