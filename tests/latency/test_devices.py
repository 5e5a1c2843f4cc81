"""Device files: those that are shipped hold what they state, and what is written can be read again."""

import re
from math import prod
from pathlib import Path
from statistics import mean

import pytest

import costmodel as cm
from costmodel.bench.campaign import About
from costmodel.bench.layer_classes import classes_of
from costmodel.bench.layers import log_of_layers, read_layers
from costmodel.bench.log import read_setting
from costmodel.bench.machine import fit_log, read_measured
from costmodel.latency.device import read_device, to_yaml
from costmodel.latency.find import device_files, find_device
from costmodel.latency.transfer import rates, transfer

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "specs/devices").glob("*.yaml"))
LOGS = [path for path in sorted((ROOT / "benchmarks/measurements").glob("*.csv")) if ".layers" not in path.suffixes]


def test_there_are_devices_of_every_kind():
    names = {path.stem for path in SHIPPED}
    assert {
        "rtx3090",
        "rtx4090",
        "rtx5090",
        "rtx-pro-6000-max-q",
        "i9-10940x",
        "i7-12700h",
        "gtx1080ti",
        "jetson-tx1",
        "pi4",
        "pi5",
        "jetson-nano-cpu",
        "snapdragon-855",
    } <= names


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_device_states_where_it_comes_from(path):
    device = read_device(path)
    assert device.name == path.stem
    assert device.made_by.startswith("costmodel ")
    assert device.source
    assert device.interval.half_width > 0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_its_error_is_that_of_its_residuals(path):
    device = read_device(path)
    if device.error is None:
        assert device.residuals == []
        return
    errors = [abs(row[4]) for row in device.residuals]
    assert len(errors) == device.error.networks
    assert len({row[2] for row in device.residuals}) == device.error.families
    assert mean(errors) == pytest.approx(device.error.mape_percent, abs=0.1)
    assert 100 * mean(error <= 10 for error in errors) == pytest.approx(device.error.within_10_percent, abs=1.6)
    assert device.error.operations_only.mape_percent > device.error.mape_percent


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_written_can_be_read_again(path, tmp_path):
    device = read_device(path)
    copy = tmp_path / "copy.yaml"
    copy.write_text(to_yaml(device), "utf-8")
    assert read_device(copy) == device


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_a_machine_that_was_measured_here_is_fitted_again_from_its_log(log):
    stated = find_device(log.stem)
    measured, setting = read_measured(log, stated.conditions.threads == 1), read_setting(log)
    assert (setting.runtime, setting.threads) == (stated.conditions.runtime, stated.conditions.threads)
    about = About(stated.name, stated.title, stated.made_by, stated.source, stated.peaks)
    found = fit_log(about, measured, stated.conditions, setting.lowering, lambda text: None)
    assert found.model == stated.model
    assert found.error == stated.error
    layers = log_of_layers(log)
    assert stated.layers == (classes_of(found, read_layers(layers)) if layers.exists() else [])
    coverage = found.interval.coverage_percent
    assert coverage == pytest.approx(stated.interval.coverage_percent, abs=2)  # one at the edge falls to either side
    assert found.interval.model_copy(update={"coverage_percent": stated.interval.coverage_percent}) == stated.interval


def test_a_device_nobody_measured_is_scaled_and_trusts_itself_less():
    measured = find_device("rtx3090")
    peaks = {"flops_per_s": 2 * measured.peaks["flops_per_s"], "bytes_per_s": 3 * measured.peaks["bytes_per_s"]}
    made = transfer(measured, "faster", "Twice and three times", peaks, "a test")
    factor = {"mult-add": 2, "byte": 3, "kernel": 1}
    for old, new in zip(measured.model.terms, made.model.terms, strict=True):
        assert new.seconds * factor[new.unit] == pytest.approx(old.seconds, rel=1e-5, abs=0)
    assert made.interval.half_width > measured.interval.half_width
    assert made.error is None
    assert "not measured" in made.source
    with pytest.raises(cm.CostModelError, match="faster was not measured itself"):
        transfer(made, "again", "Again", peaks, "a test")


def test_a_device_without_datasheet_figures_cannot_be_scaled():
    bare = find_device("pi5").model_copy(update={"peaks": {}, "peaks_source": ""})
    with pytest.raises(cm.CostModelError, match="pi5 does not state its datasheet's FLOP/s and B/s; calibrate it with"):
        transfer(bare, "pi6", "Pi 6", {"flops_per_s": 1.0, "bytes_per_s": 1.0}, "a test")
    says = r"rk3588 does not state its datasheet's B/s \(.*the table names no board.*\); calibrate it with"
    with pytest.raises(cm.CostModelError, match=says):
        transfer(find_device("rk3588"), "new", "New", {"flops_per_s": 1.0, "bytes_per_s": 1.0}, "a test")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_device_states_its_datasheet_or_why_it_cannot(path):
    device = read_device(path)
    assert device.peaks_source
    assert ("left out" in device.peaks_source) == (len(device.peaks) < 2)


def test_a_processor_states_the_product_that_its_rate_is():
    stated = {path.stem: read_device(path) for path in SHIPPED}
    products = {name: device.peaks_source.partition(" FLOP a cycle")[0] for name, device in stated.items()}
    found = {
        name: sum(prod(map(float, re.findall(r"[\d.]+", part))) for part in product.split("+"))
        for name, product in products.items()
        if product != stated[name].peaks_source
    }
    assert len(found) == 11
    for name, gigaflops in found.items():
        assert stated[name].peaks["flops_per_s"] == pytest.approx(1e9 * gigaflops)


def test_the_figures_of_a_datasheet_are_read():
    assert rates("165TFLOP/s", "936.2GB/s") == {"flops_per_s": 165e12, "bytes_per_s": 936.2e9}
    assert rates("5GFLOP/s", None) == {"flops_per_s": 5e9}


@pytest.mark.parametrize(
    ("peak", "bandwidth", "says"),
    [
        ("165", None, "--peak '165' is without a unit, and belongs in FLOP/s; write it like 71TFLOP/s"),
        (None, "TB/s", "--bandwidth 'TB/s' is no quantity; write it like 936GB/s"),
        (None, "-3GB/s", "'-3GB/s' is no quantity"),
        (None, "3GB", "'3GB' is in B, and belongs in B/s"),
        (None, "0GB/s", "is no machine's"),
        ("936GB/s", "71TFLOP/s", "--peak '936GB/s' is in B/s, and belongs in FLOP/s"),
        ("9e999999TFLOP/s", None, "is beyond reason"),
    ],
)
def test_what_is_no_figure_of_a_datasheet_is_refused(peak, bandwidth, says):
    with pytest.raises(cm.CostModelError) as error:
        rates(peak, bandwidth)
    assert says in str(error.value)


def test_devices_of_the_folder_at_hand_come_first(tmp_path, monkeypatch):
    folder = tmp_path / "specs" / "devices"
    folder.mkdir(parents=True)
    text = (ROOT / "specs/devices/pi5.yaml").read_text("utf-8")
    (folder / "pi5.yaml").write_text(text.replace("title: Raspberry Pi 5", "title: Mine, a Raspberry Pi 5"), "utf-8")
    monkeypatch.chdir(tmp_path)
    assert find_device("pi5").title.startswith("Mine")
    assert "rtx3090" in device_files()
