"""Hold the memory of training steps against PyTorch's: MemTracker, without computing, and two networks really trained.

    python benchmarks/memory_step.py [FILTER...]  # prints a line a case; without a FILTER writes memory/step.csv anew

A case is a network of torchvision's or transformers' (`theirs`), or one of ours run by PyTorch layer by layer (`ours`).
Labels (8 bytes each) and the scalars of the loss are left in what is measured. It needs PyTorch, and
`pip install --no-deps torchvision==0.28.0`, `pip install transformers==4.57.6`.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from modules import without_compiled_operators
from torch import nn
from torch.profiler import ProfilerActivity, profile

import costmodel as cm
from costmodel.bench.torch_training import Network, given_to, most_held, optimizer_of, train
from costmodel.graph import LayerGraph
from costmodel.pricing.memory.asked import Training
from costmodel.pricing.memory.step import plan
from costmodel.pricing.memory.step.segments import segments

LOG = Path(__file__).parent / "memory" / "step.csv"
SGD, MOMENTUM, ADAM, FOREACH = Training("sgd"), Training("momentum"), Training("adam"), Training("adam", foreach=True)
AMP = Training("momentum", amp=True)
EVERY = (SGD, MOMENTUM, ADAM, FOREACH)
THEIRS: dict[str, tuple[str, tuple[int, ...], tuple[Training, ...]]] = {
    "resnet18": ("resnet18", (1, 16), EVERY),
    "resnet50": ("resnet50_v1_5", (16,), (MOMENTUM, AMP)),
    "vgg16": ("vgg16", (1, 16), (*EVERY, AMP)),
    "mobilenet_v2": ("mobilenet_v2", (1, 16), (*EVERY, AMP)),
    "mobilenet_v3_small": ("mobilenet_v3_small", (8,), (MOMENTUM,)),
    "shufflenet_v2_x1_0": ("shufflenet_v2", (4,), (MOMENTUM, AMP)),
    "densenet121": ("densenet121", (1,), (MOMENTUM,)),
    "efficientnet_b0": ("efficientnet_b0", (8,), (MOMENTUM,)),
    "squeezenet1_0": ("squeezenet", (8,), (MOMENTUM,)),
    "alexnet": ("alexnet_owt", (8,), (MOMENTUM,)),
    "googlenet": ("googlenet_bn", (8,), (MOMENTUM,)),
    "convnext_tiny": ("convnext_tiny", (8,), (MOMENTUM, AMP)),
    "vit_b_16": ("vit_b_16", (1, 16), (*EVERY, AMP)),
}
"""Names of torchvision's, ours, batches, and how each is trained."""
OURS: dict[str, tuple[tuple[int, ...], tuple[Training, ...]]] = {
    "swin_t": ((1, 16), (*EVERY, AMP)),
    "gpt2": ((1, 16), EVERY),
    "lstm_lm": ((1, 16), (*EVERY, AMP)),
    "unet_same": ((1, 16), (*EVERY, AMP, Training("adam", accumulates=True))),
    "vit_b_16": ((16,), (Training("momentum", checkpoint=("encoder",)), Training("momentum", accumulates=True))),
    "bert": ((4,), (MOMENTUM,)),
    "lstm_lm_large": ((20,), (SGD, ADAM)),
    "deeplabv3": ((2,), (MOMENTUM,)),
    "mobilenet_v1": ((8,), (MOMENTUM,)),
    "resnet50_v1_5": ((16,), (Training("momentum", checkpoint=("conv3_x", "conv4_x")),)),
    "wavenet": ((1,), (MOMENTUM,)),
}
RUN = ("resnet18", "mobilenet_v2")
"""Those that are really trained, one image at a time."""


@dataclass(frozen=True)
class Case:
    """A network, how it is trained, and what measures it."""

    name: str
    whose: str
    graph: Callable[[], LayerGraph]
    batch: int
    training: Training
    measure: Callable[[], int]


def tokens(name: str) -> dict[str, int]:
    """Return the variants of parameters that keep a measurement short."""
    return {"tokens": 256} if name == "gpt2" else {}


