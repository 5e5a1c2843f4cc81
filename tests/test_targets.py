"""Every operator is known to every target, or is named here with the reason why it cannot be."""

import ast
from pathlib import Path

import pytest

from costmodel.latency.features import ELEMENTS
from costmodel.ops import OPERATORS, Operator

STEPS = Path(__file__).parent.parent / "costmodel" / "bench" / "torch_layers.py"
NO_STEP = {"opaque": "what it does is not known"}
"""Operators that PyTorch cannot run for `calibrate`, each with the reason."""


def steps():
    """The operators that have a PyTorch step, read as text: PyTorch need not be there."""
    tables = [
        node.value
        for node in ast.parse(STEPS.read_text("utf-8")).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "STEPS"
    ]
    return {key.value for key in tables[0].keys}


@pytest.mark.parametrize("rule", ["run", "onnx"])
def test_every_operator_runs_in_numpy_and_is_written_to_onnx(rule):
    assert [name for name, op in OPERATORS.items() if getattr(op, rule) is getattr(Operator, rule)] == []


def test_every_operator_has_a_step_in_pytorch():
    assert steps() | NO_STEP.keys() == OPERATORS.keys()
    assert not steps() & NO_STEP.keys()


def test_what_a_page_states_is_understood_by_those_who_read_it():
    for name, op in OPERATORS.items():
        assert op.effort in {"", *ELEMENTS}, name
        assert op.blocks in {"", "any", "whole", "always", "alike", "kept"}, name
        assert {*op.joins} <= {"product", "blocks"}, name
        assert op.family != "other", name
