"""What costmodel says of ONNX files beside a second count that shares no code with it: a row for each file.

    python benchmarks/onnx_files.py FILE_OR_FOLDER...

A file is `equal` (mult-adds of both agree), `partial` (something is not priced), `refused`, `different`, or
`uncounted` (the second count lacks a shape).
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
from onnx_counter import UnknownShapeError, counted

import costmodel as cm
from costmodel.graph import LayerGraph


def files(places: Sequence[str]) -> Iterator[Path]:
    """Yield the ONNX files at places, those within folders too."""
    for place in map(Path, places):
        yield from sorted(place.rglob("*.onnx")) if place.is_dir() else [place]


def inputs_of(graph: LayerGraph) -> dict[str, tuple[int, ...]]:
    """Return the shapes that a network was read at, with the batch."""
    return {
        name: ((graph.batch, *tensor.shape) if tensor.batched and not graph.whole else tensor.shape)
        for name, tensor in graph.inputs.items()
    }


def compared(path: Path) -> tuple[str, str]:
    """Return how a file stands, and the figures or the reason."""
    try:
        graph = cm.load(str(path))
        totals = cm.price(graph).totals
    except cm.CostModelError as error:
        return "refused", str(error).replace("\n", " ")[-200:]
    said = f"{totals.mult_adds:,} mult-adds, {totals.params:,} params, {len(graph):,} layers"
    if graph.unpriced:
        kinds = Counter(what for what, _ in graph.unpriced.values())
        why = next(iter(graph.unpriced.values()))[1]
        return "partial", f"{said}; {dict(kinds.most_common(4))}: {why}"
    try:
        other = counted(onnx.load(str(path), load_external_data=False), inputs_of(graph))
    except UnknownShapeError as error:
        return "uncounted", f"{said}; {error}"
    if other["mult_adds"] != totals.mult_adds:
        return "different", f"{said}; the other count is {other['mult_adds']:,} and {other['folded']:,} folded"
    return "equal", said + ("" if other["stored"] == totals.params else f"; stored {other['stored']:,}")


def main(places: Sequence[str]) -> None:
    """Print the table and its sums."""
    found: Counter[str] = Counter()
    for path in files(places):
        began = time.process_time()
        try:
            status, said = compared(path)
        except Exception as error:  # a traceback is a finding
            status, said = "CRASHED", f"{type(error).__name__}: {error}"[:200]
        found[status] += 1
        print(f"{status:<10} {path.name[:48]:<48} {time.process_time() - began:6.2f} s  {said}", flush=True)
    print(dict(found))


if __name__ == "__main__":
    main(sys.argv[1:])
