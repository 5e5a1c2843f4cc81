"""Where specs are found: a path, then ./specs, then those of the package; by the name of a file or of a variant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from costmodel.documents.bundled import INSTALLED, bundled
from costmodel.documents.faults import complain
from costmodel.documents.text import MAX_BYTES, decode, read_text
from costmodel.errors import CostModelError, known_or_suggest, quote, suggest
from costmodel.spec.check import check
from costmodel.spec.document import Spec, built_spec, read_spec


def folders() -> list[Path]:
    """Return the folders that names are looked for in, first come first served."""
    local, own = Path("specs"), bundled()
    return [local, own] if local.is_dir() and local.resolve() != own else [own]


def read_file(path: Path) -> Spec:
    """Return the checked spec in a file.

    Raises:
        CostModelError: if the file cannot be read.
        SpecError: with everything that is wrong in it.
    """
    text, name = read_text(path), str(path)
    if path.resolve().parent == INSTALLED and (spec := _taken(text, name)) is not None:
        return spec
    return checked(text, name)


def _taken(text: str, name: str) -> Spec | None:
    """Return the spec that came with the package, whose form was validated before it was, or None where it was not."""
    with suppress(Exception):  # somebody has changed it: what is wrong is the validator's to say
        spec = built_spec(text, name)
        return None if check(spec) else spec
    return None


def read_stream(stream: BinaryIO, name: str = "standard input") -> Spec:
    """Return the checked spec that a stream holds, read no further than a spec may be long.

    Raises:
        CostModelError: if it holds more, or no UTF-8.
        SpecError: with everything that is wrong in it.
    """
    raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise CostModelError(f"{name}: more than {MAX_BYTES:,} bytes, and a spec has at most so many")
    return checked(decode(raw, name), name)


def checked(text: str, name: str) -> Spec:
    """Return the checked spec that a text is; `name` is what complaints call it.

    Raises:
        SpecError: with everything that is wrong in it.
    """
    spec = read_spec(text, name)
    faults = check(spec)
    if faults:
        raise complain(name, text, faults)
    return spec


_PATH = re.compile(r"(?P<path>.*\.ya?ml)(?:#(?P<variant>.*))?\Z", re.DOTALL)


def find(arch: str) -> Spec:
    """Return the spec of a name or a path.

    A name is that of a file or of a variant in one; a path may have ``#variant`` after it for one of its variants.

    Raises:
        CostModelError: if there is none, with the nearest names.
        SpecError: if its file is wrong.
    """
    path = _PATH.match(arch)
    if path or "/" in arch or "\\" in arch:
        return _at_path(path["path"] if path else arch, path["variant"] if path else None)
    for folder in folders():
        here = _files(folder)
        for file in here:
            if file.stem == arch:
                return read_file(file)
        for file in sorted(here, key=lambda file: not arch.startswith(file.stem)):  # most variants are called after it
            if arch in _variants(file):
                return read_file(file).choose(arch)
    raise CostModelError(
        f"no architecture {quote(arch)}; {known_or_suggest(arch, names())}\n"
        "  `costmodel list` shows them all; a path to a YAML or ONNX file works too, and package.module:factory, code "
        "that builds a PyTorch module"
    )


def _at_path(name: str, variant: str | None) -> Spec:
    path = Path(name)
    try:
        spec = read_file(path)
    except CostModelError as error:
        if str(error).endswith("no such file") and path.parent.is_dir():
            nearby = [str(file) for file in _files(path.parent)]
            raise CostModelError(f"{error}; {suggest(name, nearby)}".rstrip("; ")) from None
        raise
    return spec.choose(variant) if variant is not None else spec


def files() -> list[Path]:
    """Return every spec file that a name can be found in; one in ./specs hides a bundled one of the same name."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in _files(folder):
            found.setdefault(path.name, path)
    return list(found.values())


def _files(folder: Path) -> list[Path]:
    """Return the specs in a folder, in the order of their names; none where it cannot be looked into."""
    with suppress(OSError), os.scandir(folder) as entries:
        return [folder / name for name in sorted(each.name for each in entries if _is_spec(each))]
    return []


def _is_spec(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(".yaml") and entry.is_file()


def names() -> list[str]:
    """Return every name that `find` knows, files first with their variants after them."""
    return list(dict.fromkeys(name for path in files() for name in [path.stem, *_variants(path)]))


def names_in(folder: Path) -> list[str]:
    """Return the names of the networks in the specs of a folder that can be read, variants too."""
    found: list[str] = []
    for path in _files(folder):
        with suppress(CostModelError):
            spec = read_spec(read_text(path), str(path))
            found += [spec.name, *spec.variants]
    return found


def specs() -> Iterator[Spec]:
    """Read every architecture that has a name: each file at its defaults, then its variants.

    Raises:
        SpecError: at the first file that is wrong.
    """
    for path in files():
        spec = read_file(path)
        yield spec
        for variant in spec.variants:
            yield spec.choose(variant)


def twin(spec: Spec) -> str | None:
    """Return the name of the variant that a file is at its defaults, if it is one: `vgg` is `vgg16`."""
    if spec.name in spec.variants:
        return None
    same = (name for name, variant in spec.variants.items() if spec.parameters == spec.parameters | variant.parameters)
    return next(same, None)


_VARIANT = re.compile(r"^  ([A-Za-z_]\w*):", re.MULTILINE | re.ASCII)


def _variants(path: Path) -> list[str]:
    """Return the names of a file's variants, read from its text alone; none if it is unreadable."""
    try:
        _, found, after = f"\n{read_text(path)}".partition("\nvariants:")
    except CostModelError:
        return []
    section = re.split(r"^\S", after, maxsplit=1, flags=re.MULTILINE)[0] if found else ""
    return _VARIANT.findall(section)
