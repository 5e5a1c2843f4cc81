"""Count two networks with the tools that people come from, and write what each of them says beside what is said here.

    python benchmarks/counters.py --write

It needs `pip install torch==2.13.0 torchinfo fvcore ptflops` and `pip install --no-deps torchvision==0.28.0 thop`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from modules import without_compiled_operators
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import costmodel as cm

PAGE = Path(__file__).parent / "COUNTERS.md"
SIZE = (1, 3, 224, 224)
NETWORKS = ("resnet50", "vit_b_16")
Build = Callable[[], nn.Module]


def of_costmodel(build: Build) -> int:
    return int(cm.summary(build(), SIZE).totals.mult_adds)


def of_flop_counter(build: Build, device: str) -> int:
    counter = FlopCounterMode(display=False)
    with torch.device(device):
        module, picture = build(), torch.zeros(SIZE)
    with torch.no_grad(), counter:
        module(picture)
    return counter.get_total_flops()


def of_torchinfo(build: Build) -> int:
    import torchinfo

    return int(torchinfo.summary(build(), SIZE, verbose=0).total_mult_adds)


def of_fvcore(build: Build) -> int:
    from fvcore.nn import FlopCountAnalysis

    counted = FlopCountAnalysis(build(), torch.zeros(SIZE))
    return int(counted.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


def of_thop(build: Build) -> int:
    import thop

    return int(thop.profile(build(), (torch.zeros(SIZE),), verbose=False)[0])


def of_ptflops(build: Build, backend: str) -> int:
    from ptflops import get_model_complexity_info

    count, _ = get_model_complexity_info(
        build(), SIZE[1:], as_strings=False, print_per_layer_stat=False, verbose=False, backend=backend
    )
    return int(count)


COUNTERS: list[tuple[str, Callable[[Build], int], str]] = [
    ("costmodel", of_costmodel, "convolutions and products, wherever they are called; all else apart"),
    (
        "FlopCounterMode",
        lambda build: of_flop_counter(build, "meta"),
        "the same, as FLOPs: 2 a mult-add; 0 for matrix x vector",
    ),
    (
        "FlopCounterMode, on the processor",
        lambda build: of_flop_counter(build, "cpu"),
        "without attention that runs as one kernel",
    ),
    (
        "torchinfo",
        of_torchinfo,
        "params x positions of maps; a linear layer's tokens count as one; biases and norms with them; "
        "nothing that is no module's call",
    ),
    (
        "fvcore",
        of_fvcore,
        "convolutions and products, with norms and pools added; not scaled_dot_product_attention",
    ),
    ("thop", of_thop, "calls of modules that it knows, norms and pools added; not nn.MultiheadAttention"),
    (
        "ptflops",
        lambda build: of_ptflops(build, "pytorch"),
        "calls of modules and functions, with biases, norms and activations added",
    ),
    (
        "ptflops, aten",
        lambda build: of_ptflops(build, "aten"),
        "operators; not scaled_dot_product_attention",
    ),
]
PROSE = """# Coming from another counter

Mult-adds at {size}, in eval mode, as each tool gives them: `python benchmarks/counters.py --write`, with PyTorch
{torch}, torchvision {torchvision}, torchinfo {torchinfo}, fvcore {fvcore}, thop {thop} and ptflops {ptflops}. What is
called FLOPs there is a mult-add in most of them, and two FLOPs in FlopCounterMode; here it is always said which.

| | ResNet-50 | ViT-B/16 | what is counted |
|---|---:|---:|---|
{rows}

Batch norm, activations, pooling and adding are `other_ops` here and in no other count. `cm.summary(module, size)`
prints what torchinfo's users look for; unlike there, tokens are multiplied, attention is a row whether or not a module
was called for it, a shared weight is counted once, and the module is neither moved nor run on numbers.
"""


def page() -> str:
    """Return the page, with everything counted anew."""
    import torchvision

    rows = []
    for name, counted, said in COUNTERS:
        found = [counted(lambda network=network: getattr(torchvision.models, network)().eval()) for network in NETWORKS]
        rows.append(f"| {name} | {' | '.join(f'{one:,}' for one in found)} | {said} |")
    versions = {name: version(name) for name in ("torch", "torchvision", "torchinfo", "fvcore", "thop", "ptflops")}
    versions = {name: one.partition("+")[0] for name, one in versions.items()}
    return PROSE.format(size="x".join(map(str, SIZE)), rows="\n".join(rows), **versions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    without_compiled_operators()
    with contextlib.redirect_stdout(io.StringIO()):  # some of them talk
        made = page()
    if asked.write:
        PAGE.write_text(made, "utf-8")
    else:
        print(made)


if __name__ == "__main__":
    main()
