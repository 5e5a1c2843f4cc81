"""How nodes are read, a module for each kind of operation; importing it fills the rules."""

from costmodel.onnx.types import (  # noqa: F401
    arithmetic,
    elementwise,
    norms,
    pools,
    products,
    reductions,
    resize,
    shapes,
    windows,
)
