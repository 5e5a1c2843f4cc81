"""The memory of a training step: against figures measured in PyTorch, by hand, and by laws on random networks.

Measured figures are peaks of MemTracker (PyTorch 2.13), of torchvision's networks under a cross-entropy, less the
labels (8 bytes an image) and the scalars of the loss; `benchmarks/memory_step.py` measures many more.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import pytest
from graphs import graphs, network
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.ops import OPERATORS, Operator
from costmodel.ops.reserve import reserve
from costmodel.pricing.memory.asked import Training
from costmodel.pricing.memory.liveness import storages
from costmodel.pricing.memory.plan import Moment, Plan
from costmodel.pricing.memory.step import plan
from costmodel.pricing.memory.step.plan import PARTS

LABEL, SCALARS = 8, 8
MOMENTUM = Training("momentum")
some = settings(max_examples=60, deadline=None)


def step(graph: LayerGraph, batch: int = 1, how: Training = MOMENTUM, dtype: str = "float32") -> Plan:
    return plan(graph, batch, dtype, how)


def chain(*lines: tuple[Any, ...], shape: tuple[int, ...] = (8, 32, 32)) -> LayerGraph:
    """Layers one after another."""
    names = ["input", *(path for path, *_ in lines)]
    return network(shape, *((path, op, names[n], *fields) for n, (path, op, *fields) in enumerate(lines)))


# --- measured --------------------------------------------------------------------------------------------------------

MEASURED = {
    ("mobilenet_v2", 16, MOMENTUM): 1_292_717_320,
    ("mobilenet_v2", 1, Training("sgd")): 100_254_352,
    ("resnet18", 1, Training("adam")): 206_553_540,
    ("resnet18", 1, Training("adam", foreach=True)): 234_435_172,
    ("resnet18", 16, MOMENTUM): 479_291_400,
    ("resnet50_v1_5", 16, Training("adamw")): 1_714_236_468,
    ("shufflenet_v2", 4, MOMENTUM): 105_603_848,
    ("densenet121", 1, MOMENTUM): 204_862_552,
    ("vgg16", 1, Training("adam")): 3_036_412_588,
    ("vgg16", 1, Training("adamw", foreach=True)): 2_767_757_132,
    ("vgg16", 16, Training("sgd")): 2_254_917_320,
    ("vit_b_16", 16, MOMENTUM): 2_624_722_280,
    ("mobilenet_v2", 16, Training("momentum", amp=True)): 677_021_960,
}


@pytest.mark.parametrize("case", MEASURED, ids=lambda case: f"{case[0]}-{case[1]}-{case[2].optimizer}")
def test_the_peak_is_what_pytorch_holds(case: tuple[str, int, Training]) -> None:
    name, batch, how = case
    measured = MEASURED[case] - batch * LABEL
    assert measured - SCALARS <= step(cm.load(name), batch, how).bytes <= measured


def test_the_peak_of_vgg_with_adam_is_the_update_and_of_mobilenet_the_way_back() -> None:
    update = step(cm.load("vgg16"), 1, Training("adam"))
    assert update.moments[update.peak].phase == "optimizer"
    back = step(cm.load("mobilenet_v2"), 16)
    assert (back.moments[back.peak].path, back.moments[back.peak].phase) == ("last.relu6", "backward")


# --- what operators keep ---------------------------------------------------------------------------------------------

CONV = ("conv", {"out_channels": 16, "kernel_size": 3, "padding": 1, "bias": False})
LAST = ("last", "conv", {"out_channels": 16, "bias": False})
KEPT = {
    "relu6": ([("first", *CONV), ("norm", "batch_norm"), ("act", "relu6"), LAST], 229_504),
    "avg_pool": ([("first", *CONV), ("pool", "avg_pool", {"kernel_size": 2, "stride": 2}), LAST], 114_688),
    "lrn": ([("first", *CONV), ("act", "relu"), ("norm", "lrn", {"size": 5}), LAST], 376_832),
    "slice": ([("first", *CONV), ("half", "slice_channels", {"start": 0, "stop": 8}), LAST], 98_304),
}
"""What saved_tensors_hooks sees of a step of one image, in bytes."""


@pytest.mark.parametrize("name", KEPT)
def test_saved_bytes_are_what_pytorch_keeps(name: str) -> None:
    lines, measured = KEPT[name]
    assert cm.price(chain(*lines), training=True).totals.saved_bytes == measured


def test_every_operator_says_what_it_keeps() -> None:
    for name, op in OPERATORS.items():
        said = [base for base in op.__mro__ if {"saves", "saved"} & vars(base).keys()]
        assert said[0] is not Operator, name


def test_an_operator_that_does_not_say_it_cannot_be_defined() -> None:
    rules = {name: vars(OPERATORS["tanh"])["run"] for name in ("shape", "cost")}
    with pytest.raises(TypeError, match="operator 'silent' does not say what its backward pass reads"):
        type("Silent", (Operator,), rules)


def test_a_slice_keeps_its_whole_source_and_a_copy_of_channels_does_not() -> None:
    half = {"start": 0, "stop": 8}
    lines = [("first", *CONV), ("half", "slice_channels", half), ("act", "relu"), LAST]
    # relu's own output, besides the image: what it was sliced from is gone.
    assert cm.price(chain(*lines), training=True).totals.saved_bytes == 4 * 32 * 32 * (8 + 8)


def test_the_minimum_keeps_of_two_tensors_the_one_that_is_kept_anyway() -> None:
    lines = [("first", *CONV), ("norm", "batch_norm"), ("act", "relu6"), LAST]
    plans = {keeps: step(chain(*lines), 1, Training("sgd", keeps=keeps)) for keeps in ("pytorch", "minimum")}
    saved = {keeps: sum(b.bytes for b in p.blocks if b.what == "saved" and b.path) for keeps, p in plans.items()}
    assert saved["pytorch"] - saved["minimum"] == 4 * 16 * 32 * 32  # relu6's input; its output is the last one's


# --- by hand ---------------------------------------------------------------------------------------------------------

FC = ("fc", "linear", {"out_features": 3, "bias": False})


def test_one_layer_moment_by_moment() -> None:
    """A matrix of 3 x 5 of one vector: 60 bytes of weights, as many of momentum, and 20 of input, all along."""
    found = step(chain(FC, shape=(5,)))
    always = 60 + 60 + 20
    assert [(moment.path, moment.phase) for moment in found.moments] == [
        ("fc", "forward"), ("", "forward"), ("", "backward"), ("fc", "backward"), ("", "optimizer"),
    ]  # fmt: skip
    assert found.held == (
        always + 12,  # its output
        always + 12 + 12,  # log-probabilities
        always + 12 + 12 + 12 + 12,  # their gradient, and that of the output
        always + 12 + 12 + 60,  # the gradient of the output and that of the weights: nobody asks for the input's
        always + 12 + 60,
    )
    assert found.bytes == max(found.held)


def test_gradients_of_weights_that_two_layers_use_are_added_up() -> None:
    graph = LayerGraph("tied", (4,))
    square = {"out_features": 4, "bias": False}
    graph.add("a", OPERATORS["linear"](**square), ("input",))
    graph.add("b", OPERATORS["linear"](**square), ("a",), shares="a")
    graph.add("c", OPERATORS["linear"](**square), ("b",), shares="a")
    found = step(graph, 1, Training("sgd"))
    gradients = [
        sum(b.bytes for b in found.alive(n) if b.what != "weights" and b.bytes == 64) for n in range(len(found.moments))
    ]
    assert max(gradients) == 3 * 64  # two and their sum
    assert gradients[-1] == 64


def test_a_layer_that_is_not_trained_has_no_gradient_no_state_and_keeps_nothing_for_it() -> None:
    lines = [("a", *FC[1:]), ("b", "linear", {"out_features": 4}), ("c", "tanh")]
    graph = chain(*lines, shape=(5,))
    whole, frozen = (step(graph, 2, Training("adam", freeze=freeze)) for freeze in ((), ("a",)))
    assert {b.path for b in whole.blocks if b.what == "gradients"} == {"a", "b"}
    assert {b.path for b in frozen.blocks if b.what == "gradients"} == {"b"}
    state = [next(b.bytes for b in p.blocks if b.what == "optimizer state") for p in (whole, frozen)]
    assert state[0] - state[1] == 2 * 3 * 5 * 4 + 4
    assert not [m for m in frozen.moments if m.path == "a" and m.phase == "backward"]


def test_what_a_spec_does_not_train_is_not_trained() -> None:
    graph = LayerGraph("frozen", (5,))
    graph.add("a", OPERATORS["linear"](out_features=3), ("input",), trainable=False)
    graph.add("b", OPERATORS["linear"](out_features=3), ("a",))
    assert (
        step(graph).held
        == step(
            chain(("a", "linear", {"out_features": 3}), ("b", "linear", {"out_features": 3}), shape=(5,)),
            1,
            replace(MOMENTUM, freeze=("a",)),
        ).held
    )


def test_a_block_that_is_computed_again_keeps_what_it_reads() -> None:
    graph = cm.load("vit_b_16")
    none, again = (step(graph, 32, Training("sgd", checkpoint=how)) for how in ((), ("encoder.*",)))
    assert again.bytes < 0.5 * none.bytes
    assert again.parts["recomputed_mult_adds"] > 0.9 * 32 * cm.price(graph).totals.mult_adds
    twice = [m for m in again.moments if m.path == "encoder.3.mlp.expand"]
    assert [m.phase for m in twice] == ["forward", "backward", "backward"]
    assert step(graph, 32, Training("sgd", checkpoint=("encoder",))) == again  # each layer of the encoder, too


def test_single_layers_that_follow_one_another_are_computed_again_together() -> None:
    graph = chain(
        *((f"l{n}", "tanh" if n % 2 else "linear", *([{"out_features": 64}] * (n % 2 == 0))) for n in range(8)),
        shape=(64,),
    )
    found = step(graph, 1, Training("sgd", checkpoint=("l*",)))
    assert [m.path for m in found.moments if m.phase == "backward"][1:9] == [f"l{n}" for n in range(8)]


# --- what is refused, and what is said -------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["freeze", "checkpoint"])
def test_a_pattern_that_means_nothing_is_refused_with_the_nearest(field: str) -> None:
    how = Training(**{field: ("conv2_y",)})
    with pytest.raises(cm.CostModelError, match="'conv2_y' matches no layer of resnet18; did you mean 'conv2_x"):
        step(cm.load("resnet18"), 1, how)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(cm.CostModelError, match="int8 has no gradients"):
        step(cm.load("alexnet"), dtype="int8")
    with pytest.raises(cm.CostModelError, match="autocast computes products of a float32 network at bfloat16"):
        step(cm.load("alexnet"), 1, Training(amp=True), dtype="float16")


def test_what_is_not_modelled_is_said_and_what_is_not_known_is_a_lower_bound() -> None:
    known = step(chain(("first", *CONV)))
    assert not known.lower_bound
    assert any("allocator of a GPU" in note for note in known.notes)
    graph = chain(("first", *CONV))
    graph.add("what", OPERATORS["opaque"](type="Strange", size=(3,)), ("first",))
    assert step(graph).lower_bound
    assert any("lower bound" in note for note in step(graph).notes)


@pytest.mark.parametrize(
    ("op", "fields", "said"), [("lstm", {}, True), ("lstm", {"proj_size": 2}, False), ("gru", {}, False)]
)
def test_what_a_kernel_of_recurrent_layers_lays_out_for_itself_is_said(op: str, fields: Any, said: bool) -> None:
    """PyTorch computes projected LSTMs and the others in operations that are known, but not their types."""
    graph = network((9, 12), ("a", op, "input", {"hidden_size": 4, **fields}))
    assert any("kernel on a processor lays out" in note for note in step(graph).notes) == said
    assert not any("lays out" in note for note in step(graph, how=replace(MOMENTUM, keeps="minimum")).notes)
    rough = [any("step by step" in note for note in step(graph, how=Training(amp=amp)).notes) for amp in (True, False)]
    assert rough == [not said, False]


def test_autocast_computes_a_prelu_at_bfloat16_as_measured() -> None:
    """Of a sum that is at float32, as in ENet: it reads a copy."""
    convolve = {"out_channels": 32, "kernel_size": 3, "padding": 1}
    lines = [("a", "conv", "input", convolve), ("sum", "add", ("a", "input")), ("act", "prelu", "sum")]
    more = [
        ("b", "conv", "act", convolve),
        ("pool", "global_avg_pool", "b"),
        ("c", "linear", "pool", {"out_features": 5}),
    ]
    graph = network((32, 32, 32), *lines, *more)
    assert 0 <= 589_754 - step(graph, 1, Training("sgd", amp=True)).bytes <= 16


def test_what_leads_to_no_output_keeps_nothing_and_has_no_gradients() -> None:
    """A branch that nobody reads, as it was measured in PyTorch at a batch of 4."""
    wide = {"kernel_size": 3, "padding": 1}
    lines = [("a", "conv", "input", {"out_channels": 32, **wide}), ("b", "conv", "a", {"out_channels": 256, **wide})]
    more = [("c", "conv", "a", {"out_channels": 32, **wide}), ("pool", "global_avg_pool", "c")]
    graph = network((3, 64, 64), *lines, ("relu", "relu", "b"), *more, ("fc", "linear", "pool", {"out_features": 10}))
    found = step(graph, 4, Training("sgd"))
    assert 0 <= 36_186_024 - found.bytes <= 16
    assert not {"b", "relu"} & {block.path for block in found.blocks if block.what == "gradients"}
    returned = network(
        (3, 64, 64), *lines, ("relu", "relu", "b"), *more, ("fc", "linear", "pool", {"out_features": 10})
    )
    returned.mark_output("relu")
    assert step(returned, 4, Training("sgd")).bytes > 1.5 * found.bytes
    returned.aside = {"relu"}
    assert step(returned, 4, Training("sgd")).bytes == found.bytes


RECURRENT = {
    ("lstm", "layers", 1): 899_172,
    ("lstm", "layers", 7): 1_595_420,
    ("lstm", "bidirectional", 1): 681_372,
    ("lstm", "bidirectional", 7): 1_377_404,
    ("rnn", "layers", 1): 277_860,
    ("rnn", "layers", 7): 329_916,
    ("rnn", "bidirectional", 1): 228_540,
    ("rnn", "bidirectional", 7): 300_036,
    ("gru", "layers", 1): 826_140,
    ("gru", "layers", 7): 975_396,
    ("gru", "bidirectional", 1): 664_500,
    ("gru", "bidirectional", 7): 880_140,
}
"""Peaks of MemTracker, the LSTMs' of steps that were computed."""


