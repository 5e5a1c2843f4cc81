"""Maps read at places that another tensor names."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product as every
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import Shape, holds, product, show_shape
from costmodel.ops import lead
from costmodel.ops.base import Cost, Emit, Operator, Weights, require
from costmodel.ops.fields import Neighbours, PadMode
from costmodel.ops.rearrange import agree
from costmodel.ops.saved import Saved
from costmodel.tensor import one_kind

if TYPE_CHECKING:
    from costmodel.ops.base import Array


BEYOND = {"constant": "zeros", "edge": "border", "reflect": "reflection"}
"""What ONNX and PyTorch call that which stands beyond the map."""


class GridSample(Operator):
    """(..., channels, height, width) read at the places that the second input (..., rows, columns, 2) names as x and y
    from -1 to 1 across the map: (..., channels, rows, columns). `mode` nearest takes the nearest pixel, bilinear weighs
    the four around; beyond the map stand zeros (`padding_mode` constant), the pixels at its edge, or its reflection
    (reflect). -1 and 1 are the outer edges of the outer pixels, or their centres where `align_corners`.

    other_ops: per output element 7 (4 multiplications, 3 additions), nearest 0; the weights of a place are the same for
    all channels and left out.
    Source: Jaderberg et al. 2015 (Spatial Transformer Networks, arXiv:1506.02025), equations 4 and 5;
    torch.nn.functional.grid_sample.
    """

    family = "resize"
    inputs = 2
    saves = (Saved(0), Saved(1))

    mode: Neighbours = "bilinear"
    padding_mode: PadMode = "constant"
    align_corners: bool = False

    def shape(self, x: Shape, grid: Shape) -> Shape:
        require(
            len(x) == len(grid) >= 3
            and all(holds(agree(*pair)) for pair in zip(x[:-3], grid[:-3], strict=True))
            and holds(agree(grid[-1], 2)),
            lambda: (
                f"grid_sample reads (..., channels, height, width) at places (..., rows, columns, 2), not "
                f"{show_shape(x)} at {show_shape(grid)}"
            ),
        )
        return (*x[:-2], *grid[-3:-1])

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "reals")

    def cost(self, x: Shape, grid: Shape) -> Cost:
        out = product(self.shape(x, grid))
        return Cost(other_ops=7 * out if self.mode == "bilinear" else 0)

    def window(self, x: Shape, grid: Shape) -> None:
        return None

    def run(self, weights: Weights, *inputs: Array) -> Array:
        import numpy as np

        x, grid = lead.carrying(inputs)
        images, places = lead.fold(x, 3), lead.fold(grid, 3)
        across, down = (self.pixels(places[..., n], images.shape[-1 - n]) for n in (0, 1))
        if self.mode == "nearest":
            out = self.read(images, np.rint(down), np.rint(across))
        else:
            out = np.zeros((*images.shape[:2], *places.shape[1:3]), x.dtype)
            for right, below in every((0, 1), (0, 1)):
                column, row = np.floor(across) + right, np.floor(down) + below
                share = (1 - abs(across - column)) * (1 - abs(down - row))
                out += share[:, None] * self.read(images, row, column)
        return lead.unfold(out, x, 3)

    def pixels(self, places: Array, size: int) -> Array:
        """Return places from -1 to 1 as pixels from 0, on an axis of that size."""
        import numpy as np

        found = (places + 1) / 2 * (size - 1) if self.align_corners else ((places + 1) * size - 1) / 2
        if self.padding_mode == "reflect":
            low, span = (0.0, float(size - 1)) if self.align_corners else (-0.5, float(size))
            away = abs(found - low) % (2 * span) if span else 0 * found
            found = low + np.where(away > span, 2 * span - away, away)
        return found if self.padding_mode == "constant" else found.clip(0, size - 1)

    def read(self, x: Array, row: Array, column: Array) -> Array:
        """Return pixels of (batch, channels, height, width) at whole places (batch, rows, columns), zeros beyond."""
        import numpy as np

        high, wide = x.shape[2:]
        inside = (row >= 0) & (row < high) & (column >= 0) & (column < wide)
        rows, columns = row.clip(0, high - 1).astype(np.int64), column.clip(0, wide - 1).astype(np.int64)
        images = np.arange(len(x))[:, None, None]
        found: Array = np.moveaxis(x, 1, -1)[images, rows, columns] * inside[..., None].astype(x.dtype)
        return np.moveaxis(found, -1, 1)

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        out = self.shape(*map(emit.shape, inputs))
        x, grid = lead.carried(emit, inputs)
        places = emit("Reshape", grid, emit.constant([-1, *emit.shape(inputs[1])[-3:]])) if len(out) > 3 else grid
        mode = "linear" if self.mode == "bilinear" else self.mode
        how: dict[str, Any] = {
            "mode": mode,
            "padding_mode": BEYOND[self.padding_mode],
            "align_corners": int(self.align_corners),
        }
        return lead.emitted(emit, x, 3, out, lambda folded: emit("GridSample", folded, places, **how))
