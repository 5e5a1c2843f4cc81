"""`Spec`: what a person wrote, parameters still symbolic. It knows no shapes."""

from __future__ import annotations

from collections.abc import Mapping
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

from costmodel.errors import CostModelError, known_or_suggest, suggest
from costmodel.spec.faults import Fault, complain
from costmodel.spec.text import KeyPath, Places, parse

Scalar: TypeAlias = StrictBool | StrictInt | StrictFloat | StrictStr
Arithmetic: TypeAlias = StrictInt | StrictStr
Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class LayerSpec(_Part):
    """One line of a table: an operator or block with its fields, and how it is wired. Fields stay as written until the graph is built."""

    model_config = ConfigDict(extra="allow")

    op: StrictStr = Field(description="an operator, a block of this file, or a parameter that holds such a name")
    from_: StrictStr | list[StrictStr] | None = Field(
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
            raise CostModelError(f"{self.name} has no variant {variant!r}; {known_or_suggest(variant, self.variants)}")
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
        changed = {name: value for name, value in values.items() if self._differs(name, value)}
        if not changed:
            return self
        spec = self._copy(parameters=self.parameters | changed, expect=Expect(), reported={})
        spec._changed = self._changed | changed
        return spec

    def _differs(self, name: str, value: Any) -> bool:
        """Say whether `value` is new for the parameter `name`, refusing what cannot be one."""
        if name not in self.parameters:
            raise CostModelError(f"{self.name} has no parameter {name!r}; {known_or_suggest(name, self.parameters)}")
        now = self.parameters[name]
        if isinstance(now, str) != isinstance(value, str):
            wanted = (
                f"the name of an operator or block, like {now!r}" if isinstance(now, str) else f"a number, like {now}"
            )
            raise CostModelError(f"{name} of {self.name} takes {wanted}, not {value!r}")
        return not (isinstance(value, (bool, int, float, str)) and type(value) is type(now) and value == now)

    def _copy(self, **update: Any) -> Spec:
        spec = self.model_copy(update=update)
        spec._file, spec._text, spec._changed = self._file, self._text, dict(self._changed)
        return spec


def read_spec(text: str, file: str) -> Spec:
    """Return the spec that a YAML text holds. Names and fields are not checked here: see `check`.

    Raises:
        SpecError: with everything that is wrong with the document's form.
    """
    data = parse(text, file)
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise complain(file, text, [Fault((), f"a spec is a map with name, title, input and layers; this is {found}")])
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        places = Places()
        parse(text, file, places)
        raise complain(file, text, [_fault(entry, data, places) for entry in error.errors()]) from None
    spec._file, spec._text = file, text
    return spec


def _fault(entry: Mapping[str, Any], data: Any, places: Places) -> Fault:
    """Turn one complaint of the validator's into one of ours."""
    path = _document_path(entry["loc"], places)
    name = str(entry["loc"][-1])
    kind = entry["type"]
    if kind == "missing":
        return Fault(path, f"{name!r} is missing{_inside(path)}", on_key=True)
    if kind == "extra_forbidden":
        known = _known_keys(path)
        return Fault(path, f"unknown key {name!r}", suggest(name, known) or f"known: {', '.join(known)}", on_key=True)
    if kind == "string_pattern_mismatch":
        return Fault(
            path,
            f"{path[-1]!r} is no name",
            "names are letters, digits and _, and do not start with a digit",
            on_key=path != ("name",),
        )
    return Fault(path, f"{'.'.join(map(str, path))}: {entry['msg'][0].lower()}{entry['msg'][1:]}")


def _document_path(location: tuple[str | int, ...], places: Places) -> KeyPath:
    """Keep those steps of a validator's location that are keys of the document (it adds names of types)."""
    path: KeyPath = ()
    for step in location:
        if (
            (*path, step) in places.values
            or step == location[-1]
            and step not in ("[key]", "int", "str", "bool", "float")
        ):
            path = (*path, step)
    return path


def _inside(path: KeyPath) -> str:
    return f" in {'.'.join(map(str, path[:-1]))}" if len(path) > 1 else ""


def _known_keys(path: KeyPath) -> list[str]:
    """Return the keys that may stand where the unknown key `path` stands."""
    if len(path) == 1:
        return list(Spec.model_fields)
    model: type[BaseModel] = {"blocks": BlockSpec, "variants": Variant, "expect": Expect}.get(str(path[0]), Spec)
    if path[0] == "variants" and len(path) > 3:
        model = Expect
    return list(model.model_fields)
