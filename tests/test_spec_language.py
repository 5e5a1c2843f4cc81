"""Each rule of `specs/README.md`, shown on the smallest network that needs it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import sympy

import costmodel as cm
from costmodel.edits.edit import edit
from costmodel.ops import OPERATORS, Cost, Operator
from costmodel.ops.fields import Axis, Interpolation, Pattern, Sizes, SizesByName
from costmodel.ops.saved import NOTHING
from costmodel.pricing import totals
from costmodel.spec.check import check
from costmodel.spec.document import read_spec
from costmodel.spec.library import checked, files, folders, read_file
from costmodel.spec.structure import structural
from costmodel.tensor import Tensor

README = Path(__file__).parent.parent / "specs" / "README.md"


def spec(layers: str, blocks: str = "", parameters: str = "", more: str = "", size: str = "[4, 8, 8]") -> cm.Spec:
    """Return a checked spec with these parts; `layers` and `blocks` are written without indentation."""

    def part(name: str, text: str) -> str:
        return f"{name}:\n" + "".join(f"  {line}\n" for line in text.strip().splitlines()) if text else ""

    head = f"name: net\ntitle: A network\ninput: {size}\n"
    text = head + part("parameters", parameters) + part("blocks", blocks) + part("layers", layers) + more
    read = read_spec(text, "net.yaml")
    assert [fault.message for fault in check(read)] == []
    return read


def network(layers: str, blocks: str = "", parameters: str = "", size: str = "[4, 8, 8]", **values: object) -> dict:
    """Return the layers of such a network by path."""
    graph = cm.load(spec(layers, blocks, parameters, size=size), **values)
    return {layer.path: layer for layer in graph.layers}


def test_the_example_of_the_readme_meets_what_it_expects(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```yaml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    Path("tiny.yaml").write_text(example[1])
    for arch in ("tiny.yaml", "tiny.yaml#tiny_half"):
        read = cm.read(arch)
        total = totals(cm.load(read))
        assert (total.params, total.mult_adds) == (read.expect.params, read.expect.mult_adds)
    # by hand: 3x3 convolutions, 2 a channel of batch norm, a biased 3x3 in each residual, and the classifier
    stem, residual = 27 * 16 + 32, 9 * 16 * 16 + 32 + 9 * 16 * 16 + 16
    assert cm.read("tiny.yaml").expect.params == stem + 3 * residual + 9 * 16 * 32 + 64 + 9 * 32 * 32 + 64 + 330


def test_the_readme_stays_on_a_page():
    language, _, _ = README.read_text("utf-8").partition("## Memory by level")
    assert len(language.rstrip().splitlines()) <= 85


# Rule 1: wiring


def test_a_layer_reads_the_one_above_or_those_it_names():
    layers = network("a: {op: relu}\nb: {op: sigmoid}\nc: {op: concat, from: [b, in, a]}\nd: {op: relu, from: c}")
    assert [layer.inputs for layer in layers.values()] == [("input",), ("a",), ("b", "input", "a"), ("c",)]


def test_one_layer_may_be_read_twice_by_another():
    layers = network("a: {op: relu}\nb: {op: concat, from: [a, a]}")
    assert layers["b"].inputs == ("a", "a")
    assert layers["b"].shape == (8, 8, 8)


def test_a_further_output_is_marked_where_its_last_layer_is():
    head = "head:\n  layers:\n    pool: {op: global_avg_pool}\n    fc: {op: linear, out_features: 10}"
    layers = "aux: {op: head, repeat: n, output: true}\nmain: {op: head, from: in}"
    assert cm.load(spec(layers, head, "n: 1")).outputs == ("aux.0.fc", "main.fc")
    assert cm.load(spec(layers, head, "n: 0")).outputs == ("main.fc",)


# Rule 2: several inputs


def many(inputs: str, layers: str) -> cm.LayerGraph:
    """Return the network of some inputs and layers, without a name of its own."""
    text = f"inputs: {inputs}\nlayers:\n" + "".join(f"  {line}\n" for line in layers.splitlines())
    return cm.load(checked(text, "folder/my net.yaml"))


def test_several_inputs_are_named_in_from_and_the_first_layer_reads_the_first():
    graph = many(
        "{image: [3, 8, 8], words: {shape: [5], dtype: index}, seen: {shape: [3, 8, 8], dtype: mask}}",
        "a: {op: relu}\nb: {op: where, from: [seen, a, a]}\nc: {op: relu, from: words, output: true}\n"
        "d: {op: add, from: [in, b]}",
    )
    assert [layer.inputs for layer in graph.layers] == [("image",), ("seen", "a", "a"), ("words",), ("image", "b")]
    assert {name: (given.shape, given.dtype) for name, given in graph.inputs.items()} == {
        "image": ((3, 8, 8), None),
        "words": ((5,), "int64"),
        "seen": ((3, 8, 8), "bool"),
    }


def test_a_spec_of_ones_own_needs_no_name_title_or_source():
    graph = many("{image: [3, 8, 8]}", "a: {op: relu}")
    assert (graph.name, graph.title, graph.source) == ("my_net", "my_net", "")
    assert cm.load(checked("input: [3]\nlayers: {a: {op: relu}}", "3.yaml")).name == "_3"


def test_an_input_may_have_up_to_eight_sizes():
    assert network("a: {op: relu}", size="[1, 2, 3, 4, 5, 6, 7, 8]")["a"].shape == (1, 2, 3, 4, 5, 6, 7, 8)


def test_inputs_are_set_by_name_and_what_only_they_read_is_no_parameter_any_more():
    family = spec("a: {op: conv, out_channels: width}", parameters="width: 4\nside: 8", size="[3, side, side]")
    wide = family.set(input=[1, 4, 16])
    assert cm.load(wide).layers[0].shape == (4, 4, 16)
    assert (wide.parameters, wide.changed, wide.expect.params) == ({"width": 4}, {"input": [1, 4, 16]}, None)
    with pytest.raises(cm.CostModelError, match="nothing reads side of net where input is set"):
        family.set(input=[1, 4, 16], side=3)
    with pytest.raises(
        cm.CostModelError, match=r"input of net takes a list of sizes, as \[3, side, side\], not \[3, 4\]"
    ):
        family.set(input=[3, 4])
    with pytest.raises(cm.CostModelError, match="a size of input is a whole number from 1 to 2,147,483,648, not 0"):
        family.set(input=[3, 0, 4])
    text = (
        "inputs: {x: {shape: [n], dtype: index}, y: [n, 2]}\n"
        "parameters: {n: 4}\n"
        "layers: {a: {op: gather, from: [y, x]}}"
    )
    longer = checked(text, "net.yaml").set(x=[2])
    assert cm.load(longer).inputs["x"] == Tensor((2,), "int64")
    assert cm.load(longer).layers[0].shape == (2, 2)


def test_an_edit_of_a_network_with_another_input_keeps_it():
    family = spec("a: {op: conv, out_channels: 4}", parameters="side: 8", size="[3, side, side]")
    edited = edit(family.set(input=[1, 4, 16]), ["set a.bias=false"])
    assert edited.graph.input_shape == (1, 4, 16)
    assert "side" not in edited.before


def test_many_input_sizes_at_once():
    family = spec("a: {op: conv, out_channels: 2, kernel_size: 3}", size="[3, 8, 8]")
    assert totals(cm.load(family, input=[3, np.array([5, 8]), 4])).mult_adds.tolist() == [3 * 2 * 54, 6 * 2 * 54]


# An operator without input


@pytest.fixture
def table():
    """Return the name of an operator that reads nothing, there for one test."""

    class LearnedTable(Operator):
        inputs = 0
        saves = NOTHING
        size: Sizes
        mode: Interpolation = "nearest"
        pattern: Pattern = "a -> a"
        names: SizesByName = ()
        along: Axis = 0

        def shape(self):
            return self.size

        def cost(self):
            return Cost()

    yield LearnedTable.name
    del OPERATORS[LearnedTable.name]


def test_an_operator_without_input_reads_nothing_and_is_read_by_the_one_below(table):
    layers = (
        f"t: {{op: {table}, size: [4, 8, 8]}}\na: {{op: relu, from: in}}\nb: {{op: add, from: [a, t]}}\nc: {{op: relu}}"
    )
    assert [layer.inputs for layer in network(layers).values()] == [(), ("input",), ("a", "t"), ("b",)]
    assert not network(layers)["t"].batched
    assert network(f"t: {{op: {table}, size: [4]}}\nc: {{op: relu}}")["c"].inputs == ("t",)
    with pytest.raises(cm.SpecError, match="nothing reads layer 'a'"):
        checked(f"input: [4]\nlayers:\n  a: {{op: relu}}\n  t: {{op: {table}, size: [4]}}\n", "net.yaml")
    with pytest.raises(cm.SpecError, match="reads nothing, so nothing can stand in its place"):
        network(f"t: {{op: {table}, size: [4], repeat: 0}}\nc: {{op: relu}}")


def test_words_texts_and_maps_are_read_as_the_field_wants_them(table):
    op = network(
        f"t: {{op: {table}, size: [n, 2 * n], mode: mode, pattern: 'n b -> b n', "
        "names: {a: n + 1, b: 2}, along: -n}",
        parameters="n: 3\nmode: bilinear",
    )["t"].op
    assert (op.size, op.mode, op.pattern, op.names, op.along) == (
        (3, 6),
        "bilinear",
        "n b -> b n",
        (("a", 4), ("b", 2)),
        -3,
    )
    op = network(f"t: {{op: {table}, size: [3], mode: mode, pattern: mode}}", parameters="mode: linear")["t"].op
    assert (op.mode, op.pattern) == ("linear", "mode")


MODES = "nearest, linear, bilinear, trilinear, bicubic"


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        (
            "mode: bilinar",
            "one of nearest, linear, bilinear, trilinear, bicubic belongs here, not 'bilinar'",
            "bilinear",
        ),
        ("mode: 3", "one of nearest, linear, bilinear, trilinear, bicubic belongs here, not 3", ""),
        ("pattern: 3", "a text in quotes belongs here, not 3", ""),
        ("names: {a: m}", "unknown name 'm'", "n"),
        ("names: 3", "a map of names to whole numbers of at least 1 belongs here, not 3", ""),
    ],
)
def test_what_cannot_stand_in_such_a_field(table, fields, message, hint):
    text = f"input: [3]\nparameters: {{n: 3}}\nlayers:\n  t: {{op: {table}, size: [n], {fields}}}\n"
    fault = check(read_spec(text, "net.yaml"))[0]
    assert fault.message == message
    assert hint in fault.hint


def test_an_axis_has_one_value_and_a_word_is_one_of_those_of_the_field(table):
    family = spec(f"t: {{op: {table}, size: [4], along: n, mode: mode}}", parameters="n: 0\nmode: same")
    with pytest.raises(cm.SpecError, match=r"one of nearest.* belongs here, but mode is 'same'"):
        cm.load(family)
    with pytest.raises(cm.SpecError, match="an axis cannot be an array from 0 to 1"):
        cm.load(family, mode="linear", n=np.array([0, 1]))
    assert structural(family) == {"n", "mode"}


# Rule 3: operators, blocks and what they see


def test_a_block_reads_up_to_three_inputs():
    block = "mix:\n  layers:\n    a: {op: add, from: [in, in3]}\n    b: {op: concat, from: [a, in2]}"
    layers = "x: {op: relu}\ny: {op: sigmoid, from: in}\nz: {op: tanh, from: in}\nmix: {op: mix, from: [x, y, z]}"
    found = network(layers, block)
    assert found["mix.a"].inputs == ("x", "z")
    assert found["mix.b"].inputs == ("mix.a", "y")


def test_sizes_of_the_input_are_those_of_the_block_not_of_the_layer():
    block = """
