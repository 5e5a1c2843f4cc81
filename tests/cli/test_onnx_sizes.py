"""What is asked of an ONNX file beside its path: sizes, the batch, all or nothing, subtotals."""

import json
import pickle
import struct

import onnx.parser
import pytest

import costmodel as cm
from cli.command import ROOT, run

NETWORK = ROOT / "tests" / "mobilenet_v3_small.onnx"
OPEN = """net (float[N,3,H,W] x) => (float[N,4,H,W] y) <float[4,3,3,3] w = ["location": "weights"]> {
  y = Conv<pads = [1, 1, 1, 1]>(x, w)
}"""
"""108 weights, each used once at every place of the picture."""
WORDS = """net (int64[batch,tokens] ids, float[batch,tokens,4] more) => (float[batch,tokens,4] y)
<float[100,4] w = ["location": "weights"]> { a = Gather(w, ids) y = Add(a, more) }"""
FIXED = """net (float[10,8] x) => (float[10,4] y) <float[8,4] w = ["location": "weights"]> { y = MatMul(x, w) }"""
MIXED = """net (float[6,8] x) => (float[6,8] y) <float[6,6] w = ["location": "weights"]> { y = MatMul(w, x) }"""
PAIRS = """net (float[T,8] x) => (float[T,T] y) { t = Transpose(x) y = MatMul(x, t) }"""
"""8 mult-adds for each pair of rows."""
STEPS = """net (float[T,batch_size,8] x) => (float[T,batch_size,T] y) {
  a = Transpose<perm = [1, 0, 2]>(x) b = Transpose<perm = [1, 2, 0]>(x)
  c = MatMul(a, b) y = Transpose<perm = [2, 0, 1]>(c)
}"""
"""8 mult-adds for each pair of steps of each of the batch."""
BESIDE = """net (float[1,8] x, float[T,8] z) => (float[T,8] y) { y = Add(x, z) }"""
STRANGE = """net (float[N,3,8,8] x) => (float[N,4,8,8] y) <float[4,3,1,1] w = ["location": "weights"]> {
  a = own.Shuffle(x)
  y = Conv(a, w)
}"""
STATED = STRANGE.replace('weights"]>', 'weights"], float[N,3,8,8] a>')
"""With the shape of what the strange node gives, its cost alone is unknown."""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write a graph as net.onnx where one stands, and return that name."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="net.onnx"):
        model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17, "own" : 1]> {text}')
        onnx.save(model, name)
        return name

    return write


