"""The types that an operator's fields may have, and what a spec may write for each.

Annotations name these types; the spec reader looks them up here to turn what a person wrote into a value, and the JSON
schema for editors is made from the same entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

from costmodel.numbers.arithmetic import Number

if TYPE_CHECKING:
    from costmodel.ops.base import Operator

Size: TypeAlias = Number
"""A positive whole number."""
Count: TypeAlias = Number
"""A whole number, zero or more."""
Pair: TypeAlias = "Number | tuple[Number, Number]"
"""One positive whole number for height and width, or [height, width]."""
Padding: TypeAlias = "Number | str | tuple[Number, ...]"
"""'same', 'valid', one number, [height, width], or [top, left, bottom, right]."""
CountPair: TypeAlias = "Number | tuple[Number, Number]"
"""One whole number for height and width, or [height, width]; zeros allowed."""
Real: TypeAlias = float
"""Any number."""

Read: TypeAlias = Callable[[Any], Number]


class Unfit(ValueError):  # noqa: N818 - said of a value, not of a program
    """What was written cannot be a value of the field's type; the text says what the field takes."""


@dataclass(frozen=True)
class FieldType:
    """How one type of field is read and described.

    `words` are texts taken literally; `lengths` the list lengths allowed; `least` the smallest number; `whole` whether
    it must be whole.
    """

    says: str
    words: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    least: int | None = None
    whole: bool = True

    def read(self, written: Any, number: Callable[[Any, FieldType], Number]) -> Any:
        """Return the value of what was `written`; `number` evaluates a single number or expression."""
        if isinstance(written, str) and written in self.words:
            return written
        if isinstance(written, list):
            if len(written) not in self.lengths:
                raise Unfit(self.says)
            return tuple(number(item, self) for item in written)
        return number(written, self)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of what may be written."""
        kind = "boolean" if self is FIELD_TYPES["bool"] else "integer" if self.whole else "number"
        single: dict[str, Any] = {"type": kind}
        if self.least is not None:
            single["minimum"] = self.least
        one: list[dict[str, Any]] = [single, {"type": "string", "description": "arithmetic over the names in scope"}]
        if self.words:
            one.insert(0, {"enum": list(self.words)})
        many = [
            {"type": "array", "items": {"anyOf": [single, {"type": "string"}]}, "minItems": n, "maxItems": n}
            for n in self.lengths
        ]
        return {"anyOf": one + many, "description": self.says}


FIELD_TYPES: dict[str, FieldType] = {
    "Size": FieldType("a whole number of at least 1", least=1),
    "Count": FieldType("a whole number of at least 0", least=0),
    "Pair": FieldType("a whole number of at least 1, or [height, width]", lengths=(2,), least=1),
    "CountPair": FieldType("a whole number of at least 0, or [height, width]", lengths=(2,), least=0),
    "Padding": FieldType(
        "'same', 'valid', a whole number of at least 0, [height, width] or [top, left, bottom, right]",
        words=("same", "valid"),
        lengths=(2, 4),
        least=0,
    ),
    "Real": FieldType("a number", whole=False),
    "bool": FieldType("true or false"),
}


def declared(operator: type[Operator]) -> dict[str, tuple[FieldType, Any]]:
    """Return an operator's fields by name, each with its type and its default (`REQUIRED` where it has none)."""
    return {entry.name: (FIELD_TYPES[str(entry.type)], _default(entry)) for entry in fields(operator)}  # type: ignore[arg-type]


REQUIRED = object()


def _default(entry: Field[Any]) -> Any:
    return REQUIRED if entry.default is MISSING else entry.default
