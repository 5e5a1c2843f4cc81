"""What can be asked about memory: whose plan, and how a step trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from costmodel.errors import CostModelError, known_or_suggest

Optimizer = Literal["sgd", "momentum", "adam", "adamw"]
Keeper = Literal["pytorch", "minimum"]
RUNTIMES = ("onnxruntime", "tflm")
"""Those whose plans are known."""
STEP = "training"
"""The level of a training step."""
EVERY_LEVEL = "all"
"""What stands for all levels side by side."""
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
        for name in ("freeze", "checkpoint"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        _require_known("optimizer", self.optimizer, OPTIMIZERS)
        _require_known("keeper", self.keeps, KEEPERS)

    @property
    def said(self) -> str:
        """What people read: "adamw under autocast, 2 patterns checkpointed"."""
        parts = [
            f"{self.optimizer}{' under autocast' if self.amp else ''}",
            "all weights at once" if self.foreach else "",
            "the minimum kept" if self.keeps == "minimum" else "",
            f"without {', '.join(self.freeze)}" if self.freeze else "",
            f"{', '.join(self.checkpoint)} computed again" if self.checkpoint else "",
            "gradients accumulated" if self.accumulates else "",
        ]
        return ", ".join(filter(None, parts))


@dataclass(frozen=True)
class Levels:
    """Which levels of memory are asked for beside those that every price has: a runtime's plan, and a training step."""

    runtime: Runtime | None = None
    training: Training | None = None


NO_LEVELS = Levels()


def levels_of(memory: str | Runtime | None, training: bool | str | Training | None) -> Levels:
    """Return the levels that Python asks for: a runtime or its name; how a step trains, its optimizer, or whether one
    is walked at all.

    Raises:
        CostModelError: if there is no such runtime or optimizer, or something is neither.
    """
    runtime = Runtime(memory) if isinstance(memory, str) else memory
    for given, kind in ((runtime, Runtime), (training, (bool, str, Training))):
        if given is not None and not isinstance(given, kind):
            raise CostModelError(f"{given!r} says neither whose memory nor how a step trains: name it, as in 'adamw'")
    if isinstance(training, str):
        return Levels(runtime, Training(training))
    return Levels(runtime, Training() if training is True else training or None)


def _require_known(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise CostModelError(f"unknown {what} {name!r}; {known_or_suggest(name, known)}")
