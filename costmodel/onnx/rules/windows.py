"""Convolutions, pools and what else works on height and width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any

from costmodel.graph import INPUT
from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.constants import Known
from costmodel.onnx.layout import View
from costmodel.onnx.node import Node, UnreadError
from costmodel.onnx.walk import Value, Walk, axis_in, rule
from costmodel.ops import OPERATORS, windows
from costmodel.ops.pool import MaxPool

NONE = (0, 0, 0, 0)


def _tidy(numbers: Sequence[int]) -> Any:
    """Return a pair, or the four numbers of a padding, as one would write them."""
    if len(set(numbers)) == 1:
        return int(numbers[0])
    if len(numbers) == 4 and tuple(numbers[:2]) == tuple(numbers[2:]):
        return (int(numbers[0]), int(numbers[1]))
    return tuple(map(int, numbers))


def _two(node: Node, name: str) -> tuple[int, int]:
    """Return an attribute with a number for height and one for width, 1 by default."""
    given = node.get(name, [1, 1])
    if len(given) != 2 or min(given) < 1:
        raise UnreadError(f"only numbers for height and width, at least 1, are known, and its {name} is {list(given)}")
    return (int(given[0]), int(given[1]))


def _kernel(node: Node, weight: Known) -> tuple[int, int]:
    """Return the kernel of a convolution, which its weights show."""
    if len(weight.shape) != 4:
        raise UnreadError(
            f"only convolutions over height and width are known, and its weights are {show_shape(weight.shape)}"
        )
    size = tuple(node.get("kernel_shape", weight.shape[2:]))
    if size != weight.shape[2:]:
        raise UnreadError(f"its kernel_shape is {show_shape(size)}, but its weights are {show_shape(weight.shape)}")
    return weight.shape[2], weight.shape[3]


def _padding(node: Node, view: View, kernel: Any, stride: Any, dilation: Any) -> Any:
    """Return the padding of a window: its own, and the border of zeros that a Pad before it asked for."""
    way, given = node.get("auto_pad", "NOTSET"), tuple(node.get("pads", NONE))
    border = view.border or NONE
    if way == "SAME_UPPER" and border == NONE:
        return "same"
    if way in ("SAME_UPPER", "SAME_LOWER"):
        padded = (view.of[1] + border[0] + border[2], view.of[2] + border[1] + border[3])
        (top, bottom), (left, right) = windows.pads(padded, kernel, stride, "same", dilation)
        given = (top, left, bottom, right) if way == "SAME_UPPER" else (bottom, right, top, left)
    elif way == "VALID":
        given = NONE
    elif way not in ("NOTSET", ""):
        raise UnreadError(f"its auto_pad {way!r} is not known")
    if len(given) != 4 or min(given) < 0:
        raise UnreadError(
            f"its pads {list(given)} are not known; they are two or more for height and width, none negative"
        )
    return _tidy([own + outer for own, outer in zip(given, border, strict=True)])


@rule("Conv")
def _conv(walk: Walk, node: Node) -> View:
    view, weight, bias = walk.plain(node, border=True), walk.known(node, 1), walk.optional(node, 2)
    kernel, stride, dilation = _kernel(node, weight), _two(node, "strides"), _two(node, "dilations")
    op = OPERATORS["conv"](
        out_channels=weight.shape[0],
        kernel_size=_tidy(kernel),
        stride=_tidy(stride),
        padding=_padding(node, view, kernel, stride, dilation),
        dilation=_tidy(dilation),
        groups=node.get("group", 1),
        bias=bias is not None,
    )
    return walk.output(walk.add(node, op, view, arrays=[weight, *([bias] if bias else [])]))


@rule("ConvTranspose")
def _conv_transpose(walk: Walk, node: Node) -> View:
    view, weight, bias = walk.plain(node), walk.known(node, 1), walk.optional(node, 2)
    kernel, stride, dilation = _kernel(node, weight), _two(node, "strides"), _two(node, "dilations")
    way, given = node.get("auto_pad", "NOTSET"), tuple(node.get("pads", NONE))
    if way in ("SAME_UPPER", "SAME_LOWER"):
        padding: Any = "same"
    elif way in ("NOTSET", "", "VALID") and len(given) == 4 and min(given) >= 0:
        padding = _tidy(NONE if way == "VALID" else given)
    else:
        raise UnreadError(f"its auto_pad {way!r} with pads {list(given)} is not known")
    op = OPERATORS["conv_transpose"](
        out_channels=weight.shape[1] * node.get("group", 1),
        kernel_size=_tidy(kernel),
        stride=_tidy(stride),
        padding=padding,
        output_padding=_tidy(node.get("output_padding", [0, 0])),
        dilation=_tidy(dilation),
        groups=node.get("group", 1),
        bias=bias is not None,
    )
    return walk.output(walk.add(node, op, view, arrays=[weight, *([bias] if bias else [])]))


def _pool_fields(node: Node, view: View) -> dict[str, Any]:
    """Return the fields that window pools share."""
    kernel, stride, dilation = _two(node, "kernel_shape"), _two(node, "strides"), _two(node, "dilations")
    return {
        "kernel_size": _tidy(kernel),
        "stride": _tidy(stride),
        "padding": _padding(node, view, kernel, stride, dilation),
        "dilation": _tidy(dilation),
        "ceil_mode": bool(node.get("ceil_mode", 0)),
    }


@rule("MaxPool")
def _max_pool(walk: Walk, node: Node) -> list[Value]:
    view = walk.plain(node, border=True)
    fields = _pool_fields(node, view)
    if node.get("storage_order", 0):
        raise UnreadError("only the order of rows is known, and storage_order is 1")
    read = [walk.is_read(name) for name in (*node.outputs, "")[:2]]
    found = [
        walk.output(walk.add(node, OPERATORS[name](**fields), view)) if wanted else view
        for name, wanted in zip(("max_pool", "max_pool_indices"), read, strict=True)
    ]
    return list(found)


@rule("Mod")
def _mod(walk: Walk, node: Node) -> View:
    """Indices within the plane of a channel, from indices within the whole tensor."""
    view, plane = walk.view(node), walk.known(node, 1).scalar()
    pool = _pool_of_indices(walk, view)
    rows, columns = walk.graph.layer(pool).input_shapes[0][1:]
    if plane != rows * columns:
        raise UnreadError("only the remainder that makes indices of a max pool those of a channel is known")
    return view


def _pool_of_indices(walk: Walk, view: View) -> str:
    """Return the layer that indices come from, through layers that only pass them on."""
    path = view.source
    while path != INPUT:
        layer = walk.graph.layer(path)
        if layer.op.name == "max_pool_indices":
            return path
        if not layer.op.view:
            break
        path = layer.inputs[0]
    raise UnreadError("only indices that a max pool gives are known")


@rule("MaxUnpool")
def _max_unpool(walk: Walk, node: Node) -> View:
    view, indices = walk.plain(node), walk.plain(node, 1)
    pool = walk.graph.layer(_pool_of_indices(walk, indices)).op
    assert isinstance(pool, MaxPool)
    kernel, stride = windows.spread(pool.kernel_size, 2), windows.spread(pool.stride, 2)
    given = node.get("kernel_shape", kernel), node.get("strides", stride)
    if (tuple(given[0]), tuple(given[1])) != (kernel, stride):
        raise UnreadError("its kernel or stride is not that of the max pool whose indices it reads")
    padding = _tidy(node.get("pads", NONE)) if "pads" in node.attributes or pool.padding == "same" else pool.padding
    least = windows.transposed_size(view.of[1:], kernel, stride, padding, 1, 0)
    shape = walk.optional(node, 2)
    size = shape.integers()[-2:] if shape is not None else least
    extra = [wanted - own for wanted, own in zip(size, least, strict=True)]
    fields = {"kernel_size": pool.kernel_size, "stride": pool.stride, "padding": padding}
    if min(extra) < 0:
        raise UnreadError(f"it gives {show_shape(tuple(size))}, less than its windows span")
    op = OPERATORS["max_unpool"](**fields, output_padding=_tidy(extra))
    return walk.output(walk.add(node, op, view, indices))


@rule("AveragePool")
def _average_pool(walk: Walk, node: Node) -> View:
    view = walk.plain(node, border=True)
    fields = _pool_fields(node, view)
    if fields.pop("dilation") != 1:
        raise UnreadError("average pooling is known without dilation only")
    counts = bool(node.get("count_include_pad", 0))
    if view.border and not counts:
        fields |= _counted_border(node, view, fields)
        counts = True
    op = OPERATORS["avg_pool"](**fields, count_include_pad=counts or fields["padding"] == 0)
    return walk.output(walk.add(node, op, view))


def _counted_border(node: Node, view: View, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a pool in which zeros of a Pad count, and what rounding up adds beyond them does not."""
    border, own = view.border or NONE, tuple(node.get("pads", NONE))
    padding = _tidy(border)
    if own != NONE:
        over = windows.onnx_pads(windows.overhang(view.of[1:], fields["kernel_size"], fields["stride"], padding, 1))
        if tuple(over) != own or fields["ceil_mode"]:
            raise UnreadError(
                "a border of zeros that counts and padding that does not are known together in ceil mode only"
            )
        return {"padding": padding, "ceil_mode": True}
    return {"padding": padding}


