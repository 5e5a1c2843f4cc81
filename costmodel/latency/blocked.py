"""Kernels of a runtime that keeps maps in blocks of channels, as ONNX Runtime does on processors (its NCHWc layout).

Where `lanes` channels lie side by side in memory, one vector instruction serves them all. What follows from it:

- A convolution runs on blocks if its input channels come in fours, or are fewer than a block (a picture, read as it
  is); one with groups if they fill whole blocks or hold a single channel each. Any other has its windows unfolded and
  multiplied as a matrix.
- Channels that fill no whole block are padded, and computed like the others. Four blocks of output channels are
  computed at a time; what is missing to them is idle.
- Norms and scales fold into the convolution before them, and an activation that convolutions know ends its kernel:
  what follows is a kernel of its own, as other activations are. A transposed convolution takes no activation.
- A sum joins the block convolution whose result it adds to, if no activation stands between; some activations join
  that sum. A batch norm alone is a depthwise convolution there, which takes a sum or activation as well.
- A layer that knows no blocks needs its map turned back, and the next block convolution turns it again. What the
  network returns is turned back too.

The tests hold this against the graphs that ONNX Runtime itself makes. Conditions are 0 or 1, or arrays of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from costmodel.latency.features import MULT_ADDS_OF, PLANE, Counts, LayerCosts, page, spilled_bytes, work_counts
from costmodel.numbers.arithmetic import Number, Shape, ceil_div, equal, is_plain, largest, product
from costmodel.pricing.lanes import fits, whole

BLOCKS_AT_ONCE = 4
CONVOLUTIONS = frozenset(("conv kxk", "conv 1x1", "grouped conv", "depthwise conv"))


class Wiring:
    """Who reads which map, once layers that do nothing are left out, as runtimes leave them out."""

    def __init__(self, layers: Iterable[tuple[str, str, tuple[str, ...]]], outputs: Iterable[str]) -> None:
        """Take the path, operator and inputs of each layer, and what the network returns."""
        self._same: dict[str, str] = {}
        self.uses: Counter[str] = Counter()
        for path, op, inputs in layers:
            if page(op).blocks == "kept":
                self._same[path] = self.map_of(inputs[0])
            else:
                self.uses.update(map(self.map_of, inputs))
        self.outputs = frozenset(map(self.map_of, outputs))
        self.uses.update(self.outputs)

    def map_of(self, path: str) -> str:
        """Return the path of the layer that makes the map which a layer hands on."""
        return self._same.get(path, path)


class Blocks:
    """A walk over a network's rows that knows how each map lies in memory."""

    def __init__(self, wiring: Wiring, batch: Number, itemsize: int, lanes: int) -> None:
        self.wiring, self.batch, self.itemsize, self.lanes = wiring, batch, itemsize, lanes
        self.blocked: dict[str, Number] = {}  # 1 where a map lies in blocks
        self.turned: dict[str, Number] = {}  # 1 where it has been turned, and so lies in memory both ways
        self.takes_sum: dict[str, Number] = {}  # 1 where a sum can join what made the map
        self.takes_activation: dict[str, Number] = {}
        self.bare: set[str] = set()  # results of convolutions that took no activation yet
        self.head: dict[str, str] = {}  # the layer that heads the kernel that made the map
        self.kind: dict[str, str] = {}  # of the layer that heads a kernel

    def kernels(self, rows: Iterable[LayerCosts]) -> Iterator[tuple[str, Counts]]:
        """Yield what each layer adds to its kernel, as `costmodel.latency.lowering.table_kernels` says."""
        for row in rows:
            if page(row.op).blocks == "kept":
                continue
            row = row._replace(inputs=tuple(map(self.wiring.map_of, row.inputs)))
            source = row.inputs[0] if row.inputs else ""
            if row.kernel is None:
                if source in self.blocked:
                    yield row.path, {"reordered_bytes": self._turn(source, row.input_shapes[0], 0)}
                continue
            head = row.kernel if row.kernel == row.path or self._folds(row, row.kernel) else row.path
            if head != row.kernel and self.head.get(source, row.kernel) == row.kernel:
                yield row.kernel, {self._moved(row.kernel): row.input_bytes}  # what comes before writes its result
            self.head[row.path] = head
            self.kind.setdefault(head, row.kind)
            counts = work_counts(row, self.batch)
            if head != row.path:
                counts[self._moved(head)] = row.fused_traffic_bytes - row.weights_read
                self._fold(row)
            else:
                self._head(row, counts)
            if row.path in self.wiring.outputs:
                counts["reordered_bytes"] = counts.get("reordered_bytes", 0) + self._turn(row.path, row.output_shape, 0)
            yield head, counts

    def _folds(self, row: LayerCosts, kernel: str) -> bool:
        """Say whether a layer is computed within the kernel that it could join, where nothing else reads between."""
        kind, source = self.kind[kernel], row.inputs[0]
        if self.head.get(source, kernel) != kernel:
            return False
        if kind not in CONVOLUTIONS and kind != "transposed conv":
            return row.kind != "activation" or "product" in page(row.op).joins
        joins = row.kind != "activation" or ("product" in page(row.op).joins and kind in CONVOLUTIONS)
        return joins and source in self.bare

    def _fold(self, row: LayerCosts) -> None:
        source = row.inputs[0]
        self.blocked[row.path] = self.blocked.get(source, 0)
        if row.kind != "activation":
            self.bare.add(row.path)
            self.takes_sum[row.path] = self.takes_sum.get(source, 0)
            self.takes_activation[row.path] = self.takes_activation.get(source, 0)

    def _moved(self, head: str) -> str:
        return "compute_bytes" if self.kind[head] in MULT_ADDS_OF else "memory_bytes"

    def _head(self, row: LayerCosts, counts: Counts) -> None:
        """Count a layer that heads a kernel, or joins the kernel before it."""
        joins: Number = 0
        if row.kind in CONVOLUTIONS:
            self._convolution(row, counts)
            self.bare.add(row.path)
        else:
            wanted = self._wants_blocks(row)
            joins = self._joins(row, wanted)
            self._lay(row, counts, wanted)
            if row.kind == "transposed conv":
                self.bare.add(row.path)
                counts["unfolded_elements"] = row.mult_adds * row.groups // row.input_shapes[0][0]
        if row.kind in MULT_ADDS_OF:
            counts["spilled_bytes"] = spilled_bytes(row)
        apart = row.path != row.kernel
        moved = row.input_bytes + row.output_bytes if apart else row.fused_traffic_bytes - row.weights_read
        counts["kernels"] = 1 - joins
        counts[self._moved(row.path)] = moved * (1 - joins)
        if row.op == "add":
            counts["compute_bytes"] = row.output_bytes * joins  # the other summand is read
            self.takes_activation[row.path] = joins
        if row.op == "batch_norm":
            self.takes_sum[row.path] = self.takes_activation[row.path] = self.blocked[row.path]

    def _joins(self, row: LayerCosts, blocked: Number) -> Number:
        """Say whether a sum or activation is computed within the kernel before it."""
        if row.op == "add":
            taken: Number = 0
            for name in row.inputs:
                taken = largest(taken, self.takes_sum.get(name, 0) * (self.wiring.uses[name] == 1))
            return blocked * taken
        if "blocks" in page(row.op).joins and not (row.op == "hardswish" and row.path in self.wiring.outputs):
            source = row.inputs[0]
            return self.takes_activation.get(source, 0) * (self.wiring.uses[source] == 1)
        return 0

    def _wants_blocks(self, row: LayerCosts) -> Number:
        """Say whether a layer that is no convolution wants its inputs in blocks, and leaves blocks behind."""
        way = page(row.op).blocks
        if any(len(shape) != PLANE for shape in row.input_shapes):
            return 0
        wanted: Number = 1
        if way != "always":
            for name in row.inputs:
                wanted = wanted * self.blocked.get(name, 0)
        if way == "any" or (is_plain(wanted) and not wanted):
            return wanted
        if way in ("always", "whole"):
            for shape in row.input_shapes:
                wanted = wanted * (shape[0] % self.lanes == 0)
            return wanted
        if way == "alike":
            for shape in row.input_shapes:
                for size, out_size in zip(shape, row.output_shape, strict=True):
                    wanted = wanted * equal(size, out_size)
            return wanted
        return 0

    def _convolution(self, row: LayerCosts, counts: Counts) -> None:
        in_channels, out_channels = row.input_shapes[0][0], row.output_shape[0]
        picture, fits = self._fits(row)
        windows = row.mult_adds * row.groups // out_channels  # input values, each as often as a window holds it
        read = windows + (1 - picture) * (windows // in_channels) * (self._whole(in_channels) - in_channels)
        if row.kind == "depthwise conv":
            counts["padding_mult_adds"] = fits * (read - windows)
        else:
            each = out_channels // row.groups
            padded, width = read * self._whole(each), BLOCKS_AT_ONCE * self.lanes
            counts["padding_mult_adds"] = fits * (padded - row.mult_adds)
            counts["idle_mult_adds"] = fits * (read * width * ceil_div(each, width) - padded)
        unfolds = windows > in_channels * (product(row.output_shape) // out_channels) * self.batch
        counts["unfolded_elements"] = (1 - fits) * unfolds * windows
        self._lay(row, counts, fits * (1 - picture))
        self.blocked[row.path] = self.takes_sum[row.path] = self.takes_activation[row.path] = fits

    def _whole(self, channels: Number) -> Number:
        return whole(channels, self.lanes)

    def _fits(self, row: LayerCosts) -> tuple[Number, Number]:
        """Say what `costmodel.pricing.lanes.fits` does; blocks hold (channels, height, width), and neither sequences
        nor volumes.
        """
        if len(row.output_shape) != PLANE:
            return 0, 0
        return fits(row.kind, row.input_shapes[0][0], row.output_shape[0], row.groups, self.lanes)

    def _lay(self, row: LayerCosts, counts: Counts, wanted: Number) -> None:
        """Turn the inputs of a layer to the layout it wants, and leave its result in the same."""
        turned: Number = 0
        for name, shape in zip(row.inputs, row.input_shapes, strict=True):
            turned = turned + self._turn(name, shape, wanted)
        counts["reordered_bytes"] = turned
        self.blocked[row.path] = wanted

    def _turn(self, name: str, shape: Shape, wanted: Number) -> Number:
        """Return the bytes read and written to have a map in the layout that is wanted, none if it is there already."""
        other = wanted != self.blocked.get(name, 0)
        if other is False:
            return 0
        before = self.turned.get(name, 0)
        missing = other * (1 - before)
        self.turned[name] = largest(before, missing)
        return 2 * missing * product(shape) * self.batch * self.itemsize
