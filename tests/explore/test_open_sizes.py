"""Sweeps over the sizes that an ONNX file leaves open: each row is the file as it is priced when it is read at them."""

import json
import pickle
from pathlib import Path

import onnx.parser
import pandas as pd
import pytest

import costmodel as cm
from costmodel import sources
from costmodel.errors import CostModelError
from costmodel.measures import names
from costmodel.sources import open_sizes
from costmodel.sweeps.chunks import answers
from costmodel.sweeps.question import ask
from costmodel.sweeps.ranges import parse_vary
from costmodel.sweeps.run import run
from costmodel.sweeps.store import Store

NAMES = names(("", "training"))
PICTURE = (
    "{0}[N,3,H,W] x",
    "{0}[N,4,P,Q] y",
    ["{0}[4,3,3,3] w"],
    "c = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w) y = Relu(c)",
)
TOKENS = (
    "{0}[N,T,16] x",
    "{0}[N,T,T] y",
    ["{0}[16,8] w"],
    "a = MatMul(x, w) b = Transpose<perm=[0,2,1]>(a) y = MatMul(a, b)",
)
SECOND = (
    "{0}[T,batch,16] x",
    "{0}[batch,T,T] y",
    [],
    "a = Transpose<perm=[1,0,2]>(x) b = Transpose<perm=[0,2,1]>(a) y = MatMul(a, b)",
)
FIRST = tuple(part.replace("[T,batch,16]", "[T,B,16]") if isinstance(part, str) else part for part in SECOND)
PLACES = ("{0}[N,T,8] x", "{0}[N,{1},8] y", ["{0}[1,16,8] w"], "y = Add(x, w)")
STRANGE = ("{0}[N,T,8] x", "{0}[N,T,8] y", [], "a = Relu(x) y = my.Foo(a)")
NAMELESS = ("{0}[?,3,?,?] x", "{0}[?,4,?,?] y", ["{0}[4,3,3,3] w"], "y = Conv(x, w)")
FIXED = ("{0}[1,3,8,6] x", "{0}[1,4,6,4] y", ["{0}[4,3,3,3] w"], "y = Conv(x, w)")


@pytest.fixture
def save(tmp_path, monkeypatch):
    """A model in ONNX's text form in a file of the folder at hand, its weights in a file that is not there."""
    monkeypatch.chdir(tmp_path)

    def write(model, kind="float", more="T", file="net.onnx"):
        reads, gives, weights, body = model
        held = ", ".join(f'{one} = ["location": "weights"]' for one in weights)
        text = f"({reads}) => ({gives}) <{held}>".replace("{0}", kind).replace("{1}", more)
        head = '<ir_version: 8, opset_import: ["" : 17, "my" : 1]> net '
        Path(file).write_bytes(onnx.parser.parse_model(f"{head}{text} {{ {body} }}").SerializeToString())
        return file

    return write


@pytest.mark.parametrize(
    ("model", "batch", "values"),
    [
        (PICTURE, "N", {"H": [9, 16], "W": [7, 32], "batch": [1, 3]}),
        (PICTURE, "N", {"batch": [1, 2], "resolution": [8, 11]}),
        (PICTURE, None, {"N": [2, 5], "H": [6]}),
        (TOKENS, "N", {"T": [1, 5, 40], "batch": [1, 7]}),
        (FIRST, "T", {"B": [2, 3], "batch": [1, 4]}),
        (SECOND, None, {"T": [1, 3], "batch": [2, 4]}),
        (NAMELESS, "x.0", {"x.2": [5], "x.3": [4, 9], "batch": [2]}),
    ],
    ids=["picture", "resolution", "first size", "tokens", "no batch first", "batch second", "nameless"],
)
def test_each_row_is_the_file_read_at_its_sizes(save, model, batch, values):
    """`batch` is here the size that the file has for its batch, so that the network is read anew at each."""
    file = save(model)
    frame = cm.sweep(file, measures=NAMES, **values)
    assert len(frame) == len(frame[[*values]].drop_duplicates())
    assert {name: frame[name].unique().tolist() for name in values} == values
    for row in frame.to_dict("records"):
        sizes = {batch if name == "batch" and batch else name: int(row[name]) for name in values}
        totals = cm.price(cm.load(file, **sizes), training=True).totals
        assert {name: row[name] for name in NAMES} == {name: getattr(totals, name) for name in NAMES}, sizes


