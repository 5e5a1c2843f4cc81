"""`Spec`: what a person wrote, parameters still symbolic. It knows no shapes."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from costmodel.documents.expressions import BadArithmetic, bounded
from costmodel.documents.faults import Fault, complain
from costmodel.documents.text import KeyPath, parse
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.numbers.arithmetic import is_array, is_symbol
from costmodel.ops import OPERATORS
from costmodel.spec import form
from costmodel.spec.form import MAX_READ

WORDS = ("same", "valid")
"""Texts that a parameter or an argument may hold besides names of operators and blocks."""

Scalar: TypeAlias = StrictBool | StrictInt | StrictFloat | StrictStr
Arithmetic: TypeAlias = StrictInt | StrictStr
Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)  # one validator is built, of the whole


class LayerSpec(_Part):
    """One line of a table: an operator or block with its fields, and how it is wired.

    Fields stay as written until the graph is built.
    """

    model_config = ConfigDict(extra="allow")

    op: StrictStr = Field(description="an operator, a block of this file, or a parameter that holds such a name")
    from_: StrictStr | Annotated[list[StrictStr], Field(min_length=1, max_length=MAX_READ)] | None = Field(
        None, alias="from", description="the layers it reads; the one above by default"
    )
    repeat: Arithmetic | None = Field(None, description="chain so many copies; 0 leaves the layer out")
    first: dict[str, Any] = Field({}, description="fields, or op, of the first copy only")
    output: StrictBool = Field(False, description="a further output of the network")

    @property
    def fields(self) -> dict[str, Any]:
        """The operator's fields or the block's arguments, as written."""
        return self.model_extra or {}

    @property
    def reads(self) -> tuple[str, ...] | None:
        """The names after `from`, or None where it reads the layer above."""
        if self.from_ is None:
            return None
        return (self.from_,) if isinstance(self.from_, str) else tuple(self.from_)


class BlockSpec(_Part):
    """A small named piece of network with its arguments."""

    takes: dict[Name, Any] = Field({}, description="its arguments: 'required', or a default")
    layers: Annotated[dict[Name, LayerSpec], Field(min_length=1)]


class Expect(_Part):
    """Exact figures at the defaults, which `costmodel check` holds."""

    params: StrictInt | None = None
    mult_adds: StrictInt | None = None


class Variant(_Part):
    """A named set of parameters."""

    title: StrictStr = ""
    source: StrictStr = ""
    year: StrictInt | None = None
    parameters: dict[Name, Scalar] = {}
    expect: Expect = Expect()
    reported: dict[str, Any] = {}


class Spec(_Part):
    """An architecture family as its file says it, with one variant chosen and some parameters set."""

    name: Name
    title: StrictStr
    source: StrictStr = ""
    year: StrictInt | None = None
    parameters: dict[Name, Scalar] = {}
    input: Annotated[list[Arithmetic], Field(min_length=1, max_length=3)]
    blocks: dict[Name, BlockSpec] = {}
    layers: Annotated[dict[Name, LayerSpec], Field(min_length=1)]
    expect: Expect = Expect()
    reported: dict[str, Any] = Field({}, description="measured by people; shown beside, never computed")
    variants: dict[Name, Variant] = {}

    _file: str = PrivateAttr("")
    _text: str = PrivateAttr("")
    _changed: dict[str, Any] = PrivateAttr({})

    @property
    def file(self) -> str:
        """The file that it was read from, as the person named it."""
        return self._file

    @property
    def text(self) -> str:
        """The text of the file."""
        return self._text

    @property
    def changed(self) -> dict[str, Any]:
        """The parameters that were set away from the variant's own, with their values."""
        return dict(self._changed)

    def choose(self, variant: str) -> Spec:
        """Return the spec with the parameters, title, figures and reports of one of its variants.

        Raises:
            CostModelError: if there is no such variant.
        """
        if variant not in self.variants:
            hint = known_or_suggest(variant, self.variants) or "it has none"
            raise CostModelError(f"{self.name} has no variant {quote(variant)}; {hint}")
        chosen = self.variants[variant]
        return self._copy(
            name=variant,
            title=chosen.title or f"{self.title} ({variant})",
            source=chosen.source or self.source,
            year=chosen.year or self.year,
            parameters=self.parameters | chosen.parameters,
            expect=chosen.expect,
            reported=chosen.reported,
        )

    def set(self, **values: Any) -> Spec:
        """Return the spec with parameters set to numbers, names, NumPy arrays (many networks at once) or SymPy symbols.

        What was expected or reported of the variant no longer holds then, and is dropped.

        Raises:
            CostModelError: if a parameter is unknown, or a value is not of its kind.
        """
        given = {name: self._accept(name, value) for name, value in values.items()}
        changed = {name: value for name, value in given.items() if _differ(value, self.parameters[name])}
        if not changed:
            return self
        spec = self._copy(parameters=self.parameters | changed, expect=Expect(), reported={})
        spec._changed = self._changed | changed
        return spec

    def _accept(self, name: str, value: Any) -> Any:
        """Return `value` as a value of the parameter `name`, refusing what cannot be one."""
        if name not in self.parameters:
            hint = known_or_suggest(name, self.parameters) or "it has none"
            raise CostModelError(f"{self.name} has no parameter {quote(name)}; {hint}")
        now = self.parameters[name]
        if isinstance(now, str):
            if not isinstance(value, str):
                wanted = f"the name of an operator or block, like {now!r}"
                raise CostModelError(f"{name} of {self.name} takes {wanted}, not {quote(value)}")
            if not self.holds_name(value):
                hint = known_or_suggest(value, [*OPERATORS, *self.blocks])
                raise CostModelError(f"{name} of {self.name}: no operator or block {quote(value)}; {hint}")
            return value
        number = value.item() if getattr(value, "shape", None) == () else value  # a NumPy scalar
        many = is_symbol(number) or (is_array(number) and number.dtype.kind in "iuf")
        if not (many or isinstance(number, (bool, int, float))):
            hint = "; for many values at once, a NumPy array" if isinstance(value, (list, tuple)) else ""
            raise CostModelError(f"{name} of {self.name} takes a number, like {now}, not {quote(value)}{hint}")
        try:
            return bounded(number, f"{name} of {self.name}")
        except BadArithmetic as error:
            raise CostModelError(str(error)) from None

    def holds_name(self, text: str) -> bool:
        """Say whether a text names an operator or a block, or is one of the `WORDS`."""
        return text in OPERATORS or text in self.blocks or text in WORDS

    def _copy(self, **update: Any) -> Spec:
        spec = self.model_copy(update=update)
        spec._file, spec._text, spec._changed = self._file, self._text, dict(self._changed)
        return spec


def _differ(value: Any, now: Any) -> bool:
    """Say whether a parameter's value is another one than now; an array or a symbol always is."""
    return not (isinstance(value, (bool, int, float, str)) and type(value) is type(now) and value == now)


def read_spec(text: str, file: str) -> Spec:
    """Return the spec that a YAML text holds. Names and fields are not checked here: see `check`.

    Raises:
        SpecError: with everything that is wrong with the document's form.
    """
    data = parse(text, file)
    if not isinstance(data, dict):
        message = f"a spec is a map with name, title, input and layers, but this file holds {form.shown(data)}"
        raise complain(file, text, [Fault((), message)])
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        raise complain(file, text, form.faults(error, data, _known)) from None
    spec._file, spec._text = file, text
    return spec


def _known(path: KeyPath) -> list[str]:
    """Return the keys that may stand where the unknown key that ends `path` stands."""
    model: type[_Part] = Spec
    if path[-2:-1] == ("expect",):
        model = Expect
    elif len(path) == 3:
        model = BlockSpec if path[0] == "blocks" else Variant
    return list(model.model_fields)
