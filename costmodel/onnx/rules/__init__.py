"""How the nodes of an ONNX file are read, a function a node type. Importing this package fills `walk.RULES`."""

from costmodel.onnx.rules import elementwise, merges, norms, products, views, windows

__all__ = ["elementwise", "merges", "norms", "products", "views", "windows"]
