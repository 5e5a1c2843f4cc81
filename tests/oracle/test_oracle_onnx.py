"""What PyTorch's own exporter writes, read back: the costs are those of the bundled spec of the same network.

``python tests/oracle/test_oracle_onnx.py FILE.onnx`` writes MobileNet v3 small as PyTorch exports it, without weights:
so `tests/mobilenet_v3_small.onnx` was made, which README and tests read without PyTorch.
"""

from __future__ import annotations

import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from measure import measure
from test_oracle_a_dense import densenet, xception
from test_oracle_b_mobile import NETS as MOBILE
from test_oracle_b_modern import NETS as MODERN
from test_oracle_b_resnet import IMAGENET
from torch import nn

import costmodel as cm


def export(module: nn.Module, path: Path, *shape: int, open_batch: bool = False, **options: Any) -> Path:
    """Write a module as PyTorch's exporter by tracing does; it folds norms into convolutions if not told otherwise."""
    axes = {"image": {0: "batch"}} if open_batch else None
    image = torch.zeros(2 if open_batch else 1, *shape)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), (image,), str(path), dynamo=False, input_names=["image"], dynamic_axes=axes, **options
        )
    return path


def shuffled(x: torch.Tensor, groups: int) -> torch.Tensor:
    """A channel shuffle as it was written before PyTorch had one; its exporter by tracing knows no other."""
    batch, channels, high, wide = x.shape
    return x.view(batch, groups, channels // groups, high, wide).transpose(1, 2).reshape(batch, -1, high, wide)


UNFOLDED = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
NETS: dict[str, Any] = {
    **{name: MOBILE[name][0] for name in ("mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0", "mnasnet0_5")},
    **{name: MODERN[name] for name in ("convnext_tiny", "vit_b_32", "regnet_y_400mf")},
    **{name: IMAGENET[name] for name in ("resnet18", "resnext50_32x4d")},
    "densenet121": partial(densenet, 32, (6, 12, 24, 16)),
    "xception": xception,
}


@pytest.mark.parametrize("name", NETS)
def test_a_network_that_pytorch_exports_costs_what_its_spec_costs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Norms that are not folded into convolutions stay apart, so that params too are those of the spec."""
    monkeypatch.setattr(nn.functional, "channel_shuffle", shuffled)
    graph = cm.load(name)
    file = export(NETS[name](), tmp_path / "net.onnx", *graph.input_shape, **UNFOLDED)
    ours, theirs = cm.price(graph).totals, cm.price(cm.load(file)).totals
    assert (theirs.params, theirs.buffers, theirs.mult_adds) == (ours.params, ours.buffers, ours.mult_adds)


@pytest.mark.parametrize("opset", [11, 13, 17, 18])
def test_an_open_batch_and_folded_norms_change_no_mult_add(opset: int, tmp_path: Path) -> None:
    graph = cm.load("mobilenet_v3_small")
    module = NETS["mobilenet_v3_small"]()
    file = export(module, tmp_path / "net.onnx", *graph.input_shape, open_batch=True, opset_version=opset)
    ours, theirs = cm.price(graph), cm.price(cm.load(file))
    assert theirs.totals.mult_adds == ours.totals.mult_adds
    assert theirs.totals.buffers == 0
    norms = sum(row["params"] for row in ours if row["op"] == "batch_norm")
    assert theirs.totals.params == ours.totals.params - norms // 2  # of the two numbers of a channel, the bias stays
    kinds = {row["op"] for row in theirs}
    assert {"hardswish", "hardsigmoid", "multiply", "relu"} <= kinds
    assert "batch_norm" not in kinds


class Encoder(nn.Module):
    """Convolved patches through PyTorch's own transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 24, 4, 4)
        self.layer = nn.TransformerEncoderLayer(24, 3, 48, activation="gelu", batch_first=True, norm_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        for part in (self.layer.norm1, self.attend, self.layer.norm2, self.layer.linear1):
            tokens = part(tokens)
        return self.layer.linear2(nn.functional.gelu(tokens))

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer.self_attn(x, x, x, need_weights=False)[0]


@pytest.mark.parametrize("open_batch", [False, True])
def test_attention_of_pytorch_is_found(open_batch: bool, tmp_path: Path) -> None:
    """`scaled_dot_product_attention` behind one projection of queries, keys and values."""
    module = Encoder()
    module.layer.self_attn.train()  # or the exporter meets a fused kernel that it does not know
    table = cm.price(cm.load(export(module, tmp_path / "net.onnx", 3, 16, 12, open_batch=open_batch)))
    assert [row["op"] for row in table].count("attention") == 1
    assert (table.totals.params, table.totals.mult_adds) == measure(Encoder, 3, 16, 12)


def without_weights(file: Path) -> None:
    """Leave of each large array its name and shape: its numbers are said to be in another file, which is not there."""
    import onnx

    model = onnx.load(file)
    for array in model.graph.initializer:
        if array.data_type == onnx.TensorProto.FLOAT:
            array.ClearField("raw_data")
            array.data_location = onnx.TensorProto.EXTERNAL
            array.external_data.add(key="location", value="weights")
    onnx.save(model, file)


if __name__ == "__main__":
    written = Path(sys.argv[1])
    without_weights(export(NETS["mobilenet_v3_small"](), written, 3, 224, 224, open_batch=True, **UNFOLDED))