def test_the_best_is_found(save, command):
    file = save(TOKENS)
    frame = cm.sweep(file, T=list(range(16, 129, 16)), batch=[1, 2, 4, 8])
    best = frame[frame.peak_live_bytes < 20_000].sort_values(["T", "batch"]).iloc[-1]
    sizes = ("--vary", "T=16:128:16", "--vary", "batch=1,2,4,8")
    ran = command(
        "solve", file, *sizes, "--maximize", "T", "--subject-to", "peak_live_bytes < 20 kB", "--format", "json"
    )
    found = json.loads(ran.out)
    assert (ran.code, found["points"]) == (0, 32)
    assert [row["T"] for row in found["best"]] == [best["T"]] * found["ties"]
    assert cm.solve(file, maximize="T", subject_to="peak_live_bytes < 20kB", T=[16, 48], batch=[1]).best[0]["T"] == 48


def test_sizes_that_are_not_open_are_not_varied(save, command):
    file = save(TOKENS)
    assert (
        command("sweep", file, "--vary", "seq=1,2").err
        == "error: net.onnx has no parameter 'seq'; known: N, T, batch\n"
    )
    assert "has no parameter 'resolution'" in command("sweep", file, "--vary", "resolution=8").err
    assert command("report", file, "--resolution", "8").err == (
        "error: net.onnx: it has no input of pictures, whose height and width --resolution sets; it reads x=1x128x16\n"
    )
    assert "net.onnx: T is a size, or a list of them, and 0 is none" in command("sweep", file, "--vary", "T=0,4").err
    ran = command("sweep", file, "--vary", "N=1,2", "--vary", "batch=1,2")
    assert (ran.code, ran.err) == (2, "error: net.onnx: batch and N are one size, its batch; set one of them\n")
    fixed = command("sweep", save(FIXED), "--vary", "H=1,2")
    assert (fixed.code, fixed.err) == (
        2,
        "error: net.onnx: an ONNX file is a network of fixed sizes: it has no parameters to vary\n"
        "  x is 1x3x8x6; sizes that vary are such as its inputs have names for, as in Nx3xHxW, when it is exported\n",
    )


def test_a_resolution_is_of_pictures_whose_height_and_width_are_open(save, command):
    file = save(TOKENS)
    assert command("report", file, "--resolution", "8").err == (
        "error: net.onnx: it has no input of pictures, whose height and width --resolution sets; it reads x=1x128x16\n"
    )
    square = save(tuple(part.replace("H,W", "S,S") if isinstance(part, str) else part for part in PICTURE))
    assert cm.sweep(square, resolution=[8])["mult_adds"].tolist() == [4 * 27 * 4 * 4]
    said = "error: net.onnx: its height and width are one size, which cannot be 8x16\n"
    assert command("report", square, "--resolution", "8x16").err == said
    wide = save(tuple(part.replace("H,W", "6,W") if isinstance(part, str) else part for part in PICTURE))
    assert "no parameter 'resolution'; known: N, W, batch" in command("sweep", wide, "--vary", "resolution=8").err
    own = save(("{0}[N,resolution] x", "{0}[N,resolution] y", [], "y = Relu(x)"))
    assert cm.sweep(own, resolution=[3, 5], measures=["other_ops"])["other_ops"].tolist() == [3, 5]


@pytest.mark.parametrize(("gives", "what"), [("T", "priced in part only"), ("U", "no network")])
def test_sizes_that_the_network_does_not_allow_are_left_out(save, command, gives, what):
    """A table of 16 places is added: what is of another length is no network, or its cost is known in part."""
    file = save(PLACES, more=gives)
    frame = cm.sweep(file, T=list(range(13, 19)), batch=[1, 2])
    assert frame["T"].tolist() == [16, 16]
    assert list(frame.attrs["left_out"].values()) == [10]
    out = " ".join(command("sweep", file, "--vary", "T=13:18").out.split())
    assert f"5 left out, {what}: net.onnx: " in out
    assert "add cannot merge 1x13x8 with 1x16x8 (first at T = 13)" in out


def test_where_several_nodes_cannot_be_read_the_first_is_told(save):
    two = ("{0}[N,T,8] x", "{0}[N,U,8] y, {0}[N,V,8] z", ["{0}[1,16,8] w"], "y = Add(x, w) z = Sub(x, w)")
    (reason,) = cm.sweep(save(two), T=[14, 15]).attrs["left_out"]
    assert reason == "net.onnx: 2 nodes cannot be read: Add: add cannot merge 1x14x8 with 1x16x8 (node 'y')"


def test_a_size_that_is_not_whole_is_left_out(save, command):
    data = json.loads(command("sweep", save(TOKENS), "--vary", "T=4:6:0.5", "--format", "json").out)
    assert [row["T"] for row in data["rows"]] == [4, 5, 6]
    assert [(one["count"], one["example"]) for one in data["left_out"]] == [(2, {"T": 4.5})]


