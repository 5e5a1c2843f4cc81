"""Whatever a person hands in, the answer is a clear message and exit code 2: never a traceback, never a long wait.

Each file of `bad/` stands beside the exact message it gives. A file whose first line is ``# variant: NAME`` is wrong in
that variant only. After a change of wording, ``python tests/test_bad_input.py`` writes the messages anew, to be read in
the diff.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.cli import main
from costmodel.documents.text import MAX_BYTES, parse
from costmodel.spec.document import read_spec
from costmodel.spec.library import files, names

BAD = Path(__file__).parent / "bad"
GOOD = "name: net\ntitle: A network\ninput: [3, 8, 8]\nlayers:\n  conv: {op: conv, out_channels: 4}\n"


def arch(file: Path) -> str:
    """Return what to ask for so that the fault in a bad file shows."""
    variant = re.match(r"# variant: (\w+)", file.read_text("utf-8"))
    return f"{file.name}#{variant[1]}" if variant else file.name


def complaint(name: str) -> str:
    with pytest.raises(cm.CostModelError) as error:
        cm.load(name)
    return str(error.value)


@pytest.mark.parametrize("file", sorted(BAD.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_bad_file_gives_exactly_its_message(file, monkeypatch, capsys):
    monkeypatch.chdir(BAD)
    expected = file.with_suffix(".txt").read_text("utf-8")
    with pytest.raises(SystemExit) as leaving:
        main(["report", arch(file)])
    out, err = capsys.readouterr()
    assert (leaving.value.code, out, err) == (2, "", f"error: {expected}")


def test_every_message_has_its_file():
    assert {file.stem for file in BAD.glob("*.txt")} == {file.stem for file in BAD.glob("*.yaml")}


# Files that cannot lie in a repository: what is in them, and the message.
BYTES = {
    "latin_1": (b"name: net\ntitle: caf\xe9\n", "net.yaml:2:11: byte 0xe9 is not UTF-8; save the file as UTF-8"),
    "utf_16": ("name: net".encode("utf-16"), "net.yaml: this looks like UTF-16; save the file as UTF-8"),
    "utf_16_unmarked": ("name: net".encode("utf-16-be"), "net.yaml: this looks like UTF-16; save the file as UTF-8"),
    "nul": (
        b"name: net\ntitle: a\0b\n",
        "net.yaml:2:9: character 0x00 cannot stand in a text file\n    2 | title: a·b\n      |         ^\n  remove it",
    ),
    "picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "net.yaml:1:1: byte 0x89 is not UTF-8; save the file as UTF-8"),
}


@pytest.mark.parametrize(("content", "message"), BYTES.values(), ids=BYTES.keys())
def test_bytes_that_are_no_text(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_bytes(content)
    assert complaint("net.yaml") == message


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert len(cm.load("net.yaml")) == 1


def test_things_that_are_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.yaml").mkdir()
    os.mkfifo("pipe.yaml")
    Path("loop.yaml").symlink_to("loop.yaml")
    assert complaint("folder.yaml") == "folder.yaml: this is a directory; name one of the files in it"
    assert complaint("pipe.yaml") == "pipe.yaml: this is not a regular file"
    assert complaint("/dev/zero") == "/dev/zero: this is not a regular file"
    assert complaint("missing.yaml") == "missing.yaml: no such file"
    assert complaint("loop.yaml").startswith("loop.yaml: cannot be read: ")
    assert complaint(f"{'x' * 5000}.yaml").endswith(".yaml: cannot be read: File name too long")
    assert complaint("a\0b.yaml") == "'a\\x00b.yaml' is no path of a file"


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(GOOD)

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root, to whom nothing is forbidden
    assert complaint("net.yaml") == "net.yaml: cannot be read: Permission denied"


def test_odd_files_in_the_specs_folder_do_not_get_in_the_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    specs = Path("specs")
    specs.mkdir()
    (specs / "folder.yaml").mkdir()
    os.mkfifo(specs / "pipe.yaml")
    (specs / "binary.yaml").write_bytes(b"\xff\0")
    (specs / "mine.yaml").write_text(GOOD)
    assert len(cm.load("mine")) == 1
    assert "folder" not in names()
    assert "pipe" not in names()
    assert cm.load("mobilenet_v1").name == "mobilenet_v1"
    assert complaint("moblienet_v1").startswith("no architecture 'moblienet_v1'; did you mean 'mobilenet_v1'?")


def test_names_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("", " ", ".", "--", "resnet 50", "x" * 5000, "a\0b", "*", "é"):
        assert complaint(name).startswith("no architecture "), name
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert complaint("./mien.yaml") == "mien.yaml: no such file; did you mean 'mine.yaml'?"
    assert complaint("./mine.yaml#slim") == "net has no variant 'slim'; it has none"


def test_parameters_that_do_not_fit():
    def refused(**parameters):
        with pytest.raises(cm.CostModelError) as error:
            cm.load("mobilenet_v1", **parameters)
        return str(error.value)

    assert refused(widht=0.5) == "mobilenet_v1 has no parameter 'widht'; did you mean 'width'?"
    assert refused(width="wide") == "width of mobilenet_v1 takes a number, like 1.0, not 'wide'"
    assert refused(width=None) == "width of mobilenet_v1 takes a number, like 1.0, not None"
    wanted = "width of mobilenet_v1 takes a number, like 1.0, not [0.5, 1.0]; for many values at once, a NumPy array"
    assert refused(width=[0.5, 1.0]) == wanted
    assert refused(width=float("nan")) == "width of mobilenet_v1 comes to no finite number"
    assert refused(width=10**5000) == "width of mobilenet_v1 comes to more than 2**63"
    assert refused(width=1j) == "width of mobilenet_v1 takes a number, like 1.0, not 1j"
    assert refused(resolution=224.5).endswith("found with resolution = 224.5")


def test_a_parameter_that_is_none_on_the_command_line(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["report", "mobilenet_v1", "--set", "widht=0.5"])
    out, err = capsys.readouterr()
    assert (leaving.value.code, out) == (2, "")
    assert err == "error: mobilenet_v1 has no parameter 'widht'; did you mean 'width'?\n"


def test_a_spec_that_was_never_a_file_names_the_layer():
    layers = {"a": {"op": "conv", "out_channels": 4, "groups": 3}}
    spec = cm.Spec.from_data({"name": "net", "title": "A network", "input": [3, 8, 8], "layers": layers})
    with pytest.raises(cm.SpecError, match=r"layers\.a\.groups: groups = 3 does not divide out_channels = 4"):
        cm.load(spec)


def test_data_that_was_never_a_file_gives_all_that_is_wrong_with_it():
    layers = {"a": {"op": "relu", "from": []}, "3x3": {"op": 3}, "b\n": {"op": "relu"}}
    with pytest.raises(cm.SpecError) as error:
        cm.Spec.from_data({"name": "net", "input": [3, 8, None], "layers": layers, "titel": "A network"})
    assert {problem.message for problem in error.value.problems} == {
        "input.2: a whole number, or arithmetic, belongs here, not nothing",
        "layers.a.from: the name of a layer, or a list of 1 to 200 names, belongs here, not an empty list",
        "layers.3x3: '3x3' is no name",
        "layers.b\n: 'b\\n' is no name",
        "layers.3x3.op: the name of an operator or block, as `op: conv`, belongs here, not 3",
        "titel: unknown key 'titel'",
    }


def test_a_parameter_that_holds_a_name():
    with pytest.raises(
        cm.CostModelError, match="takes the name of an operator or block, or a word, like 'bottleneck', not 3"
    ):
        cm.load("resnet", block=3)
    with pytest.raises(cm.CostModelError, match="no operator, block or word 'bottelneck'; did you mean 'bottleneck'"):
        cm.load("resnet", block="bottelneck")


HOSTILE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000, 1_500_000_000))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
import costmodel as cm
for name in sys.argv[1:]:
    try:
        cm.load(name)
    except cm.CostModelError as error:
        print(name, len(str(error)), str(error).splitlines()[0][:150])
"""


