"""Each rule of `specs/README.md`, shown on the smallest network that needs it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import sympy

import costmodel as cm
from costmodel.pricing import totals
from costmodel.spec.check import check
from costmodel.spec.document import read_spec
from costmodel.spec.library import files, folders, read_file

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
    assert len(README.read_text("utf-8").splitlines()) <= 85


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


# Rule 2: operators, blocks and what they see


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


# Rule 3: arithmetic


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


# Rule 4: repeat


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


def test_a_first_of_no_copies_changes_nothing():
    found = network("x: {op: conv, out_channels: 9, repeat: 0, first: {stride: 2}}\ny: {op: relu}")
    assert found["y"].inputs == ("input",)


def test_copies_of_a_merge_keep_their_further_inputs():
    found = network("a: {op: relu}\nx: {op: add, from: [in, a], repeat: 2}")
    assert [found[f"x.{i}"].inputs for i in range(2)] == [("input", "a"), ("x.0", "a")]


# Rule 5: variants


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


# Rule 7


def test_layers_do_not_know_the_batch():
    assert network("a: {op: relu}")["a"].shape == (4, 8, 8)
