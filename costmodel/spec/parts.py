"""What the keys of a spec's file may hold: declared once, validated by pydantic, or built as it stands where that was.

These are plain dataclasses, so that what is known to be valid needs no validator, which takes long to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeAlias,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from costmodel.ops.fields import MOST_AXES

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

MAX_NAME = 60
MAX_READ = 200
"""How many layers one layer may read."""


class Held:
    """What a value is held to besides its type, in the words of pydantic's schemas."""

    def __init__(self, **rules: Any) -> None:
        self._rules = rules

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Add the rules to the schema of the type."""
        return {**handler(kind), **self._rules}


class Keyed:
    """Says that pydantic is to see a part as its `keyed` gives it."""

    def __get_pydantic_core_schema__(self, kind: type[Part], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Put `keyed` before the schema of the part."""
        from pydantic_core.core_schema import no_info_before_validator_function

        return no_info_before_validator_function(kind.keyed, handler(kind))


_STRICT = Held(strict=True)  # true is no whole number, and a whole number is no text
Text: TypeAlias = Annotated[str, _STRICT]
Whole: TypeAlias = Annotated[int, _STRICT]
Truth: TypeAlias = Annotated[bool, _STRICT]
Scalar: TypeAlias = Truth | Whole | Annotated[float, _STRICT] | Text
Arithmetic: TypeAlias = Whole | Text
Name: TypeAlias = Annotated[str, Held(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=MAX_NAME)]
Sizes: TypeAlias = Annotated[list[Arithmetic], Held(min_length=1, max_length=MOST_AXES)]
SeveralRead: TypeAlias = Annotated[list[Text], Held(min_length=1, max_length=MAX_READ)]


def entry(default: Any, about: str = "", key: str = "") -> Any:
    """Declare an entry that may be left out: its default, what the schema says of it, its key where that is no name."""
    says = {"description": about} if about else {}
    if default == {}:
        return field(default_factory=dict, metadata={**says, "json_schema_extra": {"default": {}}})
    return field(default=default, metadata={**says, "alias": key} if key else says)


@dataclass(frozen=True)
class Part:
    """A part of a spec: a frozen dataclass whose fields are its keys, and which has no others."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    @classmethod
    def keyed(cls, data: Any) -> Any:
        """Return what was written with every entry under the key of a field."""
        return data


def keys(kind: type[Part]) -> dict[str, str]:
    """Return the keys of a part, with the attributes that hold them."""
    return {each.metadata.get("alias", each.name): each.name for each in fields(kind)}


@dataclass(frozen=True, kw_only=True)
class LayerSpec(Part):
    """One line of a table: an operator or block with its fields, and how it is wired.

    Fields stay as written until the graph is built.
    """

    op: Text = field(
        metadata={"description": "an operator, a block of this file, or a parameter that holds such a name"}
    )
    from_: Text | SeveralRead | None = entry(None, "the layers it reads; the one above by default", "from")
    repeat: Arithmetic | None = entry(None, "chain so many copies; 0 leaves the layer out")
    first: dict[str, Any] = entry({}, "fields, or op, of the first copy only")
    output: Truth = entry(False, "a further output of the network")
    shares: Text | None = entry(None, "the layer above whose weights it uses")
    trainable: Truth = entry(True, "whether its weights are trained")
    fields: dict[str, Any] = entry({}, "the operator's fields or the block's arguments, as written")

    @classmethod
    def keyed(cls, data: Any) -> Any:
        """Return a line with the operator's fields, which stand among its keys, in a map of their own."""
        if not isinstance(data, dict):
            return data
        wired = {key: value for key, value in data.items() if key in WIRING}
        return {**wired, "fields": {key: value for key, value in data.items() if key not in WIRING}}

    @cached_property
    def reads(self) -> tuple[str, ...] | None:
        """The names after `from`, or None where it reads the layer above."""
        if self.from_ is None:
            return None
        return (self.from_,) if isinstance(self.from_, str) else tuple(self.from_)

    def says(self, key: str) -> bool:
        """Say whether the line has a value of its own for a key."""
        name = WIRING.get(key)
        return key in self.fields or (name is not None and getattr(self, name) != getattr(_SHORTEST, name))


