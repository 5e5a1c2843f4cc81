"""The sizes of an ONNX file's inputs: what the file says, what was asked for, and what is assumed and said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from costmodel.documents.safe_text import one_line
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.numbers.arithmetic import is_number, show_shape, whole
from costmodel.onnx.model import Info
from costmodel.reading.value import UnreadError, require_sizes

SPACE = 224
"""Height and width of a picture whose sizes are open."""
LENGTH = 128
"""Any other open size: tokens, frames, samples."""
CHANNELS = 3
SEVERAL = 3
"""The batch at which is looked whether the first axis is the batch; at 1 any axis of size 1 would do."""
RESOLUTION = "resolution"
"""What the height and width of pictures are called together."""


@dataclass(frozen=True)
class Sizes:
    """What was asked for: whole shapes of inputs by name, sizes by the names that the file has for them, the height and
    width of pictures, and the batch. What is not given is assumed.
    """

    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    names: Mapping[str, int] = field(default_factory=dict)
    space: tuple[int, int] | None = None
    batch: int | None = None
    assumed_space: int = SPACE
    assumed_length: int = LENGTH
    assumed_batch: int = 1


@dataclass
class Chosen:
    """The shapes of all inputs, the sizes by name, which were open, the batch and the inputs that have it first."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    assumed: dict[str, int] = field(default_factory=dict)
    """The open sizes that nobody asked for."""
    batch: int = 1
    own: bool = False
    """Whether the batch is that of the file, which fixes it."""
    carrying: list[str] = field(default_factory=list)
    label: str = ""
    """What the file calls the batch, where it leaves it open, fit to be shown."""
    name: str = ""
    """The same, as it stands there."""
    space: tuple[int, int] | None = None
    """The height and width of the first picture of which both are open, and not set by their own names."""

    pictures: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The axes of height and width of the inputs that have such."""

    def why_whole(self) -> str:
        """Say why no other batch can be asked for, where the first axis is not the batch throughout."""
        if self.label:
            return f"its first axis is not the batch throughout; --set {self.label}=N sets that size and reads it anew"
        if self.parameters:
            opened = ", ".join(self.parameters)
            name = next(iter(self.parameters))
            return (
                "the file fixes the first axis of its first input, which is not a batch throughout; it leaves open "
                f"{opened}, and --set {name}=N sets that size"
            )
        return "the file fixes its sizes, and its first axis is not a batch throughout"

    def batch_size(self) -> str:
        """Return the open size that a batch is where the first axis is not the batch throughout: one that the file
        calls so, else the first axis of the first input. "" where that is fixed, or was asked for.
        """
        called = [name for name in self.assumed if "batch" in name.lower()]
        return called[0] if len(called) == 1 else self.name if self.label in self.assumed else ""

    def notes(self, taken_off: bool) -> Iterator[str]:
        """Yield what a reader of the costs has to know of the sizes."""
        assumed = {name: size for name, size in self.assumed.items() if not (taken_off and name == self.label)}
        if assumed:
            said = ", ".join(f"{name} = {size}" for name, size in assumed.items())
            name, size = next(iter(assumed.items()))
            yield f"sizes that the file leaves open are taken to be {said}; --set {name}={2 * size} sets one"
        if taken_off and self.own and self.batch > 1:
            yield f"batch {self.batch} of the file; --batch N asks for another"


def asked(file: str, sizes: Sizes, values: Mapping[str, Any]) -> Sizes:
    """Return sizes with others set: `resolution` is the height and width of pictures, a list is the whole shape of an
    input, a whole number an open size by the name that the file has for it.

    Raises:
        CostModelError: if a value is none of these.
    """
    found = sizes
    for name, value in values.items():
        several = tuple(map(_whole, value if isinstance(value, (list, tuple)) else [value]))
        if not several or not all(isinstance(size, int) and size > 0 for size in several):
            raise CostModelError(f"{file}: {name} is a size, or a list of them, and {value!r} is none")
        if name == RESOLUTION:
            found = replace(found, space=(several[0], several[-1]))
        elif isinstance(value, (list, tuple)):
            found = replace(found, inputs={**found.inputs, name: several})
        else:
            found = replace(found, names={**found.names, name: several[0]})
    return found


def _whole(value: Any) -> Any:
    return whole(value) if is_number(value) else None


def chosen(inputs: Sequence[Info], asked: Sizes, file: str) -> Chosen:
    """Return the sizes of a file's inputs.

    Raises:
        CostModelError: if an input or size that was asked for is not there, or an input's shape is unknown.
    """
    found = Chosen(pictures=_pictures(inputs))
    asked = _named(asked, [one.name for one in inputs], file)
    for one in sorted(
        inputs, key=lambda one: one.name not in found.pictures
    ):  # what is named as their sizes is as those
        found.shapes[one.name] = _shape(one, asked, found, file)
        try:
            require_sizes(found.shapes[one.name])
        except UnreadError as error:
            raise CostModelError(f"{file}: its input {quote(one.name)}: {error.message}") from None
    unknown = [name for name in asked.names if one_line(name) not in found.parameters]
    if unknown:
        what = known_or_suggest(unknown[0], list(found.parameters)) if found.parameters else "it leaves no size open"
        raise CostModelError(f"{file}: it has no open size {quote(unknown[0])}; {what}")
    if asked.space is not None and RESOLUTION not in found.names and not found.pictures:
        known = ", ".join(f"{one_line(name)}={show_shape(shape)}" for name, shape in found.shapes.items())
        raise CostModelError(
            f"{file}: it has no input of pictures, whose height and width --resolution sets; it reads {known}"
        )
    return _batched(inputs, found)


def _named(asked: Sizes, names: list[str], file: str) -> Sizes:
    """Return what was asked for with a name for the one input that was given none.

    Raises:
        CostModelError: if there is no such input, or there are several.
    """
    if "" in asked.inputs:
        if len(names) != 1:
            raise CostModelError(
                f"{file}: it has {len(names)} inputs ({', '.join(map(quote, names))}); say which: --input NAME=SHAPE"
            )
        asked = replace(asked, inputs={names[0] if name == "" else name: s for name, s in asked.inputs.items()})
    for name in asked.inputs:
        if name not in names:
            raise CostModelError(f"{file}: it has no input {quote(name)}; {known_or_suggest(name, names)}")
    return asked


def _shape(one: Info, asked: Sizes, found: Chosen, file: str) -> tuple[int, ...]:
    given = asked.inputs.get(one.name)
    if one.shape is None:
        if given is None:
            raise CostModelError(
                f"{file}: its input {quote(one.name)} is of unknown shape; "
                f"give it with --input {one_line(one.name)}=1x3x224x224"
            )
        return given
    if given is not None and len(given) != len(one.shape):
        raise CostModelError(
            f"{file}: its input {quote(one.name)} has {len(one.shape)} axes, and {show_shape(given)} has {len(given)}"
        )
    sizes: list[int] = []
    pictured: list[int] = []
    space = found.pictures.get(one.name, ())
    for axis, said in enumerate(one.shape):
        if given is not None:
            size = given[axis]
            if isinstance(said, str):
                found.names[said] = size
        elif asked.space is not None and axis in space:
            size = asked.space[space.index(axis)]
            pictured += [] if isinstance(said, int) and said > 0 else [size]
            if isinstance(said, str) and said:
                if found.names.get(said, size) != size:
                    raise CostModelError(
                        f"{file}: its height and width are one size, which cannot be {show_shape(asked.space)}"
                    )
                if asked.names.get(said, size) != size:
                    raise CostModelError(
                        f"{file}: --resolution says {size}, and --set {one_line(said)}={asked.names[said]}"
                    )
                found.parameters[one_line(said)] = found.names[said] = size
        elif isinstance(said, int) and said > 0:
            size = said
        else:
            label = said if isinstance(said, str) and said else f"{one.name}.{axis}"
            size = _open(label, axis, one, asked, found)
            pictured += [size] if axis in space and label not in asked.names else []
        sizes.append(size)
    if len(pictured) == 2:
        found.space = found.space or (pictured[0], pictured[1])
    return tuple(sizes)


def _open(label: str, axis: int, one: Info, asked: Sizes, found: Chosen) -> int:
    """Return an open size: as it was asked for, as it was chosen before, as a sum of known ones, or what is assumed."""
    if label not in found.names:
        parts = [part.strip() for part in label.split("+")]
        if label in asked.names:
            found.names[label] = asked.names[label]
        elif label == RESOLUTION and asked.space is not None:
            found.names[label] = asked.space[0]
        elif len(parts) > 1 and all(part in found.names or part.isdigit() for part in parts):
            found.names[label] = sum(found.names.get(part) or int(part) for part in parts)
            return found.names[label]
        else:
            found.names[label] = _assumed(axis, one, asked, found)
            if axis or asked.batch is None:
                found.assumed[one_line(label)] = found.names[label]
        found.parameters[one_line(label)] = found.names[label]
    return found.names[label]


def _assumed(axis: int, one: Info, asked: Sizes, found: Chosen) -> int:
    rank = len(one.shape or ())
    if axis == 0:
        return asked.batch or 1
    if one.name in found.pictures:
        return asked.assumed_space if axis in found.pictures[one.name] else CHANNELS
    if rank == 3 and axis == 1 and one.shape and all(isinstance(one.shape[at], int) for at in (0, 2)):
        return asked.batch or asked.assumed_batch  # the state of a recurrent layer: (layers, batch, features)
    return asked.assumed_length


def _pictures(inputs: Sequence[Info]) -> dict[str, tuple[int, ...]]:
    """Return the axes of height and width of the inputs that are pictures: where one has colours, such alone."""
    found = {one.name: axes for one in inputs if (axes := _spatial(one.shape or ()))}
    shapes = {one.name: one.shape or () for one in inputs}
    coloured = {name: axes for name, axes in found.items() if shapes[name][1 if axes == (2, 3) else 3] == CHANNELS}
    return coloured or found


def _spatial(shape: tuple[int | str | None, ...]) -> tuple[int, ...]:
    """Return the axes of space of four: beside those of 1, 3 or 4 channels, which may be last; else where both are
    open.
    """
    if len(shape) != 4:
        return ()
    if shape[1] in (1, 3, 4):
        return 2, 3
    if shape[-1] in (1, 3, 4):
        return 1, 2
    return () if any(isinstance(said, int) and said > 0 for said in shape[2:]) else (2, 3)


def _batched(inputs: Sequence[Info], found: Chosen) -> Chosen:
    """Tell which inputs have the batch on their first axis: those that have it as the first input has it."""
    first = next((one for one in inputs if found.shapes[one.name]), None)
    if first is None or not first.shape:
        return found
    label, size = first.shape[0], found.shapes[first.name][0]
    found.batch, found.own = size, size == label
    is_open = not isinstance(label, int) or label < 1
    found.name = str(label or f"{first.name}.0") if is_open else ""
    found.label = one_line(found.name)
    for one in inputs:
        shape = found.shapes[one.name]
        if shape and shape[0] == size and one.shape and _alike(one.shape[0], label):
            found.carrying.append(one.name)
    return found


def _alike(one: int | str | None, other: int | str | None) -> bool:
    """Say whether two axes are one size by what the file says: both are fixed as one, or open by one name or by none.

    An open axis is no fixed one, whatever size it is taken to be.
    """
    return _label(one) == _label(other)


def _label(said: int | str | None) -> int | str | None:
    return said if said and (isinstance(said, str) or said > 0) else None


def several(sizes: Sizes, given: Chosen) -> Sizes | None:
    """Return sizes of several images, at which can be seen whether the batch that is open is the first axis throughout;
    None where it is not open, or was asked for.
    """
    if given.label not in given.assumed:
        return None
    return replace(sizes, names={**sizes.names, given.name: SEVERAL}, assumed_batch=SEVERAL)
