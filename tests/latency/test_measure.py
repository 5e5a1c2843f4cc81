"""Measuring: the order of visits, the lowest of rounds, noise, Ctrl-C and going on. The machine is planted, so is its
clock.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import costmodel as cm
from costmodel.bench import plan
from costmodel.bench.campaign import About, Campaign
from costmodel.bench.log import FIELDS, Setting, Visit, read_log, read_setting
from costmodel.bench.machine import calibrate_machine, fit_log, read_measured
from costmodel.bench.measure import LEAST_RUNS, LEAST_SECONDS, WARM_UPS, Course, Job, LayerTimes, measure
from costmodel.bench.microbench import chains, is_rare
from costmodel.bench.onnx_runner import OnnxRuntime
from costmodel.bench.quality import Measured, judge, summarize
from costmodel.bench.rare_chains import rare_chains
from costmodel.bench.runtimes import RUNTIMES
from costmodel.bench.tables import kernels_of
from costmodel.latency.device import Conditions, Errors
from costmodel.latency.forms import FORMS
from costmodel.latency.lowering import Lowering, table_kernels
from costmodel.latency.predict import latency_of
from latency.planted import REAL, seconds

FORM = FORMS[3]
HERE = Setting("planted", "none", 1, True, 1, "2026-01-01")


class Planted:
    """A machine that takes what its coefficients say, times noise that can only slow it down."""

    single_thread = True

    def __init__(self, noise=0.0, seed=0, stop_after=None, sick=(), fuses=True, first=0.0):
        self.lowering, self.first, self.runs = Lowering(fuses), first, 0
        self.rng, self.noise = np.random.default_rng(seed), noise
        self.coefficients = [1e-11, 1e-10, 2e-10, 2e-5]
        self.now, self.opened, self.stop_after, self.sick = 0.0, [], stop_after, sick

    def clock(self):
        return self.now, self.now

    def prepare(self, job):
        if self.stop_after is not None and len(self.opened) == self.stop_after:
            raise KeyboardInterrupt
        self.opened.append(job.network)
        graph = job.build()
        visit = self.opened.count(job.network)

        def make(batch):
            truth = seconds(FORM, self.coefficients, kernels_of(graph, batch, "float32", self.lowering))

            fresh = True

            def run():
                nonlocal fresh
                slow = 1 + abs(self.rng.normal(0, self.noise)) + (visit % 2 if job.network in self.sick else 0)
                self.now += truth * slow + (self.first if fresh else 0)
                self.runs, fresh = self.runs + 1, False

            return run

        return make


def jobs(names=("alexnet", "nin"), batches=(1, 2)):
    return [Job(name, name, batches, lambda name=name: cm.load(name)) for name in names]


def go(machine, log, rounds=3, budget=1e9, resume=False, todo=None, setting=HERE):
    course = Course(todo or jobs(), rounds, budget)
    return measure(course, machine, log, setting, resume=resume, clock=machine.clock)


def test_rounds_are_interleaved_and_every_visit_is_kept(tmp_path):
    machine = Planted()
    visits = go(machine, tmp_path / "log.csv")
    assert machine.opened == ["alexnet", "nin"] * 3
    assert [(v.network, v.batch, v.round) for v in visits[:4]] == [
        ("alexnet", 1, 0),
        ("alexnet", 2, 0),
        ("nin", 1, 0),
        ("nin", 2, 0),
    ]
    assert read_log(tmp_path / "log.csv") == visits
    assert len(visits) == 12


def test_the_lowest_visit_counts_and_halves_tell_how_well_it_repeats(tmp_path):
    machine = Planted(noise=0.05)
    found = summarize(go(machine, tmp_path / "log.csv", rounds=6), True)
    for one in found:
        truth = seconds(FORM, machine.coefficients, kernels_of(cm.load(one.network), one.batch, "float32", Lowering()))
        assert truth <= one.seconds < 1.05 * truth
    assert 0 < judge(found).repeatability < 0.1


def test_the_processors_time_counts_where_one_thread_does_all_the_work():
    visits = [Visit("net", "net", 1, turn, wall_s=3.0 + turn, cpu_s=2.0) for turn in (0, 1)]
    assert [one.seconds for one in summarize(visits, single_thread=True)] == [2.0]
    assert [one.seconds for one in summarize(visits, single_thread=False)] == [3.0]


def test_ctrl_c_keeps_what_is_measured_and_resume_measures_the_rest_only(tmp_path):
    log = tmp_path / "log.csv"
    kept = go(Planted(stop_after=3), log)
    assert [(v.network, v.round) for v in kept[::2]] == [("alexnet", 0), ("nin", 0), ("alexnet", 1)]
    again = Planted()
    everything = go(again, log, resume=True)
    assert again.opened == ["nin", "alexnet", "nin"]
    assert len({(v.network, v.batch, v.round) for v in everything}) == len(everything) == 12
    assert read_log(log) == everything


def test_a_line_cut_off_by_a_crash_is_measured_again(tmp_path):
    log = tmp_path / "log.csv"
    go(Planted(), log, rounds=2)
    whole = log.read_text("utf-8")
    for cut in (whole.rindex(",") - 2, len(whole) - 3):  # in the middle of a number it may still look whole
        log.write_text(whole[:cut], "utf-8")
        assert len(read_log(log)) == 7
        assert len(go(Planted(), log, rounds=2, resume=True)) == 8
        assert len(read_log(log)) == 8


def test_an_old_log_is_not_written_over(tmp_path):
    log = tmp_path / "log.csv"
    go(Planted(), log)
    before = log.read_bytes()
    with pytest.raises(cm.CostModelError, match="exists; --resume goes on with it, --force begins anew"):
        go(Planted(), log)
    assert log.read_bytes() == before


def test_a_log_says_what_it_was_measured_with(tmp_path):
    log = tmp_path / "log.csv"
    go(Planted(), log)
    assert read_setting(log) == HERE
    log.write_text(",".join(FIELDS) + "\n", "utf-8")
    with pytest.raises(cm.CostModelError, match="its first line does not tell what it was measured with"):
        read_setting(log)


@pytest.mark.parametrize("other", [{"runtime": "another"}, {"lanes": 16}, {"hardware": "a laptop"}])
def test_a_log_is_not_gone_on_with_under_another_setting_but_can_be_fitted_again(other, tmp_path):
    log = tmp_path / "log.csv"
    kept = go(Planted(), log, rounds=2)
    elsewhere = replace(HERE, **other)
    with pytest.raises(cm.CostModelError, match=r"log\.csv was measured in none, 1 thread on planted, but this is"):
        go(Planted(), log, rounds=3, resume=True, setting=elsewhere)
    assert go(Planted(), log, rounds=2, resume=True, setting=elsewhere) == kept
    assert len(go(Planted(), log, rounds=3, resume=True, setting=replace(HERE, date="2027-01-01"))) == 12


@pytest.mark.parametrize("other", [{"threads": 2}, {"fuses": False}])
def test_a_log_is_never_taken_for_that_of_other_threads_or_another_runtime(other, tmp_path):
    log = tmp_path / "log.csv"
    go(Planted(), log, rounds=2)
    with pytest.raises(cm.CostModelError, match="begin another with --log"):
        go(Planted(), log, rounds=2, resume=True, setting=replace(HERE, **other))


def test_time_that_is_up_ends_the_measuring(tmp_path):
    one_round = Planted()
    go(one_round, tmp_path / "a.csv", rounds=1)
    visits = go(Planted(), tmp_path / "b.csv", rounds=50, budget=2.2 * one_round.now)
    assert 8 <= len(visits) <= 12


def test_the_person_is_told_how_long_it_still_takes(tmp_path):
    machine, told = Planted(), []
    log = tmp_path / "log.csv"
    measure(Course(jobs(), 4, 1e9), machine, log, HERE, clock=machine.clock, progress=lambda *a: told.append(a))
    assert [(done, planned) for done, planned, _, _ in told] == [(n, 8) for n in range(8)]
    total = machine.now
    assert told[4][3] == pytest.approx(total / 2, rel=0.05)


def test_a_noisy_machine_is_told_so_with_its_figure(tmp_path):
    found = summarize(go(Planted(noise=5.0), tmp_path / "log.csv", rounds=2), True)
    with pytest.raises(
        cm.CostModelError, match=r"too noisy to fit: the two halves of the measurements differ by \d+ %"
    ):
        judge(found)


def test_a_network_that_does_not_repeat_is_named(tmp_path):
    found = summarize(go(Planted(sick=("nin",)), tmp_path / "log.csv", rounds=2, todo=jobs(REAL, (1,))), True)
    assert [one.network for one in judge(found).outliers] == ["nin"]


def test_one_round_alone_says_nothing_about_noise(tmp_path):
    found = summarize(go(Planted(), tmp_path / "log.csv", rounds=1), True)
    with pytest.raises(cm.CostModelError, match="nothing was measured in 2 rounds; give it more --minutes"):
        judge(found)


def test_what_is_no_log_is_said_so(tmp_path):
    (tmp_path / "a.csv").write_text("one,two\n1,2\n", "utf-8")
    with pytest.raises(cm.CostModelError, match="this is no log of measurements"):
        read_log(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("network,family,batch,round,wall_s,cpu_s\na,a,one,0,1,1\nb,b,1,0,1,1\n", "utf-8")
    with pytest.raises(cm.CostModelError, match=r"b.csv:2:5: batch is 'one'; it must be a number"):
        read_log(tmp_path / "b.csv")


@pytest.mark.parametrize("raw", [b"\xff\xfea", b"a\xff\n", b""])
def test_what_is_no_text_is_no_log(raw, tmp_path):
    log = tmp_path / "log.csv"
    log.write_bytes(raw)
    for read in (read_log, read_setting):
        with pytest.raises(cm.CostModelError, match=r"log\.csv"):
            read(log)
        with pytest.raises(cm.CostModelError, match="no such file"):
            read(tmp_path / "none.csv")
        with pytest.raises(cm.CostModelError, match="this is a directory"):
            read(tmp_path)


def test_a_clock_that_shows_no_time_is_said_so():
    visits = [Visit("net", "net", 1, turn, wall_s=3.0, cpu_s=0.0) for turn in (0, 1)]
    with pytest.raises(cm.CostModelError, match="the processor's clock shows no time for a run of net"):
        summarize(visits, single_thread=True)


@pytest.fixture
def small(monkeypatch):
    """A calibration of twelve small networks and two chains."""
    more = ("googlenet", "mobilenet_v3_small", "densenet121", "squeezenet")
    monkeypatch.setattr("costmodel.bench.campaign.NETWORKS", (*REAL, *more))
    monkeypatch.setattr(plan, "chains", lambda: list(chains())[:2])


def calibrated(runner, folder, monkeypatch, runtime="onnxruntime", **changes):
    monkeypatch.setattr("costmodel.bench.machine.measure", lambda *a, **k: measure(*a, clock=runner.clock, **k))
    told = []
    campaign = Campaign(
        About("planted", power_w=9.0, power_source="a meter"),
        folder / "log.csv",
        RUNTIMES[runtime],
        batches=(1, 8),
        rounds=4,
        seconds=1e9,
        hardware="planted",
    )
    return calibrate_machine(replace(campaign, **changes), runner, told.append), told


def test_a_planted_machine_is_calibrated_and_predicts_networks_it_never_saw(small, tmp_path, monkeypatch):
    runner = Planted(noise=0.02)
    device, told = calibrated(runner, tmp_path, monkeypatch)
    assert (device.name, device.title, device.power_w, device.power_source) == ("planted", "planted", 9.0, "a meter")
    assert device.error.mape_percent < 5
    assert device.error.mape_percent < device.error.operations_only.mape_percent
    assert "measurements repeat within" in told[0]
    for network in ("vgg11", "resnet34"):
        truth = seconds(FORM, runner.coefficients, kernels_of(cm.load(network), 4, "float32", Lowering()))
        assert latency_of(cm.load(network), device, 4)["latency_s"] == pytest.approx(truth, rel=0.1)


def test_calibrating_twice_gives_the_same_predictions_within_the_repeatability(small, tmp_path, monkeypatch):
    found = []
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        found.append(calibrated(Planted(noise=0.1, seed=seed), tmp_path / str(seed), monkeypatch)[0])
    for network in REAL:
        one, other = (latency_of(cm.load(network), device, 8) for device in found)
        widest = max(device.interval.repeatability_percent for device in found) / 100
        assert abs(one["latency_s"] / other["latency_s"] - 1) < max(widest, 0.02)
        assert one["latency_low_s"] < other["latency_s"] < one["latency_high_s"]


class Sampled(Planted):
    """A machine that also says what single layers take: what was planted, a third more."""

    def profile(self, job, batch, runs):
        table = cm.price(job.build(), batch)
        took: dict[str, float] = {}
        for head, counts in table_kernels(table, self.lowering):
            took[head] = took.get(head, 0) + 1.3 * seconds(FORM, self.coefficients, [counts])
        return [LayerTimes((head,), (one, 2 * one)) for head, one in took.items()]


def test_layers_are_measured_beside_the_log_and_fitted_on_by_nobody(small, tmp_path, monkeypatch):
    plain, told = calibrated(Planted(), tmp_path, monkeypatch)
    assert "no times of single layers: this runtime does not say what they take" in told
    (tmp_path / "log.csv").unlink()
    device, told = calibrated(Sampled(), tmp_path, monkeypatch)
    assert device.layers
    assert device.model_copy(update={"layers": []}) == plain
    assert all(0.9 * one.low < 1.3 < 1.1 * one.high for one in device.layers), device.layers
    written = (tmp_path / "log.layers.csv").read_bytes()
    again, told = calibrated(Planted(), tmp_path, monkeypatch, resume=True)
    assert again == device
    assert (tmp_path / "log.layers.csv").read_bytes() == written
    assert not any("single layers" in line for line in told)


def test_a_runtime_that_fuses_nothing_is_fitted_layer_by_layer(small, tmp_path, monkeypatch):
    for runtime, fuses in (("torch", False), ("onnxruntime", True)):
        (tmp_path / runtime).mkdir()
        device, _ = calibrated(Planted(fuses=fuses), tmp_path / runtime, monkeypatch, runtime=runtime)
        assert device.model.fuses is fuses
        assert device.error.mape_percent < 1
        assert device.conditions.runtime.startswith({"torch": "PyTorch", "onnxruntime": "ONNX Runtime"}[runtime])


def test_a_gpu_is_timed_by_the_wall_and_has_no_threads(small, tmp_path, monkeypatch):
    runner = Planted(fuses=False)
    runner.single_thread = False
    device, _ = calibrated(runner, tmp_path, monkeypatch, runtime="torch-cuda")
    assert device.conditions.threads is None
    assert "CUDA" in device.conditions.runtime


def test_quick_measures_eight_networks_and_promises_less(tmp_path, monkeypatch):
    runner = Planted(noise=0.02)
    device, _ = calibrated(runner, tmp_path, monkeypatch, quick=True, batches=(1,), rounds=2)
    assert set(runner.opened) == set(plan.QUICK)
    errors = [abs(np.log(1 + row[4] / 100)) for row in device.residuals]
    assert device.interval.half_width == pytest.approx(max(errors), rel=0.02)


def exact(differs):
    """Return bundled networks as a machine of two coefficients runs them; `differs` says how badly each repeats."""
    found = []
    for name in REAL:
        truth = seconds(FORMS[0], [1e-11, 1e-10], kernels_of(cm.load(name), 1, "float32", Lowering()))
        found.append(Measured(name, name, 1, truth, differs.get(name, differs[""])))
    return found


def fitted(measured):
    told = []
    conditions = Conditions(hardware="planted", runtime="none", dtype="float32", batch=[1, 1])
    device = fit_log(About("planted"), measured, conditions, Lowering(), told.append)
    assert isinstance(device.error, Errors)
    return device, told


def test_the_interval_is_never_narrower_than_the_measurements_repeat():
    assert fitted(exact({"": 0.01}))[0].interval.half_width == 0.01
    assert fitted(exact({"": 0.12}))[0].interval.half_width == 0.12


def test_a_network_that_does_not_repeat_is_not_fitted_on():
    device, told = fitted(exact({"": 0.01, "nin": 0.5}))
    assert [row[0] for row in device.residuals] == [name for name in REAL if name != "nin"]
    assert told[1:] == ["left out: nin at batch 1, whose two halves differ by 50 %"]


def test_the_first_run_of_a_visit_does_not_count(tmp_path):
    """It allocates: here it takes a second more. The network takes long enough to be run once a visit besides."""
    machine = Planted(first=1.0)
    (visit,) = go(machine, tmp_path / "log.csv", rounds=1, todo=jobs(["alexnet"], (64,)))
    truth = seconds(FORM, machine.coefficients, kernels_of(cm.load("alexnet"), 64, "float32", Lowering()))
    assert truth > LEAST_SECONDS
    assert visit.wall_s == pytest.approx(truth)
    assert machine.runs == WARM_UPS + LEAST_RUNS == 5


def test_a_quick_network_is_run_until_the_clock_can_tell(tmp_path):
    machine = Planted()
    (visit,) = go(machine, tmp_path / "log.csv", rounds=1, todo=jobs(["nin_cifar10"], (1,)))
    assert visit.wall_s < LEAST_SECONDS / 2
    assert LEAST_SECONDS <= (machine.runs - WARM_UPS) * visit.wall_s < LEAST_SECONDS + 2 * visit.wall_s


def test_onnx_runtime_really_runs(tmp_path):
    runner = OnnxRuntime(1, tmp_path)
    job = Job("nin_cifar10", "nin", (1, 3), lambda: cm.load("nin_cifar10"))
    visits = measure(Course([job], 2, 60), runner, tmp_path / "log.csv", HERE)
    assert [(v.batch, v.round) for v in visits] == [(1, 0), (3, 0), (1, 1), (3, 1)]
    assert all(v.wall_s > 0 and v.cpu_s > 0 for v in visits)
    assert {one.network for one in read_measured(tmp_path / "log.csv", True)} == {"nin_cifar10"}
    assert len(list(tmp_path.glob("*.onnx"))) == 1


def test_every_chain_has_one_kind_of_kernel_besides_sums():
    """But all of squeeze-excite, which is six layers."""
    for chain in chains():
        table = cm.price(chain.build())
        heads = {row["kind"] for row in table if row["kernel"] == row["path"] and row["op"] != "add"}
        assert len(heads) == (4 if chain.name.startswith("squeeze_excite") else chain.name[:4] != "add ")


def test_no_operator_is_learned_from_one_chain():
    seen = Counter(name for chain in chains() for name in {layer.op.name for layer in chain.build().layers})
    assert {"gelu", "lrn", "softmax", "layer_norm", "attention", "conv_transpose", "upsample", "lstm", "gru"} <= set(
        seen
    )
    assert min(seen.values()) > 1


def test_chains_have_names_of_their_own():
    names = [chain.name for chain in chains()]
    assert len(set(names)) == len(names)
    assert {name for name in names if is_rare(name)} == {chain.name for chain in rare_chains()}


def test_every_rare_chain_runs_in_onnx_runtime(tmp_path):
    runner = OnnxRuntime(1, tmp_path)
    for chain in rare_chains():
        runner.prepare(Job(chain.name, "", (1,), chain.build))(1)()


def test_a_calibration_measures_enough_to_hold_its_promise():
    """At least 40 networks of at least 12 families."""
    todo = plan.jobs(plan.NETWORKS, (1, 8, 16), with_chains=False)
    assert len(todo) >= 40
    assert len({job.family for job in todo}) >= 12
    assert all(job.batches[0] == 1 for job in todo)
