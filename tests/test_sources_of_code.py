"""Code that builds a PyTorch module, as far as that goes where PyTorch is not installed."""

import sys

import pytest
from cli.command import run

from costmodel import sources
from costmodel.cli.arguments import keyword
from costmodel.sources import torch as of_code


@pytest.fixture
def no_pytorch(monkeypatch):
    """Let PyTorch be not installed, even where it is."""
    for name in [name for name in sys.modules if name.startswith("costmodel.modules")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.parametrize("asked", ["package.module:factory", "m:f", "m:Class.build"])
def test_names_of_code_are_told_by_their_look(asked):
    assert sources.open(asked).kind == "a PyTorch module"


@pytest.mark.parametrize(
    "asked", ["resnet50", "a.yaml#v", "git:main:a.yaml", "-", "C:/net.yaml", "a:b:c", ":f", "m:", "1:2"]
)
def test_nothing_else_is_taken_for_code(asked):
    assert not of_code.takes(asked)


def test_where_pytorch_is_not_installed_that_is_said(no_pytorch, capsys):
    code, _, err = run(capsys, "report", "json:dumps", "--input", "1x3x8x8")
    assert code == 2
    assert "PyTorch is not installed here; pip install 'nn-costmodel[torch]'" in err


def test_keywords_are_for_code(capsys):
    code, _, err = run(capsys, "report", "alexnet", "--arg", "num_classes=10")
    assert code == 2
    assert "alexnet: no code builds it, so none takes num_classes; --arg is for code" in err


def test_eval_mode_is_for_code(capsys):
    code, _, err = run(capsys, "report", "alexnet", "--eval")
    assert code == 2
    assert "alexnet: no code builds it, so none is in eval mode; --eval is for code" in err


def test_a_keyword_is_written_with_its_value(capsys):
    code, _, err = run(capsys, "report", "m:f", "--arg", "num_classes")
    assert code == 2
    assert "--arg num_classes: write KEYWORD=VALUE, as in --arg num_classes=10" in err


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[32,64]", [32, 64]),
        ("(3, 5)", (3, 5)),
        ("{'depth': 2}", {"depth": 2}),
        ("[None, 'a']", [None, "a"]),
        ("a[1]", "a[1]"),
    ],
)
def test_a_keyword_may_be_a_list_a_tuple_or_a_map(written, meant):
    assert keyword(f"channels={written}") == ("channels", meant)


def test_what_is_no_list_is_said(capsys):
    code, _, err = run(capsys, "report", "m:f", "--arg", "channels=[32,x]")
    assert code == 2
    assert "--arg channels=[32,x]: [32,x] is no list, tuple or map of Python's; write [32, 64], (3, 5) or" in err


def test_that_code_is_run_is_said_before_it_is(capsys):
    text = " ".join(run(capsys, "report", "--help")[1].split())
    assert "package.module:factory is code that builds a PyTorch module" in text
    assert "that code is run. No other form of ARCH runs code." in text
