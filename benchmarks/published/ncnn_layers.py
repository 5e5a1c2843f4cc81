"""Compare the networks of names.yaml with the files that ncnn's benchmark runs, layer by layer.

    python benchmarks/published/ncnn_layers.py FOLDER          # the folder benchmark/models of github.com/Tencent/ncnn

Each convolution, deconvolution and product of a .param file is read as (weights, mult-adds), biases left out; the same
pairs are taken from the cost table of ours. It prints both sums, and what one has and the other has not.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import convert

import costmodel as cm

SIZES = {
    **dict.fromkeys(("alexnet", "squeezenet"), 227),
    **dict.fromkeys(("squeezenet_ssd", "mobilenet_ssd"), 300),
    **dict.fromkeys(("mobilenet_yolo", "yolov4-tiny"), 416),
    **dict.fromkeys(("mobilenetv2_yolov3", "yolo-fastestv2", "FastestDet"), 352),
    **dict.fromkeys(("nanodet_m", "yolo-fastest-1.1"), 320),
    "blazeface": 128,
    "vision_transformer": 384,
}
"""Pixels a side of what benchncnn.cpp gives each network; 224 where nothing stands here."""
Shape = tuple[int, int, int]
"""Channels, height, width."""
Pair = tuple[int, int]
"""Weights and mult-adds of one layer."""
REST = -233
"""As a padding: so much that the output is as large as the input, divided by the stride. As a part: an equal share of
what is left."""


class Fields(dict[int, str]):
    """The parameters of a layer, as the file writes them."""

    def number(self, key: int, default: int = 0, more: int = 0) -> int:
        """Return a whole number: the one at `key + more`, else the one at `key`."""
        return int(self.get(key + more, self.get(key, default)))

    def numbers(self, key: int) -> list[int]:
        """Return a list: its length first."""
        return [int(value) for value in self[key].split(",")]


def layers(text: str) -> list[tuple[str, list[str], list[str], Fields]]:
    """Return the type, inputs, outputs and parameters of each layer of a .param file."""
    found = []
    for line in text.splitlines()[2:]:
        kind, _, inputs, outputs, *rest = line.split()
        names, stated = rest[: int(inputs) + int(outputs)], rest[int(inputs) + int(outputs) :]
        fields = Fields((int(key), value) for key, value in (one.split("=") for one in stated))
        found.append((kind, names[: int(inputs)], names[int(inputs) :], fields))
    return found


def window(size: int, kernel: int, stride: int, pads: tuple[int, int], dilation: int = 1, up: bool = False) -> int:
    if pads[0] == REST:
        return -(-size // stride)
    free = size + sum(pads) - dilation * (kernel - 1) - 1
    return (-(-free // stride) if up else free // stride) + 1


def over(
    shape: Shape, fields: Fields, out: int, stride_key: int, dilation_key: int | None, pad_key: int, up: bool
) -> Shape:
    """Return the map that windows over another make. Fields of height stand ten above those of width."""
    sizes = []
    for axis, size in ((10, shape[1]), (0, shape[2])):
        kernel, stride = fields.number(1, 1, axis), fields.number(stride_key, 1, axis)
        dilation = 1 if dilation_key is None else fields.number(dilation_key, 1, axis)
        before = fields.number(pad_key, 0, axis)
        # what stands after: field 15 or 16 of a convolution, 14 or 15 of a pool
        after = int(fields.get(pad_key + (12 if axis else 11), before))
        sizes.append(window(size, kernel, stride, (before, after), dilation, up))
    return (out, sizes[0], sizes[1])


def pairs(path: Path, size: int) -> Counter[Pair]:
    """Return the weights and mult-adds of every layer of a .param file that has any."""
    shapes: dict[str, Shape] = {}
    found: Counter[Pair] = Counter()
    for kind, inputs, outputs, fields in layers(path.read_text()):
        x = shapes[inputs[0]] if inputs else (3, size, size)
        y, some = step(kind, x, [shapes[name] for name in inputs], fields)
        found.update(some)
        for place, name in enumerate(outputs):
            shapes[name] = part(x, fields, place) if kind == "Slice" else y
    return found


def part(x: Shape, fields: Fields, place: int) -> Shape:
    """Return one output of a Slice along the channels."""
    count, *stated = fields.numbers(-23300)
    sizes: list[int] = []
    for index, size in enumerate(stated):
        sizes.append((x[0] - sum(sizes)) // (count - index) if size == REST else size)
    return (sizes[place], *x[1:])


def step(kind: str, x: Shape, xs: list[Shape], fields: Fields) -> tuple[Shape, list[Pair]]:
    """Return what a layer makes of its inputs, and the weights and mult-adds of its products."""
    number = fields.number
    if kind in ("Convolution", "ConvolutionDepthWise"):
        y = over(x, fields, number(0), stride_key=3, dilation_key=2, pad_key=4, up=False)
        return y, [(number(6), number(6) * y[1] * y[2])]
    if kind == "DeconvolutionDepthWise":
        rows, columns = ((side - 1) * number(3, 1) + number(1) - 2 * number(4) for side in x[1:])
        return (number(0), rows, columns), [(number(6), number(6) * x[1] * x[2])]
    if kind == "InnerProduct":
        return (number(0), 1, 1), [(number(2), number(2))]
    if kind == "Gemm":
        weights = number(8) * number(9)
        return (x[0], 1, number(8)), [(weights, weights * x[0])]
    if kind == "MultiHeadAttention":
        each = (number(2), number(2) * x[0])
        return x, [each] * 4 + [(0, 2 * x[0] ** 2 * number(0))]
    return moved(kind, x, xs, fields), []


def moved(kind: str, x: Shape, xs: list[Shape], fields: Fields) -> Shape:
    """Return what a layer without products makes of its inputs. A sequence is (tokens, 1, features)."""
    number = fields.number
    if kind == "MemoryData":
        return (number(1, 1), 1, number(0))
    if kind == "Reshape" and x[2] > 1 and number(1) and 2 not in fields:
        return (number(1), 1, x[0] * x[1] * x[2] // number(1))
    if kind == "Permute" and x[1] == 1:
        return (x[2], 1, x[0])
    if kind == "Pooling":
        if number(4):
            return (x[0], 1, 1)
        return over(x, fields, x[0], stride_key=2, dilation_key=None, pad_key=3, up=number(5) == 0)
    if kind == "Concat":
        return (sum(shape[0] for shape in xs), *x[1:])
    if kind == "Padding":
        return (x[0] + number(7) + number(8), x[1] + number(0) + number(1), x[2] + number(2) + number(3))
    if kind == "Interp":
        return (x[0], int(x[1] * float(fields[1])), int(x[2] * float(fields[2])))
    if kind == "Crop" and -23310 in fields:
        return (fields.numbers(-23310)[1] - fields.numbers(-23309)[1], *x[1:])
    if kind == "Crop":
        return (number(5), *x[1:])
    if kind == "Reduction":
        return (x[0], 1, 1)
    return x


def ours(name: str) -> Counter[Pair]:
    architecture, parameters = convert.split(name)
    values = dict(part.split("=") for part in parameters)
    table = cm.price(cm.load(architecture, **{key: float(v) if "." in v else int(v) for key, v in values.items()}))
    return Counter((row["matrix_params"], row["mult_adds"]) for row in table if row["mult_adds"])


def sums(found: Counter[Pair]) -> Pair:
    return sum(pair[0] * count for pair, count in found.items()), sum(pair[1] * n for pair, n in found.items())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    for theirs, name in convert.read("names.yaml")["ncnn"].items():
        path = options.parse_args().folder / f"{theirs}.param"
        one, other = pairs(path, SIZES.get(theirs, 224)), ours(name)
        print(theirs, "=", name, *(f"{value:,}" for value in sums(one)), "same" if one == other else "")
        for title, rest in (("only in theirs", one - other), ("only in ours", other - one)):
            for pair, count in rest.items():
                print(f"  {title}: {count} x {pair[0]:,} weights, {pair[1]:,} mult-adds")


if __name__ == "__main__":
    main()
