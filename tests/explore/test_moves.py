"""Design moves against what their papers say of them."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

import costmodel as cm
from costmodel.edits.edit import edit
from costmodel.edits.moves import MOVES
from costmodel.errors import CostModelError
from costmodel.pricing import totals
from costmodel.spec import expand
from costmodel.spec.library import files

ONE_CONV = """
name: one
title: One convolution
input: [{channels}, 40, 40]
layers:
  conv: {{op: conv, out_channels: {channels}, kernel_size: {kernel}, stride: {stride}, padding: {padding}, bias: false}}
"""


def test_separable_saves_what_equation_5_of_mobilenets_says_in_every_layer_of_vgg16():
    changed = cm.whatif("vgg16", "move separable:conv*")
    now = {row["path"]: row["mult_adds"] for row in changed.after}
    convs = [row for row in changed.before if row["op"] == "conv"]
    for row in convs:
        left = now[f"{row['path']}.depthwise"] + now[f"{row['path']}.pointwise"]
        assert Fraction(left, row["mult_adds"]) == Fraction(1, row["output_shape"][0]) + Fraction(1, 9)
    assert len(convs) == 13


def test_conv_mobilenet_made_separable_is_mobilenet_v1():
    made, real = cm.whatif("conv_mobilenet", "move separable:ds*").after, cm.price(cm.load("mobilenet_v1"))
    assert (made.totals.params, made.totals.mult_adds) == (4_231_976, 568_740_352)
    for column in set(real.columns) - {"path", "inputs", "kernel"}:
        assert made.values(column) == real.values(column), column


@pytest.mark.parametrize(
    ("kernel", "before", "after"), [(5, 25 * 64, 18 * 64), (7, 49 * 64, 27 * 64), (11, 7744, 2880)]
)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["0", "same", "half"])
def test_stacked_3x3_see_as_much_with_fewer_weights(spec, kernel, before, after, stride, padding):
    padding = str(kernel // 2) if padding == "half" else padding
    text = ONE_CONV.format(channels=8, kernel=kernel, stride=stride, padding=padding)
    changed = cm.whatif(spec(text), "move stack3x3:conv")
    then, now = changed.before.totals, changed.after.totals
    assert (then.params, now.params) == (before, after)
    assert then.receptive_field == now.receptive_field == (kernel, kernel)
    assert changed.after.values("output_shape")[-1] == changed.before.values("output_shape")[-1]


def test_a_7x7_of_inception_v3_factorised_is_its_1x7_and_7x1():
    """Mixed 6e, where all widths are 192, so that nothing but the order of kernels is left to choose."""
    whole = ["drop mixed6e.c1x7", "set mixed6e.c7x1.kernel_size=7"]
    unfactorised = totals(edit(cm.read("inception_v3"), whole).graph)
    again = totals(edit(cm.read("inception_v3"), [*whole, "move factorize:mixed6e.c7x1"]).graph)
    real = totals(cm.load("inception_v3"))
    assert (again.params, again.mult_adds, again.buffers) == (real.params, real.mult_adds, real.buffers)
    assert unfactorised.params - real.params == 192 * 192 * (49 - 14) - 2 * 192  # and one batch norm less


@pytest.mark.parametrize("padding", ["0", "3", "same", "[2, 1]", "[1, 2, 3, 0]"])
@pytest.mark.parametrize("stride", [1, 2])
def test_factors_keep_shape_and_field_for_every_padding(spec, padding, stride):
    changed = cm.whatif(
        spec(ONE_CONV.format(channels=4, kernel=7, stride=stride, padding=padding)), "move factorize:conv"
    )
    assert changed.after.values("output_shape")[-1] == changed.before.values("output_shape")[-1]
    assert changed.after.totals.receptive_field == (7, 7)
    assert changed.after.totals.params == 2 * 7 * 4 * 4


def test_resnet50_with_gates_is_se_resnet50():
    """28,088,024 params: the authors' SE-ResNet-50, whose weights pretrained-models.pytorch and timm carry."""
    for where in ("*.conv3", "conv*_x"):
        gated = edit(cm.read("resnet50"), [f"move squeeze_excite(16):{where}"]).graph
        if where == "*.conv3":
            assert gated.digraph.has_edge("conv2_x.0.conv3_se.gate", "conv2_x.0.add")
        assert totals(gated).params == 28_088_024


def test_a_pair_of_3x3_becomes_a_bottleneck_a_quarter_as_wide():
    changed = cm.whatif("resnet18", "move bottleneck:conv2_x")
    weights = sum(row["params"] for row in changed.after if row["path"].startswith("conv2_x.0") and row["op"] == "conv")
    assert weights == 64 * 16 + 3 * 3 * 16 * 16 + 16 * 64
    assert "conv1.conv" not in " ".join(changed.edited.notes)


def test_a_bottleneck_takes_copies_of_one_line_in_pairs():
    edited = edit(cm.read("vgg16"), ["move bottleneck:conv3"])
    convs = [layer for layer in edited.graph.layers if layer.path.startswith("conv3") and layer.op.name == "conv"]
    assert [layer.op.kernel_size for layer in convs] == [1, 3, 1, 3]
    assert edited.notes == ("left alone: conv3.2.conv: no second 3x3 follows it",)


