"""The command as a process: what it imports, pipes, terminals, completion."""

import os
import pty
import shlex
import subprocess
import sys

import pytest

from cli.command import ROOT, process

HEAVY = {"numpy", "pandas", "matplotlib", "onnx", "onnxruntime", "scipy", "sympy", "rich", "networkx"}


def imported_by(words):
    """Return the modules that a process has loaded after the command."""
    program = f"import sys; from costmodel.cli import main; main({words!r}); print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


@pytest.mark.parametrize(
    "words", ["report mobilenet_v1", "report mobilenet_v1 vgg16 --format json", "show mobilenet_v1", "list nin"]
)
def test_nothing_slow_is_imported(words):
    loaded = imported_by(words.split())
    assert "costmodel.cli" in loaded
    assert not HEAVY & loaded


@pytest.mark.parametrize(
    "words",
    [
        "report nin",
        "diff nin nin_cifar10",
        "check nin",
        "whatif nin --set classes=5",
        "latency nin --device rtx3090",
    ],
)
def test_what_is_slow_need_not_be_there(words):
    blocked = "import sys; sys.modules |= dict.fromkeys(('numpy', 'pandas', 'networkx', 'matplotlib'))"
    program = f"{blocked}; from costmodel.cli import main; main({words.split()!r})"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True)


def test_a_file_is_read_without_the_library_of_its_format():
    """Nor with what reads specs; and numbers become arrays only where they are computed with."""
    loaded = imported_by(["report", "tests/mobilenet_v3_small.onnx"])
    assert "costmodel.onnx.read" in loaded
    assert not (HEAVY | {"google.protobuf", "pydantic", "yaml", "costmodel.spec"}) & loaded


WORKED_OUT = """<ir_version: 8, opset_import: ["" : 13]>
net (float[N, 3, 9, 9] x) => (float[N, 8, 4, 5] y) <
    float[8, 3, 3, 3] kernels = ["location": "weights"], float low = {0}, float high = {6},
    int64[4] edges = {1, 1, 0, 0},
    int64[1] none = {0}, int64[1] two = {2}, int64[1] four = {4}, int64[1] last = {-1}, int64[1] far = {-99},
    int64[2] columns = {-1, 2}, int64 channels = {1}, int64 groups = {2}
> {
    places = ConstantOfShape <value = int64[1] {0}> (four)
    pads = Concat <axis = 0> (edges, places)
    pairs = Reshape (pads, columns)
    backward = Slice (pairs, last, far, none, last)
    turned = Transpose <perm = [1, 0]> (backward)
    flat = Reshape (turned, last)
    around = Cast <to = 7> (flat)
    padded = Pad (x, around)
    found = Conv <strides = [2, 2]> (padded, kernels)
    bounded = Clip (found, low, high)
    sizes = Shape (bounded)
    count = Gather (sizes, channels)
    half = Div (count, groups)
    number = Unsqueeze (half, none)
    pair = Unsqueeze (groups, none)
    images = Gather (sizes, none)
    space = Slice (sizes, two, four)
    apart = Concat <axis = 0> (images, pair, number, space)
    grouped = Reshape (bounded, apart)
    shuffled = Transpose <perm = [0, 2, 1, 3, 4]> (grouped)
    y = Reshape (shuffled, sizes)
}"""
"""What PyTorch writes for padding, for a bound on both sides, and for channels shuffled between groups."""


def test_sizes_are_worked_out_without_arrays(tmp_path):
    import onnx

    path = tmp_path / "net.onnx"
    onnx.save(onnx.parser.parse_model(WORKED_OUT), path)
    assert not HEAVY & imported_by(["report", str(path)])
    code, out, _ = process("report", str(path), "--by", "layer")
    assert code == 0
    assert "4,320" in out  # 8 x 4 x 5 places of 27 taps: only the last axis is padded
    assert "note: " not in out


def test_help_imports_no_subcommand():
    assert not {"costmodel.spec", "costmodel.pricing", "pydantic"} & imported_by(["--help"])


@pytest.mark.parametrize("words", ["report alexnet --format json", "show resnet1202 --graph", "check specs/nin.yaml"])
def test_a_reader_that_has_gone_is_no_error(words):
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "costmodel", *words.split()]
    ran = subprocess.run(command, cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    assert (ran.returncode, ran.stderr) == (0, "")


def on_terminal(*words, **environment):
    """Run the command with a terminal for output and errors; return (exit code, what it showed)."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    given = clean | {"COLUMNS": "90", "TERM": "xterm"} | environment
    running = subprocess.Popen(
        [sys.executable, "-m", "costmodel", *words], cwd=ROOT, env=given, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    return running.wait(), shown.decode("utf-8")


def test_a_terminal_gets_colour_and_a_pipe_none():
    code, shown = on_terminal("report", "alexnet")
    assert code == 0
    assert "\x1b[1mAlexNet" in shown
    assert "\x1b" not in process("report", "alexnet")[1]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_can_be_refused(environment):
    code, shown = on_terminal("report", "alexnet", **environment)
    assert code == 0
    assert "AlexNet" in shown
    assert "\x1b" not in shown


def test_colour_can_be_forced_into_a_pipe():
    assert "\x1b[1mAlexNet" in process("report", "alexnet", FORCE_COLOR="1")[1]


def test_a_progress_bar_shows_on_a_terminal_only():
    words = ["verify", "mobilenet_v1", "--resolution", "32"]
    code, shown = on_terminal(*words)
    assert code == 0
    assert "layers" in shown
    assert "] 100 %" in shown
    assert process(*words)[2] == ""


def complete(*words):
    """Return what bash would offer for the last of the words."""
    given = os.environ | {
        "_COSTMODEL_COMPLETE": "bash_complete",
        "COMP_WORDS": shlex.join(["costmodel", *words]),
        "COMP_CWORD": str(len(words)),
    }
    ran = subprocess.run([sys.executable, "-m", "costmodel"], cwd=ROOT, env=given, capture_output=True, text=True)
    assert ran.stderr == ""
    return [line.partition(",")[2] for line in ran.stdout.splitlines()]


def test_names_are_completed():
    assert set(complete("report", "mobilenet_v1_05")) == {
        f"mobilenet_v1_050{size}" for size in ("", "_192", "_160", "_128")
    }
    assert "vgg16" in complete("report", "alexnet", "vgg1")
    assert complete("show", "specs/alex") == ["specs/alex"]  # marked as a file, for the shell to complete
    assert complete("operators", "conv") == ["conv", "conv_transpose"]
    assert "report" in complete("rep")


@pytest.mark.parametrize("words", [["reprot"], ["report", "mobilenet_v1", "--badge"], ["list", "--format", "xml"]])
def test_what_is_not_known_exits_with_2(words):
    code, out, err = process(*words)
    assert (code, out) == (2, "")
    assert "Error" in err


def test_a_misspelt_command_is_suggested():
    assert "did you mean 'report'?" in process("reprot")[2]


def test_the_version_is_said():
    code, out, _ = process("--version")
    assert code == 0
    assert out.startswith("costmodel, version ")
