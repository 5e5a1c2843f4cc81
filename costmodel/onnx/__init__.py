"""Networks to and from ONNX files."""