@pytest.mark.parametrize(("op", "twice", "batch"), RECURRENT)
def test_recurrent_layers_as_measured(op: str, twice: str, batch: int) -> None:
    """Two layers, and two directions: what each keeps, and frees before the one below it goes back."""
    graph = network((9, 12), ("a", op, "input", {"hidden_size": 90, twice: 2 if twice == "layers" else True}))
    graph.add("head", OPERATORS["linear"](out_features=5), ("a",))
    assert 0 <= RECURRENT[op, twice, batch] - step(graph, batch, Training("sgd")).bytes <= 16


@pytest.mark.parametrize(("op", "held"), [("lstm", 2_044_096), ("rnn", 516_976), ("gru", 1_535_056)])
def test_an_update_of_recurrent_layers_as_measured(op: str, held: int) -> None:
    """Adam goes through the arrays of a layer and direction before those of the next."""
    graph = network((9, 12), ("a", op, "input", {"hidden_size": 90, "layers": 2}))
    graph.add("head", OPERATORS["linear"](out_features=5), ("a",))
    assert 0 <= held - step(graph, 1, Training("adam")).bytes <= 16


def test_a_recurrent_layer_above_another_copies_nothing_as_measured() -> None:
    """The steps of the one below lie first already, behind a dropout too."""
    fields = {"hidden_size": 90}
    graph = network((9, 70), ("a", "lstm", "input", fields), ("b", "lstm", "a", fields))
    graph.add("head", OPERATORS["linear"](out_features=5), ("b",))
    assert 0 <= 1_785_376 - step(graph, 4, Training("adam", freeze=("b",))).bytes <= 16
    behind = network((9, 70), ("a", "lstm", "input", fields), ("drop", "dropout", "a"), ("b", "gru", "drop", fields))
    turned = network((9, 70), ("a", "lstm", "input", fields), ("drop", "layer_norm", "a"), ("b", "gru", "drop", fields))
    own = [sum(x.bytes for x in step(g, 4).blocks if x.path == "b" and x.what == "saved") for g in (behind, turned)]
    assert own[1] - own[0] == 4 * 9 * 90 * 4


