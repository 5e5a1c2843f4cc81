"""What ONNX Runtime makes of networks, counted in the graph that it optimises, and what the time model says of them.

What it makes depends on the processor, so its counts are kept in onnx_runtime.csv, a line for each network and size of
block. To write those of this processor anew, and those of blocks of 8, which processors with AVX2 alone have, by an
emulated one:

    PYTHONPATH=.:tests python tests/latency/onnx_runtime.py
    PYTHONPATH=.:tests:SITE_PACKAGES qemu-x86_64 -cpu max PYTHON tests/latency/onnx_runtime.py

where SITE_PACKAGES holds ONNX Runtime and PYTHON is the program itself, not a link or script.
"""

import csv
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import costmodel as cm
from costmodel.bench.onnx_runner import BLOCKED, OnnxRuntime
from costmodel.graph import INPUT, LayerGraph
from costmodel.latency import lowering
from costmodel.latency.blocked import CONVOLUTIONS, Blocks
from costmodel.onnx.export import to_onnx
from costmodel.ops.activation import Hardswish, LeakyRelu, Prelu, Relu, Relu6, Sigmoid, Silu
from costmodel.ops.base import Operator
from costmodel.ops.conv import Conv, ConvTranspose
from costmodel.ops.layouts import ChannelShuffle
from costmodel.ops.merge import Add, Concat, Multiply
from costmodel.ops.norm import BatchNorm
from costmodel.ops.pool import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from costmodel.ops.reshape import Dropout, Identity, Scale, SliceChannels
from costmodel.ops.resize import Upsample

