"""The parts of ONNX's messages that are no nodes: arrays, types, pairs."""

from __future__ import annotations

from typing import Any

from costmodel.documents.files import let_go
from costmodel.onnx.model import STANDARD, Info, Size
from costmodel.onnx.stored import Stored, dtype_name
from costmodel.onnx.wire import BYTES, DamagedError, Data, Field, Wire, number, signed, text

MOST_AXES = 64
"""Axes that a file may give an array."""
DEEPEST = 33
"""Graphs that may stand in one another; protocol buffers end there too."""
SHORT = 256
"""Bytes up to which a message that is written once more is not read once more."""
COPIED = 2**16
"""Bytes up to which a message is copied out, because bytes are read faster than a view of them."""
KINDS = {
    1 << 3 | 2: "tensor",
    4 << 3 | 2: "sequence",
    5 << 3 | 2: "map",
    7 << 3 | 2: "opaque",
    8 << 3 | 2: "sparse_tensor",
    9 << 3 | 2: "optional",
}
"""The keys of the kinds of types."""


class TooLargeError(Exception):
    """The file has more than is read; the text says of what."""


class Parts(Wire):
    """Reads the parts. A field that is written as another type than its own is unknown, and passed by."""

    def __init__(self) -> None:
        super().__init__()
        self.types: dict[bytes, Info] = {}

    def tensor(self, data: Data, at: int, end: int) -> Stored:
        if end - at <= COPIED:
            data, at, end = bytes(data[at:end]), 0, end - at
        stored = Stored("", (), "?", data=data)
        shape: list[int] = []
        parts: list[Field] = []
        for field in self.fields(data, at, end):
            key, start, stop = field
            if key == 1 << 3:
                shape.append(signed(start))
            elif key == 1 << 3 | BYTES:
                shape += self.numbers(data, start, stop)
            elif key == 2 << 3:
                stored.dtype = dtype_name(start)
            elif key == 8 << 3 | BYTES:
                stored.name = text(data, start, stop)
            elif key == 13 << 3 | BYTES:
                stored.external = dict([*stored.external.items(), self.pair(data, start, stop)])
            elif key == 14 << 3:
                stored.is_external = start == 1
            elif key >> 3 in (4, 5, 7, 9, 10, 11):
                parts.append(field)
            elif key == 3 << 3 | BYTES:  # a part of an array, which nobody writes and ONNX does not read
                raise DamagedError
        let_go(data, end)
        stored.shape, stored.parts = _axes(shape), parts
        return stored

    def sparse(self, data: Data, at: int, end: int) -> Stored:
        """Return what a sparse array is called, and the shape and type of the dense one."""
        shape: list[int] = []
        values = []
        for key, start, stop in self.fields(data, at, end):
            if key == 1 << 3 | BYTES:
                values.append(self.tensor(data, start, stop))
            elif key == 3 << 3:
                shape.append(signed(start))
            elif key == 3 << 3 | BYTES:
                shape += self.numbers(data, start, stop)
        held = only(values) or Stored("", (), "?")
        return Stored(held.name, _axes(shape), held.dtype, is_external=held.is_external)

    def info(self, data: Data, at: int, end: int) -> Info:
        info = Info("")
        for key, start, stop in self.fields(data, at, end):
            if key == 1 << 3 | BYTES:
                info.name = text(data, start, stop)
            elif key == 2 << 3 | BYTES:
                known = self.type(data, start, stop)
                info.dtype, info.shape, info.kind = known.dtype, known.shape, known.kind
        return info

    def type(self, data: Data, at: int, end: int) -> Info:
        """Return a type, without a name. Most are written many times over."""
        if end - at > SHORT:
            return self.type_read(data, at, end)
        raw = bytes(data[at:end])
        if raw not in self.types:
            self.types[raw] = self.type_read(raw, 0, len(raw))
        return self.types[raw]

    def type_read(self, data: Data, at: int, end: int) -> Info:
        """Return the outermost kind of a type, with the type and shape of what is in it."""
        info, outer = Info(""), ""
        for _ in range(DEEPEST):
            kinds = [(KINDS[key], start, stop) for key, start, stop in self.fields(data, at, end) if key in KINDS]
            if not kinds:
                break
            kind, start, stop = kinds[-1]
            outer = outer or kind
            if kind in ("tensor", "sparse_tensor"):
                self.tensor_type(data, start, stop, info)
            inner = [(a, b) for key, a, b in self.fields(data, start, stop) if key == 1 << 3 | BYTES]
            if kind not in ("sequence", "optional") or not inner:
                break
            at, end = inner[-1]
        else:
            raise DamagedError
        info.kind = outer
        return info

    def tensor_type(self, data: Data, at: int, end: int, info: Info) -> None:
        for key, start, stop in self.fields(data, at, end):
            if key == 1 << 3:
                info.dtype = dtype_name(start) if start else None
            elif key == 2 << 3 | BYTES:
                sizes = [(a, b) for inner, a, b in self.fields(data, start, stop) if inner == 1 << 3 | BYTES]
                info.shape = tuple(self.size(data, a, b) for a, b in sizes)

    def size(self, data: Data, at: int, end: int) -> Size:
        """Return one size: a number, the name of one that is open, or None."""
        size: Size = None
        for key, start, stop in self.fields(data, at, end):
            if key == 1 << 3:
                size = signed(start) if signed(start) >= 0 else None
            elif key == 2 << 3 | BYTES:
                size = text(data, start, stop) or None
        return size

    def opset(self, data: Data, at: int, end: int) -> tuple[str, int]:
        domain, version = "", 0
        for key, start, stop in self.fields(data, at, end):
            if key == 1 << 3 | BYTES:
                domain = domain_of(text(data, start, stop))
            elif key == 2 << 3:
                version = signed(start)
        return domain, version

    def pair(self, data: Data, at: int, end: int) -> tuple[str, str]:
        """Return a key and its value. Nearly all are written the key first, its length in one byte: read at once."""
        raw = bytes(data[at:end])
        behind = raw[1] + 2 if raw[:1] == b"\n" and len(raw) > 1 and raw[1] < 128 else len(raw)
        if raw[behind : behind + 1] == b"\x12" and behind + 1 < len(raw):
            length, start = number(raw + b"\0", behind + 1)
            if start + length == len(raw):
                return text(raw, 2, behind), text(raw, start, len(raw))
        pair = ["", ""]
        for key, start, stop in self.fields(raw, 0, len(raw)):
            if key in (1 << 3 | BYTES, 2 << 3 | BYTES):
                pair[(key >> 3) - 1] = text(raw, start, stop)
        return pair[0], pair[1]


def only(found: list[Any]) -> Any:
    """Return the only one of what may be there once; None if it is not there.

    Raises:
        DamagedError: if it is there more often: protocol buffers would make one of the parts, which nobody writes.
    """
    if len(found) > 1:
        raise DamagedError
    return found[0] if found else None


def domain_of(name: str) -> str:
    """Return a domain's name; ONNX's own vocabulary has two names."""
    return "" if name in STANDARD else name


def _axes(shape: list[int]) -> tuple[int, ...]:
    if len(shape) > MOST_AXES:
        raise TooLargeError(f"one of its arrays has {len(shape):,} axes; at most {MOST_AXES} are read")
    return tuple(shape)
