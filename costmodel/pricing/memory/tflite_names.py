"""What TensorFlow Lite calls what operators do, where TensorFlow Lite Micro has a kernel for it."""

from __future__ import annotations

NODES = {
    "abs": "ABS", "adaptive_avg_pool": "AVERAGE_POOL_2D", "add": "ADD", "and": "LOGICAL_AND", "argmax": "ARG_MAX",
    "argmin": "ARG_MIN", "broadcast_to": "BROADCAST_TO", "cast": "CAST", "ceil": "CEIL", "concat": "CONCATENATION",
    "conv": "CONV_2D", "conv_transpose": "TRANSPOSE_CONV", "cos": "COS", "crop": "STRIDED_SLICE", "cumsum": "CUMSUM",
    "dequantize": "DEQUANTIZE", "divide": "DIV", "elu": "ELU", "embedding": "EMBEDDING_LOOKUP", "exp": "EXP",
    "flip": "REVERSE_V2", "floor": "FLOOR", "gather": "GATHER", "gather_nd": "GATHER_ND", "global_avg_pool": "MEAN",
    "global_max_pool": "REDUCE_MAX", "hardswish": "HARD_SWISH", "l2_norm": "L2_NORMALIZATION",
    "layer_scale": "MUL", "leaky_relu": "LEAKY_RELU", "linear": "FULLY_CONNECTED", "log": "LOG",
    "log_softmax": "LOG_SOFTMAX", "matmul": "BATCH_MATMUL", "max": "REDUCE_MAX", "max_pool": "MAX_POOL_2D",
    "avg_pool": "AVERAGE_POOL_2D", "maximum": "MAXIMUM", "mean": "MEAN", "minimum": "MINIMUM", "multiply": "MUL",
    "neg": "NEG", "not": "LOGICAL_NOT", "or": "LOGICAL_OR", "pad": "PAD", "pad_channels": "PAD",
    "pixel_shuffle": "DEPTH_TO_SPACE", "pixel_unshuffle": "SPACE_TO_DEPTH", "position_embedding": "ADD",
    "prelu": "PRELU", "quantize": "QUANTIZE", "rearrange": "TRANSPOSE", "relu": "RELU", "relu6": "RELU6",
    "resize": "RESIZE_BILINEAR", "round": "ROUND", "rsqrt": "RSQRT", "scale": "MUL", "select_token": "STRIDED_SLICE",
    "shift": "ADD", "sigmoid": "LOGISTIC", "sin": "SIN", "slice": "STRIDED_SLICE", "slice_channels": "STRIDED_SLICE",
    "softmax": "SOFTMAX", "split": "STRIDED_SLICE", "sqrt": "SQRT", "square": "SQUARE", "stack": "PACK",
    "subtract": "SUB", "sum": "SUM", "tanh": "TANH", "transpose": "TRANSPOSE", "upsample": "RESIZE_NEAREST_NEIGHBOR",
    "where": "SELECT_V2",
}  # fmt: skip
"""Operators that are one node of TensorFlow Lite, which TensorFlow Lite Micro has a kernel for."""
PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
CLAMPING = (*PRODUCTS, "ADD", "SUB", "MUL", "DIV", "AVERAGE_POOL_2D", "MAX_POOL_2D")
"""Nodes that a ReLU or ReLU6 joins."""
CONSTANTS = {
    **dict.fromkeys(PRODUCTS, 2), "TRANSPOSE_CONV": 3, "PAD": 1, "RESHAPE": 1, "MEAN": 1, "SUM": 1, "REDUCE_MAX": 1,
    "TRANSPOSE": 1, "STRIDED_SLICE": 3, "PRELU": 1, "EMBEDDING_LOOKUP": 1, "RESIZE_BILINEAR": 1,
    "RESIZE_NEAREST_NEIGHBOR": 1,
}  # fmt: skip
"""How many constant tensors a node reads: weights and bias, sizes, axes."""
REDUCING = ("MEAN", "SUM", "REDUCE_MAX")
WHOLE = {"int64": "int32", "uint64": "uint32"}
"""Indices are of 32 bits there."""
