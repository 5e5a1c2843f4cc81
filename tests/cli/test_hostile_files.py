"""Files of strangers: whatever they say, no command lets a character of theirs act on a terminal, page or sheet."""

import csv
import io
import json
import re
import unicodedata

import onnx
import pytest
import yaml
from onnx import TensorProto, helper

import costmodel as cm
from cli.command import run
from costmodel.latency.device import to_yaml
from costmodel.latency.find import find_device
from costmodel.render.answer import FORMATS

ESCAPES = "\x1b]0;PWNED\x07\x1b[31;1mred\x1b[2J\x9b5m \u202eRTL\u200b\u2028line\r"
EVIL = f"=HYPERLINK() {ESCAPES}<script>alert(1)</script> | `x` $y$ $\\bad$\n# forged heading\nerror: forged"
YAML = json.dumps(EVIL)  # what JSON quotes, YAML reads
SPEC = f"""\
name: evil
title: {YAML}
source: {YAML}
parameters: {{width: 4, act: relu}}
input: [3, 8, 8]
blocks: {{b: {{takes: {{n: 4}}, layers: {{conv: {{op: conv, out_channels: n, kernel_size: 3, padding: 1}}}}}}}}
layers:
  one: {{op: b, n: width}}
  two: {{op: act}}
expect: {{params: 1}}
reported: {{top1: 70, source: {YAML}}}
variants:
  evil_wide: {{title: {YAML}, source: {YAML}, parameters: {{width: 8}}}}
"""
TABLE = f"architecture,batch,latency_s,family,note\nvgg16,16,3.2,{EVIL.splitlines()[0]},\x1b]0;x\x07\n"


def model():
    """Return a file whose every name is hostile."""
    nodes = [
        helper.make_node("Relu", ["x"], [f"{EVIL} mid"], name=EVIL, doc_string=EVIL),
        helper.make_node("Sigmoid", [f"{EVIL} mid"], ["-out"], name='=HYPERLINK("http:;=1","x")'),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in ("x", "-out")]
    graph = helper.make_graph(nodes, EVIL, ends[:1], ends[1:], doc_string=EVIL)
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, producer_name=EVIL, opset_imports=opsets, ir_version=9, doc_string=EVIL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a hostile spec, ONNX file, device and table in it, each named as one that is found by name too."""
    at = tmp_path_factory.mktemp("hostile")
    (at / "specs" / "devices").mkdir(parents=True)
    (at / "specs" / "evil.yaml").write_text(SPEC, "utf-8")
    onnx.save(model(), at / "evil.onnx")
    (at / "table.csv").write_text(TABLE, "utf-8")
    device = find_device("rtx3090")
    said = {"hardware": EVIL, "runtime": EVIL, "notes": EVIL, "date": EVIL}
    rows = [(EVIL, 1, EVIL, 1.0, 5.0), ("-b", 2, EVIL, 1.0, -7.0), ("=c", 1, "$d$ $\\bad$", 1.0, 6.0)]
    changed = {"name": "evil", "title": EVIL, "source": EVIL, "made_by": EVIL, "power_source": EVIL, "power_w": 9.0}
    changed |= {"conditions": device.conditions.model_copy(update=said), "residuals": rows}
    (at / "specs" / "devices" / "evil.yaml").write_text(to_yaml(device.model_copy(update=changed)), "utf-8")
    return at


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)


def acting(text):
    """Return the characters of a text that do more than show, but for line breaks."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return {c for c in text if unicodedata.category(c) in kinds and c != "\n"}


def harmless(text, page=False):
    """Hold a text to being nothing but shown; a page also to holding no element of a stranger's."""
    assert not acting(text)
    assert not [line for line in text.splitlines() if line.startswith(("error: forged", "# forged"))]
    assert not page or "<script" not in text


def sheet(text):
    """Hold CSV to having no formula, read by commas and by semicolons."""
    for delimiter in ",;":
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            assert not [cell for cell in row if re.match(r"\s*[=+@-](?![\d.]+\Z)", cell)]


