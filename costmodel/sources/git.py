"""A spec as it stood in a commit: ``git:REVISION:PATH``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.errors import CostModelError, quote
from costmodel.sources import onnx, stdin
from costmodel.sources.source import Source

if TYPE_CHECKING:
    import subprocess

    from costmodel.spec import Spec

GIT = "git:"
LINK = "120000"
"""The mode that git gives symbolic links."""


class NotThereError(CostModelError):
    """The revision is there, but the file is not in it."""


def takes(asked: str) -> bool:
    """Say whether a file in a commit is meant."""
    return asked.startswith(GIT)


def opened(asked: str) -> Source:
    """Return the spec of ``git:REVISION:PATH``, with ``#VARIANT`` after it for one of its variants.

    Raises:
        CostModelError: if there is none, or git cannot show it.
        SpecError: with everything that is wrong in it.
    """
    revision, colon, path = asked.removeprefix(GIT).partition(":")
    path, _, variant = path.partition("#")
    if not (revision and colon and path):
        raise CostModelError(f"{asked!r}: write git:REVISION:PATH, as in git:main:specs/my_network.yaml")
    _refuse_onnx(path)
    from costmodel.spec.library import checked

    spec = checked(at_revision(revision, Path(path)), f"{GIT}{revision}:{path}")
    return Source(asked, spec.choose(variant) if variant else spec)


def at_revision(revision: str, path: Path) -> str:
    """Return the text that a file had in a commit. A relative path starts at the current folder.

    Raises:
        CostModelError: if git is not there, or knows no such revision or file.
    """
    if revision.startswith("-"):
        raise CostModelError(f"{revision!r} is no revision")
    return _text(revision, path, path.parent, path.name)


def _text(revision: str, path: Path, folder: Path, name: str) -> str:
    """Return the text of a commit's file `name`, seen from a folder that is there now; `path` is what it is called."""
    commit = _commit(revision, path, folder)
    entry = _git(folder, "ls-tree", "-z", commit, "--", name)
    if not entry:
        raise NotThereError(f"git has no {path} in {revision}")
    mode, kind, blob = os.fsdecode(entry).partition("\t")[0].split()
    if kind != "blob" or mode == LINK:
        what = "a symbolic link" if mode == LINK else f"a {kind}"
        raise CostModelError(f"{path} in {revision} is {what}, and no file")
    raw = _git(folder, "cat-file", "blob", blob)
    from costmodel.documents.text import MAX_BYTES, decode

    if len(raw) > MAX_BYTES:
        raise CostModelError(f"{path} in {revision}: {len(raw):,} bytes; a spec has at most {MAX_BYTES:,}")
    return decode(raw, f"{path} in {revision}")


def named_before(revision: str, path: Path) -> Path | None:
    """Return the path that a file had in a commit by what git says was renamed since, or None if git knows of none.

    Raises:
        CostModelError: if git is not there, or knows no such revision.
    """
    folder = path.parent
    commit = _commit(revision, path, folder)
    top = Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    found = _git(
        folder, "diff", "-z", "--name-status", "--find-renames", "--no-relative", "--diff-filter=R", "-l0", commit, "--"
    )
    words = os.fsdecode(found).split("\0")
    for before, after in zip(words[1::3], words[2::3], strict=False):  # each is R<percent>, before, after
        if (top / after).resolve() == path.resolve():
            return top / before
    return None


def _commit(revision: str, path: Path, folder: Path) -> str:
    """Return the commit that a revision is in the repository that a folder lies in; `path` is what is asked for."""
    if not folder.is_dir():
        raise CostModelError(f"{folder}: no such folder, so git cannot be asked there")
    if not _git_knows(folder, "--git-dir"):
        why = _said(folder, "rev-parse", "--git-dir")
        raise CostModelError(
            f"{folder.resolve()} is not in a git repository, so there is no {revision} of {path}; git says: {why}"
        )
    if not _git_knows(folder, "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"):
        raise CostModelError(
            f"git knows no revision {revision!r} here; where only the newest commit was fetched, fetch this one too"
        )
    return _git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()


def before_in(against: str, arch: str) -> tuple[str, Spec]:
    """Return the spec of a name or a path as it stood in ``git:REVISION``, under the name its file had then, by git.

    Returns:
        what it was called, `arch` itself where its file was not renamed since, and the spec.

    Raises:
        NotThereError: if the file or the variant was not there.
        CostModelError: if there is no such architecture now, or git cannot show it.
        SpecError: with everything that was wrong in it.
    """
    from costmodel.spec.library import checked, find

    _refuse_onnx(arch)
    if takes(arch) or stdin.takes(arch):
        raise CostModelError(f"{arch}: {against} looks a file up as it was, and this is none; name the file itself")
    revision = against.removeprefix(GIT)
    path, _, variant = arch.partition("#")
    if not path.endswith((".yaml", ".yml")):
        spec = find(arch)
        path, variant = spec.file, spec.name if spec.name in spec.variants else ""
    called = arch
    try:
        text = at_revision(revision, Path(path))
    except NotThereError:
        before = named_before(revision, Path(path))
        if before is None:
            raise
        called = os.path.relpath(before) + (f"#{variant}" if variant else "")
        text = _text(revision, before, Path(path).parent, os.path.relpath(before, Path(path).parent.resolve()))
    spec = checked(text, f"{against}:{path}")
    if variant and variant not in spec.variants:
        raise NotThereError(f"{path} had no variant {quote(variant)} in {revision}")
    return called, spec.choose(variant) if variant else spec


def _refuse_onnx(path: str) -> None:
    if onnx.takes(path):
        raise CostModelError(
            f"{path}: ONNX files are not read from git; `costmodel diff` compares two that are at hand"
        )


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    import subprocess

    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except OSError:
        raise CostModelError("git is not installed, and git: asks for it") from None


def _git_knows(folder: Path, *asked: str) -> bool:
    return _run(folder, "rev-parse", *asked).returncode == 0


def _said(folder: Path, *arguments: str) -> str:
    """Return the first line of what git complains of."""
    lines = _run(folder, *arguments).stderr.decode("utf-8", "replace").splitlines()
    return lines[0] if lines else "nothing"


def _git(folder: Path, *arguments: str) -> bytes:
    """Return what git prints.

    Raises:
        CostModelError: if it fails: what could not be looked at is not the same as what is not there.
    """
    done = _run(folder, *arguments)
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").splitlines() or ["nothing"]
        raise CostModelError(f"git {arguments[0]} failed in {folder.resolve()}; it says: {lines[0]}")
    return done.stdout
