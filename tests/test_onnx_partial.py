"""Nodes of ONNX files that are not understood: which, and why, is said, and nothing of them is counted as if it were.

`bad/onnx/partial/*.onnxtxt` are files in ONNX's own text form, each beside what is said of it where a person wants all
or nothing. After a change of wording, ``python tests/test_onnx_partial.py`` writes it anew, to be read in the diff.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import onnx.parser
import pytest
from cli.command import run

import costmodel as cm
from costmodel.reading.partial import require_all_priced

PARTIAL = Path(__file__).parent / "bad" / "onnx" / "partial"
FILES = sorted(PARTIAL.glob("*.onnxtxt"))


@pytest.fixture
def at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(file):
        Path("net.onnx").write_bytes(onnx.parser.parse_model(file.read_text("utf-8")).SerializeToString())

    return write


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_says_exactly_what_is_not_understood(file, at, capsys):
    at(file)
    assert run(capsys, "report", "net.onnx", "--strict") == (
        2,
        "",
        f"error: {file.with_suffix('.txt').read_text('utf-8')}",
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_is_priced_in_part_and_says_so(file, at, capsys):
    at(file)
    code, out, err = run(capsys, "report", "net.onnx", "--format", "json")
    data = json.loads(out)
    assert (code, err, data["partial"]) == (0, "", True)
    assert data["unpriced"]
    said = file.with_suffix(".txt").read_text("utf-8")
    assert all(f"{one['is']}: {one['why']}" in said for one in data["unpriced"])


def test_every_message_has_its_file():
    assert {file.stem for file in PARTIAL.glob("*.txt")} == {file.stem for file in FILES}


if __name__ == "__main__":
    import tempfile

    os.chdir(tempfile.mkdtemp())
    for bad in FILES:
        Path("net.onnx").write_bytes(onnx.parser.parse_model(bad.read_text("utf-8")).SerializeToString())
        try:
            require_all_priced("net.onnx", cm.load("net.onnx").unpriced)
        except cm.CostModelError as wrong:
            bad.with_suffix(".txt").write_text(f"{wrong}\n", "utf-8")
        else:
            sys.exit(f"{bad.name} is read whole")
