"""Memory by named levels: what is alive as written, what a runtime plans, what a training step takes."""
