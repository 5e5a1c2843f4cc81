"""Sweeps: every row equals the scalar walk, whoever priced it; what is no network is left out; nothing is lost."""

import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import distributed
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel import pricing
from costmodel.errors import CostModelError
from costmodel.measures import names
from costmodel.numbers.exact import exact
from costmodel.pricing.sums import sums
from costmodel.sources.parametric import OfSpec
from costmodel.spec.library import files, read_file
from costmodel.spec.structure import structural
from costmodel.sweeps.chunks import answers
from costmodel.sweeps.lock import Lock
from costmodel.sweeps.pareto import Front, Goal, best
from costmodel.sweeps.points import grid
from costmodel.sweeps.question import ask
from costmodel.sweeps.ranges import parse_vary
from costmodel.sweeps.run import Sample, run
from costmodel.sweeps.store import Store

NAMES = [name for name in names() if name != "arithmetic_intensity"]
"""The whole numbers of inference."""


def scalar_row(arch, point, dtype="float32"):
    """Price one point the plain way."""
    parameters = {name: value for name, value in point.items() if name != "batch"}
    totals = pricing.totals(cm.load(arch, **parameters), batch=point.get("batch", 1), dtype=dtype)
    return {name: getattr(totals, name) for name in NAMES}


def check_rows(arch, frame, names):
    for row in frame.to_dict("records"):
        point = {name: row[name] for name in names}
        assert {name: row[name] for name in NAMES} == scalar_row(arch, point), point


POINT = st.tuples(st.floats(0.05, 3.0), st.integers(1, 600), st.integers(1, 300))


@settings(max_examples=25, deadline=None)
@given(st.lists(POINT, min_size=1, max_size=6))
def test_random_points_equal_the_scalar_walk(points):
    width, resolution, batch = map(list, zip(*points, strict=True))
    frame = cm.sweep("mobilenet_v1", paired=True, measures=NAMES, width=width, resolution=resolution, batch=batch)
    assert len(frame) == len(points)
    check_rows("mobilenet_v1", frame, ["width", "resolution", "batch"])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    widths=st.lists(st.integers(8, 200), min_size=1, max_size=3, unique=True),
    resolutions=st.lists(st.integers(20, 300), min_size=1, max_size=3, unique=True),
    depths=st.lists(st.integers(1, 4), min_size=1, max_size=2, unique=True),
    blocks=st.sampled_from([["basic"], ["bottleneck", "bottleneck_v1_5"]]),
    data=st.data(),
)
def test_grids_with_structure_equal_the_scalar_walk(widths, resolutions, depths, blocks, data):
    frame = cm.sweep(
        cm.read("resnet", widens=int(blocks != ["basic"])),
        measures=NAMES,
        width=[width / 64 for width in widths],
        n4=depths,
        block=blocks,
        resolution=resolutions,
        batch=[1, 7],
    )
    assert len(frame) == len(widths) * len(resolutions) * len(depths) * len(blocks) * 2
    row = data.draw(st.integers(0, len(frame) - 1))
    point = frame.iloc[row][["width", "n4", "block", "resolution", "batch"]].to_dict()
    want = scalar_row("resnet", point | {"widens": int(blocks != ["basic"])})
    assert frame.iloc[row][list(NAMES)].to_dict() == want


@pytest.mark.parametrize("file", files(), ids=lambda path: path.stem)
def test_every_numeric_parameter_of_every_network_can_be_an_array(file):
    """Both values of an array give what the scalar walk gives, or are left out where that refuses."""
    spec = read_file(file)
    for name, default in spec.parameters.items():
        if name in structural(spec):
            continue
        values = [default, default * 2]
        frame = cm.sweep(spec, measures=NAMES, **{name: values})
        rows = frame.to_dict("records")
        for value in values:
            try:
                want = scalar_row(spec, {name: value})
            except CostModelError:
                assert value not in [row[name] for row in rows]
                continue
            found = [row for row in rows if row[name] == value]
            assert [{key: row[key] for key in NAMES} for row in found] == [want], (name, value)


