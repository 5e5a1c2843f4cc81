"""What can be asked about memory: whose plan, and how a step trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from costmodel.errors import CostModelError, known_or_suggest

Optimizer = Literal["sgd", "momentum", "adam", "adamw"]
Keeper = Literal["pytorch", "minimum"]
RUNTIMES = ("onnxruntime", "tflm")
"""Those whose plans are known."""
OPTIMIZERS: tuple[str, ...] = get_args(Optimizer)
KEEPERS: tuple[str, ...] = get_args(Keeper)
LANES = (8, 16)
"""Channels in a block of ONNX Runtime's: of 256 bits, and of 512."""


@dataclass(frozen=True)
class Runtime:
    """Whose plan: its name, and for ONNX Runtime how many channels lie in a block."""

    name: str
    lanes: int = 8

    def __post_init__(self) -> None:
        _require_known("runtime", self.name, RUNTIMES)
        if self.lanes not in LANES:
            raise CostModelError(f"a block has {' or '.join(map(str, LANES))} channels, not {self.lanes}")


@dataclass(frozen=True)
class Training:
    """How a step trains.

    optimizer: sgd (no state), momentum (SGD with it), adam or adamw. foreach: whether it updates all weights at once
    rather than one by one. amp: whether products are computed at bfloat16 under autocast. keeps: what is kept for the
    backward pass: what eager PyTorch keeps, or the minimum that the mathematics needs. freeze: patterns of layers that
    are not trained. checkpoint: patterns of layers that are computed again in the backward pass rather than kept.
    accumulates: whether gradients of earlier batches are there when the step begins.
    """

    optimizer: str = "adam"
    foreach: bool = False
    amp: bool = False
    keeps: str = "pytorch"
    freeze: tuple[str, ...] = ()
    checkpoint: tuple[str, ...] = ()
    accumulates: bool = False

    def __post_init__(self) -> None:
        _require_known("optimizer", self.optimizer, OPTIMIZERS)
        _require_known("keeper", self.keeps, KEEPERS)


def _require_known(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise CostModelError(f"unknown {what} {name!r}; {known_or_suggest(name, known)}")
