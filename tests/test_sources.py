"""One way to open what was asked for: whatever names a network, every command and Python take it."""

import io
import subprocess
import sys
from types import ModuleType

import pytest
from cli.command import run

import costmodel as cm
from costmodel import sources
from costmodel.onnx.file import save_onnx

NET = """\
name: net
title: Net
parameters: {width: 4, resolution: 8}
input: [3, resolution, resolution]
layers:
  conv: {op: conv, out_channels: width, kernel_size: 3, padding: 1}
  pool: {op: global_avg_pool}
variants:
  wide: {parameters: {width: 8}}
"""
PARAMS = 4 * (3 * 9 + 1)
WIDE = 2 * PARAMS

FORMS = {
    "net": PARAMS,
    "wide": WIDE,
    "specs/net.yaml": PARAMS,
    "specs/net.yaml#wide": WIDE,
    "-": PARAMS,
    "git:HEAD:specs/net.yaml": PARAMS // 2,
    "git:HEAD:specs/net.yaml#wide": WIDE,
    "net.onnx": PARAMS,
}
"""What names a network, and the params of what it means; the commit's is half as wide."""

COMMANDS = {
    "report": "report {}",
    "diff": "diff {} specs/net.yaml",
    "diff to": "diff specs/net.yaml {}",
    "check": "check {}",
    "check a budget": "check {} --max params=1M",
    "latency": "latency {} --device rtx3090",
    "verify": "verify {}",
    "show --graph": "show {} --graph",
    "show": "show {}",
    "whatif": "whatif {} --set width=6 --save edited.yaml --force",
    "sweep": "sweep {} --vary width=2,4",
    "solve": "solve {} --vary width=2:6 --maximize params --subject-to params<200",
    "suggest": "suggest {} --goal params<50",
    "formula": "formula {} --in batch",
    "export": "export {} -o out.onnx --force",
}
VARYING = {"sweep", "solve"}
NEED_A_SPEC = {"show", "whatif", "suggest", "formula"} | VARYING
"""What takes no network of fixed sizes."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A repository whose committed spec is half as wide as the one that lies there now."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "specs" / "net.yaml"
    file.parent.mkdir()
    file.write_text(NET.replace("width: 4", "width: 2"))
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "A network"]):
        subprocess.run([*git, *words], check=True)
    file.write_text(NET)
    save_onnx(cm.load("net"), tmp_path / "net.onnx")
    return tmp_path


@pytest.fixture
def piped(monkeypatch):
    """Standard input, holding a text anew."""

    def pipe(text=NET):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return pipe


@pytest.mark.parametrize(("form", "params"), FORMS.items(), ids=FORMS)
def test_python_opens_all_that_names_a_network(folder, piped, form, params):
    piped()
    assert cm.price(cm.load(form)).totals.params == params


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_opens_all_that_names_a_network(folder, piped, capsys, command):
    for form in FORMS:
        piped()
        code, out, err = run(capsys, *(word.format(form) for word in COMMANDS[command].split()))
        if form == "net.onnx" and command in NEED_A_SPEC:
            assert (code, out) == (2, "")
            said = (
                "has no parameter 'width'; known: batch" if command in VARYING else "an ONNX file has no spec to show"
            )
            assert said in err
        else:
            assert code == 0, (form, out, err)


def test_parameters_are_set_wherever_the_spec_is_from(folder, piped):
    for form, params in FORMS.items():
        if form == "net.onnx":
            continue
        piped()
        assert cm.price(cm.load(form, width=16)).totals.params == 16 * (3 * 9 + 1) != params
    with pytest.raises(cm.CostModelError, match=r"net\.onnx: it has no open size 'width'; known: batch"):
        cm.price(cm.load("net.onnx", width=16))
    assert cm.price(cm.load("net.onnx", batch=3)).totals.mult_adds == 3 * cm.price(cm.load("net")).totals.mult_adds
    with pytest.raises(cm.CostModelError, match="net: a graph has no parameters, so no width to set"):
        cm.load(cm.load("net"), width=16)


def test_a_file_of_a_commit_is_complained_of_by_its_place(folder, capsys):
    (folder / "specs" / "net.yaml").write_text(NET.replace("op: conv,", "op: cnov,"))
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", "commit", "-qam", "Wrong"], check=True
    )
    code, out, err = run(capsys, "report", "git:HEAD:specs/net.yaml#wide")
    assert (code, out) == (2, "")
    assert err.startswith("error: git:HEAD:specs/net.yaml:6:14: unknown operator 'cnov'")


def test_growth_is_looked_up_for_files_alone(folder, piped, capsys):
    for form in ("-", "git:HEAD:specs/net.yaml"):
        piped()
        code, _, err = run(capsys, "check", form, "--against", "git:HEAD")
        assert (code, err) == (
            2,
            f"error: {form}: git:HEAD looks a file up as it was, and this is none; name the file itself\n",
        )


def test_standard_input_that_is_closed_is_said(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(cm.CostModelError, match="standard input is closed, and - reads a spec from it"):
        cm.read("-")


def test_check_holds_a_file_once_and_a_variant_that_is_none_is_an_error(folder, capsys):
    assert run(capsys, "check", "specs/net.yaml", "specs/net.yaml#wide", "wide")[1].splitlines() == [
        "specs/net.yaml: 2 networks as expected, 2 of them expecting nothing",
        "2 networks in 1 file: all as expected",
    ]
    assert run(capsys, "check", "specs/net.yaml#narrow")[::2] == (
        2,
        "error: net has no variant 'narrow'; known: wide\n",
    )


def test_a_variant_is_checked_with_all_of_its_file(folder, capsys):
    (folder / "specs" / "net.yaml").write_text(NET.replace("variants:", "expect: {params: 1}\nvariants:"))
    code, out, _ = run(capsys, "check", "specs/net.yaml#wide")
    assert (code, "net: params are 112, but 1 is expected" in out) == (1, True)


def test_another_front_end_is_one_module(folder, monkeypatch, capsys):
    """Its name among the kinds, and what it opens can be asked of any command."""
    module = ModuleType("costmodel.sources.letters")
    module.takes = lambda asked: asked.startswith("letters:")
    module.opened = lambda asked: sources.Source(
        asked, build=lambda: cm.load("net", width=len(asked) - 8), kind="a word"
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sources, "KINDS", ("letters", *sources.KINDS))
    assert cm.price(cm.load("letters:abc")).totals.params == 3 * (3 * 9 + 1)
    for command in set(COMMANDS) - NEED_A_SPEC:
        code, out, err = run(capsys, *(word.format("letters:abc") for word in COMMANDS[command].split()))
        assert code == 0, (command, out, err)
    for command in NEED_A_SPEC:
        code, _, err = run(capsys, *(word.format("letters:abc") for word in COMMANDS[command].split()))
        said = "a word is a network of fixed sizes" if command in VARYING else "a word has no spec to show"
        assert (code, said in err) == (2, True), command