def test_a_linear_layer_copies_what_the_kernel_of_an_lstm_gives_it() -> None:
    """At the loss of a language model, whose batch of 16 took so much (`benchmarks/memory/step.csv`)."""
    held = step(cm.load("lstm_lm"), 16, Training("sgd")).bytes
    assert 0 <= 219_643_976 - held <= 16


def test_what_a_kernel_of_an_lstm_reserves() -> None:
    """As PyTorch 2.13 made it, at float32 and bfloat16."""
    sizes = {(35, 20, 650, 650): (27_979_776, 19_738_624), (10, 4, 64, 100): (282_624, 212_992)}
    sizes |= {(7, 3, 512, 256): (520_192, 389_120), (1, 1, 1, 1): (28_672, 28_672)}
    sizes |= {(40, 8, 256, 256): (5_173_248, 3_682_304)}  # whose rows would share lines of the cache
    assert {given: (reserve(*given, 4), reserve(*given, 2)) for given in sizes} == sizes


@some
@given(data=st.data())
def test_a_recurrent_layer_keeps_as_a_whole_what_its_parts_keep(data: st.DataObject) -> None:
    """Once the forward pass has gone, its works hold what the table says that it keeps."""
    op = data.draw(st.sampled_from(["lstm", "gru", "rnn"]))
    fields = {"hidden_size": data.draw(st.integers(2, 9)), "layers": data.draw(st.integers(1, 3))}
    fields |= {name: data.draw(st.booleans()) for name in ("bidirectional", "bias")}
    if op == "lstm" and data.draw(st.booleans()):
        fields["proj_size"] = 1
    graph = network((data.draw(st.integers(2, 5)), 3), ("a", op, "input", fields))
    batch = data.draw(st.integers(2, 4))
    found = step(graph, batch)
    forward = max(n for n, moment in enumerate(found.moments) if moment == Moment("a", "forward"))
    kept = (block.bytes for block in found.blocks if block.what == "saved" and block.first <= forward < block.last)
    assert sum(kept) == cm.price(graph, batch, training=True).totals.saved_bytes