def test_what_shapes_a_network_is_seen_from_where_its_name_is_used():
    assert structural(cm.read("mobilenet_v1")) == {"deep", "unit"}
    assert structural(cm.read("resnet")) == {"block", "n2", "n3", "n4", "n5", "widens", "shortcut"}
    assert structural(cm.read("efficientnet")) >= {"depth"}
    assert structural(cm.read("nin")) == {"ceil_mode", "head", "unit"}
    assert structural(cm.read("mobilenet_v2")) == {"expand1"}


def test_order_of_rows():
    frame = cm.sweep("mobilenet_v1", width=[0.5, 1.0], deep=[1, 2], resolution=[64, 32])
    assert list(map(tuple, frame[["deep", "width", "resolution"]].to_numpy().tolist())) == [
        (deep, width, size) for deep in (1, 2) for width in (0.5, 1.0) for size in (64, 32)
    ]


def test_points_that_are_no_network_are_left_out_and_counted():
    frame = cm.sweep("vgg16", resolution=[16, 32, 0, 48, 31], batch=[1, 2])
    assert sorted(set(frame["resolution"])) == [32, 48]
    assert sorted(frame.attrs["left_out"].values()) == [2, 4]
    assert any("resolution is 0" in reason for reason in frame.attrs["left_out"])


def test_maps_that_do_not_meet_are_left_out():
    """ENet's ways up and down meet only where the picture halves three times without a rest."""
    frame = cm.sweep("enet", resolution=list(range(504, 522)))
    for size in range(504, 522):
        try:
            cm.load("enet", resolution=size)
        except CostModelError:
            assert size not in set(frame["resolution"])
        else:
            assert size in set(frame["resolution"])
    assert len(frame) + sum(frame.attrs["left_out"].values()) == 18
    assert 1 < len(frame) < 18


def test_where_keeps_the_rows_that_meet_it():
    everything = cm.sweep("mobilenet_v1", width=[0.25, 0.5, 1.0], resolution=[128, 224], batch=[1, 8])
    some = cm.sweep(
        "mobilenet_v1",
        width=[0.25, 0.5, 1.0],
        resolution=[128, 224],
        batch=[1, 8],
        where="mult_adds < 200M and batch > 1",
    )
    want = everything[(everything["mult_adds"] < 200e6) & (everything["batch"] > 1)].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, want)
    assert 0 < len(some) < len(everything)


def test_a_count_past_int64_is_an_error_and_never_wraps():
    with pytest.raises(CostModelError, match=r"a count passes 2\*\*63"):
        cm.sweep("mobilenet_v1", width=[1.0, 60_000.0], resolution=[224, 2_000_000], batch=[1, 10**6])
    large = cm.sweep("mobilenet_v1", measures=NAMES, width=[1.0, 2000.0], resolution=[224, 3000], batch=[1, 3])
    check_rows("mobilenet_v1", large, ["width", "resolution", "batch"])


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=4), st.integers(-(2**62), 2**62))
@settings(max_examples=100, deadline=None)
def test_exact_arrays_agree_with_python_or_refuse(values, other):
    array = exact(values)
    for apply in (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: b * a + a):
        want = [apply(value, other) for value in values]
        if max(map(abs, want)) < 2**62:
            assert apply(array, other).tolist() == want
        elif max(map(abs, want)) >= 2**64:
            with pytest.raises(CostModelError):
                apply(array, other)


QUESTION = ("width=0.25:1.5:0.125", "resolution=0,96:288:32", "batch=1,8", "deep=1:2")


def question(chunk=32, where="mult_adds < 900M"):
    asked = ask(OfSpec(cm.read("mobilenet_v1")), [parse_vary(text) for text in QUESTION], where=where)
    points = grid(asked.network, [parse_vary(text) for text in QUESTION], chunk)
    return asked.__class__(asked.network, points, asked.dtype, asked.measures, asked.where)


