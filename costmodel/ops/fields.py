"""The types that an operator's fields may have, and what a spec may write for each.

Annotations name these types; the spec reader looks them up here to turn what a person wrote into a value, and the JSON
schema for editors is made from the same entries. `X | None` is a field that may be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from costmodel.numbers.arithmetic import Number

if TYPE_CHECKING:
    from costmodel.ops.base import Operator

Size: TypeAlias = Number
"""A positive whole number."""
Count: TypeAlias = Number
"""A whole number, zero or more."""
Whole: TypeAlias = Number
"""A whole number; negative ones count from the end."""
Axis: TypeAlias = Number
"""An axis of one image's tensor, 0 the first, -1 the last."""
Axes: TypeAlias = "Number | tuple[Number, ...]"
"""One axis, or a list of them."""
Sizes: TypeAlias = "tuple[Number, ...]"
"""A list of positive whole numbers."""
Wholes: TypeAlias = "Number | tuple[Number, ...]"
"""One whole number, or a list of them; negative ones count from the end."""
Window: TypeAlias = "Number | tuple[Number, ...]"
"""One positive whole number for every axis of space, or a list with one for each."""
CountWindow: TypeAlias = "Number | tuple[Number, ...]"
"""One whole number for every axis of space, or a list with one for each; zeros allowed."""
Padding: TypeAlias = "Number | str | tuple[Number, ...]"
"""'same', 'valid', one number, one for each axis of space, or those before each axis and then those after each."""
Factors: TypeAlias = "Number | tuple[Number, ...]"
"""One number for every axis of space, or a list with one for each; need not be whole."""
Real: TypeAlias = float
"""Any number."""
Pattern: TypeAlias = str
"""A text that is read by the operator itself, as einops or einsum write it."""
SizesByName: TypeAlias = "tuple[tuple[str, Number], ...]"
"""Sizes by the names that a pattern gives them."""
Interpolation: TypeAlias = str
PadMode: TypeAlias = str
Comparison: TypeAlias = str
Gelus: TypeAlias = str
Copied: TypeAlias = str
"""Which of two factors are copied."""
Kernel: TypeAlias = str
"""How many kernels of PyTorch's compute an operator while it trains."""
Nonlinearity: TypeAlias = str
Kind: TypeAlias = str
"""A kind of number: real ones, whole ones, true and false."""
Reduction: TypeAlias = str
Neighbours: TypeAlias = str

Read: TypeAlias = Callable[[Any], Number]
MOST_AXES = 8
"""No tensor has more; a longer list is a slip."""
MOST_CHARACTERS = 300
"""Of a pattern, as of arithmetic; a longer one is a slip, and would be read and quoted at length."""
MOST_NAMES = 64
"""Sizes that a pattern's names are given."""


class UnfitError(ValueError):
    """What was written cannot be a value of the field's type; the text says what the field takes."""


