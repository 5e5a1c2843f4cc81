"""PyTorch modules as they are read, against PyTorch's own counts: parameters, mult-adds, and what lives when."""

from __future__ import annotations

import json
import random
import re
import sys
import weakref
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - so everybody calls it
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from zoo import (
    ZOO,
    Careful,
    Constants,
    Counting,
    Depth,
    FineTuned,
    Gated,
    Gates,
    PackedSequences,
    Thrice,
    Tied,
    drawn_by_python,
)

import costmodel as cm
from costmodel.modules.read import read_module
from costmodel.pricing.sums import sums

pytestmark = pytest.mark.filterwarnings("ignore")  # what modules warn of is theirs
MODES = {name: name == "Training" for name in ZOO}


def without_numbers(given: Any) -> Any:
    """Return what a module is called with as tensors of PyTorch's device that has shapes alone."""
    if isinstance(given, torch.Tensor):
        return given.to("meta")
    if isinstance(given, dict):
        return {name: without_numbers(one) for name, one in given.items()}
    if isinstance(given, tuple):
        return tuple(map(without_numbers, given)) if isinstance(given[0], tuple) else torch.empty(given, device="meta")
    return given


def looked_at(name: str) -> tuple[nn.Module, Any, Any]:
    """Return a module of the zoo, its network and what it is called with."""
    build, given = ZOO[name]
    torch.manual_seed(0)
    module = build().train(MODES[name])
    return module, read(module, given), given


def read(module: nn.Module, given: Any) -> Any:
    return cm.load(module, inputs=given) if isinstance(given, dict) else cm.load(module, given)


@pytest.mark.parametrize("name", ZOO)
def test_params_and_mult_adds_are_those_that_pytorch_counts(name):
    module, graph, given = looked_at(name)
    assert not graph.unpriced
    totals = cm.price(graph).totals
    unused = sum(int(note.split()[0].replace(",", "")) for note in graph.notes if "not used here" in note)
    assert totals.params + unused == sum(one.numel() for one in module.parameters())
    asked = (
        torch.zeros(given, dtype=torch.int64, device="meta") if name in ("Tied", "Offset") else without_numbers(given)
    )
    counter = FlopCounterMode(display=False)
    module = module.to("meta")
    with torch.no_grad(), counter:
        if isinstance(asked, dict):
            module(**asked)
        else:
            module(*asked) if isinstance(asked, tuple) else module(asked)
    assert totals.mult_adds == counter.get_total_flops() // 2


def marks(module: nn.Module) -> list[Any]:
    """Return everything of a module that looking at it might change."""
    tensors = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    found: list[Any] = [
        (name, id(one), one.data_ptr(), one.device, one.requires_grad, one._version, one.tolist())
        for name, one in tensors
    ]
    for one in module.modules():
        own = {name: (id(value), list(value) if type(value) is dict else None) for name, value in vars(one).items()}
        found += [one.training, own, list(one._forward_hooks), list(one._forward_pre_hooks)]
    return found


@pytest.mark.parametrize("name", ZOO)
def test_a_module_is_left_bit_for_bit_and_flag_for_flag_as_it_was(name):
    build, given = ZOO[name]
    module = build().train(MODES[name])
    module.apply(lambda one: one.register_buffer("extra", torch.ones(2)))
    before, seed = marks(module), torch.get_rng_state()
    read(module, given)
    assert marks(module) == before
    assert torch.equal(torch.get_rng_state(), seed)
    assert not torch.is_inference_mode_enabled()
    assert torch.autocast.__init__.__module__ == "torch.amp.autocast_mode"


def test_rows_are_called_as_submodules_are_and_edges_are_complete():
    _, graph, _ = looked_at("InPlace")
    assert [layer.path for layer in graph.layers if layer.op.weights(*layer.input_shapes)] == ["one", "two"]
    reached = set(graph.inputs)
    for layer in graph.layers:
        if reached.intersection(layer.inputs):
            reached.add(layer.path)
    assert reached.issuperset(layer.path for layer in graph.layers if layer.inputs)
    read_by = {name for layer in graph.layers for name in layer.inputs}
    assert [layer.path for layer in graph.layers if layer.path not in read_by] == [graph.layers[-1].path]


