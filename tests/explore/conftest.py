"""The command run in this process, and small specs to edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from costmodel.cli import main
from costmodel.spec import Spec
from costmodel.spec.library import read_file


class Ran(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: object) -> Ran:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as leave:
            code = leave.code
        return Ran(int(code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def spec(tmp_path: Path) -> Callable[[str], Spec]:
    """A spec of a text, in a file of its own."""

    def read(text: str, name: str = "net.yaml") -> Spec:
        (tmp_path / name).write_text(text, "utf-8")
        return read_file(tmp_path / name)

    return read
