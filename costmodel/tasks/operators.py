"""What operators there are, and what they take."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from costmodel.documents.scalars import written
from costmodel.edits.lines import flow
from costmodel.graph import said_inputs
from costmodel.ops import OPERATORS, Operator, find_operator
from costmodel.ops.fields import FIELD_TYPES, REQUIRED, declared
from costmodel.render.answer import Answer, listing
from costmodel.render.page import Column


@dataclass(frozen=True)
class Request:
    """The operators that a spec's layers may name, or everything about one of them."""

    name: str | None = None


def answer(request: Request) -> Answer:
    """Return the list, a row each; of one operator the text says everything.

    Raises:
        CostModelError: if there is no operator of that name.
    """
    if request.name is None:
        kinds = list(OPERATORS.values())
        return listing(lambda: _columns(kinds), _rows(kinds))
    kind = find_operator(request.name)
    return replace(listing(lambda: _columns([kind]), _rows([kind])), own={"text": lambda screen: _about(kind)})


def _rows(kinds: Sequence[type[Operator]]) -> list[dict[str, Any]]:
    return [
        {
            "operator": kind.name,
            "kind": kind.family,
            "takes": [_taken(entry) for entry in declared(kind).items()],
            "is": _summary(kind),
        }
        for kind in kinds
    ]


def _columns(kinds: Sequence[type[Operator]]) -> list[Column]:
    return [
        Column("operator", [kind.name for kind in kinds], left=True),
        Column("kind", [kind.family for kind in kinds], left=True, rank=1),
        Column("takes", [", ".join(map(_taken, declared(kind).items())) for kind in kinds], left=True, prose=True),
        Column("what it is", [_summary(kind) for kind in kinds], left=True, prose=True, paint="quiet", code=True),
    ]


def _taken(entry: tuple[str, tuple[Any, Any]]) -> str:
    """Write a field with its default."""
    name, (_, default) = entry
    return name if default is REQUIRED else f"{name}={written(default)}"


def _doc(kind: type[Operator]) -> list[str]:
    return inspect.cleandoc(kind.__doc__ or "").splitlines() or [""]


def _summary(kind: type[Operator]) -> str:
    """Return the first sentence about an operator."""
    paragraph = " ".join(_doc(kind)).partition("  ")[0]
    return re.split(r"\.(?:\s|$)", paragraph, maxsplit=1)[0]


def _about(kind: type[Operator]) -> str:
    """Return everything about one operator: what it is, its inputs and its fields."""
    fields = declared(kind)
    lines = [f"{kind.name}: {_doc(kind)[0]}", *_doc(kind)[1:], "", f"reads {said_inputs(kind)}; kind: {kind.family}"]
    wide = max(map(len, fields), default=0)
    for name, (takes, default) in fields.items():
        fallback = "required" if default is REQUIRED else f"{written(default)} by default"
        lines.append(f"  {name:<{wide}}  {takes.says}; {fallback}")
    if not fields:
        lines.append("  it has no fields")
    example = _example(kind)
    return "\n".join([*lines, *(["", "example:", f"  {example}"] if example else [])]) + "\n"


def _example(kind: type[Operator]) -> str | None:
    """Return a line of YAML that names the operator, its required fields and its window; None where its own text has
    one.
    """
    if f"op: {kind.name}" in (kind.__doc__ or ""):
        return None
    line: dict[str, Any] = {"op": kind.name}
    least = kind.inputs[0] if isinstance(kind.inputs, tuple) else kind.inputs
    if least > 1:
        line["from"] = list("abcdefgh"[:least])
    windows = [name for name, (takes, _) in declared(kind).items() if takes is FIELD_TYPES["Window"]]
    for name, (takes, default) in declared(kind).items():
        if default is REQUIRED or name in windows[:1]:
            line[name] = _pattern(kind) if takes.text else takes.sample
    return f"{kind.name}: {flow(line)}"


def _pattern(kind: type[Operator]) -> str:
    """Return the first pattern that an operator's own text shows."""
    shown = re.search(r"`([^`]* -> [^`]*)`", kind.__doc__ or "")
    return shown[1] if shown else "a b -> b a"
