"""What every operator keeps for its backward pass, and whose memory it writes to, is what autograd of PyTorch keeps."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ops.numbers import weights_of
from ops.strategies import CASES, Case
from test_laws import empty_windows
from torch.autograd.graph import saved_tensors_hooks

from costmodel.bench.torch_layers import STEPS, recurrent_module, run_recurrent
from costmodel.bench.torch_training import training_step_of
from costmodel.graph import LayerGraph
from costmodel.ops import OPERATORS, product
from costmodel.pricing.elements import Widths
from costmodel.pricing.memory.kept import kept
from costmodel.pricing.memory.liveness import storages
from costmodel.tensor import Tensor

BATCH = 3
PATH = "layer"
Found = tuple[set[str], int]
"""The tensors kept that were there anyway, and the bytes of those that were made."""


def graph_of(case: Case) -> LayerGraph:
    """The case as a network of one layer."""
    names = [f"x{n}" for n in range(len(case.shapes))]
    given = {name: Tensor(shape, dtype) for name, shape, dtype in zip(names, case.shapes, case.dtypes, strict=True)}
    graph = LayerGraph("case", given or {"unread": Tensor((1,))})
    graph.add(PATH, case.op, tuple(names))
    return graph


def theirs(graph: LayerGraph, case: Case, learns: bool, inputs: list[str]) -> tuple[Found, str]:
    """Run a training step of the layer; return what autograd keeps, without the weights, and where its output lies."""
    (layer,) = graph.layers
    trained = layer.op.weights(*layer.input_shapes).keys()
    arrays = {name: torch.from_numpy(array) for name, array in weights_of(case).items()}
    for name in trained:
        arrays[name].requires_grad_(learns)
    given = {name: torch.from_numpy(array.copy()) for name, array in zip(layer.inputs, case.arrays(BATCH), strict=True)}
    for name in inputs:
        given[name].requires_grad_()
    held = [*arrays.values()]
    if layer.op.family == "recurrent":
        module = recurrent_module(layer).requires_grad_(learns)
        held = [*module.parameters()]
        step: Any = lambda x: run_recurrent(module, x)  # noqa: E731
    else:
        step = training_step_of(layer, arrays)
    tensors: list[torch.Tensor] = []
    with saved_tensors_hooks(lambda tensor: tensors.append(tensor) or tensor, lambda tensor: tensor):
        out = step(*given.values())
    names = {at(tensor): PATH for tensor in (*held, out)} | {at(tensor): name for name, tensor in given.items()}
    weights = {at(tensor) for tensor in held}
    memory = {at(tensor): tensor for tensor in tensors if at(tensor) not in weights}
    made = sum(tensor.untyped_storage().nbytes() for place, tensor in memory.items() if place not in names)
    return ({names[place] for place in memory if place in names}, made), names[at(out)]


def at(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def ours(graph: LayerGraph, learns: bool, inputs: list[str]) -> Found:
    (layer,) = graph.layers
    (its,) = kept(graph, trains=lambda layer: learns, inputs=inputs)
    return set(its.tensors), sum(Widths(4, asked=False).saved(layer, saved, BATCH) for saved in its.own)


def is_written_otherwise(case: Case) -> bool:
    """Whether PyTorch would not write the layer as its step does: it says more than PyTorch's own function does."""
    op: Any = case.op
    if op.name == "cast":
        return (op.to == "float" and case.dtypes[0] is None) or op.to == case.dtypes[0]  # nothing to do
    if op.name == "top_k":
        return len(case.shapes) > 1  # one call gives values and places (below)
    if op.name == "attention":
        return op.past > 0 or (op.causal and (len(case.shapes) > 3 or case.shapes[0][-2] != case.shapes[1][-2]))
    return False


UNASKED = {
    "quantize": "nothing goes back through int8, whatever its step keeps on the way there",
    "max_pool_indices": "what PyTorch keeps beside the places goes with the values, which this layer does not give",
    "top_k_indices": "the same",
}
"""Operators whose step in PyTorch keeps what nobody asks for, each with the reason."""


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", sorted(STEPS.keys() - UNASKED.keys() - {"einsum"}))
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_every_operator_keeps_what_autograd_keeps(name: str, data: st.DataObject) -> None:
    """Whatever gets gradients: everything, the weights alone, the inputs alone, one of them."""
    case = data.draw(CASES[name])
    assume(not empty_windows(case, case.arrays(BATCH)) and not is_written_otherwise(case))
    graph = graph_of(case)
    real = [name for name in graph.layers[0].inputs if graph.tensor(name).dtype is None]
    learns = data.draw(st.booleans())
    inputs = data.draw(st.lists(st.sampled_from(real), unique=True)) if real else []
    found, lies = theirs(graph, case, learns, inputs)
    assert ours(graph, learns, inputs) == found
    if graph.layers[0].inputs:
        assert storages(graph, training=True)[PATH] == lies


def test_one_call_that_gives_the_largest_and_where_they_stand_keeps_the_places() -> None:
    """Which are there anyway where both are read."""
    tensors: list[torch.Tensor] = []
    x = torch.rand(BATCH, 4, 6, requires_grad=True)
    with saved_tensors_hooks(lambda tensor: tensors.append(tensor) or tensor, lambda tensor: tensor):
        found = torch.topk(x, 2, 2)
    assert {at(tensor) for tensor in tensors} == {at(found.indices)}
    graph = LayerGraph("both", {"x": Tensor((4, 6))})
    graph.add("places", OPERATORS["top_k_indices"](k=2), ("x",))
    graph.add("values", OPERATORS["top_k"](k=2), ("x", "places"))
    assert [(its.tensors, its.own) for its in kept(graph, inputs=("x",))] == [((), ()), (("places",), ())]


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_einsum_keeps_factors_or_copies_of_them_in_the_order_of_a_stack_of_products(data: st.DataObject) -> None:
    """Which of both is PyTorch's affair; what is spread over the axes before the named ones may grow."""
    case = data.draw(CASES["einsum"])
    equation = product.parsed(case.op.equation)  # type: ignore[attr-defined]
    terms = equation.inputs
    lead = {shape[: len(shape) - len(term)] for shape, term in zip(case.shapes, terms, strict=True)}
    in_both = {name for name in terms[0] if name in terms[-1]}
    summed_first = {name for term in terms for name in term} - {*equation.output} - in_both
    assume(len(terms) < 3 and len(lead) == 1 and not summed_first)
    graph = graph_of(case)
    names = [*graph.layers[0].inputs]

    def total(found: Found) -> int:
        return found[1] + sum(4 * BATCH * prod(graph.shape(name)) for name in found[0])

    assert total(ours(graph, False, names)) == total(theirs(graph, case, False, names)[0])