def frame_of(chunks):
    chunks = list(chunks)
    return pd.concat([pd.DataFrame(dict(chunk.columns)) for chunk in chunks], ignore_index=True), chunks


@cache
def at_once():
    """The rows of a sweep in one chunk."""
    return frame_of(answers(question(100_000)))[0]


@pytest.mark.parametrize("chunk", [5, 16, 64])
def test_chunks_of_any_size_give_the_same_rows(chunk):
    found, chunks = frame_of(answers(question(chunk)))
    pd.testing.assert_frame_equal(found, at_once())
    assert sum(part.seen for part in chunks) == 11 * 8 * 2 * 2
    assert all(part.seen <= max(chunk, 1) for part in chunks)


def test_processes_give_the_same_rows_in_the_same_order():
    found, _ = frame_of(answers(question(), workers=2))
    pd.testing.assert_frame_equal(found, at_once())


READ = {
    ".csv": pd.read_csv,
    ".json": lambda path: pd.DataFrame(json.loads(path.read_text())),
    ".parquet": pd.read_parquet,
}


def write(path, asked, **options):
    store = Store(path, asked, **options)
    return run(asked, store=store, goals=[Goal("params"), Goal("mult_adds", -1)], sample=True)


@cache
def uncut(suffix):
    """What a sweep gives that nothing cuts off, and the bytes of its file."""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"rows{suffix}")
        return write(path, question()), path.read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_files_hold_the_rows_exactly(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    write(path, question())
    pd.testing.assert_frame_equal(READ[suffix](path), at_once())
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_no_rows_are_a_file_too(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    write(path, question(where="mult_adds < 0"))
    assert len(READ[suffix](path)) == 0


def test_rows_take_the_place_of_a_file_as_any_text_does(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.touch()
    path.chmod(0o646)
    write(path, question())
    assert path.stat().st_mode & 0o777 == 0o646
    before = path.read_bytes()
    monkeypatch.setattr("costmodel.documents.write.os.access", lambda *asked: False)  # root may always
    with pytest.raises(CostModelError, match="it is write-protected"):
        Store(path, question())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["rows.csv"]


class Interrupting:
    """A question that is interrupted at one of its chunks."""

    def __init__(self, asked, at):
        self.asked, self.at = asked, at

    def __getattr__(self, name):
        return getattr(self.asked, name)

    def chunk(self, index):
        if index == self.at:
            raise KeyboardInterrupt
        return self.asked.chunk(index)


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
@pytest.mark.parametrize("at", [0, 1, 9])
def test_a_sweep_cut_off_goes_on_where_it_was(tmp_path, suffix, at):
    path, (want, whole) = tmp_path / f"rows{suffix}", uncut(suffix)
    cut = write(path, Interrupting(question(), at))
    assert not cut.finished
    assert not path.exists()
    with open(path.with_name(path.name + ".part"), "ab") as part:
        part.write(b"a torn line" * 10_000)
    found = write(path, question(), resume=True)
    assert found.finished
    assert path.read_bytes() == whole
    assert (found.seen, found.rows, found.left_out, found.first) == (want.seen, want.rows, want.left_out, want.first)
    assert found.front.rows() == want.front.rows()
    assert {k: v.tolist() for k, v in found.sample.columns.items()} == {
        k: v.tolist() for k, v in want.sample.columns.items()
    }


def test_what_is_left_of_another_sweep_is_not_touched(tmp_path):
    path = tmp_path / "rows.csv"
    write(path, Interrupting(question(), 5))
    with pytest.raises(CostModelError, match="--resume"):
        write(path, question())
    with pytest.raises(CostModelError, match="of another sweep"):
        write(path, question(where=None), resume=True)
    path.with_name("rows.csv.state").write_text("{")
    with pytest.raises(CostModelError, match="damaged"):
        write(path, question(), resume=True)


@pytest.mark.parametrize(
    ("name", "says"), [("no/such/rows.csv", "there is no folder"), ("rows.txt", r"\.csv, \.json, \.parquet")]
)
def test_where_rows_cannot_go(tmp_path, name, says):
    with pytest.raises(CostModelError, match=says):
        Store(tmp_path / name, question())
    assert list(tmp_path.iterdir()) == []


def fill(path, suffix):
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    try:
        write(Path(path) / f"rows{suffix}", question())
    except CostModelError as error:
        os._exit(2 if "cannot be written: File too large" in str(error) else 3)
    os._exit(0)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_full_disk_is_an_error_and_leaves_nothing_under_the_final_name(tmp_path, suffix):
    child = multiprocessing.get_context("spawn").Process(target=fill, args=(str(tmp_path), suffix))
    child.start()
    child.join(60)
    assert child.exitcode == 2
    assert not (tmp_path / f"rows{suffix}").exists()


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), max_size=30), st.integers(2, 3))
@example([(0, 2, 6), (0, 3, 5), (0, 4, 4), (1, 1, 3), (2, 3, 4)], 3)  # the fourth beats three corners at once
@settings(max_examples=100, deadline=None)
def test_the_front_is_what_nothing_beats(points, goals):
    points = [point[:goals] for point in points]
    front = Front([Goal("abc"[i]) for i in range(goals)])
    for start in range(0, len(points), 7):
        front.add({"abc"[i]: np.asarray([p[i] for p in points[start : start + 7]]) for i in range(goals)})
    found = [tuple(row.values()) for row in front.rows()]
    beaten = {p for p in points for q in points if q != p and all(a <= b for a, b in zip(q, p, strict=True))}
    assert sorted(found) == sorted(set(points) - beaten)
    assert found == sorted(found)


