"""What layers are called: as the submodule that is called; what runs in one that calls others, by its operator too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from costmodel.modules.places import Place
from costmodel.modules.twins import Twins
from costmodel.reading.draft import Draft, Step, multiplies
from costmodel.reading.value import Value


def named(draft: Draft, made: Mapping[str, tuple[Place, str]], twins: Twins, called: set[str]) -> None:
    """Give the steps of a draft the paths that people read, with a number behind those that are taken."""
    calls: dict[tuple[str, int], list[Step]] = {}
    for step in draft.steps:
        place, _ = made[step.path]
        if step.inputs or not step.arrays:
            calls.setdefault((place.path, place.call), []).append(step)
    paths: dict[str, str] = {}
    for step in draft.steps:
        place, label = made[step.path]
        beside = calls.get((place.path, place.call), [])
        step.name = _path(step, place, label, beside, twins, called)
        paths[step.path] = draft.free(step.name)

    def renamed(value: Value) -> Value:
        return replace(value, source=paths[value.source]) if value.source in paths else value

    for step in draft.steps:
        step.path = paths[step.path]
        step.inputs = [renamed(value) for value in step.inputs]
        step.out = renamed(step.out)
    draft.outputs = [renamed(value) for value in draft.outputs]


def _path(step: Step, place: Place, label: str, beside: list[Step], twins: Twins, called: set[str]) -> str:
    if not step.inputs and step.arrays:
        return label  # a source is called as its array is
    owners = {twins.owner(value.arrays[0]) for value in step.arrays.values() if value.arrays}
    if len(owners) == 1:
        (owner,) = owners
        if owner != place.path and owner not in called and not _has_own(place, step):
            return owner  # its weights are used, but it is never called
    if place.leaf and place.path and _main(step, beside):
        return place.path
    return f"{place.path}.{label}" if place.path else label


def _has_own(place: Place, step: Step) -> bool:
    """Say whether the module that is called has the weights too, under some name."""
    own = {name for name, one in place.module.named_parameters(recurse=False) if one is not None}
    return place.leaf and bool(own)


def _main(step: Step, beside: list[Step]) -> bool:
    """Say whether a step is what its module is there for: the only one, or that which has arrays, or multiplies."""
    for matters in (lambda _: True, lambda one: bool(one.arrays), multiplies):
        chosen = [one for one in beside if matters(one)]
        if len(chosen) == 1:
            return chosen[0] is step
    return False
