"""Settings of the whole suite. This file is read before any test imports NumPy."""

from __future__ import annotations

import os

# The tests run side by side, a worker a core: matrix products that also spread over the cores only wait for each other.
for library in ("OPENBLAS", "OMP", "MKL", "VECLIB"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