half:
  layers:
    reduce: {op: conv, out_channels: in_channels // 2, stride: 2}
    expand: {op: conv, out_channels: in_channels}
    flat:   {op: conv, out_channels: in_height * in_width}
"""
    found = network("wide: {op: conv, out_channels: 4 * in_channels}\nhalf: {op: half}", block)
    assert [layer.shape[0] for layer in found.values()] == [16, 8, 16, 64]


def test_sizes_of_vectors_and_of_token_sequences():
    block = "mlp:\n  layers:\n    fc: {op: linear, out_features: 2 * in_features}"
    assert network("mlp: {op: mlp}", block, size="[6]")["mlp.fc"].shape == (12,)
    assert network("mlp: {op: mlp}", block, size="[5, 6]")["mlp.fc"].shape == (5, 12)
    block = "mlp:\n  layers:\n    fc: {op: linear, out_features: in_tokens}"
    assert network("mlp: {op: mlp}", block, size="[5, 6]")["mlp.fc"].shape == (5, 5)


@pytest.mark.parametrize(
    ("size", "names"),
    [
        ("[5]", {"in_channels": 5, "in_features": 5}),
        ("[5, 7]", {"in_channels": 5, "in_length": 7, "in_tokens": 5, "in_features": 7}),
        ("[5, 6, 7]", {"in_channels": 5, "in_height": 6, "in_width": 7, "in_tokens": 6, "in_features": 7}),
        ("[5, 6, 7, 8]", {"in_channels": 5, "in_depth": 6, "in_height": 7, "in_width": 8, "in_tokens": 7}),
        ("[4, 5, 6, 7, 8]", {"in_channels": 4, "in_tokens": 7, "in_features": 8}),
    ],
)
def test_every_name_that_a_size_could_have_is_there(size, names):
    for name, value in names.items():
        block = f"unit:\n  takes: {{n: {name}}}\n  layers:\n    a: {{op: linear, out_features: n}}"
        assert network("u: {op: unit}", block, size=size)["u.a"].shape[-1] == value
    for name in {"in_length", "in_depth", "in_height"} - {*names}:
        with pytest.raises(cm.SpecError, match=f"the input has no {name}\n(.*\n)*  its sizes are in_channels, "):
            network(f"a: {{op: linear, out_features: {name}}}", size=size)


def test_defaults_may_use_the_names_before_them_and_sizes():
    block = """
unit:
  takes: {width: required, inner: 4 * width, outer: inner + in_channels}
  layers:
    a: {op: conv, out_channels: inner}
    b: {op: conv, out_channels: outer}
"""
    assert [layer.shape[0] for layer in network("u: {op: unit, width: 2}", block).values()] == [8, 12]
    assert [layer.shape[0] for layer in network("u: {op: unit, width: 2, inner: 3}", block).values()] == [3, 7]


def test_names_hold_operators_and_blocks_and_pass_them_on():
    blocks = """
unit:
  takes: {act: required}
  layers:
    conv: {op: conv, out_channels: 4}
    act:  {op: act}
gate:
  layers:
    s: {op: sigmoid}
    m: {op: multiply, from: [in, s]}
pair:
  takes: {inner: required, act: relu}
  layers:
    one: {op: inner, act: act}
    two: {op: inner, act: tanh}
"""
    layers = "p: {op: pair, inner: module, act: activation}\nq: {op: pair, inner: unit}"
    found = network(layers, blocks, "module: unit\nactivation: gate")
    kinds = {path: layer.op.name for path, layer in found.items()}
    assert kinds["p.one.act.s"] == "sigmoid"
    assert (kinds["p.two.act"], kinds["q.one.act"]) == ("tanh", "relu")
    assert network(layers, blocks, "module: unit\nactivation: gate", activation="silu")["p.one.act"].op.name == "silu"


def test_pairs_words_and_truths_pass_through_arguments():
    block = """
unit:
  takes: {size: required, padding: same, bias: true}
  layers:
    conv: {op: conv, out_channels: 4, kernel_size: size, padding: padding, bias: bias}
"""
    layers = "a: {op: unit, size: [1, 3]}\nb: {op: unit, size: [3, n], padding: valid}\n"
    layers += "c: {op: unit, size: 3, padding: [0, 1], bias: false}"
    a, b, c = network(layers, block, "n: 1").values()
    assert (a.op.kernel_size, a.op.padding, a.op.bias, a.shape) == ((1, 3), "same", True, (4, 8, 8))
    assert (b.op.kernel_size, b.op.padding, b.shape) == ((3, 1), "valid", (4, 6, 8))
    assert (c.op.padding, c.op.bias, c.shape) == ((0, 1), False, (4, 4, 8))


def test_a_name_in_scope_comes_before_an_operator_of_that_name():
    block = "unit:\n  takes: {act: required}\n  layers:\n    a: {op: act}"
    assert network("a: {op: tanh}", parameters="tanh: sigmoid")["a"].op.name == "sigmoid"
    assert network("u: {op: unit, act: tanh}", block, "tanh: sigmoid")["u.a"].op.name == "sigmoid"


# Rule 4: arithmetic


def test_numbers_are_arithmetic_wherever_a_number_may_stand():
    layers = "a: {op: conv, out_channels: floor(width * 10), kernel_size: [n, 2 * n - 1], stride: n // 2 + 1}"
    op = network(layers, parameters="width: 0.75\nn: 3")["a"].op
    assert (op.out_channels, op.kernel_size, op.stride) == (7, (3, 5), 2)
    assert cm.load(spec("a: {op: relu}", parameters="n: 3", size="[n, 2 * n, 7]")).input_shape == (3, 6, 7)


def test_products_of_decimals_that_are_whole_but_for_binary_count_as_whole():
    assert 100 * 0.29 != 29
    assert network("a: {op: conv, out_channels: 100 * width}", parameters="width: 0.29")["a"].shape[0] == 29


def test_arrays_and_symbols_flow_through_arguments():
    block = "unit:\n  takes: {width: required}\n  layers:\n    conv: {op: conv, out_channels: 8 * width, bias: false}"
    family = spec("u: {op: unit, width: width}", block, "width: 1")
    assert totals(cm.load(family, width=np.array([1, 2, 3]))).params.tolist() == [32, 64, 96]
    width = sympy.Symbol("width", positive=True, integer=True)
    assert totals(cm.load(family, width=width)).params == 32 * width


# Rule 5: repeat


def test_copies_are_chained_and_the_first_may_differ():
    found = network("x: {op: conv, out_channels: 8, repeat: 3, first: {op: conv, stride: 2}}\nlast: {op: relu}")
    assert [(path, layer.inputs) for path, layer in found.items()] == [
        ("x.0", ("input",)),
        ("x.1", ("x.0",)),
        ("x.2", ("x.1",)),
        ("last", ("x.2",)),
    ]
    assert [layer.op.stride for path, layer in found.items() if path != "last"] == [2, 1, 1]
    found = network("x: {op: relu, repeat: 2, first: {op: conv, out_channels: 8}}\n")
    assert [layer.op.name for layer in found.values()] == ["conv", "relu"]


def test_one_copy_is_still_numbered_and_none_leaves_the_layer_out():
    layers = "a: {op: relu}\nx: {op: sigmoid, repeat: n}\nb: {op: concat, from: [x, a]}"
    assert list(network(layers, parameters="n: 1")) == ["a", "x.0", "b"]
    assert list(network("x: {op: relu, repeat: 1}")) == ["x.0"]
    left_out = network(layers, parameters="n: 0")
    assert list(left_out) == ["a", "b"]
    assert left_out["b"].inputs == ("a", "a")


def test_what_only_a_layer_left_out_would_read_is_counted_and_that_is_said():
    layers = "a: {op: conv, out_channels: 4}\nside: {op: conv, from: in, out_channels: 4}\n"
    family = spec(layers + "x: {op: add, from: [a, side], repeat: n}\nlast: {op: relu}", parameters="n: 1")
    assert cm.load(family).notes == []
    graph = cm.load(family, n=0)
    table = cm.price(graph)
    assert [layer.path for layer in graph.layers] == ["a", "side", "last"]
    assert graph.layer("last").inputs == ("a",)
    assert table.totals.params == 2 * (4 * 4 + 4)
    assert table.notes == ("side: counted, though what reads it is left out by `repeat: 0`",)


def test_the_number_of_the_copy_is_known_in_its_fields():
    block = "unit:\n  takes: {d: required}\n  layers:\n"
    block += "    c: {op: conv, out_channels: 4, kernel_size: 3, dilation: d, padding: d}"
    found = network('u: {op: unit, d: "power(2, copy)", repeat: 3, first: {d: 5 + copy}}', block, size="[4, 32, 32]")
    assert [layer.op.dilation for layer in found.values()] == [5, 2, 4]
    inner = "pair:\n  takes: {n: required}\n  layers:\n    a: {op: conv, out_channels: 1 + copy, repeat: n}"
    found = network("p: {op: pair, n: copy + 1, repeat: 2}", inner)
    assert [(path, layer.op.out_channels) for path, layer in found.items()] == [
        ("p.0.a.0", 1),
        ("p.1.a.0", 1),
        ("p.1.a.1", 2),
    ]


def test_all_copies_are_read_in_order_each_where_it_ends():
    block = "unit:\n  takes: {n: required}\n  layers:\n    a: {op: relu}\n    b: {op: sigmoid, repeat: n}"
    found = network("s: {op: relu}\nu: {op: unit, n: copy, repeat: 3}\ncat: {op: concat, from: [s, u.*, in]}", block)
    assert found["cat"].inputs == ("s", "u.0.a", "u.1.b.0", "u.2.b.1", "input")
    layers = "s: {op: relu}\nu: {op: relu, repeat: n}\ncat: {op: concat, from: [s, u.*, in]}"
    assert network(layers, parameters="n: 0")["cat"].inputs == ("s", "input")


def test_splitting_a_line_keeps_the_numbers_of_its_copies_and_who_reads_them_all():
    layers = "s: {op: conv, out_channels: 4 + copy, repeat: 4}\ncat: {op: concat, from: [in, s.*]}"
    text = "name: net\ninput: [3, 8, 8]\nlayers:\n" + "".join(f"  {line}\n" for line in layers.splitlines())
    before = cm.load(checked(text, "net.yaml"))
    edited = cm.load(edit(checked(text, "net.yaml"), ["set s.2.bias=false"]).spec)
    widths = [layer.op.out_channels for layer in before.layers[:-1]]
    assert [layer.op.out_channels for layer in edited.layers[:-1]] == widths == [4, 5, 6, 7]
    assert [layer.op.bias for layer in edited.layers[:-1]] == [True, True, False, True]
    assert len(edited.layers[-1].inputs) == len(before.layers[-1].inputs) == 5


# Rule 6: shared and frozen weights


UNIT = "unit:\n  takes: {out: 4}\n  layers:\n    a: {op: conv, out_channels: out}\n    b: {op: batch_norm}"


def test_layers_share_the_weights_of_one_in_the_same_map_or_from_the_top():
    block = "pair:\n  layers:\n    x: {op: conv, out_channels: 4}\n    y: {op: conv, out_channels: 4, shares: x}\n"
    block += "    z: {op: conv, out_channels: 4, shares: stem}"
    layers = (
        "stem: {op: conv, out_channels: 4}\np: {op: pair, repeat: 2}\nq: {op: conv, out_channels: 4, shares: p.1.x}"
    )
    found = network(layers, block)
    assert {path: layer.shares for path, layer in found.items() if layer.shares} == {
        "p.0.y": "p.0.x",
        "p.0.z": "stem",
        "p.1.y": "p.1.x",
        "p.1.z": "stem",
        "q": "p.1.x",
    }


def test_blocks_share_layer_by_layer_and_copies_the_weights_of_one():
    found = network("u: {op: unit, repeat: 3, shares: u.0}\nv: {op: unit, shares: u.0}", UNIT)
    assert {path: layer.shares for path, layer in found.items()} == {
        "u.0.a": None,
        "u.0.b": None,
        **{f"{at}.{name}": f"u.0.{name}" for at in ("u.1", "u.2", "v") for name in "ab"},
    }


def test_frozen_lines_and_all_in_frozen_blocks_are_not_trained():
    found = network(
        "u: {op: unit, trainable: false}\nv: {op: unit}\nw: {op: linear, out_features: 8, trainable: false}", UNIT
    )
    assert [path for path, layer in found.items() if not layer.trainable] == ["u.a", "u.b", "w"]


def test_a_first_of_no_copies_changes_nothing():
    found = network("x: {op: conv, out_channels: 9, repeat: 0, first: {stride: 2}}\ny: {op: relu}")
    assert found["y"].inputs == ("input",)


def test_copies_of_a_merge_keep_their_further_inputs():
    found = network("a: {op: relu}\nx: {op: add, from: [in, a], repeat: 2}")
    assert [found[f"x.{i}"].inputs for i in range(2)] == [("input", "a"), ("x.0", "a")]


# Rule 7: variants


def test_variants_set_parameters_and_bring_their_own_figures():
    more = """
expect: {params: 20}
reported: {top1: 70.0}
variants:
  wide:
    parameters: {width: 2}
    title: Wide network
    expect: {params: 40}
"""
    family = spec("a: {op: conv, out_channels: 4 * width}", parameters="width: 1\n", more=more)
    wide = family.choose("wide")
    assert (wide.name, wide.title, wide.expect.params, wide.reported) == ("wide", "Wide network", 40, {})
    assert [totals(cm.load(each)).params for each in (family, wide)] == [20, 40]
    with pytest.raises(cm.CostModelError, match="net has no variant 'wid'; did you mean 'wide'"):
        family.choose("wid")


def test_what_was_set_is_no_longer_what_was_measured():
    mobilenet = cm.read("mobilenet_v1")
    assert mobilenet.set(width=1.0) is mobilenet
    assert mobilenet.set(width=1.0).reported
    changed = mobilenet.set(width=0.5)
    assert (changed.reported, changed.expect.params, changed.changed) == ({}, None, {"width": 0.5})


def test_where_a_name_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bundled = cm.load("resnet50")
    Path("specs").mkdir()
    mine = "name: mine\ntitle: Mine\ninput: [3, 8, 8]\nlayers:\n  a: {op: relu}\n"
    Path("specs/mine.yaml").write_text(mine + "variants:\n  resnet50: {}\n  mine_2: {}\n")
    Path("other.yaml").write_text(mine)
    assert folders()[0] == Path("specs")
    assert len(cm.load("mine")) == len(cm.load("mine_2")) == len(cm.load("./other.yaml")) == len(cm.load("other.yaml"))
    assert len(cm.load("resnet50")) == 1 < len(bundled)  # what stands in ./specs comes first
    assert cm.read("specs/mine.yaml#mine_2").name == "mine_2"
    assert len(cm.load("mobilenet_v1")) > 1
    with pytest.raises(cm.CostModelError, match="no architecture 'other'"):
        cm.load("other")


def test_every_bundled_name_means_one_thing():
    found = [name for file in files() for name in [file.stem, *read_file(file).variants]]
    assert sorted(set(found)) == sorted(found)


# Rule 2 again


def test_layers_do_not_know_the_batch():
    assert network("a: {op: relu}")["a"].shape == (4, 8, 8)