COMMANDS = [
    "report specs/evil.yaml{}",
    "report specs/evil.yaml#evil_wide evil.onnx --device evil --energy --training{}",
    "report evil.onnx --device evil --energy{}",
    "report evil.onnx --by layer{}",
    "report specs/evil.yaml --by block{}",
    "diff evil.onnx specs/evil.yaml{}",
    "whatif specs/evil.yaml --drop one{}",
    "list evil{}",
    "check specs/evil.yaml evil.onnx --max params=1{}",
    "latency specs/evil.yaml evil.onnx --device evil{}",
    "devices{}",
    "device-report evil{}",
    "formula specs/evil.yaml --by block{}",
    "show specs/evil.yaml",
    "show specs/evil.yaml#evil_wide",
    "show evil.onnx --graph",
    "verify specs/evil.yaml evil.onnx --layers",
    "whatif specs/evil.yaml --drop one --dry-run",
    "sweep evil --vary width=4,8 --device evil --dtype float16 --pareto params,latency_s",
    "solve evil --vary width=4,8 --device evil --dtype float16 --minimize params --subject-to mult_adds>1",
    "suggest evil --goal params<40",
]
OWN = {"formula": ["latex", "python"]}
QUESTIONS = [
    (command.format(f" --format {form}" if form else ""), form)
    for command in COMMANDS
    for form in ([*FORMATS, *OWN.get(command.split()[0], [])] if "{}" in command else [""])
]


@pytest.mark.parametrize(("words", "form"), QUESTIONS, ids=[words for words, _ in QUESTIONS])
def test_nothing_that_a_file_says_acts(capsys, words, form):
    code, out, err = run(capsys, *words.split())
    assert code in (0, 1), err
    assert out
    harmless(out, page=form in ("markdown", "html"))
    harmless(err)
    if form == "csv":
        sheet(out)
    if form == "json":
        json.loads(out)


def test_json_says_what_the_file_says(capsys):
    assert json.loads(run(capsys, "report", "evil", "--format", "json")[1])["title"] == EVIL
    found = json.loads(run(capsys, "device-report", "evil", "--format", "json")[1])
    assert found["title"] == found["residuals"][0][0] == EVIL