WHOLE = st.sampled_from([0, 1, 2**53, 2**53 + 1, -1])
REAL = st.sampled_from([0.0, 0.5, 1.5, np.inf, -0.25])


THREE = st.one_of(*(st.lists(st.tuples(*[values] * 3), max_size=25) for values in (WHOLE, REAL)))


@given(THREE, st.tuples(*[st.sampled_from([1, -1])] * 3))
@settings(max_examples=150, deadline=None)
def test_of_three_goals_the_first_of_points_alike_stays_and_no_number_is_rounded(points, signs):
    """Beyond 2**53 neighbours are one real number, and here they are not."""
    columns = [np.asarray(column) for column in zip(*points, strict=True)] if points else [np.zeros(0)] * 3
    plain = list(zip(*(column.tolist() for column in columns), strict=True))
    front = Front([Goal("abc"[i], signs[i]) for i in range(3)])
    front.add({**dict(zip("abc", columns, strict=True)), "place": np.arange(len(plain))})
    wanted = [tuple(value * sign for value, sign in zip(point, signs, strict=True)) for point in plain]

    def beaten(place):
        return any(
            all(a <= b for a, b in zip(other, wanted[place], strict=True)) and (other != wanted[place] or at < place)
            for at, other in enumerate(wanted)
        )

    left = sorted((wanted[place], place) for place in range(len(wanted)) if not beaten(place))
    assert [row["place"] for row in front.rows()] == [place for _, place in left]


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 2.0, np.inf, np.nan])] * 3), max_size=25))
@settings(max_examples=150, deadline=None)
def test_a_goal_in_which_all_are_alike_changes_no_front_whatever_is_no_number(points):
    columns = [np.asarray(column) for column in zip(*points, strict=True)] if points else [np.zeros(0)] * 3
    assert best(columns).tolist() == best([*columns, np.zeros(len(points))]).tolist()


def test_large_is_good_after_max():
    keep = best([np.asarray([1, 2, 3]), -np.asarray([5, 4, 9])])
    assert keep.tolist() == [0, 2]


