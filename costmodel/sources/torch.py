"""PyTorch modules: one that is at hand, or ``package.module:factory``, whose code is run to build it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from typing import Any

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.graph import LayerGraph
from costmodel.sources.source import Source

NAMED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
KIND = "a PyTorch module"
TAKERS = "report, latency, diff, check and show --graph take PyTorch modules"


@dataclass(frozen=True)
class Wanted:
    """How a module is built and called: the keywords of its factory, whether in eval mode, and shapes of inputs by
    name, "" the only one.
    """

    keywords: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    in_eval: bool = False


def takes(asked: str) -> bool:
    """Say whether a text names code that builds a module."""
    return NAMED.fullmatch(asked) is not None


def opened(asked: str, wanted: Wanted = Wanted()) -> Source:
    """Return the module that code builds, which is run when it is first looked at."""

    def build() -> LayerGraph:
        with redirect_stdout(sys.stderr):  # what the code prints is no part of an answer
            return looked_at()

    def looked_at() -> LayerGraph:
        read = _reader(asked)
        from costmodel.modules.factory import build as built

        factory = _factory(asked)
        _require_keywords(asked, factory, wanted.keywords)
        try:
            module = built(lambda: factory(**wanted.keywords))
        except CostModelError:
            raise
        except Exception as error:
            raise CostModelError(f"{asked}: it raised {type(error).__name__}: {error}") from None
        if not is_module(module):
            raise CostModelError(f"{asked} gives a {type(module).__name__}, and no torch.nn.Module")
        if wanted.in_eval:
            module.eval()
        if not wanted.inputs:
            raise CostModelError(
                f"{asked}: what is the module called with? --input 1x3x224x224, with its batch, or --input NAME=SHAPE"
            )
        given = wanted.inputs[""] if set(wanted.inputs) == {""} else dict(wanted.inputs)
        if isinstance(given, dict) and "" in given:
            raise CostModelError(f"{asked}: of several inputs each needs its name: --input NAME=SHAPE")
        graph: LayerGraph = read(module, given, asked.rpartition(":")[2])
        return graph

    def resize(values: Mapping[str, Any]) -> Source:
        for name, value in values.items():
            if not _shape(value):
                raise CostModelError(f"{asked}: {name} is set where the module is built: --arg {name}={value}")
        return opened(asked, replace(wanted, inputs={**wanted.inputs, **{n: tuple(v) for n, v in values.items()}}))

    def call(keywords: Mapping[str, Any], in_eval: bool) -> Source:
        return opened(asked, replace(wanted, keywords={**wanted.keywords, **keywords}, in_eval=in_eval))

    def rebatch(batch: int) -> Source:
        return resize({name: (batch, *shape[1:]) for name, shape in wanted.inputs.items()})

    first = {shape[0] for shape in wanted.inputs.values()}
    again = rebatch if len(first) == 1 else None
    return Source(asked, build=build, kind=KIND, takers=TAKERS, resize=resize, call=call, rebatch=again)


def of_module(module: Any, example: Any, inputs: Mapping[str, Any] | None = None, **unknown: Any) -> Source:
    """Return the network of a module that is at hand, called with `example` or with `inputs` by their names.

    Raises:
        CostModelError: if it is said with neither or both.
    """
    title = type(module).__name__
    if unknown:
        raise CostModelError(
            f"{title}: a module has no parameter {next(iter(unknown))} to set; set it where it is built"
        )
    if example is not None and inputs is not None:
        raise CostModelError(
            f"{title}: what it is called with is given twice, as sizes or examples and by name: {', '.join(inputs)}"
        )
    if example is None and inputs is None:
        raise CostModelError(
            f"{title}: say what it is called with: load(module, (1, 3, 224, 224)), or inputs={{'name': shape}}"
        )

    def build() -> LayerGraph:
        graph: LayerGraph = _reader(title)(module, example if inputs is None else inputs)
        return graph

    return Source(title, build=build, kind=KIND, takers=TAKERS)


def is_module(asked: Any) -> bool:
    """Say whether something is a `torch.nn.Module`, without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(asked, torch.nn.Module)


def _require_keywords(asked: str, factory: Callable[..., Any], keywords: Mapping[str, Any]) -> None:
    """Raise if the code takes no such keyword, or needs one that is not given, with what it takes."""
    import inspect

    try:
        takes = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return  # nobody knows before it is called
    kinds = {one.kind for one in takes.values()}
    named = [name for name, one in takes.items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    wrong = [] if inspect.Parameter.VAR_KEYWORD in kinds else [name for name in keywords if name not in named]
    said = [f"it takes no --arg {name}; {known_or_suggest(name, named)}" for name in wrong]
    missing = [name for name in named if takes[name].default is takes[name].empty and name not in keywords]
    said += [f"it needs --arg {name}=VALUE; or name a function of your own that builds it" for name in missing]
    if said:
        raise CostModelError("\n".join(f"{asked}: {one}" for one in said))


def _shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(type(one) is int for one in value)


def _reader(asked: str) -> Callable[..., LayerGraph]:
    try:
        from costmodel.modules.read import read_module
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise CostModelError(f"{asked}: PyTorch is not installed here; pip install 'nn-costmodel[torch]'") from None
    return read_module


def _factory(asked: str) -> Callable[..., Any]:
    """Return the code that a text names.

    Raises:
        CostModelError: if there is none, with the nearest name.
    """
    import os
    from importlib import import_module

    place, _, name = asked.partition(":")
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        found: Any = import_module(place)
    except ModuleNotFoundError as error:
        meant = f"; write {place.removesuffix('.py')}:{name}" if place.endswith(".py") else ""
        raise CostModelError(
            f"{asked}: there is no module {error.name} to import, from {here} or the packages{meant}"
        ) from None
    except Exception as error:
        raise CostModelError(f"{asked}: importing {place} raised {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(here)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            public = [one for one in dir(found) if not one.startswith("_")]
            raise CostModelError(f"{asked}: {place} has no {part}; {known_or_suggest(part, public)}") from None
        except Exception as error:  # packages that import what is asked of them
            raise CostModelError(f"{asked}: importing {part} raised {type(error).__name__}: {error}") from None
    if not callable(found) or is_module(found):
        module = found
        return lambda: module
    factory: Callable[..., Any] = found
    return factory
