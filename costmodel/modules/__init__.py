"""PyTorch modules: what one call of them runs, seen on tensors without numbers."""
