"""`costmodel show`: an architecture's spec, or its expanded layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel import sources
from costmodel.cli.arguments import ARCH, resolution_option, set_option
from costmodel.cli.output import draw_table, emit, output_option
from costmodel.documents.scalars import written
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import show_shape
from costmodel.ops.base import Operator
from costmodel.ops.fields import declared
from costmodel.render.page import Column
from costmodel.spec import Spec
from costmodel.tasks.request import OfNetworks


@click.command("show")
@click.argument("arch", type=ARCH)
@click.option("--graph", is_flag=True, help="Show every layer, with its fields bound and its shapes inferred.")
@set_option
@resolution_option
@output_option
def show_command(
    arch: str, graph: bool, parameters: dict[str, Any], resolution: tuple[int, int] | None, output: Path | None
) -> None:
    """Show an architecture's spec, or with --graph the layers that it expands to.

    \b
    Examples:
      costmodel show mobilenet_v1
      costmodel show mobilenet_v1 -o my_net.yaml
      costmodel show resnet18 --graph
      costmodel show mobilenet_v1 --graph --set width=0.5
      costmodel show model.onnx --graph
    """
    if not graph and (parameters or resolution):
        raise CostModelError("the text of a spec has no values to set; --set and --resolution go with --graph")
    if graph:
        opened = OfNetworks(parameters=parameters, resolution=resolution).opened(arch)
        emit(draw_table(_columns(opened.graph), "text", output), output)
    else:
        emit(_text(sources.open(arch).needed_spec()), output)


def _text(spec: Spec) -> str:
    """Return the spec's file; where a variant was asked for, a comment above says which."""
    text = spec.text if spec.text.endswith("\n") else spec.text + "\n"
    values = spec.variants[spec.name].parameters if spec.name in spec.variants else {}
    if not values:
        return text
    return f"# {spec.name} is this file with {', '.join(f'{name}: {value}' for name, value in values.items())}\n{text}"


def _columns(graph: LayerGraph) -> list[Column]:
    """Return a row for each layer; what it reads is shown where that is not the layer above."""
    above = ["input", *(layer.path for layer in graph.layers)]
    reads = [
        "" if layer.inputs == (before,) else " ".join(layer.inputs)
        for before, layer in zip(above, graph.layers, strict=False)
    ]
    return [
        Column("layer", [layer.path for layer in graph.layers], left=True),
        Column(
            "operator", [" ".join([layer.op.name, *_fields(layer.op)]) for layer in graph.layers], left=True, prose=True
        ),
        Column("output", [show_shape(layer.shape) for layer in graph.layers], left=True),
        Column("reads", reads, left=True, paint="quiet"),
    ]


def _fields(op: Operator) -> list[str]:
    """Return an operator's fields that differ from their defaults, as written in a call."""
    shown = []
    for name, (_, default) in declared(type(op)).items():
        value = getattr(op, name)
        if value != default:
            shown.append(f"{name}={show_shape(value) if isinstance(value, tuple) else written(value)}")
    return shown