def test_a_sample_is_the_same_however_the_rows_arrive():
    one, many = Sample(50), Sample(50)
    one.add({"a": np.arange(1000)})
    for start in range(0, 1000, 13):
        many.add({"a": np.arange(start, min(start + 13, 1000))})
    assert one.columns["a"].tolist() == many.columns["a"].tolist()
    assert 25 <= len(one) <= 50


def test_a_cluster_gives_the_same_rows_though_a_worker_dies():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
    ) as cluster:
        victim = next(iter(cluster.workers.values())).process.process.pid
        chunks = []
        for chunk in answers(question(), cluster=cluster.scheduler_address):
            chunks.append(chunk)
            if len(chunks) == 2:
                os.kill(victim, 9)
    found, _ = frame_of(chunks)
    pd.testing.assert_frame_equal(found, at_once())


def test_a_scheduler_that_ends_is_one_sentence_and_what_is_finished_is_kept(tmp_path, capfd):
    """In the same process as the sweep, which costs no further one; the sweep goes on without a cluster."""
    path, (_, whole) = tmp_path / "rows.csv", uncut(".csv")
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None, protocol="tcp://") as cluster:
        ended = lambda outcome: cluster.close()  # noqa: E731 - after the first chunk
        with pytest.raises(CostModelError, match=r"the Dask scheduler at tcp://\S+ is gone; .* go on with --resume"):
            run(question(5), store=Store(path, question(5)), cluster=cluster.scheduler_address, tell=ended)
    assert "Traceback" not in capfd.readouterr().err
    run(question(5), store=Store(path, question(5), resume=True))
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nonsense://here:1", "'nonsense://here:1' is no address of a Dask scheduler: .* write HOST:PORT"),
        ("here", "'here' is no address of a Dask scheduler: missing port"),
        ("tls://127.0.0.1:9", "TLS needs certificates"),
    ],
)
def test_an_address_that_cannot_be_is_said_at_once(address, says, capfd):
    with pytest.raises(CostModelError, match=says):
        list(answers(question(), cluster=address))
    assert capfd.readouterr().err == ""


def test_no_scheduler_is_a_clear_error(monkeypatch):
    monkeypatch.setattr("costmodel.sweeps.cluster.PATIENCE", 0.5)
    with pytest.raises(CostModelError, match="no Dask scheduler answers at"):
        list(answers(question(), cluster="tcp://127.0.0.1:9"))


def test_the_sums_are_those_of_the_table():
    for name in ("densenet121", "enet", "mobilenet_v3_large", "shufflenet_v2"):
        graph = cm.load(name)
        totals = pricing.price(graph, 3, "int8").totals
        assert sums(graph, 3, "int8", NAMES) == {measure: getattr(totals, measure) for measure in NAMES}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--vary", "widht=1,2"], "did you mean 'width'?"),
        (["--vary", "width=1:0:1"], "its step leads away"),
        (["--vary", "width=0:1:0.000000000001"], "1,000,000,000,001 points"),
        (["--vary", "width=1,2", "--where", "mult_add < 3"], "did you mean 'mult_adds'?"),
        (["--vary", "width=1,2", "--where", "().__class__ < 3"], "does not belong here"),
        (["--vary", "width=1,2", "--pareto", "params"], "two or more"),
        (["--vary", "width=1,2", "--pareto", "params,mult_add"], "did you mean 'mult_adds'?"),
        (["--vary", "width=1,2", "--plot", "x.png"], "--pareto"),
        (["--vary", "width=1,2", "--resume"], "-o"),
        (["--vary", "unit=separable,nonsense"], "no operator, block or word 'nonsense'"),
        (["--vary", "batch=0,1"], "batch is a whole number of at least 1"),
        (["--vary", "width=1,2", "--vary", "width=3"], "varied twice"),
        (["--vary", "width=1,2", "-o", "no/such/place.csv"], "there is no folder"),
        (["--vary", "width=1,2", "--columns", "parms"], "did you mean 'params'?"),
        ([], "nothing varies"),
    ],
)
def test_wrong_questions(arguments, says, tmp_path):
    from click.testing import CliRunner

    from costmodel.cli import costmodel

    result = CliRunner().invoke(costmodel, ["sweep", "mobilenet_v1", *arguments])
    assert result.exit_code != 0
    assert says in f"{result.output}{result.exception}"


