"""Random weights for layers, the same for every executor."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from costmodel.errors import CostModelError
from costmodel.numbers.arithmetic import product, show_shape

if TYPE_CHECKING:
    import numpy as np

    from costmodel.graph import Layer
    from costmodel.numbers.arithmetic import Number, Shape

    Array: TypeAlias = np.ndarray[Any, Any]

LARGEST = 2**33
"""Numbers in one array that is really made (32 GiB as float32); what is only priced may be larger."""


def require_room(shape: Shape, what: str) -> None:
    """Look at the size of an array before it is made.

    Raises:
        CostModelError: if it has more than `LARGEST` numbers.
    """
    if product(shape) > LARGEST:
        raise CostModelError(f"{what} is {show_shape(shape)}; arrays of at most {LARGEST:,} numbers are made")


class WeightSource(Protocol):
    """Where an executor or exporter finds the arrays of a layer."""

    def of(self, layer: Layer) -> dict[str, Array]:
        """Return the layer's weights and buffers by name: in the shapes that its operator declares, and of the dtype
        that it stores, float32 where that is none.
        """


@dataclass(frozen=True)
class RandomWeights:
    """Weights drawn from `seed`: an array depends on nothing but the seed, the path of the layer that keeps it, its own
    name and its shape.

    Matrices and kernels follow He et al. 2015 (arXiv:1502.01852): normal with variance 2 / fan_in. The factors of a
    normalisation lie around 1/2, so that a thousand residual additions in a row stay within float32.
    """

    seed: int = 0

    def of(self, layer: Layer) -> dict[str, Array]:
        """Return the layer's weights and buffers by name."""
        shapes = layer.op.weights(*layer.input_shapes) | layer.op.buffers(*layer.input_shapes)
        keeper = layer.shares or layer.path
        stored = layer.op.stored()
        return {name: self._draw(f"{keeper}/{name}", name, shape, *stored) for name, shape in shapes.items()}

    def _draw(self, key: str, name: str, shape: Shape, dtype: str | None, below: Number | None) -> Array:
        import numpy as np

        require_room(shape, key)
        draw = np.random.default_rng([self.seed, zlib.crc32(key.encode())])
        if dtype is not None:
            return draw.integers(0, below, shape).astype(dtype)
        if name == "variance":
            return draw.uniform(0.5, 1.5, shape).astype(np.float32)
        centre, spread = _centre_and_spread(name, shape)
        numbers = draw.standard_normal(shape, dtype=np.float32)
        numbers *= np.float32(spread)
        numbers += np.float32(centre)
        return numbers


def _centre_and_spread(name: str, shape: Shape) -> tuple[float, float]:
    """Return mean and standard deviation of an array by what its name says it is for."""
    if name == "weight" and len(shape) > 1:
        return 0.0, (2 / product(shape[1:])) ** 0.5
    return {"weight": (0.5, 0.1), "slope": (0.25, 0.05), "scale": (0.5, 0.1), "zero_point": (2.0, 5.0)}.get(
        name, (0.0, 0.1)
    )
