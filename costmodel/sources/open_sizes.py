"""An ONNX file as a network of parameters: the sizes that it leaves open. Each point is read anew at its sizes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from costmodel.documents.files import look_at
from costmodel.errors import CostModelError, UnfitError
from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import Number, show_shape
from costmodel.onnx.inline import inlined
from costmodel.onnx.messages import LARGEST_FILE, LIMIT, read_model
from costmodel.onnx.model import Model
from costmodel.onnx.read import at_best_sizes, inputs_of, own_dtype
from costmodel.onnx.sizes import RESOLUTION, Chosen, Sizes, asked, chosen
from costmodel.sources.parametric import BATCH

Stamp = tuple[int, int]
"""The bytes that a file has, and when it was last written, in nanoseconds."""


def open_sizes(file: str, sizes: Sizes) -> OpenSizes:
    """Return what an ONNX file leaves open, some of its sizes being set already.

    Raises:
        CostModelError: if it is no such file, or leaves nothing open.
    """
    path = os.path.abspath(file)
    found = OpenSizes(file, sizes, path, _stamp(path))
    if not found.parameters:
        shapes = ", ".join(f"{name} is {show_shape(shape)}" for name, shape in found.given.shapes.items())
        raise CostModelError(
            f"{file}: an ONNX file is a network of fixed sizes: it has no parameters to vary\n"
            f"  {shapes}; sizes that vary are such as its inputs have names for, as in Nx3xHxW, when it is exported"
        )
    return found


@dataclass(frozen=True)
class OpenSizes:
    """The open sizes of a file. It holds where the file lies and not what is in it, so that it is quickly sent to other
    processes, each of which scans the file once.
    """

    file: str
    """What complaints call it."""
    sizes: Sizes
    """Those that are set already."""
    path: str
    stamp: Stamp

    @property
    def name(self) -> str:
        """What complaints call it."""
        return self.file

    @property
    def title(self) -> str:
        """The name of the file."""
        return Path(self.file).name

    @property
    def model(self) -> Model:
        """What the file says, scanned once in each process."""
        return _scanned(self.file, self.path, self.stamp)

    @cached_property
    def given(self) -> Chosen:
        """The shapes of its inputs as they are now, and which of their sizes are open.

        Raises:
            CostModelError: if a size was set that it does not have.
        """
        return chosen(inputs_of(self.model.graph), self.sizes, self.file)

    @cached_property
    def dtype(self) -> str:
        """The dtype of most of its real numbers."""
        return own_dtype(inputs_of(self.model.graph), self.model.graph)

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """Its open sizes by name, and `resolution` where they are those of a picture."""
        return {**self.given.parameters, **({RESOLUTION: self.given.space[0]} if self.given.space else {})}

    @cached_property
    def shaping(self) -> frozenset[str]:
        """All of its sizes; the batch too, unless the first axis is the batch throughout."""
        return frozenset({*self.parameters} - {BATCH} | (set() if self._batched else {BATCH}))

    @property
    def _batched(self) -> bool:
        if self._named_otherwise:
            return False
        try:
            return not self._read({}).whole
        except CostModelError:  # it may be at other sizes
            return False

    @property
    def _named_otherwise(self) -> bool:
        """Whether the file calls a size `batch` that is not that of its first axis."""
        return BATCH in self.given.parameters and self.given.label != BATCH

    @property
    def identity(self) -> list[Any]:
        """The bytes of the file, as their digest, and the sizes that are set."""
        return [hashlib.sha256(look_at(Path(self.path), LARGEST_FILE, LIMIT)).hexdigest(), repr(self.sizes)]

    def check(self, name: str, value: Any) -> None:
        """Raise a CostModelError if a value is no size."""
        asked(self.file, self.sizes, {name: value})

    def at(self, values: Mapping[str, Any]) -> tuple[LayerGraph, Number | None]:
        """Return the network read at sizes, and the batch that it is priced at. Where the first axis is not the batch
        throughout, the batch is set as the size that it is, and the network read at that.

        Raises:
            UnfitError: if the network does not allow the sizes, or is not understood at them in full.
        """
        sizes = dict(values)
        batch = None if self._named_otherwise else sizes.pop(BATCH, None)
        label = self.given.label
        if batch is not None and label in sizes:
            raise CostModelError(f"{self.file}: {BATCH} and {label} are one size, its batch; set one of them")
        graph = self._read(sizes)
        if batch is not None and graph.whole and label:
            graph, batch = self._read({**sizes, label: batch}), None
        if graph.unpriced:
            path, (what, why) = next(iter(graph.unpriced.items()))
            more = f", and {len(graph.unpriced) - 1:,} more" if len(graph.unpriced) > 1 else ""
            raise UnfitError(f"{self.file}: {path} ({what}): {why}{more}", "priced in part only")
        return graph, batch

    def _read(self, values: Mapping[str, Any]) -> LayerGraph:
        model, inputs = self.model, inputs_of(self.model.graph)
        try:
            sizes = asked(self.file, self.sizes, values)
        except CostModelError as error:
            raise UnfitError(str(error)) from None
        chosen(inputs, sizes, self.file)  # what it complains of is the question, whatever the point
        try:
            return at_best_sizes(model, self.file, Path(self.file).stem, sizes)
        except CostModelError as error:
            raise UnfitError(str(error)) from None


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # who reads it says why
        return 0, 0
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=2)
def _scanned(file: str, path: str, stamp: Stamp) -> Model:
    """Return what a file says that had a stamp when it was opened."""
    model = read_model(Path(file if os.path.abspath(file) == path else path))
    if _stamp(path) != stamp:
        raise CostModelError(f"{file}: it has changed since it was opened, or is another one here; ask again")
    return inlined(model, file)