def test_the_command_end_to_end(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    done = command(
        "sweep", "mobilenet_v1", "--vary", "width=0.25:1.0:0.25", "--vary", "resolution=128,224",
        "--where", "mult_adds < 400e6", "--pareto", "mult_adds,max:params", "-o", "rows.csv", "--plot", "front.png",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "8 points" in done.out
    assert "7 meet mult_adds < 400e6" in done.out
    assert len(pd.read_csv(tmp_path / "rows.csv")) == 7
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_what_is_finished(tmp_path, workers):
    many = ["--vary", "width=0.0001:2.0:0.0001", "--vary", "resolution=32:400", "-o", "rows.csv", "--workers", workers]
    process = subprocess.Popen(
        [sys.executable, "-m", "costmodel", "sweep", "mobilenet_v1", *many],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    state = tmp_path / "rows.csv.state"
    end = time.monotonic() + 60
    while not state.exists() and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in told
    assert "Traceback" not in told
    saved = json.loads(state.read_text())
    assert saved["rows"] > 0
    lines = (tmp_path / "rows.csv.part").read_bytes().count(b"\n")
    assert lines == saved["rows"] + 1
    assert not (tmp_path / "rows.csv").exists()


def test_one_sweep_at_a_time_and_none_outlives_its_killing(tmp_path, monkeypatch, command):
    """A second sweep is told who holds the file. Killed outright, the first leaves no worker and no closed door."""
    many = ["--vary", "width=0.0001:2.0:0.0001", "--vary", "resolution=32:400", "-o", "rows.csv"]
    first = subprocess.Popen(
        [sys.executable, "-m", "costmodel", "sweep", "mobilenet_v1", *many, "--workers", "2"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not (tmp_path / "rows.csv.state").exists() and time.monotonic() < end:
        time.sleep(0.05)
    monkeypatch.chdir(tmp_path)
    second = command("sweep", "mobilenet_v1", *many, "--resume")
    assert second.code == 2
    assert re.search(
        rf"rows\.csv is being written by process {first.pid} since 20\d\d-\d\d-\d\d \d\d:\d\d:", second.err
    )
    assert first.poll() is None
    first.kill()
    first.communicate(timeout=60)  # ends only when nobody holds the other end of the pipe, workers among them
    assert (tmp_path / "rows.csv.lock").exists()
    Lock(tmp_path / "rows.csv").release()
    assert not (tmp_path / "rows.csv.lock").exists()


def test_two_sweeps_of_one_process_do_not_share_a_file(tmp_path):
    path = tmp_path / "rows.csv"
    store = Store(path, question())
    with pytest.raises(CostModelError, match="by another sweep of this process"):
        Store(path, question())
    store.close()
    Store(path, question(), resume=True).finish()
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.csv"]


def test_a_disk_that_fills_up_later_can_be_gone_on_from(tmp_path, monkeypatch):
    """The chunk in which the disk was full is cut off and priced again."""
    path, (_, whole) = tmp_path / "rows.csv", uncut(".csv")
    monkeypatch.setattr("costmodel.sweeps.store.SAVE_EVERY", -1.0)
    add = Store.add

    def full(store, columns, rows):
        if store.chunks == 6:
            store._file.write(b"half a row")
            raise CostModelError("no space")
        add(store, columns, rows)

    monkeypatch.setattr(Store, "add", full)
    with pytest.raises(CostModelError, match="no space"):
        write(path, question())
    assert not path.exists()
    monkeypatch.setattr(Store, "add", add)
    write(path, question(), resume=True)
    assert path.read_bytes() == whole