FACTS = Path(__file__).with_suffix(".csv")
COUNTED = ("convolutions", "sums", "activations", "apart", "pools", "turned")
"""Convolutions on blocks, sums and activations that joined a convolution, activations that did not, pools on blocks,
and maps turned to blocks or back."""
ACTIVATIONS = frozenset(("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "QuickGelu", "Gelu", "PRelu"))
"""Nodes of an activation that joined nothing; hardswish becomes HardSigmoid and a product."""
NETWORKS = (
    "alexnet",
    "googlenet",
    "vgg11",
    "bn_inception",
    "inception_resnet_v1",
    "resnet18",
    "resnet20",
    "preresnet164",
    "resnext50_32x4d",
    "squeezenet",
    "xception",
    "densenet121",
    "mobilenet_v1 width=0.75",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mnasnet0_5",
    "shufflenet_v2_x1_0",
    "efficientnet_b0",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "convnext_tiny",
    "enet",
    "nin",
    "resnet18_a",
    "inception_v3",
    "googlenet_aux",
)


def conv(out_channels: int, kernel_size: int = 1, groups: int = 1) -> Conv:
    return Conv(out_channels=out_channels, kernel_size=kernel_size, padding=kernel_size // 2, groups=groups, bias=False)


def row(
    *layers: Operator,
    channels: int = 16,
    reads: dict[int, tuple[int, ...]] | None = None,
    returns: tuple[int, ...] = (),
) -> LayerGraph:
    """Return layers in a row over maps of 4x4, named layer0, layer1, ...; `reads` says by place which others some read
    (-1 is the input), `returns` which results the network returns besides the last.
    """
    graph = LayerGraph("row", (channels, 4, 4))
    names = [f"layer{place}" for place in range(len(layers))] + [INPUT]
    for place, op in enumerate(layers):
        graph.add(names[place], op, tuple(names[other] for other in (reads or {}).get(place, (place - 1,))))
    for place in returns:
        graph.mark_output(names[place])
    return graph


def small() -> dict[str, LayerGraph]:
    """Return small networks that show one rule each."""
    pool = MaxPool(kernel_size=3, stride=1, padding=1)
    mean = AvgPool(kernel_size=3, stride=1, padding=1)
    up = ConvTranspose(out_channels=16, kernel_size=3)
    sum_of_two = {2: (0, 1)}
    networks = {
        "convolution": row(conv(16)),
        "sum": row(conv(16), conv(16), Add(), Relu(), conv(16), reads=sum_of_two),
        "sum that another reads": row(
            conv(16), conv(16), Add(), Relu(), conv(16), Add(), reads=sum_of_two | {5: (4, 2)}
        ),
        "sum that is returned": row(conv(16), conv(16), Add(), Relu(), reads=sum_of_two, returns=(2,)),
        "summand that is returned": row(
            conv(16), conv(16), Relu(), Add(), reads={1: (-1,), 2: (1,), 3: (2, 0)}, returns=(0,)
        ),
        "sum with itself": row(conv(16), Add(), reads={1: (0, 0)}),
        "product": row(conv(16), conv(16), Multiply(), conv(16), reads=sum_of_two),
        "dropout between": row(conv(16), conv(16), Dropout(), Add(), Relu(), reads={3: (0, 2)}),
        "identity at the end": row(conv(16), Identity()),
        "norm alone": row(pool, BatchNorm(), Relu(), conv(16)),
        "norm alone over part of a block": row(conv(12), BatchNorm(), Add(), reads=sum_of_two),
        "norm behind an activation": row(conv(16), Relu(), BatchNorm(), Relu()),
        "scale": row(conv(16), Scale(factor=0.5), Relu()),
        "scale behind an activation": row(conv(16), Relu(), Scale(factor=0.5)),
        "activation behind an activation": row(conv(16), Relu(), Sigmoid(), conv(16)),
        "hardswish that is returned": row(conv(16), Hardswish()),
        "hardswish behind groups": row(conv(18, groups=3), Hardswish(), conv(16), channels=18),
        "transposed convolution": row(conv(16), up, BatchNorm(), Relu()),
        "global maximum": row(conv(16), GlobalMaxPool(keep_dims=True), conv(16)),
        "global mean of part of a block": row(conv(12), GlobalAvgPool(keep_dims=True), conv(16)),
        "global mean out of blocks": row(conv(16), LeakyRelu(), LeakyRelu(), GlobalAvgPool()),
        "concatenation of part of a block": row(conv(12), conv(12), Concat(), conv(16), reads=sum_of_two),
        "pools": row(mean, pool, conv(20), pool),
        "enlarged": row(conv(12), Upsample(scale=2), conv(12), Upsample(scale=2, bilinear=True), conv(12)),
        "part of a map": row(conv(24), SliceChannels(start=0, stop=12), conv(12)),
        "shuffled": row(conv(16), ChannelShuffle(groups=2), Relu(), conv(16)),
        "groups of eight": row(conv(32, 3, groups=4), conv(16), channels=32),
        "depthwise": row(conv(20, 3, groups=20), conv(16), conv(18, 3), conv(18, 3, groups=18), channels=20),
    }
    for op in (Relu, Relu6, LeakyRelu, Prelu, Silu, Hardswish, Sigmoid):
        name = op().name
        networks[name] = row(conv(16), op(), conv(16))
        networks[f"{name} alone"] = row(conv(16), op(), conv(16), Add(), reads={3: (2, 0)})
        networks[f"{name} behind a sum"] = row(conv(16), conv(16), Add(), op(), conv(16), reads=sum_of_two)
    return networks


def build(network: str) -> LayerGraph:
    """Return a bundled network by its name and parameters, or a small one by its name."""
    found = small().get(network)
    if found is not None:
        return found
    name, *parameters = network.split()
    return cm.load(name, **{key: float(value) for key, value in (part.split("=") for part in parameters)})


class Halves:
    """Weights that are quickly made: what they are does not matter here."""

    def of(self, layer):
        shapes = layer.op.weights(*layer.input_shapes) | layer.op.buffers(*layer.input_shapes)
        return {name: np.full(shape, 0.5, np.float32) for name, shape in shapes.items()}


def made(graph: LayerGraph, folder: Path) -> dict[str, int]:
    """Return what ONNX Runtime makes of a network on this processor."""
    import onnx
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    model = to_onnx(graph, "batch", Halves()).SerializeToString()
    ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return count(onnx.load(options.optimized_model_filepath).graph.node)


def count(nodes) -> dict[str, int]:
    """Return the counts of an optimised graph."""
    blocks = [node for node in nodes if node.domain == BLOCKED]
    convolutions = [node for node in blocks if node.op_type == "Conv"]
    fused = [*convolutions, *(node for node in nodes if node.op_type == "FusedConv")]
    kinds = Counter(node.op_type for node in blocks)
    return {
        "convolutions": len(convolutions),
        "sums": sum(len(node.input) == 4 for node in convolutions),
        "activations": sum(field.name == "activation" for node in fused for field in node.attribute),
        "apart": sum(node.op_type in ACTIVATIONS for node in nodes),
        "pools": sum(count for name, count in kinds.items() if name.endswith("Pool")),
        "turned": kinds["ReorderInput"] + kinds["ReorderOutput"],
    }


class Watched(Blocks):
    """Counts maps as they are turned, and remembers what joined."""

    def __init__(self, *given):
        super().__init__(*given)
        self.turns = 0
        self.joined: set[str] = set()

    def _turn(self, *given):
        moved = super()._turn(*given)
        self.turns += bool(moved)
        return moved

    def _joins(self, row, blocked):
        joins = super()._joins(row, blocked)
        if joins:
            self.joined.add(row.path)
        return joins


def said(graph: LayerGraph, lanes: int) -> dict[str, int]:
    """Return what the time model says of a network, where blocks have `lanes` channels."""
    watched: list[Watched] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lowering, "Blocks", lambda *given: watched.append(Watched(*given)) or watched[0])
        table = cm.price(graph)
        list(lowering.table_kernels(table, lowering.Lowering(lanes=lanes)))
    walk, rows = watched[0], list(table)
    on_blocks = {path for path, blocked in walk.blocked.items() if blocked}
    activations = [one["path"] for one in rows if one["kind"] == "activation" and one["op"] != "softmax"]
    apart = [path for path in activations if walk.head[path] == path and path not in walk.joined]
    folded = [path for path in activations if walk.head[path] != path and walk.kind[walk.head[path]] in CONVOLUTIONS]
    norms = [one["path"] for one in rows if one["op"] == "batch_norm" and walk.head[one["path"]] == one["path"]]
    convolutions = [one["path"] for one in rows if one["kind"] in CONVOLUTIONS and walk.takes_sum[one["path"]]]
    return {
        # a norm alone is run as a depthwise convolution
        "convolutions": len(convolutions) + len(on_blocks.intersection(norms)),
        "sums": sum(one["op"] == "add" and one["path"] in walk.joined for one in rows),
        "activations": len(folded) + len(walk.joined.intersection(activations)),
        "apart": len(apart),
        "pools": sum(one["kind"] == "pool" and one["path"] in on_blocks for one in rows),
        "turned": walk.turns,
    }


def facts() -> list[tuple[str, int, dict[str, int]]]:
    """Return the network, the channels of a block and the counts of each line that is kept."""
    lines = FACTS.read_text("utf-8").splitlines()[1:]
    return [
        (line["network"], int(line["lanes"]), {name: int(line[name]) for name in COUNTED})
        for line in csv.DictReader(lines)
    ]


def main() -> None:
    """Write what ONNX Runtime makes of every network on this processor, beside what is kept of other blocks."""
    import onnxruntime as ort

    with TemporaryDirectory() as folder:
        lanes = OnnxRuntime(1, Path(folder)).lowering.lanes
        found = [(name, lanes, made(build(name), Path(folder))) for name in (*small(), *NETWORKS)]
    kept = [one for one in facts() if one[1] != lanes] if FACTS.exists() else []
    with FACTS.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# ONNX Runtime {ort.__version__}, CPU; see onnx_runtime.py\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("network", "lanes", *COUNTED))
        writer.writerows((name, lanes, *counts.values()) for name, lanes, counts in sorted(kept + found, key=_place))


def _place(fact: tuple[str, int, dict[str, int]]) -> tuple[int, int]:
    return fact[1], [*small(), *NETWORKS].index(fact[0])


if __name__ == "__main__":
    main()