OPAQUE = {
    "Recurrent": {"gru", "lstm"},
    "Cells": {"gru_cell", "linear", "lstm_cell", "rnn_tanh_cell"},
    "InPlace": {"write"},
    "ComputedWeights": {"_weight_norm", "conv2d"},
    "Maps": {"pad"},
    "Products": {"einsum"},
    "Autoencoder": {"binary_cross_entropy", "l1_loss", "mse_loss", "randn_like"},
    "ComplexFilter": {"view_as_complex", "view_as_real"},
}
"""What no operator stands for, of a cost that is known: states, weights that are computed, writes to a part, borders
that are wrapped, products in which nothing is summed, losses, and pairs of numbers seen as complex ones.
"""


@pytest.mark.parametrize("name", ZOO)
def test_everything_else_is_an_operator(name):
    _, graph, _ = looked_at(name)
    assert {layer.op.type for layer in graph.layers if layer.op.name == "opaque"} == OPAQUE.get(name, set())


def test_attention_is_one_operator_with_its_heads():
    found = {
        name: [layer.op for layer in looked_at(name)[1].layers if layer.op.name == "attention"]
        for name in ("MultiHead", "CrossAttention", "EncoderDecoder", "ScaledDotProduct", "Windows")
    }
    heads = {name: [(op.heads, op.kv_heads or op.heads) for op in ops] for name, ops in found.items()}
    assert heads.pop("ScaledDotProduct")[0] == (8, 2)
    assert heads == {
        "MultiHead": [(4, 4)],  # the other gives its weights too, and is taken apart
        "CrossAttention": [(4, 4)],
        "EncoderDecoder": [(4, 4)] * 3,
        "Windows": [(2, 2)],
    }
    assert [op.causal for op in found["ScaledDotProduct"]] == [False, True, False]


class Largest(nn.Module):
    """The largest of 8 numbers, where they stand, or both."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted

    def forward(self, x: torch.Tensor) -> Any:
        values, places = torch.topk(x, 2)
        return {"values": values, "places": places, "both": values * places}[self.wanted]


@pytest.mark.parametrize(("wanted", "rows"), [
    ("values", [("top_k", 8)]),
    ("places", [("top_k_indices", 8)]),
    ("both", [("top_k_indices", 8), ("top_k", 0), ("multiply", 2)]),
])  # fmt: skip
def test_who_finds_the_largest_makes_the_comparisons_whatever_is_used(wanted, rows):
    graph = cm.load(Largest(wanted), (1, 8))
    assert [(row["op"], row["other_ops"]) for row in cm.price(graph)] == rows


class MatrixVector(nn.Module):
    """A product of which PyTorch's counter says nothing."""

    def __init__(self, product):
        super().__init__()
        self.product, self.w = product, nn.Parameter(torch.zeros(6, 8))

    def forward(self, x):
        return self.product(self.w, x)


@pytest.mark.parametrize("product", [torch.matmul, torch.mv, lambda w, x: x @ w.T, lambda w, x: F.linear(x, w)])
def test_a_matrix_by_a_vector_without_a_batch_is_a_product(product):
    graph = cm.load(MatrixVector(product), (8,))
    totals = cm.price(graph).totals
    assert (totals.mult_adds, totals.params) == (48, 48)
    assert graph.layer(graph.outputs[0]).shape == (6,)


def test_a_module_called_again_is_a_row_again_and_its_params_count_once():
    graph = cm.load(Thrice(), (1, 8))
    rows = cm.price(graph)
    assert [(row["path"], row["params"], row["mult_adds"]) for row in rows if row["mult_adds"]] == [
        ("first", 72, 64),
        ("first_2", 0, 64),
        ("first_3", 0, 64),
    ]


def test_weights_that_are_used_without_a_call_name_the_row():
    _, graph, _ = looked_at("MultiHead")
    assert {"one.out_proj", "two.out_proj"} <= {layer.path for layer in graph.layers}


def test_a_table_that_is_also_the_head_counts_once():
    graph = cm.load(Tied(), (1, 9))
    assert cm.price(graph).totals.params == 50 * 16
    assert graph.inputs["input"].dtype == "int64"


def test_one_image_of_two_is_what_a_row_is_about_and_both_are_in_the_totals():
    _, graph, _ = looked_at("ClassToken")
    assert graph.input_shape == (3, 16, 16)
    assert graph.batch == 2
    assert graph.layer("patches").shape == (8, 4, 4)
    assert cm.price(graph, 1).totals.mult_adds * 2 == cm.price(graph).totals.mult_adds


