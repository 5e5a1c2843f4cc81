"""How nodes are read, a module for each kind of operation; importing it fills the rules."""

from costmodel.onnx.types import (  # noqa: F401
    arithmetic,
    constants,
    control,
    elementwise,
    indexing,
    losses,
    norms,
    parts,
    pools,
    products,
    reductions,
    resize,
    sequences,
    shapes,
    signal,
    text,
    windows,
)
