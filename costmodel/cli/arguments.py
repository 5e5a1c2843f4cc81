"""Arguments and options that several subcommands share, and how they become specs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from costmodel.documents.quantity import quantity
from costmodel.documents.scalars import scalar
from costmodel.errors import CostModelError
from costmodel.measures import MEASURES
from costmodel.units import DTYPES, LEAST, MOST_IMAGES

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])


class Arch(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.3 on
    """A name, the path of a spec (FILE#VARIANT) or an ONNX file, git:REVISION:PATH, or - for standard input."""

    name = "arch"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name or path; a line break in it could pass for the end of a message."""
        if "\n" in value:
            self.fail(f"{value!r} has a line break in it; rename the file", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names that begin so, and files."""
        from click.shell_completion import CompletionItem

        from costmodel.documents.safe_text import one_line
        from costmodel.spec.library import names

        found = [CompletionItem(name) for name in names() if name.startswith(incomplete) and name == one_line(name)]
        return found or [CompletionItem(incomplete, type="file")]


ARCH = Arch()


def setting(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``NAME=VALUE``: a number, true, false, a name, or a list of an input's sizes.

    Raises:
        CostModelError: if it is not that.
    """
    name, equals, written = (part.strip() for part in text.partition("="))
    listed = re.fullmatch(r"\[(.*)\]", written)
    value = [scalar(size.strip()) for size in listed[1].split(",")] if listed else scalar(written)
    if not name or not equals or value is None:
        raise CostModelError(f"--set {text}: write NAME=VALUE, as in --set width=0.75")
    return name, value


set_option = click.option(
    "--set",
    "parameters",
    multiple=True,
    callback=lambda ctx, param, values: dict(map(setting, values)),
    metavar="NAME=VALUE",
    help="Set a parameter of the spec, the sizes of an input, or an open size of an ONNX file: width=0.75, "
    "input=[1,320,640], seq_len=512. Repeatable.",
)


class InputShape(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.3 on
    """The shape of an input: 1x3x640x640, with a name before it where there are several."""

    name = "shape"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the input's name, "" where it is the only one, and its shape."""
        if isinstance(value, tuple):
            return value
        name, _, sizes = value.rpartition("=")
        found = sizes.strip().lower().split("x")
        if not all(size.isascii() and size.isdigit() and int(size) for size in found):
            self.fail(f"{value!r} is no shape of an input; write 1x3x224x224, or NAME=1x3x224x224", param, ctx)
        return name.strip(), [int(size) for size in found]


input_option = click.option(
    "--input",
    "inputs",
    type=InputShape(),
    multiple=True,
    metavar="[NAME=]SHAPE",
    help="The shape of an input: of an ONNX file or a PyTorch module with its batch, as 1x3x640x640; of a spec, of one "
    "image. Repeatable.",
)


def keyword(text: str) -> tuple[str, Any]:
    """Return the keyword and the value of ``KEYWORD=VALUE``: a number, true, false, none, a list, tuple or map as
    Python writes them, or a text.

    Raises:
        CostModelError: if it is not that.
    """
    name, equals, written = (part.strip() for part in text.partition("="))
    if not name.isidentifier() or not equals:
        raise CostModelError(f"--arg {text}: write KEYWORD=VALUE, as in --arg num_classes=10")
    if written.lower() == "none":
        return name, None
    if written[:1] in ("[", "(", "{"):
        return name, _literal(text, written)
    value = scalar(written)
    return name, written if value is None else value


def _literal(text: str, written: str) -> Any:
    from ast import literal_eval

    try:
        return literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        raise CostModelError(
            f"--arg {text}: {written} is no list, tuple or map of Python's; write [32, 64], (3, 5) or {{'depth': 2}}"
        ) from None


arg_option = click.option(
    "--arg",
    "keywords",
    multiple=True,
    callback=lambda ctx, param, values: dict(map(keyword, values)),
    metavar="KEYWORD=VALUE",
    help="Give a keyword to the code that builds a PyTorch module: num_classes=10, channels=[32,64]. Repeatable.",
)


eval_option = click.option(
    "--eval",
    "in_eval",
    is_flag=True,
    help="Put the PyTorch module that code builds in eval mode; it is in training mode.",
)


class Resolution(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.3 on
    """A height and a width, given as one number where they are equal."""

    name = "resolution"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return the height and the width."""
        sizes = value.lower().split("x")
        if len(sizes) > 2 or not all(size.isascii() and size.isdigit() and int(size) for size in sizes):
            self.fail(f"{value!r} is no resolution; write 224, or height and width as 320x640", param, ctx)
        return int(sizes[0]), int(sizes[-1])


resolution_option = click.option(
    "--resolution",
    type=Resolution(),
    metavar="N|HxW",
    help="Short for --set resolution=N; 320x640 is height and width of the input.",
)


def network_options(command: Command) -> Command:
    """Add the options that set something of a network, whatever it was written as."""
    for option in (eval_option, arg_option, input_option, resolution_option, set_option):
        command = option(command)
    return command


class Batches(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.3 on
    """Batch sizes with commas between."""

    name = "batches"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return them in order, each once."""
        if isinstance(value, tuple):
            return value
        try:
            found = sorted({int(part) for part in str(value).split(",")})
        except ValueError:
            self.fail(f"{value!r} is not like 1,8,16", param, ctx)
        if found[0] < 1 or found[-1] > MOST_IMAGES:
            wrong = found[0] if found[0] < 1 else found[-1]
            self.fail(f"{wrong} images make no batch; it is 1 to {MOST_IMAGES:,}", param, ctx)
        return tuple(found)


batch_option = click.option(
    "--batch", type=click.IntRange(1, MOST_IMAGES), default=1, show_default=True, metavar="N", help="Images at once."
)
own_batch_option = click.option(
    "--batch",
    type=click.IntRange(1, MOST_IMAGES),
    metavar="N",
    help="Images at once; by default what an ONNX file fixes, and 1 of all else.",
)
dtype_option = click.option(
    "--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True, help="Of weights and activations."
)
own_dtype_option = click.option(
    "--dtype",
    type=click.Choice(list(DTYPES)),
    help="Of weights and activations; by default the device's where there is one, else what an ONNX file holds, and "
    "float32 of a spec.",
)
top_option = click.option(
    "--top", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Show the N largest changes."
)
device_option = click.option(
    "--device", metavar="NAME", help="Add predicted latency on a device (see `costmodel devices`), at its dtype."
)


class Pace(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.3 on
    """Frames a second: 30, or 30/s."""

    name = "pace"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return how many they are."""
        try:
            found = float(quantity(value, MEASURES["throughput_per_s"].unit))
        except CostModelError as error:
            self.fail(str(error), param, ctx)
        if not LEAST <= found <= MOST_IMAGES:
            self.fail(f"{value!r} frames a second cannot be kept up with; it is {LEAST} to {MOST_IMAGES:,}", param, ctx)
        return found


fps_option = click.option(
    "--fps",
    type=Pace(),
    metavar="N",
    help="Say whether the device keeps up with N frames a second: yes, no, or that it cannot be said.",
)