def test_what_is_not_understood_is_never_a_row(save):
    frame = cm.sweep(save(STRANGE), T=[4, 8])
    assert len(frame) == 0
    assert frame.attrs["left_out"] == {"net.onnx: y (my.Foo): no operator stands for it": 2}


def test_what_is_assumed_is_said(save, command):
    file = save(PICTURE)
    said = "sizes that the file leaves open are taken to be W = 224; --set W=448 sets one"
    assert cm.sweep(file, H=[8]).attrs["notes"] == [said]
    for words in (("sweep",), ("solve", "--maximize", "H", "--subject-to", "params < 1M")):
        arguments = (words[0], file, "--vary", "H=8,16", *words[1:])
        assert f"note: {said}" in " ".join(command(*arguments).out.split())
        assert json.loads(command(*arguments, "--format", "json").out)["notes"] == [said]
        assert json.loads(command(*arguments, "--set", "W=8", "--format", "json").out)["notes"] == []


def test_numbers_are_of_the_files_type(save, command):
    file = save(TOKENS, kind="float16")
    assert cm.sweep(file, T=[4])["weight_bytes"].tolist() == [16 * 8 * 2]
    assert cm.sweep(file, T=[4], dtype="float32")["weight_bytes"].tolist() == [16 * 8 * 4]
    assert "1 points, float16" in command("sweep", file, "--vary", "T=4").out
    with pytest.raises(CostModelError, match="of type float64, which is not priced"):
        cm.sweep(save(TOKENS, kind="double"), T=[4])


def asked(file, *vary):
    return ask(sources.open(file).parametric(), [parse_vary(text) for text in vary])


def frame_of(chunks):
    return pd.concat([pd.DataFrame(dict(chunk.columns)) for chunk in chunks], ignore_index=True)


VARY = ("H=8:20:2", "batch=1,2")


def test_other_processes_give_the_same_rows(save, monkeypatch):
    question = asked(save(PICTURE), *VARY)
    want = frame_of(answers(question))
    pd.testing.assert_frame_equal(frame_of(answers(question, workers=2)), want)
    sent = pickle.dumps(question)
    open_sizes._scanned.cache_clear()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    pd.testing.assert_frame_equal(frame_of(answers(pickle.loads(sent))), want)
    monkeypatch.chdir("..")
    save(TOKENS)
    open_sizes._scanned.cache_clear()
    with pytest.raises(CostModelError, match=r"net\.onnx: it has changed since it was opened"):
        pickle.loads(sent).chunk(0)


def test_a_file_is_scanned_once(save, monkeypatch):
    file, scanned = save(PICTURE), []
    monkeypatch.setattr(
        open_sizes, "read_model", lambda path, read=open_sizes.read_model: scanned.append(1) or read(path)
    )
    assert len(cm.sweep(file, H=[8, 10, 12], batch=[1, 2])) == 6
    assert scanned == [1]


def test_a_sweep_that_was_cut_off_goes_on(save):
    question = asked(save(PICTURE), *VARY)
    run(question, store=Store(Path("whole.csv"), question))

    def stop(outcome):
        if outcome.seen == 6:
            raise KeyboardInterrupt

    run(question, store=Store(Path("rows.csv"), question), tell=stop)
    assert not Path("rows.csv").exists()
    again = asked("net.onnx", *VARY)
    found = run(again, store=Store(Path("rows.csv"), again, resume=True))
    assert (found.finished, found.rows) == (True, 14)
    assert Path("rows.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_what_is_left_of_another_file_is_not_gone_on_with(save):
    question = asked(save(PICTURE), *VARY)

    def stop(outcome):
        raise KeyboardInterrupt

    run(question, store=Store(Path("rows.csv"), question), tell=stop)
    other = asked(
        save(tuple(part.replace("strides=[2,2], ", "") if isinstance(part, str) else part for part in PICTURE)), *VARY
    )
    with pytest.raises(CostModelError, match="of another sweep"):
        Store(Path("rows.csv"), other, resume=True)


def test_a_size_without_a_name_is_set_by_its_place(save, command):
    file = save(NAMELESS)
    data = json.loads(command("report", file, "--set", "x.2=10", "--set", "x.3=7", "--format", "json").out)
    assert data["totals"]["mult_adds"] == 4 * 27 * (10 - 2) * (7 - 2)
    assert command("report", "alexnet", "--set", "conv1.stride=2").err == (
        "error: alexnet has no parameter 'conv1.stride'; "
        "to edit a layer: costmodel whatif ARCH --set 'conv1.stride=2'\n"
    )