def test_grouped_divides_the_weights():
    changed = cm.whatif("resnet50", "move grouped(32):*.conv2")
    for row in changed.rows:
        if row["path"].endswith("conv2.conv"):
            assert row["params_after"] * 32 == row["params_before"]
            assert row["output_after"] == row["output_before"]
        else:
            assert row["status"] == "same"


@pytest.mark.parametrize(
    ("factor", "name"), [(0.75, "mobilenet_v1_075"), (0.5, "mobilenet_v1_050"), (0.25, "mobilenet_v1_025")]
)
def test_width_is_the_width_multiplier_of_mobilenets(factor, name):
    made, real = edit(cm.read("mobilenet_v1"), [f"move width({factor}):*"]).graph, cm.load(name)
    assert totals(made) == totals(real)


def test_vgg16_with_a_pooled_head_keeps_its_convolutions_and_one_linear_layer():
    changed = cm.whatif("vgg16", "move gap_head")
    assert changed.after.totals.params == 14_714_688 + 512 * 1000 + 1000
    assert [row["path"] for row in changed.after][-3:] == ["pool5", "gap", "fc8"]


@pytest.mark.parametrize(
    ("arch", "move", "why"),
    [
        ("resnet50", "separable:*.conv1", "its kernel is 1x1 already"),
        ("mobilenet_v1", "separable:*.depthwise", "it is grouped or depthwise already"),
        ("vgg16", "stack3x3:conv*", "its kernel is not 5x5, 7x7 or a larger odd square"),
        ("inception_v3", "factorize:*.c1x7", "its kernel has one row or one column already"),
        ("vgg16", "grouped(7):conv2", "7 groups do not divide its 64 channels"),
        ("resnet50", "bottleneck:conv2_x", "no second 3x3 follows it"),
        ("resnet50", "gap_head", "it has no line of its own that flattens a feature map"),
        ("vgg16", "squeeze_excite:fc8", "its output 1000 is no feature map"),
        ("vgg16", "width:fc8", "it gives the network's output"),
        ("mobilenet_v1", "width:*.depthwise", "its width follows from its input"),
        ("vgg16", "separable:pool*", "there is no layer of the kind under 'pool*'"),
        ("vgg16", "separabel:conv*", "did you mean 'separable'?"),
        ("vgg16", "separable", "separable needs to know where"),
        ("vgg16", "separable(3):conv*", "separable takes no number"),
        ("vgg16", "grouped(0):conv*", "a positive whole number belongs here"),
        ("vgg16", "grouped(x):conv*", "a positive whole number belongs here"),
        ("vgg16", "width(-1):conv*", "a positive number belongs here"),
        ("vgg16", "no move", "is no move"),
    ],
)
def test_where_a_move_does_not_apply_it_says_why(arch, move, why):
    with pytest.raises(CostModelError, match=f"(?s)--move .*{re.escape(why)}"):
        edit(cm.read(arch), [f"move {move}"])


@pytest.mark.parametrize("move", ["stack3x3", "factorize"])
@pytest.mark.parametrize(("sizes", "kernel"), [("[2, 16]", "5"), ("[2, 16]", "[5]"), ("[2, 8, 8, 8]", "5")])
def test_what_is_said_of_maps_leaves_sequences_and_volumes_alone(spec, move, sizes, kernel):
    conv = f"{{op: conv, out_channels: 4, kernel_size: {kernel}, padding: same}}"
    text = f"name: net\ninput: {sizes}\nlayers:\n  conv: {conv}\n"
    with pytest.raises(CostModelError, match="it is no convolution over height and width"):
        edit(spec(text), [f"move {move}:conv"])


@pytest.mark.parametrize("sizes", ["[4, 16]", "[4, 8, 8, 8]"])
def test_separable_serves_sequences_and_volumes(spec, sizes):
    conv = "{op: conv, out_channels: 6, kernel_size: 3, padding: 1, bias: false}"
    text = f"name: net\ninput: {sizes}\nlayers:\n  conv: {conv}\n"
    made = edit(spec(text), ["move separable:conv"]).graph
    assert totals(made).params == {2: 3, 4: 27}[len(sizes.split(","))] * 4 + 4 * 6


UNFITTING = [(name, "width") for name in ("enet", "swin", "mobilenet_yolo", "shufflenet_v1")]
"""A path of these keeps its width by its kind (pads, reversed convolutions, tokens), so that sums no longer fit."""
SMALL = [path.stem for path in files() if path.stem not in ("preresnet",)]


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("name", SMALL)
def test_a_move_anywhere_keeps_the_networks_input_and_output_or_is_refused(name, move):
    spec = cm.read(name)
    try:
        made = edit(spec, [f"move {move}" if MOVES[move].whole else f"move {move}:*"]).graph
    except CostModelError as refused:
        says = str(refused)
        assert f"{move} applies nowhere" in says or (name, move) in UNFITTING, says
        return
    real = expand(spec)
    assert made.input_shape == real.input_shape
    assert [made.shape(path) for path in made.outputs][-1] == real.shape(real.outputs[-1])


def test_moves_are_listed_with_their_papers(command):
    shown = command("moves")
    assert shown.code == 0
    for move in MOVES.values():
        assert move.name in shown.out
        assert "arXiv:" in move.paper
        assert move.paper in shown.out
    assert len(MOVES) == 8
