"""Every operator as a PyTorch function, for measuring what eager PyTorch takes. Imported only where PyTorch is there.

An entry takes a layer and its arrays as tensors, settles at once all that does not depend on the values (paddings
first of all), and returns the function that runs the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import prod
from string import ascii_letters
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812, PyTorch's own custom

from costmodel.errors import CostModelError
from costmodel.graph import Layer
from costmodel.ops import grid, lead, move, product, windows
from costmodel.ops.base import axes_of, axis_of

Tensor: TypeAlias = Any
Step: TypeAlias = Callable[..., Tensor]
Arrays: TypeAlias = Mapping[str, Tensor]


def step_of(layer: Layer, arrays: Arrays) -> Step:
    """Return the function that runs `layer` on tensors shaped (batch, *shape).

    Raises:
        CostModelError: if the operator has no entry here.
    """
    entry = STEPS.get(layer.op.name)
    if entry is None:
        raise CostModelError(f"{layer.path}: nobody has said how PyTorch runs {layer.op.name!r}")
    return entry(layer, arrays)


def _axis(layer: Layer) -> int:
    """Return the axis that an operator's `axis` names, in a tensor with the batch."""
    op: Any = layer.op
    return 1 + axis_of(layer.input_shapes[0], op.axis)


def _axes(layer: Layer) -> tuple[int, ...]:
    """Return the axes that an operator's `axis` names, in a tensor with the batch."""
    op: Any = layer.op
    return tuple(1 + axis for axis in axes_of(layer.input_shapes[0], op.axis))


def _spread(values: Tensor, layer: Layer) -> Tensor:
    """Shape one number a channel so that it broadcasts."""
    return values.reshape(-1, *[1] * (len(layer.input_shapes[0]) - _axis(layer)))


def _padded(pads: windows.Pads) -> list[Any]:
    """Return a padding in PyTorch's order: the last axis first."""
    return [size for pair in reversed(pads) for size in pair]


def _even(pads: windows.Pads) -> tuple[Any, ...] | None:
    """Return a padding that is the same on both sides, one number an axis, as PyTorch's own windows take it."""
    return tuple(before for before, _ in pads) if all(before == after for before, after in pads) else None


def _space(layer: Layer) -> tuple[Any, ...]:
    """Return the sizes that a window slides over."""
    op: Any = layer.op
    x = layer.input_shapes[0]
    return tuple(x[len(x) - windows.axes_of_space(op, x, op.kernel_size) :])


def _by_axes(name: str, layer: Layer) -> Callable[..., Tensor]:
    """Return PyTorch's function of that name for as many axes of space as the layer's window has."""
    function: Callable[..., Tensor] = getattr(F, f"{name}{len(_space(layer))}d")
    return function