class Living(TorchDispatchMode):
    """Adds up the bytes of the storages that are alive, besides those of a module; an input until it is read last."""

    def __init__(self, module: nn.Module, given: torch.Tensor, reads: int = -1) -> None:
        super().__init__()
        self.known = {one.untyped_storage()._cdata for one in [*module.parameters(), *module.buffers()]}
        self.known.add(given.untyped_storage()._cdata)
        self.given, self.last = given.untyped_storage(), reads
        self.bytes = self.peak = self.given.nbytes() if reads else 0
        self.reads = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.enter(tensor)
        read = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
        if any(one.untyped_storage()._cdata == self.given._cdata for one in read):
            self.reads += 1
            self.bytes -= self.given.nbytes() * (self.reads == self.last)
        return result

    def enter(self, tensor):
        storage = tensor.untyped_storage()
        if storage._cdata in self.known:
            return
        self.known.add(storage._cdata)
        self.bytes += storage.nbytes()
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self.leave, storage._cdata, storage.nbytes())

    def leave(self, key, size):
        self.known.discard(key)
        self.bytes -= size


def peak_of(build, shape) -> int:
    """Return the most bytes of storages that are alive while PyTorch calls a module."""
    with torch.device("meta"):
        module, given = build().eval(), torch.empty(shape)
    first = Living(module, given)
    with torch.no_grad(), first:
        module(given)
    second = Living(module, given, first.reads)
    with torch.no_grad(), second:
        module(given)
    return second.peak


class Inception(nn.Module):
    """Paths side by side, as GoogLeNet's, after a stem."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2))
        self.one, self.two = nn.Conv2d(64, 96, 1), nn.Sequential(nn.Conv2d(64, 48, 1), nn.Conv2d(48, 128, 3, 1, 1))
        self.three = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(64, 32, 1))
        self.head = nn.Linear(256, 10)

    def forward(self, x):
        x = self.stem(x)
        x = torch.cat((self.one(x), self.two(x), self.three(x)), 1)
        return self.head(x.mean((2, 3)))


class Stem(nn.Module):
    """What GoogLeNet begins with: the most that is alive are the two maps at its norm, and two numbers a channel."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64, eps=0.001)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)

    def forward(self, x):
        x = self.conv(x)
        x = self.norm(x)
        return self.pool(F.relu(x, inplace=True))


