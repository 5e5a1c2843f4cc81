"""What shows in a file of how it was written: norms that were folded into the convolutions before them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from costmodel.units import counted

if TYPE_CHECKING:
    from costmodel.reading.network import Network

FOLDED = "onnx::Conv_"
"""How PyTorch's exporter names the arrays of a convolution that it has computed anew from those of the module."""


def remarks(network: Network) -> Iterator[str]:
    """Yield what a reader of the costs has to know of how the file was written."""
    folded = [
        part
        for part in network.parts.values()
        if {"weight", "bias"} <= part.arrays.keys()
        and all(a.name.startswith(FOLDED) for name in ("weight", "bias") for a in part.arrays[name].arrays)
    ]
    if folded:
        fewer = sum(part.arrays["bias"].size for part in folded)
        yield (
            f"looks as if {counted(len(folded), 'batch norm')} were folded into convolutions: params are at least "
            f"{fewer:,} below the module's; torch.onnx.export(..., training=torch.onnx.TrainingMode.PRESERVE, "
            "do_constant_folding=False) keeps them"
        )