def cases() -> Iterator[Case]:
    """Yield all cases."""
    for name in RUN:
        yield Case(name, "run", lambda name=name: cm.load(name), 1, MOMENTUM, lambda name=name: trained(name))
    for theirs, (ours, batches, hows) in THEIRS.items():
        for batch in batches:
            for how in hows:
                yield Case(
                    theirs, "theirs", lambda ours=ours: cm.load(ours), batch, how,
                    lambda theirs=theirs, batch=batch, how=how: most_held(
                        lambda: torchvision_module(theirs), lambda: [torch.zeros(batch, 3, 224, 224)], how
                    ),
                )  # fmt: skip
    for name, (batches, hows) in OURS.items():
        graph = cm.load(name, **tokens(name))
        for batch in batches:
            for how in hows:
                yield Case(name, "ours", lambda graph=graph: graph, batch, how, own(graph, batch, how))
    yield from gpt2()


def own(graph: LayerGraph, batch: int, how: Training) -> Callable[[], int]:
    """Return what measures a network of ours; a text's classes stand last. What an LSTM's kernel reserves is only seen
    where it is computed.
    """
    last = len(graph.shape(graph.outputs[0])) == 2
    computed = any(layer.op.name == "lstm" for layer in graph.layers)
    return lambda: most_held(
        lambda: Network(graph, segments(graph, how.checkpoint)), lambda: given_to(graph, batch), how, last, computed
    )


def torchvision_module(name: str) -> nn.Module:
    """Return a module of torchvision's."""
    import torchvision

    more = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    module: nn.Module = getattr(torchvision.models, name)(weights=None, **more)
    return module


def gpt2() -> Iterator[Case]:
    """Yield GPT-2 of transformers', without dropout and with GELU as one function."""

    class Logits(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            from transformers import GPT2Config, GPT2LMHeadModel

            none = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0)
            config = GPT2Config(activation_function="gelu_pytorch_tanh", attn_implementation="sdpa", **none)
            self.model = GPT2LMHeadModel(config)
            for block in self.model.transformer.h:
                del block.attn.bias  # a mask that nothing reads where attention is one function

        def forward(self, ids: torch.Tensor) -> Any:
            return self.model(ids, use_cache=False).logits

    for how in (MOMENTUM, ADAM, AMP):
        yield Case(
            "gpt2", "theirs", lambda: cm.load("gpt2", tokens=256), 2, how,
            lambda how=how: most_held(Logits, lambda: [torch.zeros(2, 256, dtype=torch.long)], how, last=True),
        )  # fmt: skip


def trained(name: str) -> int:
    """Return the most bytes that a step of one image really holds, by the allocations that the profiler sees."""
    module, given = torchvision_module(name), [torch.zeros(1, 3, 224, 224)]
    optimizer = optimizer_of(MOMENTUM, module)
    train(module, optimizer, given, MOMENTUM)
    state = [value for entry in optimizer.state.values() for value in entry.values() if isinstance(value, torch.Tensor)]
    held = sum(x.untyped_storage().nbytes() for x in (*module.parameters(), *module.buffers(), *state, *given))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        train(module, optimizer, given, MOMENTUM)
    now = most = 0
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return held + most


def row(case: Case) -> list[Any]:
    """Measure a case, and return its line."""
    graph = case.graph()
    start = time.perf_counter()
    ours = plan(graph, case.batch, "float32", case.training)
    middle = time.perf_counter()
    measured = case.measure()
    took = [round(seconds, 3) for seconds in (middle - start, time.perf_counter() - middle)]
    how = case.training
    extra = " ".join([*how.checkpoint, *(["accumulates"] if how.accumulates else [])])
    given = [case.name, case.whose, case.batch, how.optimizer, int(how.foreach), int(how.amp), extra]
    return [*given, measured, ours.bytes, f"{ours.bytes / measured:.5f}", *took]


def main() -> None:
    without_compiled_operators()
    torch.nn.init.trunc_normal_ = lambda tensor, *_, **__: tensor  # it asks for values that tensors here do not have
    header = "network whose batch optimizer foreach amp more measured costmodel ratio seconds seconds_measured".split()
    wanted = sys.argv[1:]
    chosen = (case for case in cases() if not wanted or any(word in case.name for word in wanted))
    if wanted:
        for case in chosen:
            print(*row(case), sep=",", flush=True)
        return
    import torchvision
    import transformers

    versions = [f"torch {torch.__version__}", f"torchvision {torchvision.__version__}"]
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w", newline="") as file:
        file.write(f"# {', '.join(versions)}, transformers {transformers.__version__}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for case in chosen:
            writer.writerow(row(case))
            file.flush()


if __name__ == "__main__":
    main()