class Bottleneck(nn.Module):
    """What is overwritten, and what two paths read."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 1), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.Conv2d(16, 64, 3, padding=1)
        )
        self.shortcut = nn.Sequential(nn.Conv2d(3, 64, 1), nn.BatchNorm2d(64))

    def forward(self, x):
        out = self.body(x)
        out += self.shortcut(x)
        return F.max_pool2d(out.relu_(), 2)


class Tokens(nn.Module):
    """Norms of tokens, views that are copied, and products of heads."""

    def __init__(self):
        super().__init__()
        self.patches, self.norm, self.qkv = nn.Conv2d(3, 32, 4, 4), nn.LayerNorm(32), nn.Linear(32, 96)
        self.wide, self.narrow = nn.Linear(32, 128), nn.Linear(128, 32)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm(x)).reshape(len(x), -1, 3, 4, 8).transpose(1, 3).contiguous().unbind(2)
        x = x + (q @ k.mT).sigmoid().matmul(v).transpose(1, 2).reshape(x.shape)
        return x + self.narrow(F.gelu(self.wide(self.norm(x))))


def nested() -> nn.Module:
    """Return layers within others: what calls a block has its input in hand until the block is done."""
    block = nn.Sequential(nn.Conv2d(16, 64, 1), nn.BatchNorm2d(64), nn.Conv2d(64, 8, 1))
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), block)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("build", [Inception, Stem, Bottleneck, Tokens, nested])
def test_the_peak_of_live_bytes_is_that_of_the_tensors_that_pytorch_makes(build, size, batch):
    graph = cm.load(build().eval(), (1, 3, size, size))
    peak = peak_of(build, (batch, 3, size, size))
    assert cm.price(graph, batch).totals.peak_live_bytes == sums(graph, batch)["peak_live_bytes"] == peak


def test_the_peak_of_googlenet_is_at_its_first_norm():
    totals = cm.price(cm.load(Stem().eval(), (1, 3, 224, 224))).totals
    assert (totals.peak_live_bytes, totals.peak_layer) == (2 * 64 * 112 * 112 * 4 + 2 * 64 * 4, "norm")


def test_no_weight_is_allocated_where_the_module_has_none():
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(10**6, 10**6), nn.Linear(10**6, 10))
    assert cm.price(cm.load(module, (1, 10**6))).totals.mult_adds == 10**12 + 10**7


class Asks(nn.Module):
    """Asks one thing of the numbers of its input."""

    def __init__(self, ask):
        super().__init__()
        self.ask, self.linear = ask, nn.Linear(4, 4)

    def forward(self, x):
        return self.ask(self.linear(x))


class Stub:
    """Something of another package."""

    def __repr__(self):
        return "many\nlines"


def line_of(function) -> str:
    return rf"test_oracle_e_modules\.py:{function.__code__.co_firstlineno}\b"


def test_what_depends_on_numbers_is_assumed_and_said_with_file_and_line():
    def ask(x):
        return x * 2 if (x.sum() > 0) else x

    graph = cm.load(Asks(ask), (1, 4))
    (note,) = graph.notes
    assert re.search(rf"test_oracle_e_modules\.py:{ask.__code__.co_firstlineno + 1} asks whether .* assumed", note)


def test_numbers_of_constants_are_known_wherever_they_lie():
    def ask(x):
        places = torch.arange(6, device=x.device) - 2
        if places.max().item() == 3 and (places > 3).any():
            return x
        chosen = (places > 0).nonzero().flatten()
        return x.repeat(len(chosen), 1)[:, places[chosen] < 3]

    graph = cm.load(Asks(ask), (1, 4))
    assert graph.notes == []
    assert graph.layers[-1].shape == (3, 2)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda x: x[x > 0], "picks elements by a mask of true and false"),
        (lambda x: x.nonzero(), "picks elements by nonzero"),
        (lambda x: x[torch.where(x > 0)], "picks elements by where"),
        (lambda x: torch.argwhere(x > 0), "picks elements by argwhere"),
        (lambda x: x * int(x.sum().long()), "a whole number that depends on the numbers of the input"),
    ],
)
def test_what_cannot_be_told_is_refused_with_file_and_line(ask, said):
    with pytest.raises(cm.CostModelError, match=f"Asks: {line_of(ask)}.*{said}"):
        cm.load(Asks(ask), (1, 4))


@pytest.mark.parametrize("ask", [lambda x: x.tolist(), lambda x: x.numpy()])
def test_numbers_that_are_not_there_are_not_given(ask):
    with pytest.raises(cm.CostModelError, match=r"asks for the numbers of a tensor that is computed"):
        cm.load(Asks(ask), (1, 4))


def test_what_nobody_knows_is_said_and_the_rest_is_counted():
    graph = cm.load(Asks(lambda x: torch.fft.rfft(x).abs()), (1, 4))
    assert graph.unpriced == {"fft_rfft": ("fft_rfft", "no operator stands for it")}
    assert cm.price(graph).totals.mult_adds == 16


@pytest.mark.parametrize(
    ("module", "given", "said"),
    [
        (nn.Sequential(nn.Linear(4, 4)), (1, 5), r"Sequential: 0: linear of 1x5 and 4x4 and 4: RuntimeError: "),
        (nn.BatchNorm1d(4), (1, 4), r"use batch 2, or call \.eval\(\) first"),
        (nn.LazyLinear(3), (1, 4), "LazyLinear: weight has no shape yet"),
        (Asks(lambda x: x.nothing), (1, 4), r"Asks: AttributeError: 'Tensor' object has no attribute 'nothing'\n"),
        (nn.Identity(), (1, 4), "Identity: it computes nothing of its inputs"),
        (Asks(lambda x: x), (1, 0), r"\(1, 0\) is no shape of an input"),
        (Asks(lambda x: x), "1x4", "'1x4' is no input of a module"),
        (Asks(lambda x: x), Stub(), "^a Stub is no input of a module"),
        (Asks(lambda x: x), {"y": (1, 4)}, "Asks: its forward takes no 'y'; known: x"),
        (Asks(lambda x: x), None, r"say what it is called with: load\(module, \(1, 3, 224, 224\)\)"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_module_with_the_row_that_was_reached(module, given, said):
    with pytest.raises(cm.CostModelError, match=said) as found:
        read(module, given)
    assert found.value.__cause__ is None
    assert "costmodel/modules" not in str(found.value)


def test_code_is_read_in_eval_mode_where_that_is_asked(capsys):
    from costmodel.cli import main

    asked = ["report", "torch.nn:BatchNorm1d", "--arg", "num_features=4", "--input", "1x4", "--format", "json"]
    main([*asked, "--eval"])
    assert json.loads(capsys.readouterr().out)["totals"]["params"] == 8
    with pytest.raises(SystemExit):
        main(asked)
    assert "use batch 2" in capsys.readouterr().err


def test_a_summary_is_the_table_of_the_same_network():
    table = cm.summary(Gates().eval(), (1, 8))
    assert table.totals.params == 74
    assert cm.summary(Gates().eval(), x=(1, 8)).totals.mult_adds == 64
    assert any("12 params of the module are not used here: unused.weight and 1 more" in note for note in table.notes)


@pytest.mark.parametrize(
    ("asked", "given", "said"),
    [
        (nn.Linear, {"input_size": (1, 4)}, "the class Linear, of which one is to be built first"),
        ({"weight": torch.ones(2)}, {"input_size": (1, 4)}, "this is a dict; of specs"),
        (
            nn.Linear(4, 4),
            {"input_size": (1, 4), "depth": 3},
            "is given twice, as sizes or examples and by name: depth",
        ),
    ],
)
def test_what_is_no_call_of_a_module_is_said(asked, given, said):
    with pytest.raises(cm.CostModelError, match=said):
        cm.summary(asked, **given)


def test_a_notebook_shows_the_tree_of_submodules():
    graph = cm.load(nn.Sequential(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), nn.Linear(4, 2)), (1, 8))
    parts = graph._repr_html_().partition(">Tree<")[2]
    assert re.findall(r'<td class="l">\s*(\S+?)</td><td class="l">(\d+)</td>', parts) == [
        ("0", "4"),
        ("0", "4"),
        ("1", "4"),
        ("1", "2"),
    ]


def test_what_a_module_keeps_between_calls_is_what_it_kept():
    module = Constants()
    module.kept["x"] = mine = torch.ones(3)
    cm.load(module, (1, 5, 8))
    assert module.kept == {"x": mine}
    assert not hasattr(module, "last")


def test_rows_name_numbers_in_the_order_in_which_they_run():
    graph = read_module(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)), (1, 3, 8, 8))
    assert [(layer.path, layer.op.name, layer.inputs) for layer in graph.layers] == [
        ("0", "conv", ("input",)),
        ("1", "relu", ("0",)),
        ("2", "flatten", ("1",)),
        ("3", "linear", ("2",)),
    ]


CODE = """
from torch import nn

