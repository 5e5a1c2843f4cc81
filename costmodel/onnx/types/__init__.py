"""How nodes are read, a module for each kind of operation; importing it fills the rules."""

from costmodel.onnx.types import (  # noqa: F401
    arithmetic,
    attention,
    decoders,
    elementwise,
    fused,
    microsoft,
    norms,
    pools,
    products,
    quantized,
    recurrent,
    reductions,
    resize,
    shapes,
    windows,
)
