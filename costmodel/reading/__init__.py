"""Networks that others wrote, whatever they wrote them in: operators on tensors as they lie, and what they mean."""
