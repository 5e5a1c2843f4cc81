"""Time on a device: what is counted, what it adds up to, on numbers as on arrays, and the interval everywhere."""

import csv
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.strategies import CASES

import costmodel as cm
from costmodel.bench.fit import Design, Sample
from costmodel.bench.tables import kernels_of
from costmodel.graph import INPUT, LayerGraph
from costmodel.latency.device import Conditions, Device, Errors, Interval, Model, TermModel
from costmodel.latency.energy import chip_energy, device_energy
from costmodel.latency.features import FEATURES
from costmodel.latency.find import device_files, find_device
from costmodel.latency.forms import FORMS, Form
from costmodel.latency.lowering import Lowering
from costmodel.latency.predict import latency_of, over_batches
from costmodel.numbers.arithmetic import product
from costmodel.ops.activation import Relu
from costmodel.ops.base import Cost, Operator
from costmodel.ops.conv import Conv
from costmodel.ops.embedding import Embedding
from costmodel.ops.fields import Size
from costmodel.ops.layouts import Flatten
from costmodel.ops.linear import Linear
from costmodel.ops.pool import MaxPool
from costmodel.ops.windows import spread
from costmodel.tensor import Tensor
from latency.planted import total_counts

DEVICES = [find_device(name) for name in sorted(device_files())]
EVERYTHING = Form("a coefficient for each feature", tuple((name,) for name in FEATURES))
NETWORKS = ("alexnet", "mobilenet_v1", "resnet18", "squeezenet1_1", "densenet121", "vit_b_32")


def device(form=FORMS[3], lowering=Lowering(), **changes):  # noqa: B008
    """Return a device of one form with plain coefficients."""
    size = {"mult-add": 1e-11, "byte": 1e-10, "element": 1e-9, "kernel": 1e-5}
    terms = [TermModel(of=list(term), seconds=size[FEATURES[term[0]].unit]) for term in form.terms]
    made = Device(
        name="planted",
        title="A planted machine",
        made_by="a test",
        conditions=Conditions(hardware="none", runtime="none", dtype="float32", batch=[1, 16]),
        model=Model(form=form.name, fuses=lowering.fuses, lanes=lowering.lanes, combine=form.combine, terms=terms),
        error=Errors(networks=0, families=0, mape_percent=0, within_10_percent=0, spearman=0),
        interval=Interval(half_width=0.2),
    )
    return made.model_copy(update=changes)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("batch", [1, 4])
def test_nothing_is_counted_twice_or_forgotten(network, batch):
    table = cm.price(cm.load(network), batch=batch)
    for fuses, moved in ((True, table.totals.fused_traffic_bytes), (False, table.totals.traffic_bytes)):
        counts = total_counts(table, Lowering(fuses))
        for name in ("spilled_bytes", "spilled_weight_bytes"):
            counts.pop(name)  # those of other features again, as far as they leave the caches
        by_unit = {
            unit: sum(n for name, n in counts.items() if FEATURES[name].unit == unit) for unit in ("mult-add", "byte")
        }
        assert by_unit == {"mult-add": table.totals.mult_adds, "byte": moved}
    assert total_counts(table, Lowering())["kernels"] == len(set(table.columns["kernel"]) - {None})
    assert total_counts(table, Lowering(False))["kernels"] == sum(row["kernel"] is not None for row in table)


def test_bytes_past_the_caches_are_what_a_kernel_moves_beyond_4_mb():
    graph = LayerGraph("one", (3, 224, 224))
    graph.add("conv", Conv(out_channels=64, kernel_size=3, padding=1), ("input",))
    graph.add("relu", Relu(), ("conv",))
    counts = total_counts(cm.price(graph), Lowering())
    assert counts["spilled_bytes"] == 9_447_168  # 602,112 read and 12,845,056 written, less 4,000,000
    assert total_counts(cm.price(cm.load("resnet20")), Lowering())["spilled_bytes"] == 0