@dataclass(frozen=True, eq=False)  # each is one entry of the list below
class FieldType:
    """How one type of field is read and described.

    `words` are texts taken literally; `lengths` the list lengths allowed; `least` the smallest number; `whole` whether
    it must be whole; `number` whether a single number may stand there; `text` whether any text may, taken as it is;
    `names` whether it is a map from names to numbers.
    """

    says: str
    words: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    least: int | None = None
    whole: bool = True
    number: bool = True
    text: bool = False
    names: bool = False

    def read(self, written: Any, number: Callable[[Any, FieldType], Number]) -> Any:
        """Return the value of what was `written`; `number` evaluates a single number or expression.

        Raises:
            UnfitError: if it cannot be one.
        """
        if isinstance(written, str) and (self.text or written in self.words):
            if len(written) > MOST_CHARACTERS:
                raise UnfitError(f"{self.says} of at most {MOST_CHARACTERS} characters")
            return written
        if self.names and isinstance(written, dict):
            if len(written) > MOST_NAMES:
                raise UnfitError(f"{self.says}, at most {MOST_NAMES} of them")
            return tuple((name, number(value, self)) for name, value in written.items())
        if isinstance(written, list) and self.lengths:
            if len(written) not in self.lengths:
                raise UnfitError(self.says)
            return tuple(number(item, self) for item in written)
        if not self.number or isinstance(written, (list, dict)):
            raise UnfitError(self.says)
        return number(written, self)

    @property
    def sample(self) -> Any:
        """What may be written, as an example."""
        if self.words:
            return self.words[0]
        if self.names:
            return {"a": 8}
        if self is FIELD_TYPES["bool"]:
            return True
        if not self.number:
            return [8, 8]
        return (3 if self.lengths else 8) if self.least is not None else -1 if self.whole else 0.5

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of what may be written."""
        kind = "boolean" if self is FIELD_TYPES["bool"] else "integer" if self.whole else "number"
        single: dict[str, Any] = {"type": kind}
        if self.least is not None:
            single["minimum"] = self.least
        expression = {"type": "string", "description": "arithmetic over the names in scope"}
        ways: list[dict[str, Any]] = [{"enum": list(self.words)}] if self.words else []
        if self.words and not self.number:
            ways.append({"type": "string", "description": "a name that holds one of them"})
        if self.text:
            ways.append({"type": "string"})
        if self.names:
            ways.append({"type": "object", "additionalProperties": {"anyOf": [single, expression]}})
        if self.number:
            ways += [single, expression]
        ways += [
            {"type": "array", "items": {"anyOf": [single, {"type": "string"}]}, "minItems": least, "maxItems": most}
            for least, most in self._runs()
        ]
        return {"anyOf": ways, "description": self.says}

    def _runs(self) -> list[tuple[int, int]]:
        """Return the lengths that a list may have, as the first and last of each run without a gap."""
        starts = [n for n in self.lengths if n - 1 not in self.lengths]
        return list(zip(starts, [n for n in self.lengths if n + 1 not in self.lengths], strict=True))


_ANY_LENGTH = tuple(range(1, MOST_AXES + 1))


def _one_of(*words: str) -> FieldType:
    return FieldType(f"one of {', '.join(words)}", words=words, number=False)


FIELD_TYPES: dict[str, FieldType] = {
    "Size": FieldType("a whole number of at least 1", least=1),
    "Count": FieldType("a whole number of at least 0", least=0),
    "Whole": FieldType("a whole number, negative from the end"),
    "Axis": FieldType("an axis: 0 the first of one image, -1 the last"),
    "Axes": FieldType("an axis (0 the first of one image, -1 the last), or a list of them", lengths=_ANY_LENGTH),
    "Sizes": FieldType("a list of whole numbers of at least 1", lengths=_ANY_LENGTH, least=1, number=False),
    "Wholes": FieldType("a whole number (negative from the end), or a list of them", lengths=_ANY_LENGTH),
    "Window": FieldType(
        "a whole number of at least 1, or a list with one for each axis of space", lengths=(1, 2, 3), least=1
    ),
    "CountWindow": FieldType(
        "a whole number of at least 0, or a list with one for each axis of space", lengths=(1, 2, 3), least=0
    ),
    "Padding": FieldType(
        "'same', 'valid', a whole number of at least 0, [height, width] or [top, left, bottom, right] (as many as "
        "there are axes of space)",
        words=("same", "valid"),
        lengths=(1, 2, 3, 4, 6),
        least=0,
    ),
    "Factors": FieldType("a number, or a list with one for each axis of space", lengths=(1, 2, 3), whole=False),
    "Real": FieldType("a number", whole=False),
    "bool": FieldType("true or false"),
    "Pattern": FieldType("a text in quotes", text=True, number=False),
    "SizesByName": FieldType("a map of names to whole numbers of at least 1", least=1, number=False, names=True),
    "Interpolation": _one_of("nearest", "linear", "bilinear", "trilinear", "bicubic"),
    "PadMode": _one_of("constant", "reflect", "edge"),
    "Comparison": _one_of("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    "Gelus": _one_of("none", "tanh"),
    "Copied": _one_of("auto", "neither", "first", "second", "both"),
    "Kernel": _one_of("auto", "whole", "pieces"),
    "Nonlinearity": _one_of("tanh", "relu"),
    "Kind": _one_of("float", "int64", "int32", "bool"),
    "Reduction": _one_of("none", "add", "multiply", "minimum", "maximum"),
    "Neighbours": _one_of("nearest", "bilinear"),
}


def declared(operator: type[Operator]) -> Mapping[str, tuple[FieldType, Any]]:
    """Return an operator's fields by name, each with its type and its default (`REQUIRED` where it has none)."""
    kind: Any = operator  # mypy takes the hash of a class for that of its instances
    return _declared(kind)


@cache
def _declared(operator: Any) -> dict[str, tuple[FieldType, Any]]:
    return {entry.name: (_type_of(str(entry.type)), _default(entry)) for entry in fields(operator)}


def _type_of(annotation: str) -> FieldType:
    return FIELD_TYPES[annotation.removesuffix(" | None")]


REQUIRED = object()


def _default(entry: Field[Any]) -> Any:
    return REQUIRED if entry.default is MISSING else entry.default