def test_a_branch_that_leads_nowhere_holds_what_it_made_until_it_ends() -> None:
    """A padded map, which its convolution would go back by, is there while the branch is added up."""
    fields = {"out_channels": 1, "kernel_size": (1, 2), "padding": "same", "bias": False}
    lines = (("a", "conv", "input", fields), ("b", "add", ["a", "a"]), ("c", "add", ["input", "input"]))
    graph = network((2, 3, 3), *lines)
    least, eager = (step(graph, how=replace(Training("sgd"), keeps=keeps)) for keeps in ("minimum", "pytorch"))
    at = [moment.path for moment in eager.moments].index("b")
    assert eager.held[at] - least.held[at] == 4 * 2 * 3 * 4  # a column more
    assert eager.held[at + 1] == least.held[at + 1]


# --- laws ------------------------------------------------------------------------------------------------------------

HOWS = st.builds(
    Training,
    optimizer=st.sampled_from(["sgd", "momentum", "adam", "adamw"]),
    foreach=st.booleans(),
    amp=st.booleans(),
    keeps=st.sampled_from(["pytorch", "minimum"]),
    accumulates=st.booleans(),
)


@some
@given(graph=graphs(), batch=st.integers(1, 4), how=HOWS)
def test_the_parts_add_up_to_the_peak_and_everything_is_freed(graph: LayerGraph, batch: int, how: Training) -> None:
    found = step(graph, batch, how)
    assert sum(found.parts[part] for part in PARTS) == found.bytes == max(found.held)
    assert all(0 <= block.first <= block.last < len(found.moments) for block in found.blocks)
    storage = storages(graph, training=True)
    left = {b.path for b in found.alive(len(found.moments) - 1) if b.what in ("saved", "activations")}
    assert left <= {storage[path] for path in graph.outputs}
    assert not [b for b in found.alive(len(found.moments) - 1) if b.what == "gradients of activations"]