def small(classes=3, wide=False):
    return nn.Sequential(nn.Conv2d(3, 8 if wide else 4, 3), nn.Flatten(), nn.Linear(4 * 36, classes))

def broken():
    raise ValueError("no such thing")

def numbers():
    net = small()
    assert len(net[0].weight.tolist()) == 4
    return net

def needy(size):
    return nn.Linear(size, size)

class Loud(nn.Linear):
    def __init__(self):
        print("it is built")
        super().__init__(4, 4)

    def forward(self, x):
        print("it is called")
        return super().forward(x)

def __getattr__(name):
    if name == "lazy":
        raise ImportError("its other half is not installed")
    raise AttributeError(name)

print("it is imported")
other = 3
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    (tmp_path / "nets_of_a_test.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("nets_of_a_test", None)


def test_code_that_builds_a_module_is_run(code, capsys):
    from costmodel.cli import main

    main(["report", "nets_of_a_test:small", "--arg", "classes=10", "--input", "1x3x8x8", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["totals"]["params"] == 112 + 1450


def test_what_the_code_prints_is_no_part_of_the_answer(code, capsys):
    from costmodel.cli import main

    main(["report", "nets_of_a_test:Loud", "--input", "1x4", "--format", "json"])
    printed = capsys.readouterr()
    assert json.loads(printed.out)["totals"]["params"] == 20
    assert printed.err.splitlines()[-1] == "it is called"


def test_code_that_needs_numbers_is_run_on_the_processor(code):
    from costmodel import sources

    graph = sources.open("nets_of_a_test:numbers").set(**{"": [1, 3, 8, 8]}).graph
    assert cm.price(graph).totals.params == 112 + 435


@pytest.mark.parametrize(
    ("asked", "flags", "said"),
    [
        ("nets_of_a_test:smal", ["--input", "1x3x8x8"], "has no smal; did you mean 'small'?"),
        ("nothing_of_a_test:small", ["--input", "1x3x8x8"], "there is no module nothing_of_a_test to import"),
        ("nets_of_a_test.py:small", ["--input", "1x3x8x8"], "or the packages; write nets_of_a_test:small"),
        ("nets_of_a_test:broken", ["--input", "1x3x8x8"], "it raised ValueError: no such thing"),
        ("nets_of_a_test:other", ["--input", "1x3x8x8"], "gives a int, and no torch.nn.Module"),
        ("nets_of_a_test:small", [], "what is the module called with? --input 1x3x224x224"),
        ("nets_of_a_test:small", ["--arg", "size=3", "--input", "1x3"], "takes no --arg size; known: classes, wide"),
        ("nets_of_a_test:needy", ["--input", "1x3"], "needs --arg size=VALUE; or name a function"),
        ("nets_of_a_test:lazy", ["--input", "1x3"], "importing lazy raised ImportError: its other half is not"),
        ("nets_of_a_test:small", ["--arg", "size", "--input", "1x3"], "write KEYWORD=VALUE"),
        ("nets_of_a_test:small", ["--set", "size=3", "--input", "1x3"], "--arg size=3"),
        ("nets_of_a_test:small", ["--arg", "wide=true", "--input", "1x3x8x8"], "small: 2: linear of 1x288 and 3x144"),
    ],
)
def test_code_that_does_not_give_a_network_is_said_with_exit_code_2(code, asked, flags, said, capsys):
    from costmodel.cli import main

    with pytest.raises(SystemExit) as done:
        main(["report", asked, *flags])
    assert done.value.code == 2
    assert said in capsys.readouterr().err


class Rotated(nn.Module):
    """Positions as angles, computed in full precision on whatever device the input is on."""

    def __init__(self, careful: bool) -> None:
        super().__init__()
        self.careful, self.linear = careful, nn.Linear(8, 8)
        self.register_buffer("speeds", torch.ones(4))

    def forward(self, x):
        if self.careful:
            with torch.autocast(device_type=x.device.type, enabled=False):
                angles = torch.outer(torch.arange(x.shape[1], device=x.device).float(), self.speeds)
        else:
            angles = torch.outer(torch.arange(x.shape[1], device=x.device).float(), self.speeds)
        angles = torch.cat((angles, angles), -1)
        y = self.linear(x)
        return y * angles.cos() + torch.cat((-y[..., 4:], y[..., :4]), -1) * angles.sin()


def test_a_device_that_autocast_does_not_know_is_no_matter():
    careful, careless = (cm.load(Rotated(one), (1, 5, 8)) for one in (True, False))
    assert [(layer.path, layer.op) for layer in careful.layers] == [(layer.path, layer.op) for layer in careless.layers]


def test_a_recurrent_layer_that_starts_from_a_state_is_a_row_and_shares_what_it_shares():
    _, graph, _ = looked_at("Recurrent")
    rows = {row["path"]: (row["params"], row["mult_adds"]) for row in cm.price(graph)}
    assert rows["gru"] == (3 * 5 * (12 + 5), 6 * 3 * 5 * (12 + 5))
    assert rows["gru_2"] == (0, 6 * 3 * 5 * (12 + 5))
    assert [graph.layer(path).inputs for path in graph.layer("gru_2").inputs if path.startswith("gru.gru")] == [
        ("gru",)
    ]


class Kept(nn.Module):
    """What `run` does with the module, whose parts are `parts`."""

    def __init__(self, run, buffers=(), **parts):
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)
        for name in buffers:
            self.register_buffer(name, self.__dict__.pop(name))

    def forward(self, *given):
        return self.run(self, *given)


def aside(module, x):
    h = module.body(x)
    module.aux = module.head(h).relu()
    return h


def written_elsewhere(module, x):
    y = torch.zeros(2, 4)
    torch.add(torch.zeros(2, 4), torch.zeros(2, 4), out=y)
    return module.l(x) if y.any() else module.l(module.l(x))


def gathered(module, x):
    rows = torch.zeros(3, 2, 4)
    for at in range(3):
        rows[at] = module.l(x)
    return rows


LINEAR = {"l": nn.Linear(4, 4)}
FOUND = {
    "kept, not returned": (
        Kept(aside, body=nn.Linear(4, 4), head=nn.Linear(4, 100)), (2, 4), 2 * (16 + 400), 20 + 500, 0,
    ),
    "a product with a buffer": (
        Kept(lambda m, x: m.l(x @ m.b), ["b"], b=torch.ones(3, 8), l=nn.Linear(8, 2)), (2, 3), 2 * (24 + 16), 18, 24,
    ),
    "a convolution with a buffer": (
        Kept(lambda m, x: nn.functional.conv2d(x, m.b), ["b"], b=torch.ones(1, 3, 3, 3)), (1, 3, 5, 5), 9 * 27, 0, 27,
    ),
    "a parameter for each of a batch": (
        Kept(lambda m, x: m.l(m.q.expand(len(x), 3, 4)) + x, q=nn.Parameter(torch.ones(1, 3, 4)), **LINEAR),
        (2, 3, 4), 2 * 3 * 16, 12 + 20, 0,
    ),
    "inner products": (Kept(lambda m, x: torch.inner(x, m.w), w=nn.Parameter(torch.ones(4, 6))), (3, 6), 72, 24, 0),
    "what is written where nobody looks": (Kept(written_elsewhere, **LINEAR), (2, 4), 64, 20, 0),
    "rows written into zeros": (Kept(gathered, **LINEAR), (2, 4), 3 * 2 * 16, 20, 0),
    "classes that are known": (
        Kept(lambda m, x: m.l(nn.functional.one_hot(x.argmax(-1), 4).float()), **LINEAR), (2, 4), 32, 20, 0,
    ),
    "a vector": (Kept(lambda m, x: m.l(x) @ x[0], **LINEAR), (2, 4), 32 + 8, 20, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_what_others_found_is_counted(name):
    module, shape, mult_adds, params, buffers = FOUND[name]
    totals = cm.price(cm.load(module, shape)).totals
    assert (totals.mult_adds, totals.params, totals.buffers) == (mult_adds, params, buffers)


def test_an_encoder_whose_tokens_are_padded_is_read_in_eval_mode():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1).eval()
    module = Kept(lambda m, x: m.e(x, src_key_padding_mask=torch.zeros(x.shape[:2], dtype=torch.bool)), e=encoder)
    assert cm.price(cm.load(module, (2, 5, 8))).totals.mult_adds == 2 * (5 * (4 * 64 + 2 * 128) + 2 * 25 * 8)


def test_what_code_keeps_for_later_can_be_trained_with():
    kept = {}

    def run(module, x):
        table = kept.setdefault("table", torch.arange(5.0).outer(torch.ones(4)).cos())
        return module.l(x) * table

    module = Kept(run, l=nn.Linear(4, 4))
    cm.load(module, (2, 5, 4))
    module(torch.ones(2, 5, 4)).sum().backward()
    assert module.l.weight.grad is not None


def halved(module, x):
    while (x.abs() > 1).any():
        x = x / 2
    return module.l(x)


def test_a_loop_that_numbers_end_is_refused_and_does_not_run_for_ever():
    with pytest.raises(cm.CostModelError, match=r":\d+ asks of what is computed more than 1,000 times, as a loop does"):
        cm.load(Kept(halved, **LINEAR), (2, 4))


def test_what_a_module_is_priced_at_is_said_where_that_is_not_its_own():
    graph = cm.load(nn.Linear(4, 4).double(), (2, 4))
    assert (graph.dtype, graph.notes) == ("float32", ["its parameters are float64, and are priced as float32"])


def test_a_parameter_that_is_read_twice_has_one_path_and_counts_once():
    module = Kept(lambda m, x: x * m.p + m.p @ m.w, p=nn.Parameter(torch.ones(4, 4)), w=nn.Parameter(torch.ones(4, 4)))
    assert cm.price(cm.load(module, (4, 4))).totals.params == 32


DRAWS = (lambda: torch.rand(1), lambda: torch.rand(()).item(), lambda: torch.randn(2).sum() + 0)


@pytest.mark.parametrize("draw", DRAWS)
def test_a_branch_on_random_numbers_follows_what_was_drawn_and_says_where(draw):
    (note,) = [note for note in cm.load(Depth(draw), (1, 8)).notes if "asks" in note]
    assert re.search(r"\w+\.py:\d+ asks for numbers that are drawn at random; those that were drawn just now", note)


def test_pythons_own_random_numbers_are_given_back_and_said():
    before = random.getstate()
    assert any("Python's random numbers" in note for note in cm.load(Depth(drawn_by_python), (1, 8)).notes)
    assert random.getstate() == before


def test_a_branch_on_a_parameter_says_of_which_and_where():
    graph = cm.load(Gated(), (1, 8))
    (note,) = [note for note in graph.notes if "asks" in note]
    assert re.search(r"\bzoo\.py:\d+ asks for the numbers of gate; those that it has now were followed", note)
    assert cm.price(graph).totals.mult_adds == 64


def test_what_is_not_trained_has_no_gradient_and_is_said():
    table = cm.price(cm.load(FineTuned(), (2, 3, 8, 8)), training=True)
    trained = {row["path"]: row["trained_bytes"] for row in table}
    assert table.totals.params == (27 + 1) * 4 + 8 + (36 + 1) * 6 + 14
    assert (table.frozen, trained["head"], sum(trained.values())) == (table.totals.params - 14, 56, 56)
    assert {row["path"]: row["backward_mult_adds"] for row in table if row["backward_mult_adds"]} == {"head": 24}
    assert (table.totals.gradient_bytes, table.totals.adam_bytes) == (56, 112)
    assert "14 trained, 342 not; 9 in buffers" in str(table)


def test_what_is_trained_is_what_pytorch_gives_gradients():
    module = FineTuned()
    module.body[3].requires_grad_(True)
    module(torch.ones(2, 3, 8, 8)).sum().backward()
    graph = cm.load(module, (2, 3, 8, 8))
    got = {name.rpartition(".")[0] for name, one in module.named_parameters() if one.grad is not None}
    assert {layer.path for layer in graph.layers if layer.op.weights(*layer.input_shapes) and layer.trainable} == got
    counter = FlopCounterMode(display=False)
    with counter:
        module(torch.ones(2, 3, 8, 8)).sum().backward()
    assert cm.price(graph, training=True).totals.step_mult_adds == counter.get_total_flops() // 2


def test_biases_alone_that_are_trained_are_said():
    module = nn.Linear(8, 4)
    module.weight.requires_grad_(False)
    table = cm.summary(module, (1, 8))
    assert table.frozen == 36
    assert table.notes == (
        "4 params are of layers that are trained in part (linear), and are counted as the matrices of those are",
    )


def test_counters_caches_and_hooks_are_as_they_were():
    module, ever = Counting(), Counting.ever
    mean, pair = module.mean, module.caches["pair"]
    cm.load(module, (2, 8))
    assert (Counting.ever, module.calls, module.seen, module.last) == (ever, 0, False, None)
    assert module.mean is mean
    assert (module.stats.calls, module.stats.means) == (0, [])
    assert module.caches == {"by device": {}, "pair": ([], set())}
    assert module.caches["pair"] is pair
    assert not module.linear._forward_hooks
    module(torch.ones(2, 8)).sum().backward()


@pytest.mark.parametrize(("sort", "lengths"), [(True, [7, 5, 2]), (False, [2, 7, 5])])
def test_packed_sequences_are_read_where_an_example_says_how_long_they_are(sort, lengths):
    module = PackedSequences(sort)
    graph = cm.load(module, (torch.zeros(3, 7, 8), torch.tensor(lengths)))
    assert not graph.unpriced
    totals = cm.price(graph).totals
    assert totals.params == sum(one.numel() for one in module.parameters())
    each = 2 * 4 * 6 * (8 + 6) + 2 * 4 * 6 * (12 + 6)
    assert totals.mult_adds == (7 + 5 + 2) * each
    assert graph.shape(graph.outputs[0])[-1] == 12
    assert any("zoo.py" in note and "those of the example were followed" in note for note in graph.notes)


def test_lengths_that_nobody_knows_are_asked_for():
    with pytest.raises(cm.CostModelError, match=r"zoo\.py:\d+ packs sequences of several lengths, .* give an example"):
        cm.load(PackedSequences(True), {"x": (3, 7, 8), "lengths": torch.empty(3, dtype=torch.int64, device="meta")})


def test_numbers_are_taken_to_be_finite_and_that_is_said():
    graph = cm.load(Careful(), (2, 8))
    assert cm.price(graph).totals.mult_adds == 2 * 2 * 64
    assert len(graph.notes) == 3 - 1
    assert all(
        re.search(r"zoo\.py:\d+ asks whether numbers are finite; that they are was assumed", n) for n in graph.notes
    )


def test_edits_of_a_module_come_to_the_module_so_edited() -> None:
    def built(act: type[nn.Module], width: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, width, 3), act(), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width * 36, 5)
        )

    changed = cm.load(built(nn.ReLU, 8), (2, 3, 8, 8)).whatif("set 0.out_channels=16", "swap relu=hardswish")
    after = cm.price(cm.load(built(nn.Hardswish, 16), (2, 3, 8, 8))).totals
    for name in ("params", "mult_adds", "other_ops", "traffic_bytes"):
        assert changed.after.totals.values[name] == after.values[name], name
