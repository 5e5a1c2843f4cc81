"""What ONNX's nodes make of arrays that are known beforehand."""
