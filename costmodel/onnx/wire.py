"""Protocol buffers as they lie in a file: the fields of a message, and what stands in them.

Nothing is copied but what is asked for, so the weights of a file cost nothing. Every loop and list is bounded by the
file's own bytes, and by `MOST_FIELDS`.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

from costmodel.documents.files import let_go

MOST_FIELDS = 20_000_000
"""Fields that are read of one file, in all its messages; 100,000 nodes with all that exporters write are 5 million."""
LONG = 2**16
"""Bytes of a field behind which what was looked at before is not kept in memory."""
LONGEST_NUMBER = 10
"""Bytes that one number of 64 bits takes at most."""

Data: TypeAlias = bytes | memoryview
Field: TypeAlias = tuple[int, int, int]
"""A field's key (its number times 8, and the type that it is written as), and where its content begins and ends; for a
whole number the number itself, and 0.
"""

NUMBER, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5


class DamagedError(Exception):
    """The bytes are not what a message is made of."""


class TooManyFieldsError(Exception):
    """The bytes are more fields than are read."""


class Wire:
    """Reads the fields of messages, and counts them."""

    def __init__(self, most: int = MOST_FIELDS) -> None:
        self.left = most

    def fields(self, data: Data, at: int, end: int) -> list[Field]:
        """Return the fields of the message from `at` to `end`.

        Raises:
            DamagedError: if the bytes are no message.
            TooManyFieldsError: if the file's fields are more than are read.
        """
        found: list[Field] = []
        add = found.append
        try:
            for _ in range(self.left + 1):
                if at >= end:
                    break
                key = data[at]
                at += 1
                if key > 127:
                    key, at = number(data, at - 1)
                kind = key & 7
                if kind == BYTES:
                    size = data[at]
                    at += 1
                    if size > 127:
                        size, at = number(data, at - 1)
                        if size > LONG:
                            let_go(data, at)
                    start, at = at, at + size
                    add((key, start, at))
                elif kind == NUMBER:
                    value = data[at]
                    at += 1
                    if value > 127:
                        value, at = number(data, at - 1)
                    add((key, value, 0))
                elif kind in (FOUR_BYTES, EIGHT_BYTES):
                    start, at = at, at + (4 if kind == FOUR_BYTES else 8)
                    add((key, start, at))
                else:  # groups, which ONNX never had
                    raise DamagedError
                if key < 8 or key >> 32:
                    raise DamagedError
            else:
                raise TooManyFieldsError
        except IndexError:
            raise DamagedError from None
        if at != end:
            raise DamagedError
        self.left -= len(found)
        return found

    def numbers(self, data: Data, at: int, end: int) -> list[int]:
        """Return the whole numbers of 64 bits that stand one after the other.

        Raises:
            DamagedError: if the last of them ends elsewhere.
            TooManyFieldsError: if they are more than are read.
        """
        self._count(end - at)
        found = []
        try:
            while at < end:
                value, at = number(data, at)
                found.append(signed(value))
        except IndexError:
            raise DamagedError from None
        if at != end:
            raise DamagedError
        return found

    def floats(self, data: Data, at: int, end: int) -> tuple[float, ...]:
        """Return the numbers of 32 bits that stand one after the other.

        Raises:
            DamagedError: if they are not whole.
            TooManyFieldsError: if they are more than are read.
        """
        if (end - at) % 4:
            raise DamagedError
        self._count((end - at) // 4)
        return struct.unpack(f"<{(end - at) // 4}f", data[at:end])

    def _count(self, fields: int) -> None:
        self.left -= fields
        if self.left < 0:
            raise TooManyFieldsError


def number(data: Data, at: int) -> tuple[int, int]:
    """Return the number of 64 bits that stands at a place, without sign, and the place behind it.

    Raises:
        DamagedError: if it is longer than such numbers are.
        IndexError: if the data end within it.
    """
    value = 0
    for shift in range(0, 7 * LONGEST_NUMBER, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise DamagedError


def signed(value: int) -> int:
    """Return a number of 64 bits with its sign."""
    return value - (1 << 64) if value >> 63 else value


def text(data: Data, start: int, end: int) -> str:
    """Return a text; bytes that are none in UTF-8 are written out, so that two names never become one."""
    return str(data[start:end], "utf-8", "backslashreplace")
