"""Edits of specs: what they change, what they leave, and how they are refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.documents.patterns import without_copies
from costmodel.documents.text import parse
from costmodel.edits.edit import Editing, edit
from costmodel.edits.lines import Lines
from costmodel.edits.moves import MOVES
from costmodel.edits.uses import Tree
from costmodel.errors import CostModelError
from costmodel.ops import OPERATORS
from costmodel.pricing import totals
from costmodel.spec import expand
from costmodel.spec.check import check, takes_of
from costmodel.spec.document import read_spec
from costmodel.spec.library import files, names

HEAD = "name: n\ntitle: N\ninput: [4, 8, 8]\n"
BLOCKS = """\
name: net
title: Net
parameters: {width: 8}     # of the stem

input: [3, 32, 32]

blocks:
  unit:                    # used by all
    takes: {out: required, size: 3}
    layers:
      conv: {op: conv, out_channels: out, kernel_size: size, padding: same}   # the work
      act:
        op: relu           # written in lines
  pair:
    takes: {out: required}
    layers:
      a: {op: unit, out: out}
      b: {op: unit, out: out}

layers:
  # the stem
  stem: {op: unit, out: width}
  body: {op: pair, out: 16, repeat: 4, first: {out: 12}}
  skip: {op: conv, from: stem, out_channels: 16}
  join: {op: add, from: [body, skip]}
  pool: {op: global_avg_pool}
  fc:   {op: linear, out_features: 10}