@rule("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(walk: Walk, node: Node) -> View:
    name = "global_avg_pool" if node.op_type == "GlobalAveragePool" else "global_max_pool"
    return walk.output(walk.add(node, OPERATORS[name](keep_dims=True), walk.plain(node)))


@rule("ReduceMean", "ReduceMax")
def _reduce(walk: Walk, node: Node) -> View:
    """Means and maxima over height and width are global pools, wherever these two axes lie."""
    view, axes = walk.view(node), walk.integers(node, "axes", 1)
    node.ignore("noop_with_empty_axes")
    keep = bool(node.get("keepdims", 1))
    along = {axis_in(axis, view.shape) for axis in axes or ()}
    if len(view.of) != 3 or {view.axis_of(1), view.axis_of(2)} != along or view.repeats:
        raise UnreadError("only the mean or maximum over height and width of a map is known")
    name = "global_avg_pool" if node.op_type == "ReduceMean" else "global_max_pool"
    dims = keep or (node.outputs[0] not in walk.outputs and walk.becomes_map(node.outputs[0]))
    path = walk.add(node, OPERATORS[name](keep_dims=dims), view)
    kept = [axis for axis in range(len(view.shape)) if keep or axis not in along]
    return View(
        path,
        walk.graph.shape(path),
        tuple(1 if axis in along else view.shape[axis] for axis in kept),
        tuple(() if axis in along else view.axes[axis] for axis in kept),
    )


@rule("Pad")
def _pad(walk: Walk, node: Node) -> View:
    if node.get("mode", "constant") != "constant":
        raise UnreadError(f"only padding with zeros is known, and its mode is {node.get('mode', '')!r}")
    view, fill = walk.plain(node, border=True), walk.optional(node, 2)
    value = node.get("value", 0.0) if fill is None else fill.scalar()
    pads, axes = walk.integers(node, "pads", 1) or [], walk.optional(node, 3)
    rank = len(view.shape)
    along = [axis_in(axis, view.shape) for axis in axes.integers()] if axes is not None else list(range(rank))
    around = [[0] * rank, [0] * rank]
    for position, axis in enumerate(along):
        around[0][axis], around[1][axis] = pads[position], pads[position + len(along)]
    if value not in (0, -inf) or min(min(side) for side in around) < 0 or around[0][0] or around[1][0]:
        raise UnreadError(f"only padding with zeros is known, and its value is {value}, its pads {pads}")
    if not any(around[0]) and not any(around[1]):
        return view
    if rank != 4 or (view.border and (around[0][1] or around[1][1])):
        raise UnreadError("only the padding of feature maps is known")
    if around[0][1] or around[1][1]:
        op = OPERATORS["pad_channels"](before=around[0][1], after=around[1][1])
        view = walk.output(walk.add(node, op, view))
    more = (*around[0][2:], *around[1][2:])
    if more == NONE:
        return view
    border = tuple(own + new for own, new in zip(view.border or NONE, more, strict=True))
    return replace(view, border=(border[0], border[1], border[2], border[3]))


@rule("Resize", "Upsample")
def _resize(walk: Walk, node: Node) -> View:
    node.ignore(
        "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "extrapolation_value", "exclude_outside"
    )
    view, mode = walk.plain(node), node.get("mode", "nearest")
    if mode not in ("nearest", "linear") or node.get("antialias", 0) or len(view.of) != 3:
        raise UnreadError(f"only nearest and bilinear resizing of maps is known, and its mode is {mode!r}")
    scale = _scales(walk, node, view)
    if any(size <= 0 for size in scale):
        raise UnreadError("only whole multiples of height and width are known")
    op = OPERATORS["upsample"](scale=_tidy(scale), bilinear=mode == "linear")
    return walk.output(walk.add(node, op, view))


def _scales(walk: Walk, node: Node, view: View) -> tuple[int, int]:
    """Return how many times as high and wide a map gets; 0 where that is no whole number."""
    axes = node.get("axes", [0, 1, 2, 3])
    if list(axes) != [0, 1, 2, 3] or node.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise UnreadError("only sizes or scales of all four axes are known")
    place = 2 if node.op_type == "Resize" and walk.opset >= 11 else 1
    sizes = walk.optional(node, 3)
    if sizes is not None and sizes.size:
        ratios = [after / before for after, before in zip(sizes.integers(), view.shape, strict=True)]
    elif "scales" in node.attributes:
        ratios = list(node.get("scales", []))
    else:
        ratios = [float(number) for number in walk.known(node, place).values().reshape(-1)]
    if len(ratios) != 4 or ratios[:2] != [1, 1]:
        raise UnreadError("only height and width can be resized")
    return (_whole(ratios[2]), _whole(ratios[3]))


def _whole(ratio: float) -> int:
    return int(ratio) if ratio == int(ratio) else 0
