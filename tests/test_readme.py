"""The README shows what the commands print: every console block in it is run and compared."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    (command, output.rstrip("\n"))
    for block in BLOCKS
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]
ELSEWHERE = re.compile(r"^note: \S+ was measured on another machine .*\n", re.MULTILINE)
"""What is said of the machine that the tests run on."""
ANYTHING = "..."
"""A line of the README that stands for any lines."""


def matches(shown, printed):
    parts = re.split(rf"^{re.escape(ANYTHING)}$", shown, flags=re.MULTILINE)
    return re.fullmatch(
        ".*".join(re.escape(part.rstrip()) if part.strip() == "" else re.escape(part) for part in parts),
        printed,
        re.DOTALL,
    )


def tidy(text):
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))


@pytest.mark.parametrize(
    ("command", "shown"), [c for c in COMMANDS if c[0].startswith("costmodel ")], ids=lambda v: v[:60]
)
def test_the_readme_shows_what_is_printed(command, shown, tmp_path):
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    words = shlex.split(command, comments=True)
    ran = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    printed = tidy(ran.stdout + ELSEWHERE.sub("", ran.stderr))
    assert matches(tidy(shown), printed), f"`{command}` prints now:\n{printed}"


def test_python_examples_of_the_readme_print_what_they_show(tmp_path, monkeypatch):
    import doctest

    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```pycon\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        test = doctest.DocTestParser().get_doctest(example, {}, "README", "README.md", 0)
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test).failed == 0


def test_files_that_the_readme_links_to_exist():
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_ci_types_the_set_up_as_it_stands():
    """Each line in an empty virtual environment of its own."""
    (block,) = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    typed = re.findall(r"^inside (\w+) \"(.*)\"$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    environments = [next(name for name, command in typed if command == line) for line in block.splitlines()]
    assert len(set(environments)) == len(environments) == 2


def test_the_readme_has_console_blocks():
    assert len(COMMANDS) >= 5
