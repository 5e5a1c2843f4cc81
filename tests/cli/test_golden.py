"""Rendered text, held to files in tests/golden that people have looked at.

To write them anew after a wanted change: ``GOLDEN=write pytest tests/cli/test_golden.py``, then read the diff.
"""

import os

import pytest

from cli.command import ROOT, process

GOLDEN = ROOT / "tests" / "golden"
CASES = {
    "mobilenet_v1_80": (80, ["report", "mobilenet_v1"]),
    "mobilenet_v1_120": (120, ["report", "mobilenet_v1"]),
    "mobilenet_v1_200": (200, ["report", "mobilenet_v1"]),
    "mobilenet_v1_piped": ("", ["report", "mobilenet_v1"]),
    "mobilenet_v1_by_kind": (100, ["report", "mobilenet_v1", "--by", "kind"]),
    "mobilenet_v1_training": (120, ["report", "mobilenet_v1", "--training", "--batch", "32"]),
    "mobilenet_v1_markdown": (80, ["report", "mobilenet_v1", "--format", "markdown"]),
    "mobilenet_v1_html": (80, ["report", "mobilenet_v1", "--format", "html"]),
    "vgg16_top_layers": (80, ["report", "vgg16", "--by", "layer", "--sort", "params", "--top", "5"]),
    "comparison_80": (80, ["report", "alexnet", "vgg16", "googlenet", "resnet152", "mobilenet_v1"]),
    "comparison_160": (160, ["report", "alexnet", "vgg16", "googlenet", "resnet152", "mobilenet_v1"]),
    "comparison_markdown": (80, ["report", "alexnet", "vgg16", "--format", "markdown"]),
    "list_mobilenet_v1_050": (100, ["list", "mobilenet_v1_050"]),
    "graph_resnet20": (100, ["show", "resnet20", "--graph"]),
    "verify_mobilenet_v1": (80, ["verify", "mobilenet_v1", "--resolution", "32"]),
    "operators_conv": (80, ["operators", "conv"]),
}


@pytest.mark.parametrize("name", CASES)
def test_text_is_as_people_approved_it(name):
    width, words = CASES[name]
    code, out, err = process(*words, width=width)
    assert (code, err) == (0, "")
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(out, "utf-8")
    assert out == file.read_text("utf-8"), (
        f"`costmodel {' '.join(words)}` prints something else now; see this file's head"
    )


def test_every_golden_file_is_of_a_case():
    assert {file.stem for file in GOLDEN.iterdir()} == set(CASES)