@pytest.mark.parametrize("network", ["vgg16", "resnet50", "resnext50_32x4d", "inception_v3", "squeezenet1_1", "enet"])
def test_winograd_layers_are_those_whose_operator_says_so(network):
    graph = cm.load(network)
    expected = 0
    for layer in graph.layers:
        if (
            isinstance(layer.op, Conv)
            and spread(layer.op.kernel_size, 2) == (3, 3)
            and spread(layer.op.stride, 2) == (1, 1)
        ):
            channels = layer.input_shapes[0][0]
            if layer.op.groups == 1 and channels > 4:
                expected += 9 * channels * product(layer.shape)
    assert total_counts(cm.price(graph), Lowering())["mult_adds_winograd"] == expected


def alone(case):
    """Return a network of one layer, which reads what the case reads."""
    tensors = map(Tensor, case.shapes, case.dtypes)
    inputs = {f"x{place}": tensor for place, tensor in enumerate(tensors)}
    graph = LayerGraph("alone", inputs or (1,))
    graph.add("layer", case.op, tuple(inputs))
    return graph


@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_operator_takes_time_on_every_shipped_device_or_is_named(name, data):
    graph = alone(data.draw(CASES[name]))
    row = list(cm.price(graph))[-1]
    if not (row["mult_adds"] or row["other_ops"] or row["traffic_bytes"]):
        return
    for found in DEVICES:
        latency = latency_of(graph, found)
        assert latency["latency_s"] > 0 or any(note.startswith("layer: ") for note in latency["notes"]), found.name
    for lowering in (Lowering(), Lowering(False), Lowering(lanes=16)):
        counts = total_counts(cm.price(graph), lowering)
        counted = sum(counts[feature] for feature in FEATURES if feature.startswith("mult_adds_"))
        assert counted == row["mult_adds"]


class Recurrent(Operator, abstract=True):
    """A kind with mult-adds that no list of the time model knows."""

    name, family = "recurrent", "recurrent"
    width: Size

    def shape(self, x):
        return (x[0], self.width)

    def weights(self, x):
        return {"weight": (4 * self.width, x[1] + self.width)}

    def cost(self, x):
        return Cost(mult_adds=4 * x[0] * self.width * (x[1] + self.width))


@pytest.mark.parametrize("device_name", ["epyc-1t", "i9-10940x", "rtx3090"])
def test_a_kind_that_no_device_has_measured_counts_as_linear_and_is_named(device_name):
    graphs = {}
    for op in (Linear(out_features=256, bias=False), Recurrent(width=64)):  # 64 x 128 x 256 mult-adds in both
        graphs[op.name] = LayerGraph(op.name, (64, 128 if op.name == "linear" else 64))
        graphs[op.name].add("layer", op, (INPUT,))
    found = find_device(device_name)
    dtype = found.conditions.dtype
    counts = {name: total_counts(cm.price(graph), Lowering()) for name, graph in graphs.items()}
    assert counts["recurrent"]["mult_adds_matmul"] == counts["linear"]["mult_adds_matmul"] == 64 * 128 * 256
    said = f"never measured on {device_name}: recurrent; counted by their bytes, mult-adds as linear, 100 % of the time"
    for latency in (
        latency_of(graphs["recurrent"], found),
        cm.time(cm.price(graphs["recurrent"], dtype=dtype), found).totals.as_dict(),
    ):
        assert any(note.startswith(said) for note in latency["notes"])
        assert latency["unseen"].split("; ")[0] == "recurrent"
        width = math.log(latency["latency_high_s"] / latency["latency_s"])
        assert width >= found.interval.half_width + math.log(found.interval.unseen) - 1e-9
    assert not any(note.startswith("never") for note in latency_of(graphs["linear"], found)["notes"])


@pytest.mark.parametrize("combine", ["sum", "max"])
def test_a_layer_without_any_coefficient_is_named(combine):
    planted = device(Form("products only", (("mult_adds_1x1",),), combine))
    graph = LayerGraph("two", (8, 4, 4))
    graph.add("conv", Conv(out_channels=8), (INPUT,))
    graph.add("pool", MaxPool(kernel_size=2, stride=2), ("conv",))
    said = ["pool: planted gives it no time, for want of a coefficient for memory_bytes + kernels"]
    assert latency_of(graph, planted)["notes"] == said
    assert list(cm.time(cm.price(graph), planted).totals.notes) == said
    assert latency_of(cm.load("mobilenet_v1", width=0.25), device())["notes"] == []


