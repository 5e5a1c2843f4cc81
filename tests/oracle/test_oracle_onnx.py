"""What PyTorch's own exporter writes, read back: the costs are those of the bundled spec of the same network."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import pytest
import torch
from test_oracle_b_modern import ViT, convnext
from torch import nn

import costmodel as cm


def export(module: nn.Module, path: Path, *shape: int, open_batch: bool = False) -> None:
    """Write a module as PyTorch's exporter by tracing does, norms left apart from convolutions."""
    axes = {"input": {0: "batch"}} if open_batch else None
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (torch.zeros(2 if open_batch else 1, *shape),),
            str(path),
            dynamo=False,
            opset_version=17,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=["input"],
            dynamic_axes=axes,
        )