def told(capsys, *words):
    """Return the totals, the notes and the input that a report tells."""
    code, out, err = run(capsys, "report", *words, "--format", "json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    return data["totals"]["mult_adds"], data.get("notes", []), data["input"], data["batch"]


def refused(capsys, *words):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    return err


SIZES = {
    "--resolution 10": (10, 10, 1),
    "--resolution 4x9": (4, 9, 1),
    "--set H=6 --set W=5": (6, 5, 1),
    "--set H=6 --set W=5 --set N=3": (6, 5, 3),
    "--input 2x3x7x5": (7, 5, 2),
    "--input x=2x3x7x5": (7, 5, 2),
    "--input 2x3x7x5 --batch 4": (7, 5, 4),
    "--resolution 10 --batch 7": (10, 10, 7),
}


@pytest.mark.parametrize("words", SIZES)
def test_sizes_that_the_file_leaves_open_are_set(capsys, file, words):
    height, width, batch = SIZES[words]
    mult_adds, notes, shape, images = told(capsys, file(OPEN), *words.split())
    assert (mult_adds, notes, shape, images) == (108 * height * width * batch, [], [3, height, width], batch)


def test_sizes_that_nobody_gives_are_assumed_and_said(capsys, file):
    mult_adds, notes, shape, batch = told(capsys, file(OPEN))
    assert (mult_adds, shape, batch) == (108 * 224 * 224, [3, 224, 224], 1)
    assert notes == ["sizes that the file leaves open are taken to be H = 224, W = 224; --set H=448 sets one"]
    assert told(capsys, file(OPEN), "--set", "W=10")[1] == [
        "sizes that the file leaves open are taken to be H = 224; --set H=448 sets one"
    ]
    assert told(capsys, file(WORDS))[1] == [
        "sizes that the file leaves open are taken to be tokens = 128; --set tokens=256 sets one"
    ]


def test_a_resolution_is_that_of_a_file_that_fixes_one_too(capsys, file):
    fixed = file(OPEN.replace("H,W", "8,8"))
    assert told(capsys, fixed)[0] == 108 * 64
    assert told(capsys, fixed, "--resolution", "12x10")[:3] == (108 * 120, [], [3, 12, 10])
    last = file("net (float[1,8,8,3] x) => (float[1,8,8,3] y) { y = Relu(x) }")
    assert told(capsys, last, "--resolution", "12x10")[2] == [12, 10, 3]


def test_several_inputs_are_each_set(capsys, file):
    net = file(WORDS)
    graph = cm.load(net, ids=(2, 5), more=(2, 5, 4))
    assert {name: tensor.shape for name, tensor in graph.inputs.items()} == {"ids": (5,), "more": (5, 4)}
    assert cm.load(net, tokens=9).layers[-1].shape == (9, 4)
    assert run(capsys, "report", net, "--input", "ids=2x5", "--input", "more=2x5x4")[0] == 0


WRONG = {
    (OPEN, "--set h=3"): "it has no open size 'h'; did you mean 'H'?",
    (FIXED, "--set h=3"): "it has no open size 'h'; it leaves no size open",
    (OPEN, "--input y=1x3x4x4"): "it has no input 'y'; known: x",
    (OPEN, "--input 3x4x4"): "its input 'x' has 4 axes, and 3x4x4 has 3",
    (WORDS, "--input 1x5"): "it has 2 inputs ('ids', 'more'); say which: --input NAME=SHAPE",
    (WORDS, "--resolution 5"): "it has no input of pictures, whose height and width --resolution sets; it reads "
    "ids=1x128, more=1x128x4",
    (OPEN, "--set H=3 --resolution 4"): "--resolution says 4, and --set H=3",
    (OPEN, "--set H=4611686018427387904"): "its input 'x': 1x3x4611686018427387904x224 is no shape of a tensor",
    (OPEN, "--set H=some"): "H is a size, or a list of them, and 'some' is none",
    (MIXED, "--batch 4"): "no other batch can be asked for: the file fixes its sizes, and its first axis is not a "
    "batch throughout",
    (PAIRS, "--set T=3 --batch 4"): "no other batch can be asked for: its first axis is not the "
    "batch throughout; --set T=N sets that size and reads it anew",
    (BESIDE, "--batch 4"): "no other batch can be asked for: the file fixes the first axis of its first input, which "
    "is not a batch throughout; it leaves open T, and --set T=N sets that size",
    (STRANGE, ""): "node 'a' (own.Shuffle): no operator stands for it",
}  # fmt: skip


@pytest.mark.parametrize("asked", WRONG, ids=lambda asked: asked[1])
def test_what_does_not_fit_is_said(capsys, file, asked):
    text, words = asked
    said = refused(capsys, "report", file(text), *words.split()).splitlines()
    assert said[0] == f"error: net.onnx: {WRONG[asked]}"


def test_the_batch_of_the_file_is_believed_and_another_can_be_asked_for(capsys, file):
    """32 weights for each of 10 rows."""
    assert told(capsys, file(FIXED)) == (320, ["batch 10 of the file; --batch N asks for another"], [8], 10)
    assert told(capsys, file(FIXED), "--batch", "3")[::3] == (96, 3)
    assert told(capsys, file(FIXED), "--input", "4x8") == (128, [], [8], 4)
    assert told(capsys, file(MIXED))[::3] == (288, 1)


READ_AT = {
    (PAIRS, "--batch 6"): (8 * 36, "batch 6: read at T = 6, as its first axis is not the batch throughout"),
    (PAIRS, "--batch 1"): (8, "sizes that the file leaves open are taken to be T = 1; --set T=2 sets one"),
    (STEPS, "--batch 3 --set T=5"): (
        8 * 25 * 3,
        "batch 3: read at batch_size = 3, as its first axis is not the batch throughout",
    ),
}


@pytest.mark.parametrize("asked", READ_AT)
def test_a_batch_that_is_no_factor_of_the_costs_is_read_anew(capsys, file, asked):
    text, words = asked
    wanted, note = READ_AT[asked]
    mult_adds, notes, *_ = told(capsys, file(text), *words.split())
    assert (mult_adds, note in notes) == (wanted, True)


def test_every_command_that_takes_a_batch_reads_anew_at_it(capsys, file):
    """8 mult-adds for each pair of rows: 288 of 6 rows, 800 of 10."""
    net = file(PAIRS)
    code, out, _ = run(capsys, "diff", net, net, "--batch", "6", "--format", "json")
    assert (code, json.loads(out)["totals"]["mult_adds"]["before"]) == (0, 288)
    assert run(capsys, "check", net, "--max", "mult_adds=288", "--batch", "6")[0] == 0
    assert run(capsys, "check", net, "--max", "mult_adds=287", "--batch", "6")[0] == 1
    out = run(capsys, "latency", net, "--device", "pi5", "--batch", "6,10", "--format", "json")[1]
    assert [(row["batch"], row["mult_adds"]) for row in json.loads(out)] == [(6, 288), (10, 800)]


HELD = {
    "--set H=6 --set W=5": 108 * 30,
    "--resolution 4x9": 108 * 36,
    "--input 2x3x7x5": 108 * 35 * 2,
    "--input 2x3x7x5 --batch 3": 108 * 35 * 3,
}


@pytest.mark.parametrize("words", HELD)
def test_budgets_are_held_at_sizes(capsys, file, words):
    net = file(OPEN)
    for limit, code in ((HELD[words], 0), (HELD[words] - 1, 1)):
        assert run(capsys, "check", net, "--max", f"mult_adds={limit}", *words.split())[0] == code


def test_sizes_of_a_spec_are_set_before_budgets_are_held(capsys):
    """The 0.25 of MobileNet has 470 thousand params, and no expectation of the file is held to it."""
    assert run(capsys, "check", "mobilenet_v1", "--set", "width=0.25", "--max", "params=500K")[0] == 0
    assert run(capsys, "check", "mobilenet_v1", "--max", "params=500K")[0] == 1


def test_sizes_are_not_set_of_one_side_of_a_comparison(capsys, file):
    said = refused(capsys, "check", file(OPEN), "--against", "git:HEAD", "--set", "H=3")
    assert said.startswith(
        "error: --against compares files as they are; --set, --resolution, --input, --arg and --eval"
    )


def test_what_is_priced_in_part_says_so_first(capsys, file):
    net = file(STATED)
    code, out, err = run(capsys, "report", net)
    assert (code, err) == (0, "")
    first = next(line for line in out.splitlines() if "PARTIAL" in line)
    assert first == "PARTIAL: not priced: own.Shuffle; every total is a lower bound"
    assert out.index("PARTIAL") < out.index("mult-adds")
    data = json.loads(run(capsys, "report", net, "--format", "json")[1])
    assert (data["partial"], data["totals"]["mult_adds"]) == (True, 12 * 64)
    assert data["unpriced"] == [{"path": "a", "is": "own.Shuffle", "why": "no operator stands for it"}]
    whole = json.loads(run(capsys, "report", file(OPEN), "--format", "json")[1])
    assert not whole.get("partial")
    assert "unpriced" not in whole


def test_a_person_may_want_all_or_nothing(capsys, file):
    net = file(STATED)
    assert refused(capsys, "report", net, "--strict") == (
        "error: net.onnx: 1 layer of 1 kind cannot be priced:\n  own.Shuffle: no operator stands for it (a)\n"
    )
    assert run(capsys, "report", file(OPEN), "--strict")[0] == 0


def test_a_budget_refuses_what_is_priced_in_part_unless_told_otherwise(capsys, file):
    net = file(STATED)
    code, out, _ = run(capsys, "check", net, "--max", "params=1M")
    assert (code, "is priced in part (without own.Shuffle)" in " ".join(out.split())) == (1, True)
    assert run(capsys, "check", net, "--max", "params=1M", "--allow-partial")[0] == 0
    assert run(capsys, "check", net, "--max", "params=11", "--allow-partial")[0] == 1


def test_a_tree_has_subtotals_by_the_names_of_the_modules(capsys):
    code, out, _ = run(capsys, "report", str(NETWORK), "--tree")
    assert code == 0
    rows = out[out.index("Tree\n") :].split("\n\n")[0].splitlines()[3:]
    assert 10 < len(rows) <= 25
    assert [row.split()[0] for row in rows[:4]] == ["0.Conv", "1.BatchNormalization", "2.HardSwish", "3.body.body"]
    assert [row.split()[1:3] for row in rows if row.split()[0] == "12"] == [["6.290", "11.13"]]
    deeper = run(capsys, "report", str(NETWORK), "--tree", "--depth", "2")[1]
    assert "    body.body" in deeper
    assert "    body.body" not in out


FOLDED = """net (float[N,3,8,8] x) => (float[N,4,8,8] y)
<float[4,3,1,1] "onnx::Conv_7" = ["location": "weights"], float[4] "onnx::Conv_8" = ["location": "weights"]> {
  y = Conv(x, "onnx::Conv_7", "onnx::Conv_8")
}"""


def test_norms_that_the_exporter_folded_are_said(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = FOLDED.replace('"onnx::Conv_7"', "w").replace('"onnx::Conv_8"', "b")
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {plain}')
    onnx.save(model, "kept.onnx")
    for array, name in zip(model.graph.initializer, ("onnx::Conv_7", "onnx::Conv_8"), strict=True):
        array.name = name
    model.graph.node[0].input[1:] = ["onnx::Conv_7", "onnx::Conv_8"]
    onnx.save(model, "folded.onnx")
    assert told(capsys, "kept.onnx")[1] == []
    assert told(capsys, "folded.onnx")[1] == [
        "looks as if 1 batch norm were folded into convolutions: params are at least 4 below the module's; "
        "torch.onnx.export(..., training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False) keeps them"
    ]


def test_arrays_that_may_only_have_been_equal_are_said(capsys):
    """A module of PyTorch's with 2,542,856 params, whose exporter has laid equal arrays of norms together."""
    _, notes, _, _ = told(capsys, str(NETWORK))
    assert notes == [
        "44 arrays of one axis shared by several layers, and counted once; if merged only because they were equal when "
        "the file was written, params are 8,608 more"
    ]
    assert cm.price(cm.load(NETWORK)).totals.params == 2_542_856 - 8_608


OTHERS = {
    "net.pt": (b"\x80\x02}q\x00.", "this is a PyTorch checkpoint: export it with torch.onnx.export("),
    "net.PTH": (b"\x80\x02}q\x00.", "this is a PyTorch checkpoint: export it with torch.onnx.export("),
    "net.safetensors": (struct.pack("<Q", 8) + b'{"a":{}}', "this is a safetensors file: it holds weights by name"),
    "net.tflite": (b"\x1c\0\0\0TFL3" + bytes(9), "this is a TensorFlow Lite file: convert it with tf2onnx"),
    "net.h5": (b"\x89HDF\r\n\x1a\n" + bytes(9), "this is an HDF5 file, as Keras writes it: load it with"),
    "net.keras": (b"PK\x03\x04metadata.json", "this is a Keras file: load it with keras.models.load_model and"),
    "config.json": (b'{"model_type": "bert"}', "this is a JSON file, as they lie beside weights: a network is an ONNX"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_files_of_other_kinds_are_answered_with_the_way_from_there(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    content, said = OTHERS[name]
    (tmp_path / name).write_bytes(content)
    assert refused(capsys, "report", name).startswith(f"error: {name}: {said}")
    assert refused(capsys, "check", name, "--max", "params=1").startswith(f"error: {name}: {said}")
    assert refused(capsys, "report", f"no/{name}") == f"error: no/{name}: no such file\n"


def test_a_spec_in_json_is_a_spec(capsys, tmp_path):
    spec = tmp_path / "net.json"
    spec.write_text('{"name": "net", "input": [3, 8, 8], "layers": {"r": {"op": "relu"}}}')
    assert run(capsys, "report", spec)[0] == 0


def test_nothing_is_unpickled(capsys, tmp_path):
    class Bomb:
        def __reduce__(self):
            return exec, ("raise SystemExit(7)",)

    for protocol in (2, 5):
        (tmp_path / "net.pt").write_bytes(pickle.dumps(Bomb(), protocol))
        assert "this is a PyTorch checkpoint" in refused(capsys, "report", tmp_path / "net.pt")


CACHE = """net (float[N,3,H,W] x, float[N,8,past,64] k) => (float[N,3,H,W] y, float[N,8,past,past] z)
{ y = Relu(x) t = Transpose<perm = [0, 1, 3, 2]>(k) z = MatMul(k, t) }"""
SHAPES = [
    (CACHE, None, {"x": (3, 224, 224), "k": (8, 128, 64)}),
    (CACHE, 10, {"x": (3, 10, 10), "k": (8, 128, 64)}),
    (CACHE.replace("past", "10"), 20, {"x": (3, 20, 20), "k": (8, 10, 64)}),
    ("net (float[1,3,8,4] x) => (float[1,3,8,4] y) { y = Relu(x) }", [12, 10], {"x": (3, 12, 10)}),
    ("net (float[N,H,W,3] x) => (float[N,H,W,3] y) { y = Relu(x) }", [12, 10], {"x": (12, 10, 3)}),
    ("net (float[N,64,H,W] x) => (float[N,64,H,W] y) { y = Relu(x) }", [12, 10], {"x": (64, 12, 10)}),
    (
        "net (float[N,1,H,W] m, float[N,3,H,W] x) => (float[N,3,H,W] y) { y = Add(m, x) }",
        [12, 10],
        {
            "m": (1, 12, 10),
            "x": (3, 12, 10),
        },
    ),
]


@pytest.mark.parametrize(("text", "resolution", "shapes"), SHAPES)
def test_pictures_have_a_resolution_and_what_lies_beside_them_has_its_own_sizes(file, text, resolution, shapes):
    graph = cm.load(file(text), **({"resolution": resolution} if resolution else {}))
    assert {name: tensor.shape for name, tensor in graph.inputs.items()} == shapes


ONE = 'net (float[1,8] x) => (float[M] y) <float[8,4] w = ["location": "weights"]> {{ {} }}'
AT_ONE = {
    "each alone": ("y = MatMul(x, w)", 5 * 32, []),
    # 32 for each pair
    "each beside each": (
        "o = Constant<value = int64[1] {1}>() z = Constant<value = int64[1] {0}>() "
        "a = Unsqueeze(x, o) b = Unsqueeze(x, z) c = Sub(a, b) y = MatMul(c, w)",
        25 * 32,
        ["batch 5: read at x = 5x8, as its first axis is not the batch throughout"],
    ),
    "a shape of the file has it": (
        "s = Constant<value = int64[3] {1, 2, 4}>() t = Constant<value = int64[2] {1, 8}>() "
        "a = Reshape(x, s) b = Reshape(a, t) y = MatMul(b, w)",
        5 * 32,
        ["the file fixes a batch of 1: that others take so many times as much could not be seen, and is assumed"],
    ),
}


@pytest.mark.parametrize("case", AT_ONE)
def test_another_batch_than_the_one_that_a_file_fixes_is_looked_at(capsys, file, case):
    nodes, wanted, notes = AT_ONE[case]
    net = file(ONE.format(nodes))
    assert told(capsys, net)[:2] == (32, [])
    assert told(capsys, net, "--batch", "5")[:2] == (wanted, notes)


def test_python_is_told_that_another_batch_was_not_seen(file):
    graph = cm.load(file(ONE.format("y = MatMul(x, w)")))
    assert [cm.price(graph, batch=batch).notes for batch in (None, 1)] == [(), ()]
    assert [note.partition(":")[0] for note in cm.price(graph, batch=2).notes] == ["the file fixes a batch of 1"]
