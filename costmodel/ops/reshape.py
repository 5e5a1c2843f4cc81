"""Operators that move, rename or repeat values and compute little or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape, is_plain, product, show_shape
from costmodel.ops import cast
from costmodel.ops.base import Cost, Emit, Operator, Weights, axis_of, require, require_rank
from costmodel.ops.fields import Axis, Count, Real, Size
from costmodel.ops.saved import NOTHING, Saved
from costmodel.tensor import one_kind

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Free(Operator, abstract=True):
    """What operators without arithmetic share."""

    family = "move"
    saves = NOTHING

    def dtype(self, *inputs: str | None) -> str | None:
        return inputs[0]

    def cost(self, x: Shape) -> Cost:
        return Cost()


class Identity(Free):
    """The input itself."""

    family = "view"
    view = True
    blocks = "kept"

    def shape(self, x: Shape) -> Shape:
        return x

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return (0,)

    def run(self, weights: Weights, x: Array) -> Array:
        return x

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Identity", x)


class Dropout(Identity):
    """Drop elements at `rate` while training; at inference the input itself. The last axes, as many as `together` says,
    are dropped or stay as one: 2 for whole maps.

    Source: Srivastava et al. 2014, Dropout.
    """

    rate: Real = 0.5
    together: Count = 0

    def shape(self, x: Shape) -> Shape:
        require(0 <= self.rate < 1, lambda: f"rate must be at least 0 and below 1, but is {self.rate}", "rate")
        require(
            self.together <= len(x), lambda: f"there are no {self.together} axes to drop in {show_shape(x)}", "together"
        )
        return x

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Dropout", x, emit.constant(float(self.rate)))

    def aliases(self, x: Shape) -> bool:
        return not self._drops()

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return () if self._drops() else (0,)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        if not self._drops():
            return NOTHING
        alone = product(x[: len(x) - self.together])
        # On a processor PyTorch keeps noise of the input's dtype, on a GPU true and false as the mathematics needs.
        true_or_false = Saved("mask", keeper="minimum", numbers=alone, dtype="bool")
        return (true_or_false, Saved("mask", keeper="pytorch", numbers=alone))

    def _drops(self) -> bool:
        """Say whether it drops anything."""
        return not (is_plain(self.rate) and self.rate == 0)


class PadChannels(Free):
    """Zero channels `before` and `after` those of (channels, *space).

    Source: He et al. 2016 (arXiv:1512.03385), option A of the shortcuts.
    """

    before: Count = 0
    after: Count = 0

    def shape(self, x: Shape) -> Shape:
        require_rank(self, x, 1, "(channels, *space)")
        return (x[0] + self.before + self.after, *x[1:])

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.pad(x, [(0, 0), (self.before, self.after), *[(0, 0)] * (x.ndim - 2)])

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        space = [0] * (len(emit.shape(x)) - 1)
        return emit("Pad", x, emit.constant([0, self.before, *space, 0, self.after, *space]))


class SliceChannels(Free):
    """The channels (the first axis, or the one that `axis` names) from `start` up to, and not including, `stop`,
    counted from 0.

    Source: the channel split of Ma et al. 2018 (ShuffleNet V2, arXiv:1807.11164).
    """

    stop: Size
    start: Count = 0
    axis: Axis = 0

    def shape(self, x: Shape) -> Shape:
        axis = axis_of(x, self.axis)
        require(
            (self.start < self.stop) & (self.stop <= x[axis]),
            lambda: f"channels {self.start} up to {self.stop} are not among the {x[axis]} of the input",
            "stop",
        )
        return (*x[:axis], self.stop - self.start, *x[axis + 1 :])

    def aliases(self, x: Shape) -> bool:
        return True

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axis_of(x, self.axis) == 0 else None

    def run(self, weights: Weights, x: Array) -> Array:
        before = (slice(None),) * (1 + axis_of(x.shape[1:], self.axis))
        return x[(*before, slice(self.start, self.stop))]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        axis = 1 + axis_of(emit.shape(x), self.axis)
        return emit("Slice", x, emit.constant([self.start]), emit.constant([self.stop]), emit.constant([axis]))


class Scale(Operator):
    """Every element times a constant `factor`. other_ops: 1 per element.

    Source: Szegedy et al. 2016 (Inception-ResNet, arXiv:1602.07261), section 3.3.
    """

    family = "merge"
    in_place = True
    fuses = "tail"
    saves = NOTHING

    factor: Real

    def shape(self, x: Shape) -> Shape:
        return x

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "numbers" if cast.is_whole(self.factor) else "reals")

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = x * cast.number(self.factor, x)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Mul", x, cast.constant(emit, self.factor, x))


def require_tokens(op: Operator, x: Shape) -> None:
    """Raise a ShapeError unless `x` is a token sequence."""
    require(
        len(x) >= 2,
        lambda: f"{op.name} reads a token sequence (tokens, features), but its input is {show_shape(x)}",
        hint="tokens turns a feature map into one",
    )


class ClassToken(Free):
    """A learned token before all others: (..., tokens, features) -> (..., tokens + 1, features). params: features.

    Source: Dosovitskiy et al. 2021 (ViT, arXiv:2010.11929), equation 1.
    """

    widens = True

    def shape(self, x: Shape) -> Shape:
        require_tokens(self, x)
        return (*x[:-2], x[-2] + 1, x[-1])

    def window(self, x: Shape) -> None:
        return None

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"token": (x[-1],)}

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return (0,)

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        token = np.broadcast_to(weights["token"], (*x.shape[:-2], 1, x.shape[-1]))
        return np.concatenate((token, x), axis=-2)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        *before, _, features = emit.shape(x)
        one = emit.constant([*before, 1, features])
        size = emit("Concat", emit("Shape", x, start=0, end=1), one, axis=0)
        return emit("Concat", emit("Expand", weights["token"], size), x, axis=-2)


class PositionEmbedding(Operator):
    """A learned array added to a token sequence (tokens, features). params and other_ops: 1 per element.

    Source: Dosovitskiy et al. 2021 (ViT, arXiv:2010.11929), equation 1.
    """

    family = "merge"
    in_place = True
    widens = True
    fuses = "tail"
    saves = NOTHING

    def shape(self, x: Shape) -> Shape:
        require_tokens(self, x)
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"embedding": x[-2:]}

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def window(self, x: Shape) -> None:
        return None

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return (0,)

    def run(self, weights: Weights, x: Array) -> Array:
        return x + weights["embedding"]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Add", x, weights["embedding"])


class SelectToken(Free):
    """One token of a sequence, the first by default: (..., tokens, features) -> (..., features)."""

    index: Count = 0

    def shape(self, x: Shape) -> Shape:
        require_tokens(self, x)
        require(self.index < x[-2], lambda: f"there is no token {self.index} among {x[-2]}", "index")
        return (*x[:-2], x[-1])

    def aliases(self, x: Shape) -> bool:
        return True

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        return x[..., self.index, :]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Gather", x, emit.constant(self.index), axis=len(emit.shape(x)) - 1)
