"""A spec by name, by file, or as it stood in a commit: ``git:REVISION:PATH``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from costmodel.api import load
from costmodel.documents.text import MAX_BYTES, decode
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.spec import expand
from costmodel.spec.document import Spec
from costmodel.spec.library import checked, find, is_onnx

GIT = "git:"


class NotThere(CostModelError):  # noqa: N818 - says what is the case
    """The revision is there, but the file is not in it."""


def open_any(arch: str) -> Spec:
    """Return the spec of a name, a path, or ``git:REVISION:PATH`` (each path with ``#VARIANT`` after it for a variant).

    Raises:
        CostModelError: if there is none, or git cannot show it.
        SpecError: with everything that is wrong in it.
    """
    if not arch.startswith(GIT):
        return find(arch)
    revision, colon, path = arch.removeprefix(GIT).partition(":")
    path, _, variant = path.partition("#")
    if not (revision and colon and path):
        raise CostModelError(f"{arch!r}: write git:REVISION:PATH, as in git:main:specs/my_network.yaml")
    _refuse_onnx(path)
    spec = checked(at_revision(revision, Path(path)), arch)
    return spec.choose(variant) if variant else spec


def network(arch: str) -> LayerGraph:
    """Return the network of what `open_any` opens, or of an ONNX file.

    Raises:
        CostModelError: if there is none, or git cannot show it.
        SpecError: with everything that is wrong in a spec.
    """
    return expand(open_any(arch)) if arch.startswith(GIT) or not is_onnx(arch) else load(arch)


def at_revision(revision: str, path: Path) -> str:
    """Return the text that a file had in a commit. A relative path starts at the current folder.

    Raises:
        CostModelError: if git is not there, or knows no such revision or file.
    """
    if revision.startswith("-"):
        raise CostModelError(f"{revision!r} is no revision")
    folder, name = path.parent, path.name
    if not folder.is_dir():
        raise CostModelError(f"{folder}: no such folder, so git cannot be asked there")
    if _git(folder, "rev-parse", "--git-dir") is None:
        raise CostModelError(f"{folder.resolve()} is not in a git repository, so there is no {revision} of {path}")
    known = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if known is None:
        raise CostModelError(f"git knows no revision {revision!r} here")
    raw = _git(folder, "cat-file", "blob", f"{revision}:./{name}")
    if raw is None:
        raise NotThere(f"git has no {path} in {revision}")
    if len(raw) > MAX_BYTES:
        raise CostModelError(f"{path} in {revision}: {len(raw):,} bytes; a spec has at most {MAX_BYTES:,}")
    return decode(raw, f"{path} in {revision}")


def at_git(revision: str, arch: str) -> str:
    """Return how a name or a path is asked for as it stood in ``git:REVISION``.

    Raises:
        CostModelError: if there is no such architecture.
    """
    _refuse_onnx(arch)
    path, hash_, variant = arch.partition("#")
    if not path.endswith((".yaml", ".yml")):
        spec = find(arch)
        path, hash_, variant = spec.file, *(("#", spec.name) if spec.name in spec.variants else ("", ""))
    return f"{revision}:{path}{hash_}{variant}"


def _refuse_onnx(path: str) -> None:
    if is_onnx(path):
        raise CostModelError(
            f"{path}: ONNX files are not read from git; `costmodel diff` compares two that are at hand"
        )


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Return what git prints, or None where it finds nothing."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except OSError:
        raise CostModelError("git is not installed, and git: asks for it") from None
    return done.stdout if done.returncode == 0 else None
