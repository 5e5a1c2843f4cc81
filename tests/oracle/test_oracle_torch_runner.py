"""What `calibrate --runtime torch` measures is the network: PyTorch computes what the NumPy executor computes."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ops.numbers import layer_of, weights_of
from ops.strategies import CASES
from test_laws import assert_close, empty_windows
from test_targets import NO_STEP

import costmodel as cm
from costmodel.bench.log import Setting
from costmodel.bench.measure import Course, Job, measure
from costmodel.bench.quality import summarize
from costmodel.bench.torch_layers import STEPS, step_of
from costmodel.bench.torch_runner import TorchRunner, forward
from costmodel.errors import CostModelError
from costmodel.execute import random_images, run
from costmodel.graph import INPUT, LayerGraph
from costmodel.ops import OPERATORS
from costmodel.ops.activation import LeakyRelu, Prelu
from costmodel.ops.conv import Conv, ConvTranspose
from costmodel.ops.layouts import ChannelShuffle, Tokens
from costmodel.ops.norm import BatchNorm, LayerNorm, LayerScale, Lrn
from costmodel.ops.pool import AvgPool, GlobalMaxPool, MaxPool, MaxPoolIndices, MaxUnpool
from costmodel.ops.reshape import PadChannels, SliceChannels
from costmodel.ops.resize import Upsample
from costmodel.ops.softmax import Softmax

NETWORKS = {
    "alexnet": 67,
    "googlenet": 64,
    "inception_v4": 139,
    "mobilenet_v3_small": 64,
    "shufflenet_v2_x0_5": 64,
    "densenet121": 32,
    "convnext_tiny": 32,
    "vit_b_32": 32,
    "resnet20": 32,
}


def apart(graph, batch=2):
    """Return how far the two are apart, as a share of the largest value."""
    images = random_images(graph, batch)
    ours = run(graph, images)
    with torch.inference_mode():
        theirs = forward(graph)(torch.from_numpy(images))
    assert theirs.keys() == ours.keys()
    worst = 0.0
    for path, value in ours.items():
        assert tuple(theirs[path].shape) == value.shape, path
        worst = max(worst, np.abs(theirs[path].numpy() - value).max() / max(np.abs(value).max(), 1e-30))
    return worst


def chain(shape, *ops):
    """Return a network of one layer after another, each of them an output."""
    graph, last = LayerGraph("chain", shape), INPUT
    for number, op in enumerate(ops):
        last = graph.add(f"layer{number}", op, (last,)).path
        graph.mark_output(last)
    return graph


SEQUENCES = "attention matmul einsum rnn gru lstm embedding gather parameter constant arange".split()


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", SEQUENCES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_pytorch_computes_what_the_pages_of_sequences_compute(name, data):
    case = data.draw(CASES[name])
    arrays = case.arrays(batch=2)
    weights = weights_of(case)
    step = step_of(layer_of(case), {key: torch.from_numpy(array) for key, array in weights.items()})
    with torch.inference_mode():
        theirs = step(*map(torch.from_numpy, arrays)).numpy()
    assert_close(case.op.run(weights, *arrays), theirs)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_recurrent_layer_has_as_many_params_as_pytorchs(name, data):
    case = data.draw(CASES[name])
    op = case.op
    more = {"proj_size": op.proj_size} if name == "lstm" else {}
    theirs = getattr(torch.nn, name.upper())(
        case.shapes[0][-1], op.hidden_size, op.layers, bidirectional=op.bidirectional, bias=op.bias, **more
    )
    assert op.price(*case.shapes).params == sum(p.numel() for p in theirs.parameters())
    assert op.price(*case.shapes).matrix_params == sum(p.numel() for p in theirs.parameters() if p.ndim > 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_pytorch_computes_what_the_executor_computes(name):
    assert apart(cm.load(name, resolution=NETWORKS[name])) < 1e-4


def test_enet_with_its_unpooling_too():
    assert apart(cm.load("enet", resolution=64), batch=1) < 1e-4


def test_every_operator_has_an_entry_and_no_entry_is_left_over():
    assert STEPS.keys() | NO_STEP.keys() == OPERATORS.keys()


def test_an_operator_without_an_entry_is_named(monkeypatch):
    monkeypatch.delitem(STEPS, "lrn")
    with pytest.raises(CostModelError, match="nobody has said how PyTorch runs 'lrn'"):
        forward(chain((4, 5, 5), Lrn()))


sides = st.integers(1, 3)
pads = st.one_of(st.sampled_from(["same", "valid"]), st.tuples(*[st.integers(0, 2)] * 4))


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(sides, sides), stride=st.tuples(sides, sides), padding=pads, up=st.booleans(), inside=st.booleans()
)
def test_uneven_windows_and_paddings(kernel, stride, padding, up, inside):
    if isinstance(padding, tuple):
        high, wide = kernel
        top, left, bottom, right = padding
        padding = (min(top, high - 1), min(left, wide - 1), min(bottom, high - 1), min(right, wide - 1))
    fields = {"kernel_size": kernel, "stride": stride, "padding": padding}
    for op in (
        Conv(out_channels=4, groups=2, **fields),
        MaxPool(ceil_mode=up, **fields),
        AvgPool(ceil_mode=up, count_include_pad=inside, **fields),
    ):
        assert apart(chain((2, 7, 8), op)) < 1e-4, op
    assert np.array_equal(*_places(fields | {"ceil_mode": up}))


def _places(fields):
    graph = chain((2, 7, 8), MaxPoolIndices(**fields))
    images = random_images(graph, 2)
    (ours,) = run(graph, images).values()
    (theirs,) = forward(graph)(torch.from_numpy(images)).values()
    return ours, theirs.numpy()


@pytest.mark.parametrize("padding", ["same", 1, (0, 1, 1, 0)])
@pytest.mark.parametrize("stride", [1, 2])
def test_transposed_convolutions(padding, stride):
    op = ConvTranspose(out_channels=3, kernel_size=(3, 4), stride=stride, padding=padding)
    assert apart(chain((2, 5, 6), op)) < 1e-4


def test_operators_that_those_networks_lack():
    assert apart(chain((4, 6, 6), LeakyRelu(slope=0.3), Prelu(), Prelu(shared=True), Softmax(), LayerScale())) < 1e-4
    assert apart(chain((4, 6, 6), LayerNorm(), ChannelShuffle(groups=2), PadChannels(before=1, after=2))) < 1e-4
    assert apart(chain((4, 6, 6), SliceChannels(start=1, stop=3), Upsample(scale=2, bilinear=True))) < 1e-4
    assert apart(chain((4, 6, 6), Upsample(scale=(2, 3)), BatchNorm(affine=False), GlobalMaxPool())) < 1e-4
    assert apart(chain((4, 3, 2), Tokens(), Prelu(), LayerNorm(affine=False), Softmax())) < 1e-4


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", sorted(STEPS))
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_every_operator_computes_what_pytorch_computes(name, data):
    case = data.draw(CASES[name])
    inputs, weights = case.arrays(batch=2), weights_of(case)
    assume(not empty_windows(case, inputs))
    step = step_of(layer_of(case), {key: torch.from_numpy(array) for key, array in weights.items()})
    with torch.inference_mode():
        theirs = step(*map(torch.from_numpy, inputs)).numpy()
    ours = case.op.run(weights, *inputs)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    # Of a group of one element PyTorch's norms leave up to 1e-3: they do not subtract the mean first.
    assert np.abs(ours - theirs if ours.dtype != bool else ours ^ theirs).max() <= (
        1e-3 * np.abs(ours).max().clip(1) if ours.dtype == np.float32 else 0
    )


def test_unpooling_puts_values_where_they_were():
    graph = LayerGraph("unpool", (2, 7, 7))
    pool = {"kernel_size": 2, "stride": 2}
    graph.add("values", MaxPool(**pool), (INPUT,))
    graph.add("places", MaxPoolIndices(**pool), (INPUT,))
    graph.add("back", MaxUnpool(output_padding=1, **pool), ("values", "places"))
    assert apart(graph) == 0


def test_two_networks_are_really_timed(tmp_path):
    jobs = [
        Job("nin_cifar10", "nin", (1, 2), lambda: cm.load("nin_cifar10")),
        Job("resnet20", "resnet_cifar", (1,), lambda: cm.load("resnet20")),
    ]
    runner = TorchRunner(1)
    setting = Setting("this processor", "PyTorch", 1, runner.lowering.fuses, runner.lowering.lanes)
    visits = measure(Course(jobs, 2, 60), runner, tmp_path / "log.csv", setting)
    assert [(v.network, v.batch, v.round) for v in visits] == [
        (name, batch, turn)
        for turn in (0, 1)
        for name, batch in (("nin_cifar10", 1), ("nin_cifar10", 2), ("resnet20", 1))
    ]
    assert all(one.seconds > 0 for one in summarize(visits, runner.single_thread))


@pytest.mark.parametrize("threads", [3, 1])
def test_as_many_threads_as_asked_for_and_the_clock_that_suits_them(threads):
    before = torch.get_num_threads()
    try:
        runner = TorchRunner(threads)
        assert torch.get_num_threads() == threads
        assert runner.single_thread is (threads == 1)
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_so():
    with pytest.raises(CostModelError, match="this PyTorch finds no GPU; --runtime torch measures the processor"):
        TorchRunner(1, "cuda")
