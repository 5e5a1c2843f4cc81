"""How nodes are read, a module for each kind of operation; importing it fills the rules."""

from costmodel.onnx.types import elementwise, norms, pools, products, resize, shapes, windows  # noqa: F401