expect: {params: 1}
"""


@pytest.fixture
def net(spec):
    return spec(BLOCKS)


def kernels(graph):
    """Return the paths of the convolutions and their kernels, in order: an edit may give copies new paths."""
    convs = [layer for layer in graph.layers if layer.op.name == "conv"]
    return [layer.path for layer in convs], [layer.op.kernel_size for layer in convs]


def changed(spec, *edits):
    """Return the paths at which an edited network differs from the network before."""
    before, after = expand(spec), edit(spec, edits).graph
    both = {layer.path: layer for layer in before.layers}, {layer.path: layer for layer in after.layers}
    return sorted(path for path in {**both[0], **both[1]} if both[0].get(path) != both[1].get(path))


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("stem.conv.kernel_size", ["stem.conv"]),
        ("stem.size", ["stem.conv"]),
        ("body.1.a.conv.kernel_size", ["body.1.a.conv"]),
        ("body.0.b.conv.kernel_size", ["body.0.b.conv"]),
        ("body.3.*.size", ["body.3.a.conv", "body.3.b.conv"]),
        ("body.a.conv.kernel_size", [f"body.{n}.a.conv" for n in range(4)]),
        ("body.[12].b.size", ["body.1.b.conv", "body.2.b.conv"]),
        ("*.b.conv.kernel_size", [f"body.{n}.b.conv" for n in range(4)]),
        ("*.conv.kernel_size", ["stem.conv", *(f"body.{n}.{x}.conv" for n in range(4) for x in "ab")]),
        ("*.size", ["stem.conv", *(f"body.{n}.{x}.conv" for n in range(4) for x in "ab")]),
    ],
)
def test_a_field_changes_where_the_pattern_says_and_nowhere_else(net, field, meant):
    paths, before = kernels(expand(net))
    _, after = kernels(edit(net, [f"set {field}=5"]).graph)
    assert after == [5 if path in meant else size for path, size in zip(paths, before, strict=True)]


def test_only_the_lines_that_change_change(net):
    text = edit(net, ["set stem.conv.kernel_size=7"]).text
    assert (
        "    layers:\n      conv: {op: conv, out_channels: out, kernel_size: size, padding: same}   # the work" in text
    )
    gone = set(BLOCKS.splitlines()) - set(text.splitlines())
    assert gone == {"  stem: {op: unit, out: width}", "expect: {params: 1}"}
    assert text.startswith("# net after --set stem.conv.kernel_size=7\n")
    for comment in ("# of the stem", "# used by all", "# written in lines", "  # the stem\n"):
        assert comment in text


def test_an_edit_of_every_use_edits_the_block_itself(net):
    text = edit(net, ["set *.conv.kernel_size=5"]).text
    assert "unit_2" not in text
    assert "kernel_size: 5, padding: same}   # the work" in text
    assert "size: 3" not in text  # the argument that nothing reads any more is gone


def test_a_parameter_is_set_where_it_is_declared(net):
    edited = edit(net, ["set width=20"])
    assert "parameters: {width: 20}     # of the stem" in edited.text
    assert edited.graph.shape("stem.act") == (20, 32, 32)


def test_repeat_is_a_field_of_the_line(net):
    edited = edit(net, ["set body.repeat=7"])
    assert "body: {op: pair, out: 16, repeat: 7, first: {out: 12}}" in edited.text
    assert len(edited.graph) == len(expand(net)) + 3 * 4


def test_edits_apply_in_order(net):
    assert edit(net, ["set width=4", "set width=6"]).graph.shape("stem.act")[0] == 6
    assert edit(net, ["swap relu=tanh", "set *.act.op=gelu"]).graph.layer("stem.act").op.name == "gelu"
    renamed = edit(net, ["insert pool:drop={op: dropout}", "set drop.op=identity"])
    assert renamed.graph.layer("drop").op.name == "identity"


def test_a_later_edit_may_repair_what_an_earlier_one_broke(net):
    alone = "set body.out=24"
    with pytest.raises(CostModelError, match=r"^--set body.out=24: after this edit the network does not fit"):
        edit(net, [alone])
    assert edit(net, [alone, "set skip.out_channels=24"]).graph.shape("join") == (24, 32, 32)


def test_swap_reaches_operators_blocks_and_parameters(net):
    assert changed(net, "swap relu=hardswish") == sorted(
        ["stem.act", *(f"body.{n}.{x}.act" for n in range(4) for x in "ab")]
    )
    full = edit(cm.read("mobilenet_v1"), ["swap separable=full"]).graph
    assert totals(full) == totals(cm.load("conv_mobilenet"))


def test_a_parameter_that_an_earlier_edit_wrote_out_cannot_be_set_any_more():
    with pytest.raises(CostModelError, match="no parameter 'n4'"):
        edit(cm.read("resnet50"), ["set conv4_x.3.conv2.kernel_size=5", "set n4=2"])


def test_drop_joins_what_was_around(net):
    without = edit(net, ["drop body.2"]).graph
    assert len(without) == len(expand(net)) - 4
    assert totals(edit(cm.read("mobilenet_v1"), ["drop ds4.5"]).graph) == totals(
        edit(cm.read("mobilenet_v1"), ["set ds4.repeat=5"]).graph
    )


def test_what_read_a_dropped_layer_reads_its_input(spec):
    lines = ["a: {op: relu}", "b: {op: tanh, from: in}", "c: {op: relu, from: b}", "d: {op: add, from: [c, a]}"]
    text = "\n  ".join(["name: n\ntitle: N\ninput: [4, 8, 8]\nlayers:", *lines])
    graph = edit(spec(text), ["drop b"]).graph
    assert graph.layer("c").inputs == ("input",)
    assert edit(spec(text), ["drop c"]).graph.layer("d").inputs == ("b", "a")
    assert edit(spec(text), ["drop a"]).graph.layer("d").inputs == ("c", "input")


def test_insert_takes_over_the_readers(net):
    graph = edit(net, ["insert body:drop={op: dropout}"]).graph
    assert graph.layer("drop").inputs == ("body.3.b.act",)
    assert graph.layer("join").inputs == ("drop", "skip")
    inside = edit(net, ["insert body.1.a:extra={op: batch_norm}"]).graph
    assert [layer.path for layer in inside.layers if layer.op.name == "batch_norm"] == ["body_1.0.extra"]


def test_a_variant_becomes_a_file_of_its_own():
    edited = edit(cm.read("vgg11"), [])
    assert read_spec(edited.text, "x").name == "vgg11"
    assert totals(edited.graph) == totals(cm.load("vgg11"))
    assert "variants:" not in edited.text
    assert "expect:" not in edited.text


@pytest.mark.parametrize("name", ["crlf", "no blocks", "flow", "tabs in comments"])
def test_layouts(spec, name):
    text = {
        "crlf": BLOCKS.replace("\n", "\r\n"),
        "no blocks": HEAD + "layers:\n  stem: {op: conv, out_channels: 8, kernel_size: 3}",
        "flow": HEAD + "layers: {stem: {op: conv, out_channels: 8, kernel_size: 3}, x: {op: relu}}\n",
        "tabs in comments": BLOCKS.replace("# the work", "#\tthe work"),
    }[name]
    edited = edit(spec(text), ["move separable:stem", "insert stem:new={op: dropout}"])
    assert totals(expand(read_spec(edited.text, "x"))) == totals(edited.graph)
    assert ("\r\n" in edited.text) == (name == "crlf")
    assert re.search(r"(?<!\r)\n", edited.text) is None or name != "crlf"


@pytest.mark.parametrize(
    ("arch", "asked", "said"),
    [
        ("mobilenet_v1", "set widht=0.5", "has no parameter 'widht'; did you mean 'width'?"),
        ("mobilenet_v1", "set dss4.repeat=4", "'dss4' matches no layer of mobilenet_v1; did you mean 'ds4'"),
        (
            "mobilenet_v1",
            "set ds4.repaet=4",
            "no layer that 'ds4' matches has a field 'repaet'; did you mean 'repeat'?",
        ),
        ("mobilenet_v1", "set width", "write PATH=VALUE"),
        ("mobilenet_v1", "set width=", "'' is no value"),
        ("mobilenet_v1", "set width=half", "width of mobilenet_v1 takes a number"),
        ("mobilenet_v1", "swap rleu=tanh", "uses no operator or block 'rleu'; did you mean 'relu'?"),
        ("mobilenet_v1", "swap relu=hardswich", "no operator or block 'hardswich'; did you mean 'hardswish'?"),
        ("mobilenet_v1", "swap relu", "write OLD=NEW"),
        ("mobilenet_v1", "drop ds9", "'ds9' matches no layer"),
        ("mobilenet_v1", "drop *", "would be empty"),
        ("mobilenet_v1", "insert pool:fc={op: relu}", "there is a layer 'fc' beside 'pool' already"),
        ("mobilenet_v1", "insert pool:x=relu", "'relu' is no layer; a layer is a map with an op"),
        ("mobilenet_v1", "insert pool=relu", "write AFTER:NAME={op: ...}"),
        ("mobilenet_v1", "insert pool:x={op: rellu}", "unknown operator 'rellu'"),
        ("mobilenet_v1", "remove pool", "no edit 'remove'"),
        ("resnet50", "set conv3_x.0.conv2.stride=2", "add cannot merge"),
        ("mobilenet_v1", "set ds1.out_channels=1/3", "not whole"),
    ],
)
def test_refusals_name_the_edit_and_say_why(arch, asked, said):
    with pytest.raises(CostModelError) as caught:
        edit(cm.read(arch), [asked])
    assert said in str(caught.value)
    assert asked.startswith("remove") or str(caught.value).startswith(f"--{asked}: ")


def test_what_does_not_fit_names_the_layer_the_line_and_the_edit():
    with pytest.raises(CostModelError) as caught:
        edit(cm.read("resnet50"), ["set width=1.0", "set conv3_x.0.conv2.stride=2", "set n5=2"])
    said = str(caught.value)
    assert said.startswith("--set conv3_x.0.conv2.stride=2: after this edit the network does not fit\n")
    assert "add:      {op: add, from: [conv3, shortcut]}" in said
    assert re.search(r"called from .*\n *\d+ \|   conv3_x: ", said)


VALUES = st.sampled_from("0 1 2 3 5 8 16 64 0.5 same true [1,2] in in_channels relu conv".split())
SMALL = [name for name in names() if name != "resnet1202"]


@st.composite
def asked(draw, tree):
    """An edit that a person may ask of a network, sensible or not."""
    use = draw(st.sampled_from(list(tree.uses.values())))
    last, first = use.path.split(".")[-1], use.path.split(".")[0]
    pattern = draw(st.sampled_from([use.path, without_copies(use.path), f"*.{last}", f"{first}*", "*"]))
    kind = draw(st.sampled_from(["set", "swap", "drop", "insert", "move"]))
    if kind == "set":
        field = draw(st.sampled_from([*(takes_of(use.op, tree.spec) or {}), "op", "repeat", "from"]))
        return f"set {pattern}.{field}={draw(VALUES)}"
    if kind == "swap":
        return f"swap {use.op}={draw(st.sampled_from([*OPERATORS, *tree.spec.blocks]))}"
    if kind == "insert":
        return f"insert {pattern}:extra={{op: {draw(st.sampled_from(['relu', 'batch_norm', 'flatten']))}}}"
    return f"drop {pattern}" if kind == "drop" else f"move {draw(st.sampled_from(list(MOVES)))}:{pattern}"


def made_or_refused(spec, edits):
    """Return the edited spec, or the words in which it was refused."""
    try:
        return edit(spec, edits)
    except CostModelError as error:
        return str(error)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_edit_of_any_network_is_refused_in_words_or_gives_a_spec_that_reads_back_the_same(data):
    spec = cm.read(data.draw(st.sampled_from(SMALL)))
    tree = Tree.of(spec)
    edits = data.draw(st.lists(asked(tree), min_size=1, max_size=2))
    edited = made_or_refused(spec, edits)
    event("refused" if isinstance(edited, str) else "made")
    if isinstance(edited, str):
        assert edited.startswith("--")
        return
    again = read_spec(edited.text, "saved.yaml")
    assert not check(again)
    assert [(layer.path, layer.op, layer.inputs, layer.shape) for layer in expand(again).layers] == [
        (layer.path, layer.op, layer.inputs, layer.shape) for layer in edited.graph.layers
    ]


def test_what_reads_all_copies_of_a_layer_that_is_dropped_is_complained_of():
    with pytest.raises(CostModelError, match="'m' is not a layer above 'concat'"):
        edit(cm.read("yolov8n"), ["drop c2.m.0"])


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_what_is_edited_is_read_as_the_spec_is(file):
    """Edits read a text's data from its nodes, whose places they need; the spec language's reader gives the same."""
    text = file.read_text(encoding="utf-8")
    assert Lines(text).data == parse(text, file.name)


def test_values_that_are_edited_are_read_as_the_spec_is():
    text = "a: ''\nb:\nc: 'null'\nd: null\ne: [1, 1_000, 1.5, \"2\", true, ~, {}, yes, 0o7]\nf: |\n  12\n"
    assert Lines(text).data == parse(text, "text")


def test_edits_after_other_edits_of_the_same_spec_give_what_they_give_alone():
    """What ways have in common is kept: the same beginning, one that does not fit, and one that cannot be made."""
    ways = ["set conv3.kernel_size=5"], ["set conv3.kernel_size=5", "drop conv4"], ["set conv4.out_channels=7"]
    ways = [*ways, ["set conv4.out_channels=7", "drop fc*"], ["drop nothing"], ["swap relu=relu6"], []]
    spec, editing = cm.read("alexnet"), Editing(cm.read("alexnet"))

    def outcome(make, way):
        try:
            made = make(way)
        except CostModelError as error:
            return str(error)
        return made.before, made.text, made.edits, made.notes, totals(made.graph)

    for way in [*ways, *reversed(ways), ways[0], ways[1]]:
        assert outcome(editing.edited, way) == outcome(lambda way: edit(spec, way), way)
