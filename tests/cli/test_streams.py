"""Standard output that is full, closed or without a reader; Ctrl-C; files that cannot be written."""

import os
import subprocess
import sys

import pytest

from cli.command import ROOT, run

COMMAND = f"{sys.executable} -m costmodel"


def shell(line, cwd=ROOT):
    ran = subprocess.run(["bash", "-c", line], cwd=cwd, capture_output=True, text=True)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize("words", ["report alexnet", "list nin --format csv", "check specs/nin.yaml", "--help"])
def test_a_full_disk_behind_standard_output_is_said(words):
    code, out, err = shell(f"{COMMAND} {words} > /dev/full")
    assert (code, out) == (2, "")
    assert "No space left on device" in err
    assert len(err.splitlines()) == 1


def test_standard_streams_that_are_closed(tmp_path):
    assert shell(f"{COMMAND} show nin >&-") == (
        2,
        "",
        "error: standard output is closed, so nothing can be shown; -o writes to a file, where a command has it\n",
    )
    assert shell(f"{COMMAND} show nin -o {tmp_path}/nin.yaml >&-")[0] == 0
    assert "name: nin" in (tmp_path / "nin.yaml").read_text()
    assert shell(f"{COMMAND} report - <&-") == (2, "", "error: standard input is closed, and - reads a spec from it\n")
    assert shell(f"{COMMAND} report nowhere 2>/dev/full") == (2, "", "")


def test_a_no_is_a_no_though_nobody_reads_it():
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "costmodel", "check", "specs/nin.yaml", "--max", "params=5"]
    ran = subprocess.run(command, cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    assert (ran.returncode, ran.stderr) == (1, "")


def test_standard_output_by_its_name_is_only_written_to(tmp_path):
    line = f"echo before > log; {COMMAND} show nin -o /dev/stdout >> log; echo after >> log"
    assert shell(f"export PYTHONPATH={ROOT}; {line}", tmp_path)[0] == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "name: nin" in lines


INTERRUPTED = """
import sys
class Struck:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            {act}
sys.meta_path.insert(0, Struck())
sys.argv = ["costmodel", "sweep", "alexnet", "--vary", "batch=1"]
from costmodel.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["click", "costmodel.cli", "costmodel.cli.sweep", "pydantic", "numpy"])
def test_ctrl_c_while_modules_load_ends_quietly(module):
    program = INTERRUPTED.format(module=module, act="raise KeyboardInterrupt")
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (130, "")
    assert ran.stderr.strip() in ("", "stopped")


def test_ctrl_c_that_a_library_turns_into_an_error_of_its_own_ends_quietly():
    act = """
            import os, signal
            try:
                os.kill(os.getpid(), signal.SIGINT)
                sum(range(10**6))
            except KeyboardInterrupt:
                raise ImportError("a part of it could not be loaded") from None"""
    program = INTERRUPTED.format(module="numpy", act=act)
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (130, "", "stopped")


def test_folders_are_made_or_that_is_said(capsys, tmp_path):
    (tmp_path / "file").touch()
    words = ["device-from", "rtx3090", "--peak", "165TFLOP/s", "--bandwidth", "1008GB/s", "--name", "new", "--output"]
    assert run(capsys, *words, tmp_path / "a" / "b" / "new.yaml")[0] == 0
    code, _, err = run(capsys, *words, tmp_path / "file" / "new.yaml")
    assert code == 2
    assert f"{tmp_path / 'file'}: this folder cannot be made" in err


def test_a_picture_is_whole_or_not_there(capsys, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    words = ["latency", "alexnet", "--device", "pi5", "--plot"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        code, out, err = run(capsys, *words, tmp_path / "p.png")
    assert (code, out, os.listdir(tmp_path)) == (2, "", [])
    assert "p.png: cannot be written: No space left on device" in err
    assert run(capsys, *words, tmp_path / "p.png")[0] == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "words",
    [
        ["latency", "alexnet", "--device", "pi5"],
        ["device-report", "pi5"],
        ["sweep", "alexnet", "--vary", "batch=1:3", "--pareto", "params,max:mult_adds"],
    ],
)
def test_where_a_picture_cannot_be_is_said_before_any_work(capsys, tmp_path, words):
    for name, says in (("none/p.png", "there is no folder"), ("p.bmp", "a picture is .png, .svg or .pdf")):
        code, out, err = run(capsys, *words, "--plot", tmp_path / name)
        assert (code, out) == (2, "")
        assert says in err