@some
@given(graph=graphs(), batch=st.integers(1, 3), how=HOWS)
def test_the_minimum_is_no_more_than_what_pytorch_keeps(graph: LayerGraph, batch: int, how: Training) -> None:
    least, eager = (step(graph, batch, replace(how, keeps=keeps)) for keeps in ("minimum", "pytorch"))
    assert all(a <= b for a, b in zip(least.held, eager.held, strict=True))


@some
@given(graph=graphs(), how=HOWS, data=st.data())
def test_what_is_frozen_takes_no_more(graph: LayerGraph, how: Training, data: st.DataObject) -> None:
    """But for Adam's update one by one, where other arrays then follow one another."""
    assume(how.foreach or how.optimizer in ("sgd", "momentum"))
    layers = data.draw(st.lists(st.sampled_from([layer.path for layer in graph.layers]), min_size=1))
    assert step(graph, 2, replace(how, freeze=tuple(layers))).bytes <= step(graph, 2, how).bytes


@some
@given(graph=graphs(), how=HOWS)
def test_gradients_of_earlier_batches_take_more_and_so_do_more_images(graph: LayerGraph, how: Training) -> None:
    assert step(graph, 2, replace(how, accumulates=True)).bytes >= step(graph, 2, replace(how, accumulates=False)).bytes
    assert step(graph, 3, how).bytes >= step(graph, 2, how).bytes


@some
@given(graph=graphs(), how=HOWS)
def test_a_network_computed_again_as_a_whole_keeps_its_input_alone(graph: LayerGraph, how: Training) -> None:
    """It takes no more than without, but for its outputs and their gradients, which are there when it runs again."""
    none, again = step(graph, 2, how), step(graph, 2, replace(how, checkpoint=("*",)))
    outputs = sum(2 * 4 * prod(graph.shape(path)) for path in graph.outputs)
    assert again.bytes <= none.bytes + 2 * outputs
    assert again.parts["recomputed_mult_adds"] <= 2 * cm.price(graph).totals.mult_adds