_SHORTEST = LayerSpec(op="")
WIRING = {key: name for key, name in keys(LayerSpec).items() if name != "fields"}
"""The keys of a line that are no fields of its operator, with the attributes that hold them."""


Layers: TypeAlias = Annotated[dict[Name, Annotated[LayerSpec, Keyed()]], Held(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class BlockSpec(Part):
    """A small named piece of network with its arguments."""

    takes: dict[Name, Any] = entry({}, "its arguments: 'required', or a default")
    layers: Layers


@dataclass(frozen=True, kw_only=True)
class Expect(Part):
    """Exact figures at the defaults, which `costmodel check` holds."""

    params: Whole | None = None
    mult_adds: Whole | None = None


@dataclass(frozen=True, kw_only=True)
class Variant(Part):
    """A named set of parameters."""

    title: Text = ""
    source: Text = ""
    year: Whole | None = None
    parameters: dict[Name, Scalar] = entry({})
    expect: Expect = Expect()
    reported: dict[str, Any] = entry({})


@dataclass(frozen=True, kw_only=True)
class InputSpec(Part):
    """One of several inputs: its sizes, and what it holds where that is not real numbers."""

    shape: Sizes
    dtype: Literal["index", "mask"] | None = entry(None, "indices or a mask instead of real numbers")


@dataclass(frozen=True, kw_only=True)
class Document(Part):
    """An architecture family as its file says it, with one variant chosen and some parameters set."""

    name: Name = field(metadata={"description": "what people type; the name of the file if left out"})
    title: Text = ""
    source: Text = ""
    year: Whole | None = None
    parameters: dict[Name, Scalar] = entry({})
    input: Sizes | None = entry(None, "the sizes of its one input: [channels, height, width] of an image")
    inputs: Annotated[dict[Name, Sizes | InputSpec], Held(min_length=1)] | None = entry(
        None, "instead of `input`: several inputs by name, or one of indices"
    )
    blocks: dict[Name, BlockSpec] = entry({})
    layers: Layers
    expect: Expect = Expect()
    reported: dict[str, Any] = entry({}, "measured by people; shown beside, never computed")
    variants: dict[Name, Variant] = entry({})


_P = TypeVar("_P", bound=Part)
_Make: TypeAlias = Callable[[Any], Any]


def built(kind: type[_P], data: Mapping[str, Any]) -> _P:
    """Return the part that data is which was validated before: parts within it are built, all else is as it stands.

    Of other data it makes nothing that holds: it raises whatever it comes upon.
    """
    makers = _makers(kind)  # type: ignore[arg-type]  # a class has a hash
    given: dict[str, Any] = {}
    for key, value in kind.keyed(data).items():
        name, make = makers[key]
        given[name] = value if make is None else make(value)
    return kind(**given)


@cache
def _makers(kind: type[Part]) -> dict[str, tuple[str, _Make | None]]:
    """Return for each key of a part the field that it fills, and what makes its value."""
    types = get_type_hints(kind)
    return {key: (name, _maker(types[name])) for key, name in keys(kind).items()}


def _maker(declared: Any) -> _Make | None:
    """Return what makes a value of a declared type from data, or None where the data is such a value."""
    if isinstance(declared, type) and issubclass(declared, Part):
        return lambda data: built(declared, data)
    inner = next(filter(None, map(_maker, get_args(declared))), None)
    if inner is None:
        return None
    if get_origin(declared) is dict:
        return lambda data: {name: inner(item) for name, item in data.items()}
    return lambda data: inner(data) if isinstance(data, dict) else data  # one of several types