def test_a_network_of_views_takes_no_time():
    graph = LayerGraph("views", (8, 4, 4))
    graph.add("flatten", Flatten(), (INPUT,))
    timed = cm.time(cm.price(graph), device())
    assert (timed.totals.latency_s, list(timed.values("latency_high_s"))) == (0, [0])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("lowering", [Lowering(), Lowering(False), Lowering(lanes=16)], ids=str)
@pytest.mark.parametrize("network", ["mobilenet_v1", "densenet121"])
def test_prediction_is_what_was_fitted(form, lowering, network):
    graph, planted = cm.load(network), device(form, lowering)
    sample = Sample(network, network, 4, 1.0, kernels_of(graph, 4, "float32", lowering))
    fitted = Design([sample], form).predict(np.array([term.seconds for term in planted.model.terms]))[0]
    assert cm.time(cm.price(graph, 4), planted).totals.latency_s == pytest.approx(fitted)
    assert latency_of(graph, planted, 4)["latency_s"] == pytest.approx(fitted)


def test_layers_blocks_and_kinds_add_up_to_the_network():
    timed = cm.time(cm.price(cm.load("resnet18")), device())
    total = timed.totals.latency_s
    assert sum(timed.values("latency_s")) == pytest.approx(total)
    for by in ("block", "kind", "layer"):
        assert sum(group["latency_s"] for group in timed.by(by)) == pytest.approx(total)


def test_a_fused_kernel_is_timed_at_its_head_and_a_view_takes_none():
    timed = cm.time(cm.price(cm.load("resnet18")), device())
    for row in timed:
        assert (row["latency_s"] > 0) == (row["kernel"] == row["path"])
        assert (row["bound"] is None) == (row["latency_s"] == 0)


def test_one_kernel_by_hand():
    """Two bytes a microsecond, a mult-add a nanosecond: a 1x1 convolution of 8 channels over 4x4, 2 images."""
    from costmodel.graph import INPUT, LayerGraph

    graph = LayerGraph("one", (8, 4, 4))
    graph.add("conv", Conv(out_channels=16, bias=False), (INPUT,))
    form = Form("by hand", (("mult_adds_1x1",), ("compute_bytes",), ("conv_weight_bytes",), ("kernels",)))
    planted = device(form)
    seconds = [1e-9, 5e-7, 1e-6, 1e-3]
    terms = [term.model_copy(update={"seconds": s}) for term, s in zip(planted.model.terms, seconds, strict=True)]
    planted = planted.model_copy(update={"model": planted.model.model_copy(update={"terms": terms})})
    # 2*16*8*16 = 4096 mult-adds; 2*(128+256)*4 = 3072 bytes; 128 weights of 4 bytes; one kernel
    assert latency_of(graph, planted, 2)["latency_s"] == pytest.approx(4096e-9 + 3072 * 5e-7 + 512e-6 + 1e-3)


def test_weights_and_kernels_are_paid_once_a_batch_and_the_rest_for_each_image():
    graph = cm.load("mobilenet_v1")
    once = device(Form("once", (("conv_weight_bytes", "linear_weight_bytes"), ("kernels",))))
    each = device(Form("each", (("mult_adds_1x1",), ("compute_bytes", "memory_bytes"))))
    assert latency_of(graph, once, 16)["latency_s"] == latency_of(graph, once, 1)["latency_s"]
    assert latency_of(graph, each, 16)["latency_s"] == pytest.approx(16 * latency_of(graph, each, 1)["latency_s"])


