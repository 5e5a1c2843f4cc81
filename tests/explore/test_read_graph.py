"""What-if of networks that have no text: what the same edits of a spec give, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.command import run

import costmodel as cm
from costmodel.edits.read_graph import edited_graph

FILE = Path(__file__).parent.parent / "mobilenet_v3_small.onnx"


@pytest.mark.parametrize(
    ("name", "edits"),
    [
        ("vgg16", ["set conv1.0.conv.out_channels=32"]),
        ("resnet50", ["set conv5_x.*.conv2.conv.kernel_size=[5, 5]", "set conv5_x.*.conv2.conv.padding=2"]),
        ("mobilenet_v1", ["swap relu=hardswish"]),
        ("mobilenet_v2", ["swap relu6=relu"]),
        ("alexnet", ["drop conv4"]),
    ],
)
def test_a_graph_comes_to_what_its_spec_does(name: str, edits: list[str]) -> None:
    graph = cm.load(name)
    read, written = graph.whatif(*edits, batch=2), cm.whatif(name, *edits, batch=2)
    assert read.before.totals.values == written.before.totals.values == cm.price(graph, 2).totals.values
    assert read.after.totals.values == written.after.totals.values
    assert read.after.totals.values != read.before.totals.values


def test_a_file_is_edited_as_it_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "whatif", str(FILE), "--swap", "hardswish=relu", "--format", "csv")
    assert (code, err) == (0, "")
    changed = [line for line in out.splitlines() if ",changed," in line]
    graph = cm.load(FILE)
    assert len(changed) == sum(layer.op.name == "hardswish" for layer in graph.layers) > 0
    after = cm.price(edited_graph(graph, ["swap hardswish=relu"])).totals
    assert after.mult_adds == cm.price(graph).totals.mult_adds
    assert after.other_ops < cm.price(graph).totals.other_ops


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("drop nothing", "--drop nothing: 'nothing' matches no layer"),
        ("set 0.Conv.out_chanels=8", "conv at 0.Conv has no field 'out_chanels'; did you mean 'out_channels'?"),
        ("set width", "--set width: write PATH.FIELD=VALUE"),
        ("set 0.Conv.out_channels=8", "after these edits mobilenet_v3_small.onnx does not fit: "),
        ("swap hardswich=relu", "no layer is a 'hardswich'; did you mean 'hardswish'?"),
        ("swap hardswish=rule", "unknown operator 'rule'"),
        ("swap hardswish=linear", "linear needs ['out_features']"),
        ("swap hardswish", "--swap hardswish: write OLD=NEW"),
        (
            "insert a:b={op: relu}",
            "in a network that was read, layers can be set, swapped and dropped; a spec has more",
        ),
        ("move gap_head", "in a network that was read, layers can be set, swapped and dropped; a spec has more"),
    ],
)
def test_what_cannot_be_done_says_so(edit: str, message: str) -> None:
    with pytest.raises(cm.CostModelError) as caught:
        cm.load(FILE).whatif(edit)
    assert message in str(caught.value)
