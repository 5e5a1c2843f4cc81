"""Arguments and options that several subcommands share, and how they become specs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from costmodel import sources
from costmodel.documents.text import scalar
from costmodel.errors import CostModelError
from costmodel.sources import Source
from costmodel.spec import Spec
from costmodel.units import DTYPES, MOST_IMAGES

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
        from costmodel.documents.safe_text import one_line
        from costmodel.spec.library import names

        found = [CompletionItem(name) for name in names() if name.startswith(incomplete) and name == one_line(name)]
        return found or [CompletionItem(incomplete, type="file")]


ARCH = Arch()

set_option = click.option(
    "--set",
    "settings",
    multiple=True,
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
    help="The shape of an input: of an ONNX file with its batch, as 1x3x640x640; of a spec, of one image. Repeatable.",
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
    help="Of weights and activations; by default what an ONNX file holds, and float32 of a spec.",
)


def opened(
    arch: str,
    settings: Sequence[str] = (),
    resolution: tuple[int, int] | None = None,
    inputs: Sequence[tuple[str, list[int]]] = (),
) -> Source:
    """Return what was asked for, with what --set, --resolution and --input say.

    Raises:
        CostModelError: if there is no such network or parameter, a setting is not NAME=VALUE, or nothing can be set.
        SpecError: with everything that is wrong in its file.
    """
    source = sources.open(arch)
    values = dict(map(setting, settings)) | {name or _only_input(source): shape for name, shape in inputs}
    if resolution is not None:
        if source.spec is None:
            values["resolution"] = list(resolution)
        else:
            _add_resolution(values, source.spec, resolution)
    return source.set(**values)


def _only_input(source: Source) -> str:
    """Return the name of an input that was given no name: the first of a spec, and what a file has is seen there."""
    return next(iter(source.spec.all_inputs)) if source.spec is not None else ""


def _add_resolution(values: dict[str, Any], spec: Spec, sizes: tuple[int, int]) -> None:
    """Add to the settings what a resolution means for a spec: its parameter, or another height and width of its image.

    Raises:
        CostModelError: if something else is set too, or the network has no such image.
    """
    said = "x".join(map(str, dict.fromkeys(sizes)))
    name: str = "resolution"
    value: Any = sizes[0]
    if sizes[0] != sizes[1]:
        given = spec.input or []
        if len(given) != 3 or given[1:] != ["resolution", "resolution"]:
            known = ", ".join(f"{name}=[{', '.join(map(str, each.sizes))}]" for name, each in spec.all_inputs.items())
            raise CostModelError(
                f"--resolution {said}: {spec.name} does not read an image of [channels, resolution, resolution]\n"
                f"it reads {known}; its sizes are set by --set {next(iter(spec.all_inputs))}=[...]"
            )
        name, value = "input", [given[0], *sizes]
    if values.get(name, value) != value:
        raise CostModelError(f"--resolution {said} and --set {name}={values[name]} differ")
    values[name] = value


def setting(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``NAME=VALUE``: a number, true, false, a name, or a list of an input's sizes.

    Raises:
        CostModelError: if it is not that.
    """
    name, equals, written = (part.strip() for part in text.partition("="))
    if "." in name or "*" in name:
        raise CostModelError(
            f"--set {text}: only parameters of the spec are set here\n"
            f"to edit a layer: costmodel whatif ARCH --set '{text}'"
        )
    listed = re.fullmatch(r"\[(.*)\]", written)
    value = [scalar(size.strip()) for size in listed[1].split(",")] if listed else scalar(written)
    if not name or not equals or value is None:
        raise CostModelError(f"--set {text}: write NAME=VALUE, as in --set width=0.75")
    return name, value