def _conv(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    weight, bias = arrays["weight"], arrays.get("bias")
    space, convolve = _space(layer), _by_axes("conv", layer)
    stride, dilation = (windows.spread(v, len(space)) for v in (op.stride, op.dilation))
    pads = windows.pads(space, op.kernel_size, op.stride, op.padding, op.dilation)
    even = _even(pads)
    if even is not None:
        return lambda x: convolve(x, weight, bias, stride, even, dilation, op.groups)
    return lambda x: convolve(F.pad(x, _padded(pads)), weight, bias, stride, 0, dilation, op.groups)


def _conv_transpose(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    weight, bias = arrays["weight"], arrays.get("bias")
    axes, convolve = len(_space(layer)), _by_axes("conv_transpose", layer)
    stride, dilation, extra = (windows.spread(v, axes) for v in (op.stride, op.dilation, op.output_padding))
    pads = windows.transposed_pads(op.kernel_size, op.stride, op.padding, op.dilation, axes)
    even = _even(pads)
    if even is not None:
        return lambda x: convolve(x, weight, bias, stride, even, extra, op.groups, dilation)
    cut = [-size for size in _padded(pads)]
    return lambda x: F.pad(convolve(x, weight, bias, stride, 0, extra, op.groups, dilation), cut)


def _linear(layer: Layer, arrays: Arrays) -> Step:
    weight, bias = arrays["weight"], arrays.get("bias")
    return lambda x: F.linear(x, weight, bias)


def _attention(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    groups = op.heads if op.kv_heads is None else op.kv_heads
    (*_, queries, _), (*_, keys, _) = layer.input_shapes[:2]
    rank = len(layer.input_shapes[0]) + 2
    past = (0, 0, op.past, 0)
    seen = torch.ones(queries, keys + op.past, dtype=torch.bool).tril(op.past) if op.causal else None
    plain = op.causal and op.past == 0 and len(layer.inputs) == 3
    alone = op.heads == 1 and rank == 5 and len(layer.inputs) == 3  # the axis before the tokens is one of heads
    how: dict[str, Any] = {"scale": op.scale, "enable_gqa": groups != op.heads, "is_causal": plain}

    def split(x: Tensor, heads: int) -> Tensor:
        return x if alone else x.unflatten(-1, (heads, -1)).transpose(-2, -3)

    def kept(x: Tensor) -> Tensor:
        return split(F.pad(x, past) if op.past else x, groups)

    def masked(mask: Tensor | None, like: Tensor) -> Tensor | None:
        """Return what is asked of the scores besides, with an axis of heads."""
        if mask is not None:
            mask = mask if mask.ndim == rank else mask.unsqueeze(-3)
            mask = mask.reshape(len(mask), *[1] * (rank - mask.ndim), *mask.shape[1:])
        if plain or seen is None:
            return mask
        ours = seen.to(like.device)
        if mask is None:
            return ours
        return mask & ours if mask.dtype == torch.bool else mask.masked_fill(~ours, float("-inf"))

    def run(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        out = F.scaled_dot_product_attention(split(q, op.heads), kept(k), kept(v), masked(mask, q), **how)
        return out if alone else out.transpose(-2, -3).flatten(-2)

    return run


def _level(arrays: Sequence[Tensor], own: Sequence[int]) -> list[Tensor]:
    """Return tensors with as many axes before their own, the batch first."""
    before = max(x.ndim - axes for x, axes in zip(arrays, own, strict=True))
    return [
        x.reshape(len(x), *[1] * (before + axes - x.ndim), *x.shape[1:]) for x, axes in zip(arrays, own, strict=True)
    ]


def _matmul(layer: Layer, arrays: Arrays) -> Step:
    turned = layer.op.transpose_b  # type: ignore[attr-defined]

    def run(*pair: Tensor) -> Tensor:
        a, b = _level(pair, (2, 2))
        return torch.matmul(a, b.transpose(-1, -2) if turned else b)

    return run


def _einsum(layer: Layer, arrays: Arrays) -> Step:
    equation = product.parsed(layer.op.equation)  # type: ignore[attr-defined]
    terms = (*equation.inputs, equation.output)
    letters = dict(zip(dict.fromkeys(name for term in terms for name in term), ascii_letters, strict=False))
    *left, right = ("..." + "".join(letters[name] for name in term) for term in terms)
    own = [len(term) for term in equation.inputs]
    return lambda *inputs: torch.einsum(f"{','.join(left)}->{right}", *_level(inputs, own))


def recurrent_module(layer: Layer, device: Any = None) -> torch.nn.Module:
    """Return PyTorch's module of a recurrent layer, which reads (batch, tokens, features)."""
    op: Any = layer.op
    how: dict[str, Any] = {"num_layers": op.layers, "bidirectional": op.bidirectional, "bias": op.bias}
    how |= {name: getattr(op, name) for name in ("nonlinearity", "proj_size") if hasattr(op, name)}
    kind = getattr(torch.nn, op.name.upper())
    module: torch.nn.Module = kind(layer.input_shapes[0][-1], op.hidden_size, batch_first=True, device=device, **how)
    return module


def run_recurrent(module: torch.nn.Module, x: Tensor) -> Tensor:
    """Return what a recurrent module gives for (batch, ..., tokens, features)."""
    return module(x.flatten(0, -3))[0].reshape(*x.shape[:-1], -1)


def _recurrent(layer: Layer, arrays: Arrays) -> Step:
    """PyTorch's module, whose arrays are cut from the stacks that the operator keeps."""
    op: Any = layer.op
    module = recurrent_module(layer, arrays["weight_hh"].device)
    ways = 2 if op.bidirectional else 1

    def own(name: str, at: int, way: int) -> Tensor:
        if name.startswith("bias"):
            return arrays[name].unflatten(0, (op.layers, ways, -1))[at, way]
        if name == "weight_ih":
            return arrays["weight_ih_above"][at - 1, way] if at else arrays[name][way]
        return arrays[name][at, way]

    with torch.no_grad():
        for at in range(op.layers):
            for way in range(ways):
                for name in arrays.keys() - {"weight_ih_above"}:
                    getattr(module, f"{name}_l{at}{'_reverse' * way}").copy_(own(name, at, way))
    return lambda x: run_recurrent(module, x)


def _gather(layer: Layer, arrays: Arrays) -> Step:
    axis = _axis(layer)

    def one(x: Tensor, indices: Tensor) -> Tensor:
        return x.index_select(axis - 1, indices.flatten()).unflatten(axis - 1, indices.shape)

    def run(x: Tensor, indices: Tensor) -> Tensor:
        if len(indices) == 1:
            return x.index_select(axis, indices.flatten()).unflatten(axis, indices.shape[1:])
        return torch.stack([one(*pair) for pair in zip(x.expand(len(indices), *x.shape[1:]), indices, strict=True)])

    return run


def _carrying(inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors that all have the batch."""
    batch = max(map(len, inputs))
    return [x.expand(batch, *x.shape[1:]) for x in inputs]


KINDS = {"float": torch.float32, "int64": torch.int64, "int32": torch.int32, "bool": torch.bool}


def _one_hot(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    axis, kind = 1 + op.place(layer.input_shapes[0]), KINDS[op.to]
    return lambda x: F.one_hot(x, op.classes).movedim(-1, axis).to(kind)


REDUCTIONS = {"add": "sum", "multiply": "prod", "minimum": "amin", "maximum": "amax"}


def _gather_elements(inputs: Sequence[Tensor], axis: int) -> Tensor:
    x, indices = _carrying(inputs)
    return torch.gather(x, axis, indices)


def _scatter(layer: Layer, arrays: Arrays) -> Step:
    axis, how = _axis(layer), REDUCTIONS.get(layer.op.reduction)  # type: ignore[attr-defined]

    def run(*inputs: Tensor) -> Tensor:
        x, indices, updates = _carrying(inputs)
        return x.scatter_reduce(axis, indices, updates, how) if how else x.scatter(axis, indices, updates)

    return run


def _tuples(layer: Layer, x: Tensor, indices: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return a tensor whose indexed axes stand before all others, and what indexes it."""
    op: Any = layer.op
    _, order = op.split(*layer.input_shapes[:2])
    images = torch.arange(len(x), device=x.device).reshape(-1, *[1] * (indices.ndim - 2))
    return x.permute(0, *(1 + axis for axis in order)), (images, *indices.unbind(-1))


def _gather_nd(layer: Layer, arrays: Arrays) -> Step:
    def run(*inputs: Tensor) -> Tensor:
        front, places = _tuples(layer, *_carrying(inputs))
        return front[places]

    return run


def _scatter_nd(layer: Layer, arrays: Arrays) -> Step:
    """PyTorch reduces one flat axis, so that places become numbers along it."""
    how = REDUCTIONS.get(layer.op.reduction)  # type: ignore[attr-defined]

    def run(*inputs: Tensor) -> Tensor:
        x, indices, updates = _carrying(inputs)
        out = x.clone()
        front, places = _tuples(layer, out, indices)
        if how is None:
            front[places] = updates
            return out
        numbers = _tuples(layer, torch.arange(x.numel(), device=x.device).reshape(x.shape), indices)[0][places]
        return out.flatten().scatter_reduce(0, numbers.flatten(), updates.flatten(), how).reshape(x.shape)

    return run


def _grid_sample(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    how = {"mode": op.mode, "padding_mode": grid.BEYOND[op.padding_mode], "align_corners": op.align_corners}

    def run(*inputs: Tensor) -> Tensor:
        x, places = _carrying(inputs)
        return F.grid_sample(x.flatten(0, -4), places.flatten(0, -4), **how).unflatten(0, x.shape[:-3])

    return run


def _source(name: str) -> Callable[[Layer, Arrays], Step]:
    """Return the entry of a source that stores its array under that name."""
    return lambda layer, arrays: lambda: arrays[name][None]


def _constant(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    kind = KINDS[op.dtype() or "float"]
    value = arrays["value"] if op.value is None else torch.full(op.size, float(op.value)).to(kind)
    return lambda: value[None]


def _batch_norm(layer: Layer, arrays: Arrays) -> Step:
    mean, variance, weight, bias = (arrays.get(name) for name in ("mean", "variance", "weight", "bias"))
    eps, axis = layer.op.eps, _axis(layer)  # type: ignore[attr-defined]

    def norm(x: Tensor) -> Tensor:
        return F.batch_norm(x, mean, variance, weight, bias, eps=eps)

    return norm if axis == 1 else lambda x: norm(x.flatten(0, axis - 1)).unflatten(0, x.shape[:axis])


def _layer_norm(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    weight, bias = arrays.get("weight"), arrays.get("bias")
    shape, own = layer.input_shapes[0], [*_axes(layer)]
    size = [shape[axis - 1] for axis in own]
    order = [axis for axis in range(len(shape) + 1) if axis not in own] + own
    back = [order.index(axis) for axis in range(len(order))]
    if order == sorted(order):
        return lambda x: F.layer_norm(x, size, weight, bias, op.eps)
    return lambda x: F.layer_norm(x.permute(order), size, weight, bias, op.eps).permute(back)


def _lrn(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    return lambda x: F.local_response_norm(x, op.size, op.alpha, op.beta, op.k)


def _group_norm(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    axis = _axis(layer)
    groups = op.parts(layer.input_shapes[0][axis - 1])
    weight, bias = arrays.get("weight"), arrays.get("bias")

    def norm(x: Tensor) -> Tensor:
        return F.group_norm(x, groups, weight, bias, op.eps)

    return norm if axis == 1 else lambda x: norm(x.flatten(0, axis - 1)).unflatten(0, x.shape[:axis])


def _rms_norm(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    axes, weight = _axes(layer), arrays.get("weight")
    if axes[-1] == len(layer.input_shapes[0]) and len(axes) == 1:
        return lambda x: F.rms_norm(x, x.shape[-1:], weight, op.eps)
    spread = 1 if weight is None else weight.reshape([n if a in axes else 1 for a, n in enumerate(layer.shape, 1)])
    return lambda x: x * torch.rsqrt(x.square().mean(axes, keepdim=True) + op.eps) * spread


def _l2_norm(layer: Layer, arrays: Arrays) -> Step:
    axes, eps = _axes(layer), layer.op.eps  # type: ignore[attr-defined]
    return lambda x: x / torch.linalg.vector_norm(x, 2, axes, keepdim=True).clamp_min(eps)


def _grn(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    space, axis = op.space(layer.input_shapes[0]), _axis(layer)
    weight, bias = (_spread(arrays[name], layer) for name in ("weight", "bias"))

    def norm(x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, 2, space, keepdim=True)
        return torch.addcmul(bias, weight, x * (length / (length.mean(axis, keepdim=True) + op.eps))) + x

    return norm


def _layer_scale(layer: Layer, arrays: Arrays) -> Step:
    factor = _spread(arrays["weight"], layer)
    return lambda x: x * factor


def _prelu(layer: Layer, arrays: Arrays) -> Step:
    slope = arrays["slope"]
    if _axis(layer) == 1 or len(slope) == 1:
        return lambda x: F.prelu(x, slope)
    spread = _spread(slope, layer)
    return lambda x: torch.where(x > 0, x, x * spread)


def _max_pool(layer: Layer, arrays: Arrays) -> Step:
    pool = _max_window(layer)
    return lambda x: pool(x)[0]


def _max_pool_indices(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    pool, (_, _, wide) = _max_window(layer, indices=True), layer.input_shapes[0]
    own, over = op.reach(_space(layer))
    if _fits(own, op.kernel_size) is not None:
        return lambda x: pool(x)[1]
    across = own[1][0] + wide + own[1][1] + over[1][1]

    def run(x: Tensor) -> Tensor:
        places = pool(x)[1]
        return (places // across - own[0][0]) * wide + places % across - own[1][0]

    return run


def _max_window(layer: Layer, indices: bool = False) -> Callable[[Tensor], tuple[Tensor, Tensor | None]]:
    """Return what pools and says where the values stood, in the plane that it sees."""
    op: Any = layer.op
    space, max_pool = _space(layer), _by_axes("max_pool", layer)
    own, over = op.reach(space)
    kernel, stride, dilation = (windows.spread(v, len(space)) for v in (op.kernel_size, op.stride, op.dilation))
    even = _fits(own, op.kernel_size)
    both = [first + second for first, second in zip(_padded(own), _padded(over), strict=True)]

    def run(x: Tensor) -> tuple[Tensor, Tensor | None]:
        if even is None:
            x = F.pad(x, both, value=float("-inf"))
        padding, rounds_up = (0, False) if even is None else (even, op.ceil_mode)
        found = max_pool(x, kernel, stride, padding, dilation, rounds_up, indices)
        return found if indices else (found, None)

    return run


def _fits(pads: windows.Pads, kernel_size: Any) -> tuple[Any, ...] | None:
    """Return a padding as PyTorch's pools take it: even, and at most half a window."""
    even = _even(pads)
    kernel = windows.spread(kernel_size, len(pads))
    return even if even and all(2 * pad <= size for pad, size in zip(even, kernel, strict=True)) else None


def _avg_pool(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    space, avg_pool = _space(layer), _by_axes("avg_pool", layer)
    own, over = op.reach(space)
    kernel, stride = (windows.spread(v, len(space)) for v in (op.kernel_size, op.stride))
    even = _fits(own, op.kernel_size)
    if even is not None:
        return lambda x: avg_pool(x, kernel, stride, even, op.ceil_mode, op.count_include_pad)
    both = [first + second for first, second in zip(_padded(own), _padded(over), strict=True)]

    kernel_elements = prod(kernel)

    def summed(x: Tensor) -> Tensor:
        return avg_pool(x, kernel, stride, 0) * kernel_elements

    real = F.pad(torch.ones(1, 1, *space), _padded(own), value=float(op.count_include_pad))
    number = summed(F.pad(real, _padded(over)))
    return lambda x: summed(F.pad(x, both)) / number.to(x.device)


def _global_pool(reduction: Callable[..., Tensor]) -> Callable[[Layer, Arrays], Step]:
    def entry(layer: Layer, arrays: Arrays) -> Step:
        keep = layer.op.keep_dims  # type: ignore[attr-defined]
        space = tuple(range(2, 1 + len(layer.input_shapes[0])))
        return lambda x: reduction(x, space, keep)

    return entry


def _max_unpool(layer: Layer, arrays: Arrays) -> Step:
    channels, *space = layer.shape

    def run(x: Tensor, indices: Tensor) -> Tensor:
        flat = x.new_zeros(len(x), channels, prod(space)).scatter_(2, indices.flatten(2), x.flatten(2))
        return flat.unflatten(2, space)

    return run


def _sliced(layer: Layer) -> Step:
    op: Any = layer.op
    axis = _axis(layer)
    return lambda x: x.narrow(axis, op.start, op.stop - op.start)


def _rearranged(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    before, order, after = op.move(layer.input_shapes[0])
    axes = [0, *(1 + axis for axis in order)]
    return lambda x: x.reshape(len(x), *before).permute(axes).reshape(len(x), *after)


def _part(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    pieces = op.pieces(*layer.input_shapes)
    taken = [slice(None), *(slice(*pieces.get(axis, (None,))) for axis in range(len(layer.shape)))]
    return lambda x, *_: x[tuple(taken)]


def _pad(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    shape = layer.input_shapes[0]
    pads = op.pads(shape)
    if op.mode == "constant":
        sizes = _padded(tuple(pads.get(axis, (0, 0)) for axis in range(len(shape))))
        return lambda x: F.pad(x, sizes, value=op.value)

    # PyTorch mirrors the last axes only, and of tensors of certain ranks.
    places = {1 + axis: torch.as_tensor(np.pad(np.arange(shape[axis]), pair, op.mode)) for axis, pair in pads.items()}
    return lambda x: reduce(lambda out, axis: out.index_select(axis, places[axis].to(x.device)), places, x)


def _resize(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    axes = len(op.space(layer.input_shapes[0]))
    how: dict[str, Any] = (
        {"mode": op.mode}
        if op.mode == "nearest"
        else {
            "mode": op.mode,
            "align_corners": op.align_corners,
        }
    )
    if op.size is None:
        how["scale_factor"] = windows.spread(op.scale, axes)
    else:
        how["size"] = windows.spread(op.size, axes)
    return lambda x: F.interpolate(x.flatten(0, -axes - 2), **how).unflatten(0, x.shape[: -axes - 1])


def _adaptive(name: str) -> Callable[[Layer, Arrays], Step]:
    def entry(layer: Layer, arrays: Arrays) -> Step:
        op: Any = layer.op
        size = [after for _, after in op.axes(layer.input_shapes[0])]
        function: Callable[..., Tensor] = getattr(F, f"adaptive_{name}_pool{len(size)}d")
        own = len(size) + 1
        return lambda x: function(x.flatten(0, -own - 1), size).unflatten(0, x.shape[:-own])

    return entry


def _columns(layer: Layer, space: tuple[Any, ...]) -> tuple[dict[str, Any], list[Any], tuple[Any, ...]]:
    """Return the fields of PyTorch's fold and unfold, which know two axes, the padding to do apart, and the padded
    sizes.
    """
    op: Any = layer.op
    axes = len(space)
    if axes > 2:
        raise CostModelError(f"{layer.path}: PyTorch has no {op.name} over {axes} axes of space")
    pads = windows.pads(space, op.kernel_size, op.stride, op.padding, op.dilation)
    how = {
        name: (1, 1, *windows.spread(getattr(op, name), axes))[-2:] for name in ("kernel_size", "stride", "dilation")
    }
    sizes = tuple(size + sum(pad) for size, pad in zip(space, pads, strict=True))
    return how, _padded(pads), (1, *sizes)[-2:]


def _unfold(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    shape = layer.input_shapes[0]
    _, (channels, *space) = op.parts(shape)
    how, pads, sizes = _columns(layer, tuple(space))
    out = layer.shape
    return lambda x: F.unfold(F.pad(x, pads).reshape(-1, channels, *sizes), **how).reshape(len(x), *out)


def _fold(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    how, pads, sizes = _columns(layer, op.space())
    before, (rows, positions) = layer.input_shapes[0][:-2], layer.input_shapes[0][-2:]
    own = sizes[2 - op.axes() :]
    cut = [-size for size in pads]
    channels = layer.shape[len(before)]

    def run(x: Tensor) -> Tensor:
        whole = F.fold(x.reshape(-1, rows, positions), sizes, **how)
        return F.pad(whole.reshape(len(x), *before, channels, *own), cut)

    return run


def _int8(layer: Layer, arrays: Arrays) -> tuple[Tensor, Tensor]:
    """Return scale and zero point so that they spread over the input."""
    op: Any = layer.op
    scale, zero = arrays["scale"], arrays["zero_point"].round()
    return (scale, zero) if op.axis is None else (_spread(scale, layer), _spread(zero, layer))


def _quantize(layer: Layer, arrays: Arrays) -> Step:
    scale, zero = _int8(layer, arrays)
    return lambda x: (torch.round(x / scale) + zero).clamp(-128, 127).to(torch.int8)


def _dequantize(layer: Layer, arrays: Arrays) -> Step:
    scale, zero = _int8(layer, arrays)
    return lambda x: (x - zero) * scale


def _by_axis(layer: Layer, field: str) -> dict[int, Any]:
    """Return what a field says of each axis, the axes of a tensor with the batch."""
    op: Any = layer.op
    rows = move.by_axis(layer.input_shapes[0], op.axis, value=getattr(op, field))
    return {1 + axis: value for axis, (value,) in rows.items()}


def _roll(layer: Layer, arrays: Arrays) -> Step:
    shifts = _by_axis(layer, "shifts")
    return lambda x: x.roll(tuple(shifts.values()), tuple(shifts))


def _tile(layer: Layer, arrays: Arrays) -> Step:
    times = _by_axis(layer, "repeats")
    every = [times.get(axis, 1) for axis in range(1 + len(layer.shape))]
    return lambda x: x.tile(every)


def _broadcast_to(layer: Layer, arrays: Arrays) -> Step:
    shape = layer.shape
    return lambda x: x.expand(len(x), *shape)


def _stack(layer: Layer, arrays: Arrays) -> Step:
    axis = 1 + axis_of(layer.shape, layer.op.axis)  # type: ignore[attr-defined]
    return lambda *inputs: torch.stack(inputs, axis)


def _upsample(layer: Layer, arrays: Arrays) -> Step:
    size = list(layer.shape[1:])
    how: dict[str, Any] = {"mode": "nearest"}
    if layer.op.bilinear:  # type: ignore[attr-defined]
        how = {"mode": "bilinear", "align_corners": False}
    return lambda x: F.interpolate(x, size, **how)


def _class_token(layer: Layer, arrays: Arrays) -> Step:
    token = arrays["token"]
    return lambda x: torch.cat((token.expand(len(x), 1, -1), x), 1)


def _position_embedding(layer: Layer, arrays: Arrays) -> Step:
    embedding = arrays["embedding"]
    return lambda x: x + embedding


def _as_it_is(function: Step) -> Callable[[Layer, Arrays], Step]:
    """Return the entry of an operator that has neither fields nor arrays."""
    return lambda layer, arrays: function


def _spreading(function: Step) -> Callable[[Layer, Arrays], Step]:
    """Return the entry of an operator without arrays whose inputs spread over one another."""
    return lambda layer, arrays: lambda *inputs: function(*lead.level(inputs))


def _with(function: Callable[[Any, Tensor], Tensor]) -> Callable[[Layer, Arrays], Step]:
    """Return the entry of an operator without arrays: `function` takes its fields and its input."""
    return lambda layer, arrays: lambda x: function(layer.op, x)


def _along(function: Callable[[Any, int], Tensor]) -> Callable[[Layer, Arrays], Step]:
    """Return the entry of an operator along its `axis`: `function` takes its inputs and that axis."""
    return lambda layer, arrays: lambda *inputs: function(inputs, _axis(layer))


def _reduced(function: Callable[..., Tensor]) -> Callable[[Layer, Arrays], Step]:
    """Return the entry of a reduction: `function` takes its input, its axes and whether to keep them."""

    def entry(layer: Layer, arrays: Arrays) -> Step:
        axes, keep = _axes(layer), layer.op.keep_dims  # type: ignore[attr-defined]
        return lambda x: function(x, axes, keep)

    return entry


def _number(value: Any, x: Tensor) -> Any:
    """Return a field as one of a tensor's kind, so that whole numbers stay whole."""
    return value if value is None or x.is_floating_point() else int(value)


def _prod(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    for axis in reversed(axes):  # PyTorch's takes one axis
        x = x.prod(axis, keep)
    return x


def _top_k(layer: Layer, arrays: Arrays) -> Step:
    axis, k = _axis(layer), layer.op.k  # type: ignore[attr-defined]
    if len(layer.inputs) > 1:
        return lambda *inputs: _gather_elements(inputs, axis)
    return lambda x: torch.topk(x, k, axis).values


def _top_k_indices(layer: Layer, arrays: Arrays) -> Step:
    axis, k = _axis(layer), layer.op.k  # type: ignore[attr-defined]
    return lambda x: torch.topk(x, k, axis).indices


def _power(layer: Layer, arrays: Arrays) -> Step:
    exponent = layer.op.exponent  # type: ignore[attr-defined]
    return _spreading(torch.pow)(layer, arrays) if exponent is None else lambda x: torch.pow(x, exponent)


COMPARISONS = {
    "equal": torch.eq,
    "not_equal": torch.ne,
    "less": torch.lt,
    "less_equal": torch.le,
    "greater": torch.gt,
    "greater_equal": torch.ge,
}


def _compare(layer: Layer, arrays: Arrays) -> Step:
    return _spreading(COMPARISONS[layer.op.how])(layer, arrays)  # type: ignore[attr-defined]


STEPS: dict[str, Callable[[Layer, Arrays], Step]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "linear": _linear,
    "attention": _attention,
    "matmul": _matmul,
    "einsum": _einsum,
    "rnn": _recurrent,
    "gru": _recurrent,
    "lstm": _recurrent,
    "embedding": lambda layer, arrays: lambda x: F.embedding(x, arrays["weight"]),
    "gather": _gather,
    "gather_elements": _along(_gather_elements),
    "scatter": _scatter,
    "gather_nd": _gather_nd,
    "scatter_nd": _scatter_nd,
    "one_hot": _one_hot,
    "grid_sample": _grid_sample,
    "cast": _with(lambda op, x: x.to(KINDS[op.to])),
    "parameter": _source("weight"),
    "constant": _constant,
    "arange": lambda layer, arrays: lambda: torch.arange(layer.op.start, layer.op.stop)[None],  # type: ignore[attr-defined]
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "lrn": _lrn,
    "group_norm": _group_norm,
    "instance_norm": _group_norm,
    "rms_norm": _rms_norm,
    "l2_norm": _l2_norm,
    "grn": _grn,
    "layer_scale": _layer_scale,
    "relu": _as_it_is(F.relu),
    "relu6": _as_it_is(F.relu6),
    "leaky_relu": _with(lambda op, x: F.leaky_relu(x, op.slope)),
    "prelu": _prelu,
    "sigmoid": _as_it_is(torch.sigmoid),
    "tanh": _as_it_is(torch.tanh),
    "hardsigmoid": _as_it_is(F.hardsigmoid),
    "hardswish": _as_it_is(F.hardswish),
    "silu": _as_it_is(F.silu),
    "gelu": _with(lambda op, x: F.gelu(x, approximate=op.approximate)),
    "elu": _with(lambda op, x: F.elu(x, op.alpha)),
    "selu": _as_it_is(F.selu),
    "celu": _with(lambda op, x: F.celu(x, op.alpha)),
    "rrelu": _with(lambda op, x: F.rrelu(x, op.lower, op.upper)),
    "hardtanh": _with(lambda op, x: F.hardtanh(x, op.min_val, op.max_val)),
    "threshold": _with(lambda op, x: F.threshold(x, op.threshold, op.value)),
    "softshrink": _with(lambda op, x: F.softshrink(x, op.lambd)),
    "hardshrink": _with(lambda op, x: F.hardshrink(x, op.lambd)),
    "softplus": _with(lambda op, x: F.softplus(x, op.beta)),
    "softsign": _as_it_is(F.softsign),
    "mish": _as_it_is(F.mish),
    "logsigmoid": _as_it_is(F.logsigmoid),
    "tanhshrink": _as_it_is(F.tanhshrink),
    "softmax": _along(lambda inputs, axis: F.softmax(inputs[0], axis)),
    "log_softmax": _along(lambda inputs, axis: F.log_softmax(inputs[0], axis)),
    "softmin": _along(lambda inputs, axis: F.softmin(inputs[0], axis)),
    "glu": _along(lambda inputs, axis: F.glu(inputs[0], axis)),
    "exp": _as_it_is(torch.exp),
    "log": _as_it_is(torch.log),
    "sqrt": _as_it_is(torch.sqrt),
    "rsqrt": _as_it_is(torch.rsqrt),
    "reciprocal": _as_it_is(torch.reciprocal),
    "sin": _as_it_is(torch.sin),
    "cos": _as_it_is(torch.cos),
    "erf": _as_it_is(torch.erf),
    "abs": _as_it_is(torch.abs),
    "neg": _as_it_is(torch.neg),
    "square": _as_it_is(torch.square),
    "sign": _as_it_is(torch.sign),
    "floor": _as_it_is(torch.floor),
    "ceil": _as_it_is(torch.ceil),
    "round": _as_it_is(torch.round),
    "clamp": _with(lambda op, x: torch.clamp(x, _number(op.min, x), _number(op.max, x))),
    "shift": _with(lambda op, x: x + _number(op.amount, x)),
    "isnan": _as_it_is(torch.isnan),
    "not": _as_it_is(torch.logical_not),
    "max_pool": _max_pool,
    "max_pool_indices": _max_pool_indices,
    "avg_pool": _avg_pool,
    "global_avg_pool": _global_pool(torch.mean),
    "global_max_pool": _global_pool(torch.amax),
    "max_unpool": _max_unpool,
    "adaptive_avg_pool": _adaptive("avg"),
    "adaptive_max_pool": _adaptive("max"),
    "unfold": _unfold,
    "fold": _fold,
    "quantize": _quantize,
    "dequantize": _dequantize,
    "add": _spreading(lambda *inputs: reduce(torch.add, inputs)),
    "multiply": _spreading(lambda *inputs: reduce(torch.mul, inputs)),
    "subtract": _spreading(torch.sub),
    "divide": _spreading(torch.div),
    "power": _power,
    "mod": lambda layer, arrays: _spreading(torch.fmod if layer.op.truncated else torch.remainder)(layer, arrays),  # type: ignore[attr-defined]
    "minimum": _spreading(torch.minimum),
    "maximum": _spreading(torch.maximum),
    "compare": _compare,
    "and": _spreading(torch.logical_and),
    "or": _spreading(torch.logical_or),
    "xor": _spreading(torch.logical_xor),
    "where": _spreading(torch.where),
    "sum": _reduced(torch.sum),
    "mean": _reduced(torch.mean),
    "max": _reduced(torch.amax),
    "min": _reduced(torch.amin),
    "prod": _reduced(_prod),
    "argmax": _reduced(lambda x, axes, keep: torch.argmax(x, *axes, keep)),
    "argmin": _reduced(lambda x, axes, keep: torch.argmin(x, *axes, keep)),
    "top_k": _top_k,
    "top_k_indices": _top_k_indices,
    "cumsum": _along(lambda inputs, axis: torch.cumsum(inputs[0], axis)),
    "concat": _along(lambda inputs, axis: torch.cat(inputs, axis)),
    "identity": _as_it_is(lambda x: x),
    "dropout": _as_it_is(lambda x: x),
    "flatten": _rearranged,
    "reshape": lambda layer, arrays: lambda x: x.reshape(len(x), *layer.shape),
    "rearrange": _rearranged,
    "transpose": _rearranged,
    "squeeze": _rearranged,
    "unsqueeze": _rearranged,
    "from_tokens": _rearranged,
    "pixel_shuffle": _with(lambda op, x: F.pixel_shuffle(x, op.upscale_factor)),
    "pixel_unshuffle": _with(lambda op, x: F.pixel_unshuffle(x, op.downscale_factor)),
    "focus": _rearranged,
    "window_partition": _rearranged,
    "window_reverse": _rearranged,
    "slice": _part,
    "split": _part,
    "crop": _part,
    "pad": _pad,
    "roll": _roll,
    "broadcast_to": _broadcast_to,
    "tile": _tile,
    "flip": lambda layer, arrays: lambda x: x.flip(_axes(layer)),
    "tril": _with(lambda op, x: x.tril(op.diagonal)),
    "triu": _with(lambda op, x: x.triu(op.diagonal)),
    "stack": _stack,
    "pad_channels": _with(lambda op, x: F.pad(x, [*[0, 0] * (x.ndim - 2), op.before, op.after])),
    "slice_channels": lambda layer, arrays: _sliced(layer),
    "channel_shuffle": _with(lambda op, x: x.unflatten(1, (op.groups, -1)).transpose(1, 2).flatten(1, 2)),
    "resize": _resize,
    "upsample": _upsample,
    "scale": _with(lambda op, x: x * _number(op.factor, x)),
    "tokens": _as_it_is(lambda x: x.flatten(2).transpose(1, 2)),
    "class_token": _class_token,
    "position_embedding": _position_embedding,
    "select_token": _with(lambda op, x: x[:, op.index]),
}