def test_hostile_files_cost_little_time_and_memory(tmp_path):
    """In a process that may use 1.5 GB of address space and 60 s of processor for all of them together."""

    def fill(line: str, room: int = MAX_BYTES - 1000) -> str:
        return "".join(line.replace("#", str(i)) for i in range(room // (len(line) + 8)))

    top = GOOD.partition("layers:")[0]
    hostile = {
        "brackets": "[" * (MAX_BYTES - 1),
        "braces": "{a: " * 240_000,
        "dashes": "- " * 490_000,
        "unknown_operators": top + "layers:\n" + fill("  a#: {op: rellu#}\n", 300_000),
        "unread": top + "layers:\n" + fill("  a#: {op: relu, from: in}\n", 300_000),
        "many_inputs": top + "layers:\n  a: {op: relu}\n  b: {op: add, from: [" + fill("a, ") + "]}\n",
        "blocks": top + "blocks:\n" + fill("  b#: {layers: {x: {op: b#}}}\n") + "layers:\n  a: {op: b0}\n",
        "long_arithmetic": top + f"layers:\n  a: {{op: conv, out_channels: '{'1+' * 400_000}1'}}\n",
        "doubling": top + "layers:\n" + fill("  a#: {op: concat, from: [in, in]}\n", 4000),
    }
    for name, text in hostile.items():
        assert len(text) < MAX_BYTES
        (tmp_path / f"{name}.yaml").write_text(text)
    with (tmp_path / "gigabyte.yaml").open("wb") as sparse:
        sparse.truncate(10**9)
    names = [*hostile, "gigabyte"]
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, *(f"{name}.yaml" for name in names)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.splitlines()
    assert [line.split(".yaml ")[0] for line in said] == names
    assert all(int(line.split()[1]) < 20_000 for line in said), "a message that nobody would read"
    assert said[-1].endswith("gigabyte.yaml: 1,000,000,000 bytes; a spec has at most 1,000,000")


@pytest.mark.parametrize(
    "name", ["nested_repeats", "empty_blocks_multiply", "arithmetic_multiplies", "layers_multiply"]
)
def test_what_multiplies_up_is_refused_after_few_visits(name, monkeypatch):
    """Counted, not timed: how many lines are visited before the network is refused."""
    visits = []
    monkeypatch.setattr(import_module("costmodel.spec.expand"), "Use", lambda *use: visits.append(use))
    with pytest.raises(cm.SpecError):
        cm.load(BAD / f"{name}.yaml")
    assert len(visits) < 15_000


def test_yaml_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text("name: !!python/object/apply:os.mkdir [made]\n")
    assert "tags (!) are not part of the language" in complaint("net.yaml")
    assert not Path("made").exists()


TEXTS = [file.read_text("utf-8") for file in files()]
ODD = [
    "",
    " ",
    "\t",
    "\n",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ":",
    ": ",
    ",",
    "#",
    "&a",
    "*a",
    "!x",
    "-",
    "%",
    "@",
    "\0",
    "é",
    "𝕏",
]
VALUES = [
    "0",
    "-1",
    "1e9",
    "1e400",
    ".5",
    "null",
    "true",
    "[]",
    "{}",
    "[1, 2]",
    "{a: 1}",
    "relu",
    "in",
    "same",
    "x" * 400,
]
VALUES += [
    "in_channels",
    "1 / 0",
    "2 ** 9",
    "a.b",
    "floor(",
    "999999999999",
    "[in, in]",
    "repeat",
    "required",
    "~",
    "|",
]


def mutate(text: str, chance: random.Random) -> str:
    """Change a text as a slip of the hand, or of an editor, would."""
    at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    end = min(end, at + chance.choice([1, 3, 30]))
    lines = text.splitlines(keepends=True)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(8):
        case 0:
            return text[:at] + text[end:]
        case 1:
            return text[:end] + text[at:]
        case 2:
            return text[:at] + chance.choice(ODD) + text[at:]
        case 3:
            del lines[one]
        case 4:
            lines.insert(other, lines[one])
        case 5:
            lines[one], lines[other] = lines[other], lines[one]
        case 6:
            words = list(re.finditer(r"[\w.]+", text))
            word, by = chance.choice(words), chance.choice(words)
            return text[: word.start()] + by[0] + text[word.end() :]
        case _:
            values = list(re.finditer(r"(?<=: )[^,{}\n]+", text))
            value = chance.choice(values)
            return text[: value.start()] + chance.choice(VALUES) + text[value.end() :]
    return "".join(lines)


def survive(text: str) -> None:
    """Read, check, expand and write what is wrong: nothing but our own complaints may come out."""
    from costmodel.documents.faults import complain
    from costmodel.spec.check import check

    try:
        spec = read_spec(text, "net.yaml")
        faults = check(spec)
        if faults:
            raise complain("net.yaml", text, faults)
        cm.load(spec)
        for variant in list(spec.variants)[:1]:
            cm.load(spec.choose(variant))
    except cm.CostModelError as error:
        message = str(error)
    else:
        return
    assert re.match(r"net\.yaml(:\d+:\d+)?: \S", message)


def test_where_memory_ends_is_said_in_a_line(monkeypatch, capsys):
    def ends(*_):
        raise MemoryError("Unable to allocate 24.0 GiB")

    monkeypatch.setattr("costmodel.execute.verify", ends)
    with pytest.raises(SystemExit) as ended:
        main(["verify", "alexnet"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: there is not enough memory for this. Unable to allocate 24.0 GiB\n"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TEXTS), st.integers(0, 2**32), st.integers(1, 4))
def test_specs_with_slips_of_the_hand_give_messages(text, seed, slips):
    chance = random.Random(seed)
    for _ in range(slips):
        text = mutate(text, chance) or "x"
    survive(text)


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("{}[]:,-#'\"|>&*!%@? \n\t"), max_size=60))
def test_any_text_gives_plain_data_or_a_message(text):
    try:
        data = parse(text, "net.yaml")
    except cm.SpecError:
        return
    assert data is None or isinstance(data, (str, int, float, bool, list, dict))


if __name__ == "__main__":
    os.chdir(BAD)
    for bad in sorted(BAD.glob("*.yaml")):
        try:
            cm.load(arch(bad))
        except cm.CostModelError as wrong:
            bad.with_suffix(".txt").write_text(f"{wrong}\n", "utf-8")
        else:
            sys.exit(f"{bad.name} loads")
