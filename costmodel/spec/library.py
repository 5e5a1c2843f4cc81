"""Where specs are found: a path, then ./specs, then those that come with the package; by the name of a file or of a variant in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.spec.check import check
from costmodel.spec.document import Spec, read_spec
from costmodel.spec.faults import complain
from costmodel.spec.text import read_text


def folders() -> list[Path]:
    """Return the folders that names are looked for in, first come first served."""
    here = Path(__file__).resolve().parent.parent
    bundled = here / "specs" if (here / "specs").is_dir() else here.parent / "specs"
    local = Path("specs")
    return [local, bundled] if local.is_dir() and local.resolve() != bundled else [bundled]


def read_file(path: Path) -> Spec:
    """Return the checked spec in a file.

    Raises:
        CostModelError: if the file cannot be read.
        SpecError: with everything that is wrong in it.
    """
    text = read_text(path)
    spec = read_spec(text, str(path))
    faults = check(spec)
    if faults:
        raise complain(str(path), text, faults)
    return spec


def find(arch: str) -> Spec:
    """Return the spec of a name (of a file, or of a variant in one) or of a path (with ``#variant`` after it for one of its variants).

    Raises:
        CostModelError: if there is none, with the nearest names.
        SpecError: if its file is wrong.
    """
    path, _, variant = arch.partition("#")
    if path.endswith((".yaml", ".yml")) or "/" in path or "\\" in path:
        spec = read_file(Path(path))
        return spec.choose(variant) if variant else spec
    for folder in folders():
        if (folder / f"{arch}.yaml").is_file():
            return read_file(folder / f"{arch}.yaml")
        holder = _holder(folder, arch)
        if holder is not None:
            return read_file(holder).choose(arch)
    raise CostModelError(
        f"no architecture {arch!r}; {known_or_suggest(arch, names())}\n`costmodel list` shows all; a path to a YAML file works too"
    )


def files() -> list[Path]:
    """Return every spec file that a name can be found in; one in ./specs hides a bundled one of the same name."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.name, path)
    return list(found.values())


def names() -> list[str]:
    """Return every name that `find` knows, files first with their variants after them."""
    return list(dict.fromkeys(name for path in files() for name in [path.stem, *_variants(path)]))


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


_VARIANT = re.compile(r"^  ([A-Za-z_]\w*):", re.MULTILINE)


def _variants(path: Path) -> list[str]:
    """Return the names of a file's variants from its text alone, without reading it as a spec."""
    _, found, after = f"\n{path.read_text('utf-8', 'replace')}".partition("\nvariants:")
    section = re.split(r"^\S", after, maxsplit=1, flags=re.MULTILINE)[0] if found else ""
    return _VARIANT.findall(section)


def _holder(folder: Path, name: str) -> Path | None:
    """Return the file in which a variant is defined."""
    for path in sorted(folder.glob("*.yaml")):
        if name in path.read_text("utf-8", "replace") and name in _variants(path):
            return path
    return None