@pytest.mark.parametrize("form", [FORMS[3], FORMS[-1], EVERYTHING], ids=lambda form: form.name)
@pytest.mark.parametrize("lowering", [Lowering(), Lowering(lanes=16)], ids=str)
@pytest.mark.parametrize("network", ["mobilenet_v1", "mobilenet_v2"])
def test_a_thousand_networks_at_once_take_what_each_takes(form, lowering, network):
    widths, sizes = np.array([0.25, 0.3, 1.0]), np.array([128, 160, 224])
    batches = np.array([1, 8, 64])
    planted = device(form, lowering)
    together = latency_of(cm.load(network, width=widths, resolution=sizes), planted, batches)
    for place in range(3):
        graph = cm.load(network, width=float(widths[place]), resolution=int(sizes[place]))
        alone = latency_of(graph, planted, int(batches[place]))
        for key in ("latency_s", "latency_low_s", "latency_high_s", "throughput_per_s", "latency_per_image_s"):
            assert together[key][place] == pytest.approx(alone[key])
        assert together["bound"][place] == alone["bound"]
        assert together["unseen"][place] == alone["unseen"]


def width_of(latency):
    """Return by which factor, as a logarithm, the upper end lies above the prediction."""
    return math.log(latency["latency_high_s"] / latency["latency_s"])


def test_the_interval_is_as_wide_as_the_device_says_and_wider_where_it_extrapolates():
    graph, planted = cm.load("mobilenet_v1"), device()
    inside, outside = latency_of(graph, planted, 16), latency_of(graph, planted, 64)
    assert inside["latency_high_s"] / inside["latency_s"] == pytest.approx(math.exp(0.2))
    assert inside["latency_low_s"] / inside["latency_s"] == pytest.approx(math.exp(-0.2))
    assert width_of(outside) == pytest.approx(0.4)  # two doublings, each half the interval's own width
    assert width_of(latency_of(graph, planted, 32)) == pytest.approx(0.3)
    assert (inside["notes"], inside["unseen"], outside["unseen"]) == ([], "", "batch")
    assert outside["notes"] == ["measured at batch 1 to 16 only; the interval is wider the further away"]


def test_a_network_unlike_any_measured_one_has_a_wider_interval():
    planted = device()
    terms = [term.model_copy(update={"largest_share": 0.3}) for term in planted.model.terms]
    planted = planted.model_copy(update={"model": planted.model.model_copy(update={"terms": terms})})
    found = latency_of(cm.load("vgg16"), planted)
    assert width_of(found) > 0.4
    assert "takes more of the time than in any measured network (30 %)" in found["notes"][0]
    assert found["unseen"].startswith("share of mult_adds_winograd and 5 more")


def test_a_run_shorter_than_any_measured_one_has_a_wider_interval():
    planted = device()
    conditions = planted.conditions.model_copy(update={"shortest_s": 5e-3})
    planted = planted.model_copy(update={"conditions": conditions})
    long, short = (latency_of(cm.load(name), planted) for name in ("vgg11", "nin_cifar10"))
    assert long["latency_s"] > 5e-3 > short["latency_s"]
    assert long["latency_high_s"] / long["latency_s"] == pytest.approx(math.exp(0.2))
    assert width_of(short) == pytest.approx(0.2 + 0.1 * math.log2(5e-3 / short["latency_s"]))
    assert "shorter than any measured run (5 ms)" in short["notes"][0]
    widths = np.array([0.25, 1.0])
    both = latency_of(cm.load("mobilenet_v1", width=widths, resolution=32), planted)
    wide = np.log(both["latency_high_s"] / both["latency_s"])
    assert wide == pytest.approx(0.2 + 0.1 * np.maximum(np.log2(5e-3 / both["latency_s"]), 0))
    assert both["unseen"].tolist() == ["short", "short"]


def test_another_dtype_than_was_measured_is_refused():
    table = cm.price(cm.load("mobilenet_v1"), dtype="float16")
    with pytest.raises(
        cm.CostModelError, match="planted was measured at float32, so ask for --dtype float32, not float16"
    ):
        cm.time(table, device())


def test_unknown_devices_are_answered_with_near_ones():
    with pytest.raises(cm.CostModelError, match="no device 'rtx309'; did you mean 'rtx3090'"):
        cm.time(cm.price(cm.load("mobilenet_v1")), "rtx309")


