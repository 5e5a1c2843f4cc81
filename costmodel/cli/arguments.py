"""Arguments and options that several subcommands share, and how they become specs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from costmodel.documents.text import scalar
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.spec import Spec, expand
from costmodel.units import DTYPES, MOST_IMAGES

Command = TypeVar("Command", bound=Callable[..., Any])


class Arch(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.3 on
    """The name of an architecture, or the path of a spec or an ONNX file."""

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
STDIN = "-"

set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter of the spec, or the sizes of an input: width=0.75, input=[1,320,640]. Repeatable.",
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
dtype_option = click.option(
    "--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True, help="Of weights and activations."
)
own_dtype_option = click.option(
    "--dtype",
    type=click.Choice(list(DTYPES)),
    help="Of weights and activations; by default what an ONNX file holds, and float32 of a spec.",
)


def open_spec(arch: str, settings: Sequence[str] = (), resolution: tuple[int, int] | None = None) -> Spec:
    """Return a spec with what --set and --resolution say; ``-`` reads one from standard input.

    Raises:
        CostModelError: if there is no such architecture or parameter, or a setting is not NAME=VALUE.
        SpecError: with everything that is wrong in its file.
    """
    from costmodel.api import read
    from costmodel.spec.library import read_stream

    values = dict(map(setting, settings))
    if arch == STDIN and sys.stdin is None:
        raise CostModelError("standard input is closed, and - reads a spec from it")
    spec = read(read_stream(sys.stdin.buffer) if arch == STDIN else arch)
    if resolution is not None:
        _add_resolution(values, spec, resolution)
    return read(spec, **values)


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


def open_network(
    arch: str, settings: Sequence[str] = (), resolution: tuple[int, int] | None = None
) -> Spec | LayerGraph:
    """Return the spec of what was asked for, or the network in an ONNX file, which has none.

    Raises:
        CostModelError: as `open_spec`, if something is to be set in an ONNX file, or if that cannot be read.
        SpecError: with everything that is wrong in a spec's file.
    """
    from costmodel.api import load
    from costmodel.spec.library import is_onnx

    if not is_onnx(arch):
        return open_spec(arch, settings, resolution)
    if settings or resolution is not None:
        raise CostModelError(f"{arch}: an ONNX file has no parameters; --set and --resolution are for specs")
    return load(arch)


def open_graph(arch: str, settings: Sequence[str] = (), resolution: tuple[int, int] | None = None) -> LayerGraph:
    """Return the network of what was asked for.

    Raises:
        CostModelError: as `open_network`.
        SpecError: with everything that is wrong in a spec's file.
    """
    return built(open_network(arch, settings, resolution))


def built(network: Spec | LayerGraph) -> LayerGraph:
    """Return a network, expanded if it is a spec."""
    return expand(network) if isinstance(network, Spec) else network


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