def test_colours_are_ours_alone(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for words in ("report specs/evil.yaml", "report evil.onnx --by layer", "device-report evil"):
        _, out, _ = run(capsys, *words.split())
        assert "\x1b[1m" in out
        ours = re.sub(r"\x1b\[(1|2|36|33|32|0)m", "", out)
        assert not acting(ours)
        assert "\\x1b[31;1mred" in ours


NET = "name: net\ntitle: t\ninput: [3, 8, 8]\nlayers:\n"
WRONG = {
    "key.yaml": f"{NET}  conv: {{op: conv, out_channels: 4}}\n  {YAML}: {{b: 1}}\n",
    "op.yaml": f"{NET}  conv: {{op: {YAML}, {YAML}: 2}}\n",
    "name.yaml": f"name: {YAML}\ninput: [{YAML}, 8, 8]\nparameters: {{a: {YAML}}}\nlayers:\n  r: {{op: relu}}\n",
    "from.yaml": f"{NET}  r: {{op: relu, from: [{YAML}]}}\nvariants: {{{YAML}: {{}}}}\n",
    "budget.yaml": f"{YAML}: {YAML}\n",
    "device.yaml": f"name: {YAML}\ntitle: t\n{YAML}: 1\n",
    "table.csv": "architecture,\x1b]0;x\x07,latency_s\n\x1b[2J,1,\x1b[31m\n",
    "rows.csv": "architecture,batch,latency_s\n\x1b]0;x\x07\u202e,\x1b[2J,\x1b[31m\n",
}
ASKED = {
    "budget.yaml": "check specs/evil.yaml --budget {}",
    "device.yaml": "report specs/evil.yaml --device {}",
    "table.csv": "calibrate --from {} --name x --output x.yaml",
    "rows.csv": "calibrate --from {} --name x --output x.yaml",
}


@pytest.mark.parametrize("name", WRONG)
def test_complaints_quote_and_do_not_act(capsys, tmp_path, name):
    (tmp_path / name).write_text(WRONG[name], "utf-8")
    words = ASKED.get(name, "report {}").format(tmp_path / name)
    code, out, err = run(capsys, *words.split())
    assert (code, out) == (2, "")
    harmless(err)
    if name.endswith(".yaml") and name not in ASKED:
        for form in FORMATS:
            code, out, err = run(capsys, "check", tmp_path / name, "--format", form)
            assert code == 1
            harmless(out + err, page=form == "html")


@pytest.mark.parametrize("change", ["op_type", "domain", "input", "output", "attribute", "size"])
def test_complaints_about_nodes_do_not_act(capsys, tmp_path, change):
    wrong = model()
    node = wrong.graph.node[0]
    if change == "attribute":
        node.attribute.append(helper.make_attribute(EVIL, EVIL))
    elif change == "size":
        wrong.graph.input[0].type.tensor_type.shape.dim[2].dim_param = EVIL
    elif change in ("input", "output"):
        getattr(node, change)[0] = EVIL
    else:
        setattr(node, change, EVIL)
    (tmp_path / "wrong.onnx").write_bytes(wrong.SerializeToString())
    for form in FORMATS:
        code, out, err = run(capsys, "report", tmp_path / "wrong.onnx", "--format", form)
        assert (code, bool(out)) in ((2, False), (0, True))
        assert code == 0 or change in ("op_type", "domain", "input", "output")
        harmless(out, page=form in ("markdown", "html"))
        harmless(err)


def test_words_of_the_command_line_do_not_act(capsys):
    for words in (
        ["report", "a\nerror: forged.yaml"],
        ["report", f"{ESCAPES}.yaml"],
        [ESCAPES],
        ["show", "vgg16", ESCAPES],
    ):
        code, out, err = run(capsys, *words)
        assert (code, out) == (2, "")
        harmless(err)


def test_files_that_are_written_only_show(capsys, tmp_path):
    kept = tmp_path / "kept.yaml"
    assert run(capsys, "whatif", "specs/evil.yaml", "--drop", "one", "--save", kept)[0] == 0
    assert run(capsys, "show", "specs/evil.yaml", "-o", tmp_path / "shown.yaml")[0] == 0
    rows = tmp_path / "rows.csv"
    assert run(capsys, "sweep", "evil", "--vary", "width=4,8", "--vary", "act=relu,tanh", "-o", rows)[0] == 0
    peaks = "--name mine --peak 71TFLOP/s --bandwidth 936GB/s"
    for words in (f"device-from evil {peaks}", f"calibrate --from table.csv --like rtx3090 {peaks}"):
        made = tmp_path / f"{words.split()[0]}.yaml"
        code, out, err = run(capsys, *words.split(), "--output", made, "--title", EVIL)
        assert code == 0, err
        harmless(out + err)
    for path in tmp_path.iterdir():
        harmless(path.read_text("utf-8"))
    sheet(rows.read_text("utf-8"))
    assert yaml.safe_load(kept.read_text("utf-8"))["title"] == EVIL


def test_an_exported_file_has_names_that_only_show(capsys, tmp_path):
    assert run(capsys, "export", "evil.onnx", "-o", tmp_path / "out.onnx")[0] == 0
    made = onnx.load(tmp_path / "out.onnx")
    for node in made.graph.node:
        assert not acting("".join([node.name, *node.input, *node.output]))
    before, after = cm.load("evil.onnx"), cm.load(str(tmp_path / "out.onnx"))
    assert [layer.path for layer in before.layers] == [layer.path for layer in after.layers]


@pytest.mark.parametrize(
    "words",
    [
        "latency evil evil.onnx --device evil --batch 1,4 --plot",
        "device-report evil --plot",
        "sweep evil --vary width=4,8,12 --pareto params,max:mult_adds --plot",
    ],
)
def test_pictures_show_dollars_and_no_formulas(capsys, monkeypatch, tmp_path, words):
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none"}):
        code, _, err = run(capsys, *words.split(), tmp_path / "picture.svg")
    assert code == 0, err
    drawn = (tmp_path / "picture.svg").read_text("utf-8")
    assert not acting(drawn)
    assert "<script" not in drawn
    assert r"$y$ $\bad$" in drawn


def test_a_notebook_shows_no_more_than_a_page(capsys):
    import numpy as np

    for table in (cm.price(cm.load("evil")), cm.price(cm.load("evil", width=np.array([4, 8])))):
        harmless(table._repr_html_(), page=True)


def test_what_is_watched_does_not_act(capsys, monkeypatch):
    from costmodel.cli.output import emit
    from costmodel.cli.watch import _shown
    from costmodel.judging.watch import Seen

    table = cm.price(cm.load("evil"))
    for seen in (Seen(table=table), Seen(table, cm.diff("evil", "evil_wide")), Seen(error=cm.CostModelError(ESCAPES))):
        emit(_shown(seen))
    harmless(capsys.readouterr().out)


@pytest.fixture
def odd(folder):
    """A spec and a device whose files have names that act."""
    name = "evil\x1b[2J\nerror: forged.yaml"
    made = [folder / "specs" / name, folder / "specs" / "devices" / name]
    for path in made:
        path.write_text(SPEC.replace("n: width", "n: wide"), "utf-8")
    yield made[0]
    for path in made:
        path.unlink()


def test_completion_offers_no_name_that_acts(odd):
    from costmodel.cli.arguments import ARCH

    offered = [item.value for item in ARCH.shell_complete(None, None, "evil")]
    assert sorted(offered) == ["evil", "evil_wide"]


def test_names_of_files_do_not_act(capsys, odd, monkeypatch):
    from costmodel.cli.output import emit
    from costmodel.judging.expected import Verdict, hold, unmet
    from costmodel.latency import find
    from costmodel.render.verdicts import lines

    monkeypatch.setattr(find, "device_files", lambda: {odd.stem: odd})
    for words in ("report vgg16 --device zzz", "list evil"):
        code, out, err = run(capsys, *words.split())
        assert (code, out) == (2, "")
        harmless(err)
    verdicts = {}
    assert hold(str(odd), verdicts) is None
    emit(lines(verdicts | {f"{odd}/{odd.name}": Verdict(1, 1)}, quiet=False))
    harmless(capsys.readouterr().out)
    wrong = list(unmet(cm.read("evil"), str(odd)))
    assert len(wrong) == 1
    harmless(wrong[0])
    assert repr(cm.LayerGraph(odd.stem, (3, 8, 8))) == r"<LayerGraph evil\x1b[2J\nerror: forged: 0 layers>"


def test_what_is_said_on_the_way_does_not_act(capsys, monkeypatch):
    from costmodel.bench.log import Setting
    from costmodel.cli import streams
    from costmodel.cli.progress import progress

    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    streams.say_now(EVIL)
    streams.say(ESCAPES)
    with progress(EVIL) as tell:
        tell(1, 2, EVIL)
    shown = capsys.readouterr().err.replace("\r\x1b[2K", "")  # back to the line's start, and what stood there goes
    harmless(shown)
    assert str(Setting(EVIL, EVIL, 1, True, 1)).count("\\n# forged") == 2


def test_a_device_has_a_name(capsys, tmp_path, folder):
    text = (folder / "specs" / "devices" / "evil.yaml").read_text("utf-8")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("name: evil", 'name: "evil\\nerror: forged"'), "utf-8")
    code, _, err = run(capsys, "report", "evil", "--device", wrong)
    assert code == 2
    said = f"{wrong}:1:7: name: 'evil\\nerror: forged' is no name of a device; use small letters, digits, - and _"
    assert said in err
    harmless(err)