def test_csv_json_and_python_carry_the_interval():
    from costmodel.render import data

    timed = cm.time(cm.price(cm.load("mobilenet_v1")), device())
    keys = {"latency_s", "latency_low_s", "latency_high_s", "bound"}
    rows = list(csv.DictReader(io.StringIO(data.rows_csv(data.rows_of([timed])))))
    written = json.loads(data.as_json(data.as_data([timed])))
    assert keys <= set(rows[0])
    assert keys <= set(written["layers"][0])
    assert keys <= set(written["totals"])
    assert float(rows[0]["latency_high_s"]) == timed["latency_high_s"][0]


def test_throughput_per_image_and_the_plain_line_over_batches():
    found = find_device("gtx1080ti")
    rows = over_batches(cm.load("resnet50"), found, (1, 16))
    for row in rows:
        assert row["latency_per_image_s"] * row["batch"] == pytest.approx(row["latency_s"])
        assert row["throughput_per_s"] * row["latency_s"] == pytest.approx(row["batch"])
    assert rows[1]["operations_only_s"] == pytest.approx(16 * rows[0]["operations_only_s"])


@pytest.mark.parametrize("name", sorted(device_files()))
def test_every_shipped_device_times_every_kind_of_network(name):
    found = find_device(name)
    for network in ("alexnet", "mobilenet_v1", "vit_b_32"):
        batch = found.conditions.batch[0]
        timed = cm.time(cm.price(cm.load(network), batch, found.conditions.dtype), found)
        assert 0 < timed.totals.latency_low_s < timed.totals.latency_s < timed.totals.latency_high_s


def test_energy_of_alexnet_on_the_45_nm_chip():
    """Han et al. 2015: 32-bit product 3.7 pJ, sum 0.9 pJ, DRAM 640 pJ for 4 bytes. AlexNet's 61 M weights alone: 39
    mJ.
    """
    table = cm.price(cm.load("alexnet"))
    found = chip_energy(table.totals.values, table.dtype)
    assert found["mult_adds_j"] == pytest.approx(724_406_816 * 4.6e-12)
    assert found["dram_j"] == pytest.approx(table.totals.fused_traffic_bytes / 4 * 640e-12)
    assert found["dram_j"] > 60_965_224 * 640e-12
    with pytest.raises(cm.CostModelError, match="no published energy for bfloat16"):
        chip_energy(table.totals.values, "bfloat16")


def test_energy_on_the_jetson_is_power_times_time():
    tx1 = find_device("jetson-tx1")
    timed = cm.time(cm.price(cm.load("vgg16"), 16), tx1)
    assert timed.totals.latency_s == pytest.approx(3.2, rel=1e-4)  # the one time that its paper puts in words
    assert device_energy(timed.totals.values, tx1)["energy_j"] == pytest.approx(11.8 * 3.2, rel=1e-4)
    with pytest.raises(cm.CostModelError, match="nobody measured the power of planted"):
        device_energy(timed.totals.values, device())


def test_a_lookup_takes_the_time_of_its_rows_and_not_of_its_table():
    """A table of 34 million numbers, of which one row of 8 is read."""
    times = []
    for rows in (8, 2**22):
        graph = LayerGraph("lookup", {"x": Tensor((1,), "int64")})
        graph.add("table", Embedding(num_embeddings=rows, embedding_dim=8), ("x",))
        times.append(latency_of(graph, "epyc-1t")["latency_s"])
    assert 0 < times[0] == times[1]


def test_a_network_is_timed_at_the_dtype_that_was_measured():
    graph = cm.load("mobilenet_v1")
    timed = cm.time(graph, "pi5")
    assert timed.dtype == cm.find_device("pi5").conditions.dtype == "float16"
    assert timed.totals.latency_s == cm.time(cm.price(graph, dtype="float16"), "pi5").totals.latency_s


def test_the_name_of_a_network_is_none():
    with pytest.raises(cm.CostModelError, match=r"is no network; write cm.time\(cm.load\(.resnet50.\), 'pi4'\)"):
        cm.time("resnet50", "pi4")
