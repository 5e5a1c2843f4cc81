"""From what stands in a file to a value: of an operator's field, a block's argument, a repeat, a size of the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costmodel.documents import expressions as arithmetic
from costmodel.documents.grammar import BadArithmeticError
from costmodel.errors import quote
from costmodel.graph import MAX_SIZE
from costmodel.numbers.arithmetic import Number, Shape, holds, is_array, whole
from costmodel.ops.fields import FIELD_TYPES, FieldType, UnfitError
from costmodel.spec.check import INPUT_SIZES
from costmodel.spec.document import Spec
from costmodel.spec.form import shown

Env = Mapping[str, Any]

_SIZE, _COUNT, _BOOL = FIELD_TYPES["Size"], FIELD_TYPES["Count"], FIELD_TYPES["bool"]
AXES = (FIELD_TYPES["Axis"], FIELD_TYPES["Axes"])
"""Fields of which a network has one value, as of true and false."""


class BadValueError(Exception):
    """What is wrong with a value.

    `field` names the field that it was written for; `offset` and `width` say which part of its text is at fault.
    """

    def __init__(
        self, message: str, hint: str = "", offset: int | None = None, width: int = 1, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.hint, self.offset, self.width, self.field = message, hint, offset, width, field


def input_sizes(shape: Shape) -> dict[str, Number]:
    """Return the names under which the sizes of an input are known: all that its axes could be meant as."""
    rank = len(shape)
    sizes = {"in_channels": shape[0], "in_features": shape[-1]}
    if rank > 1:
        sizes["in_tokens"] = shape[-2]
    if 1 < rank <= 4:
        sizes |= zip(_SPACE[rank - 2], shape[1:], strict=True)
    return sizes


_SPACE = (("in_length",), ("in_height", "in_width"), ("in_depth", "in_height", "in_width"))
"""The axes of space after the channels."""


def input_size(written: Any, env: Env) -> Number:
    """Return a size of the network's input.

    Raises:
        BadValueError: if it is none.
    """
    return _number(written, _SIZE, env)


def repeats(written: Any, env: Env, most: int) -> int:
    """Return how many copies a layer has.

    Raises:
        BadValueError: if it is no single whole number, or more than `most`.
    """
    value = _number(written, _COUNT, env)
    if not isinstance(value, int):
        hint = "take its values one at a time"
        raise BadValueError(f"repeat shapes the network, so it cannot be {_figure(value)}", hint)
    if value > most:
        raise BadValueError(f"a network has at most {most:,} layers, but {_show(written, value)}{_where(written, env)}")
    return value


def argument(name: str, written: Any, env: Env, spec: Spec) -> Any:
    """Return the value of a block's argument: a number, true or false, a pair (as a tuple), or a name.

    Raises:
        BadValueError: if it has none.
    """
    try:
        if isinstance(written, list):
            return tuple([_evaluate(item, env) for item in written])
        if isinstance(written, str) and written not in env and spec.holds_name(written):
            return written
        return _evaluate(written, env)
    except BadValueError as bad:
        bad.field = name
        raise


def field_value(name: str, written: Any, kind: FieldType, env: Env) -> Any:
    """Return the value of an operator's field.

    Raises:
        BadValueError: if it cannot be one.
    """
    value = written
    if isinstance(written, str) and not kind.text and written not in kind.words:
        held = env.get(written)
        value = list(held) if isinstance(held, tuple) else held if isinstance(held, str) else written
    try:
        if isinstance(value, str) and value is not written and value not in kind.words:
            raise BadValueError(f"{kind.says} belongs here, but {written} is {quote(value)}")
        return kind.read(value, lambda item, kind: _number(item, kind, env))
    except UnfitError as unfit:
        found = f"{written} is {value}" if value is not written else f"this is {shown(value)}"
        raise BadValueError(f"{name} takes {unfit}; {found}", field=name) from None
    except BadValueError as bad:
        bad.field = name
        raise


def _evaluate(written: Any, env: Env) -> Any:
    """Return the value of a scalar: as written, or of the arithmetic it holds."""
    if not isinstance(written, str):
        return written
    if written in env:
        return env[written]
    try:
        return arithmetic.parse(written)(env)
    except BadArithmeticError as error:
        where = _where(written, env) if error.offset is None else ""
        raise BadValueError(str(error) + where, error.hint, error.offset, error.width) from None
    except KeyError as error:
        missing = str(error.args[0])
        sizes = [name for name in INPUT_SIZES if name in env]
        message = f"the input has no {missing}" if missing in INPUT_SIZES else f"unknown name {quote(missing)}"
        raise BadValueError(message, f"its sizes are {', '.join(sizes)}") from None


def _number(written: Any, kind: FieldType, env: Env) -> Any:
    """Return a number of the field's type.

    Raises:
        BadValueError: if it is not one.
    """
    value = _evaluate(written, env)
    if kind is _BOOL:
        return _truth(written, value)
    if isinstance(value, (bool, str, list, tuple, dict)) or value is None:
        raise BadValueError(f"{kind.says} belongs here, but {_show(written, value)}")
    if not kind.whole:
        return value
    size = whole(value)
    if size is None:
        hint = f"say how to round: floor({written}), ceil({written}), round({written}) or divisible({written}, 8)"
        raise BadValueError(
            f"{_show(written, value)}, which is not whole{_where(written, env)}",
            hint if isinstance(written, str) else "write a whole number",
        )
    if kind in AXES and not isinstance(size, int):
        raise BadValueError(f"an axis cannot be {_figure(size)}", "take its values one at a time")
    if kind.least is not None and not holds(size >= kind.least):
        raise BadValueError(f"{kind.says} belongs here, but {_show(written, size)}{_where(written, env)}")
    if not holds(size <= MAX_SIZE):
        raise BadValueError(f"a size is at most {MAX_SIZE:,}, but {_show(written, size)}{_where(written, env)}")
    return size


def _truth(written: Any, value: Any) -> bool:
    if not isinstance(value, (bool, int)) or value not in (0, 1):
        raise BadValueError(f"{_BOOL.says} belongs here, but {_show(written, value)}")
    return bool(value)


def _show(written: Any, value: Any) -> str:
    """Say what was written and what it came to."""
    return f"{_short(written)} is {_figure(value)}" if isinstance(written, str) else f"this is {_figure(value)}"


def _figure(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if is_array(value):
        return f"an array from {value.min()} to {value.max()}"
    if isinstance(value, tuple):
        value = list(value)
    return f"{value:,}" if isinstance(value, int) else quote(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _where(written: Any, env: Env) -> str:
    """Say with which values of the names it came to that."""
    if not isinstance(written, str):
        return ""
    names = [name for name, _ in arithmetic.parse(written).names if name in env and name != written]
    return f" (with {', '.join(f'{name} = {_figure(env[name])}' for name in names)})" if names else ""
