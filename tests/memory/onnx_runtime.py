"""What ONNX Runtime planned for networks, as `benchmarks/memory_onnxruntime.py` measured it, and those networks."""

from __future__ import annotations

import csv
from pathlib import Path

import costmodel as cm
from costmodel.errors import CostModelError
from costmodel.graph import INPUT, LayerGraph
from costmodel.ops import OPERATORS

FACTS = Path(__file__).with_suffix(".csv")
FIELDS = ("network", "batch", "lanes", "bytes")
Fact = tuple[str, int, int, int]


def over() -> list[str]:
    """Return the small networks that show whether an operator writes over what it reads."""
    return [f"over {name}" for name, op in OPERATORS.items() if _fits(op)]


def _fits(op: type) -> bool:
    """Say whether an operator gives as many numbers as it reads, of one input and without fields."""
    try:
        made = op()
        return op.inputs == 1 and not op.indices and made.shape((4, 8, 8)) == (4, 8, 8) and made.dtype(None) is None
    except (TypeError, CostModelError):
        return False


def build(network: str) -> LayerGraph:
    """Return a bundled network by its name and parameters, or a small one."""
    name, *parameters = network.split()
    if name != "over":
        return cm.load(name, **{key: float(value) for key, value in (part.split("=") for part in parameters)})
    graph = LayerGraph("over", (4, 8, 8))
    graph.add("before", OPERATORS["sin"](), (INPUT,))
    graph.add("op", OPERATORS[parameters[0]](), ("before",))
    graph.add("after", OPERATORS["max"](axis=(0, 1, 2)), ("op",))
    return graph


def facts() -> list[Fact]:
    """Return the network, batch, channels of a block and bytes of each line that is kept."""
    if not FACTS.exists():
        return []
    lines = csv.DictReader(FACTS.read_text("utf-8").splitlines()[1:])
    return [(line["network"], int(line["batch"]), int(line["lanes"]), int(line["bytes"])) for line in lines]
