"""The arena that TensorFlow Lite Micro takes against the one that is planned: networks are built in Keras from their
layers, converted to int8, and loaded by its interpreter.

    python benchmarks/memory_tflm.py                                  # the networks below
    python benchmarks/memory_tflm.py person_detect=person_detect.tflite   # files that others made
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

import costmodel as cm
from costmodel.graph import Layer, LayerGraph
from costmodel.ops import windows
from costmodel.pricing.memory.tflm import plan

MODELS = Path(__file__).parent.parent / "tests" / "tflm"
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "DS-CNN": (str(MODELS / "ds_cnn.yaml"), {}),
    "ResNet-8": (str(MODELS / "resnet8.yaml"), {}),
    "autoencoder": (str(MODELS / "autoencoder.yaml"), {}),
    "MobileNet v1 0.25, 96": ("mobilenet_v1", {"width": 0.25, "resolution": 96, "classes": 2}),
    "MobileNet v2, 96": ("mobilenet_v2", {"resolution": 96, "classes": 10}),
    "MobileNet v3 small, 96": ("mobilenet_v3_small", {"resolution": 96, "classes": 10}),
    "EfficientNet-B0, 64": ("efficientnet_b0", {"resolution": 64, "classes": 10}),
    "ResNet-18, 64": ("resnet18", {"resolution": 64, "classes": 10}),
    "SqueezeNet, 96": ("squeezenet", {"resolution": 96, "classes": 10}),
}
LOAD = """
import sys
from tflite_micro.python.tflite_micro import runtime
runtime.Interpreter.from_file(sys.argv[1], arena_size=200_000_000).print_allocations()
"""


def layer_of(keras: Any, layer: Layer) -> Callable[[list[Any]], Any]:
    """Return a layer as Keras has it, channels last."""
    op, shape, k = layer.op, layer.input_shapes[0] if layer.input_shapes else (), keras.layers
    fields = vars(op)
    if op.name in ("conv", "max_pool", "avg_pool"):
        around = windows.pads(shape[1:], op.kernel_size, op.stride, op.padding, fields.get("dilation", 1))
        same = windows.pads(shape[1:], op.kernel_size, op.stride, "same", fields.get("dilation", 1))
        sizes = {"strides": op.stride, "padding": "same" if around == same and any(map(any, around)) else "valid"}
        if op.name == "conv":
            sizes |= {"dilation_rate": op.dilation, "use_bias": op.bias}
            alone = op.groups == shape[0] > 1
            more = op.out_channels // shape[0]
            made = (
                k.DepthwiseConv2D(op.kernel_size, depth_multiplier=more, **sizes)
                if alone
                else k.Conv2D(op.out_channels, op.kernel_size, groups=op.groups, **sizes)
            )
        else:
            made = (k.MaxPooling2D if op.name == "max_pool" else k.AveragePooling2D)(op.kernel_size, **sizes)
        bare = sizes["padding"] == "same" or not any(map(any, around))
        return lambda x: made(x[0] if bare else k.ZeroPadding2D(around)(x[0]))
    simple: dict[str, Callable[[], Any]] = {
        "batch_norm": k.BatchNormalization,
        "relu": k.ReLU,
        "relu6": lambda: k.ReLU(6.0),
        "sigmoid": lambda: k.Activation("sigmoid"),
        "hardsigmoid": lambda: k.Activation("hard_sigmoid"),
        "hardswish": lambda: k.Activation("hard_silu"),
        "silu": lambda: k.Activation("silu"),
        "softmax": k.Softmax,
        "dropout": lambda: k.Dropout(0.1),
        "identity": k.Identity,
        "flatten": k.Flatten,
        "global_avg_pool": lambda: k.GlobalAveragePooling2D(keepdims=op.keep_dims),
        "linear": lambda: k.Dense(op.out_features, use_bias=op.bias),
    }
    if op.name in simple:
        single = simple[op.name]()
        return lambda x: single(x[0])
    merged = {"add": k.Add, "multiply": k.Multiply, "concat": k.Concatenate}[op.name]()
    return lambda x: merged(x)


def keras_of(graph: LayerGraph) -> Any:
    """Build a network in Keras, with random weights, norms that do something among them."""
    import keras

    (name, given), *_ = graph.inputs.items()
    last = {name: keras.Input((*given.shape[1:], given.shape[0]), batch_size=1)}
    values = dict(last)
    for layer in graph.layers:
        values[layer.path] = layer_of(keras, layer)([values[one] for one in layer.inputs])
        channels, *space = layer.shape
        if tuple(values[layer.path].shape[1:]) != (*space, channels):
            raise SystemExit(f"{graph.name}: {layer.path} is not the same in Keras")
    model = keras.Model(values[name], [values[path] for path in graph.outputs])
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(0.05, 0.2, weight.shape))
    return model


def converted(model: Any) -> bytes:
    """Convert a network to int8."""
    import tensorflow as tf

    shape, rng = model.inputs[0].shape, np.random.default_rng(0)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.uniform(-1, 1, shape).astype(np.float32)] for _ in range(2))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def taken(path: Path) -> tuple[int, int] | None:
    """Return the head and the whole arena that the interpreter takes for a file, None where it does not load it."""
    ran = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True)
    found = {
        what: int(size) for what, size in re.findall(r"Arena allocation (\w+) (\d+) bytes", ran.stdout + ran.stderr)
    }
    return (found["head"], found["total"]) if found else None


def line(name: str, graph: LayerGraph, file: Path) -> str:
    planned, real = plan(graph, 1, "int8"), taken(file)
    whole = planned.parts["whole_arena_bytes"]
    if real is None:
        return f"{name:<24} {'not loaded':>12} {planned.bytes:>12,}"
    head, arena = real
    ours = f"{planned.bytes:>12,} {planned.bytes / head:>7.3f} {arena:>12,} {whole:>12,} {whole / arena:>7.3f}"
    return f"{name:<24} {head:>12,} {ours} {file.stat().st_size:>11,} {planned.parts['flash_bytes']:>11,}"


def main(files: list[str]) -> None:
    warnings.filterwarnings("ignore")
    print(
        f"{'int8, batch 1':<24} {'head':>12} {'planned':>12} {'ratio':>7} {'arena':>12} {'planned':>12} {'ratio':>7}"
        f" {'file':>11} {'flash':>11}"
    )
    for given in files:
        name, _, path = given.partition("=")
        own = MODELS / f"{name}.yaml"
        print(line(name, cm.load(str(own) if own.exists() else name), Path(path)), flush=True)
    for name, (source, parameters) in {} if files else NETWORKS.items():
        graph = cm.load(source, **parameters)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.tflite"
            file.write_bytes(converted(keras_of(graph)))
            print(line(name, graph, file), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
