"""The memory of one training step, walked forward and backward in order."""

from costmodel.pricing.memory.step.plan import plan

__all__ = ["plan"]
