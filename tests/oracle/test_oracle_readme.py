"""What the README shows of PyTorch modules is what is printed."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
SHOWN = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore")  # what modules warn of is theirs
@pytest.mark.parametrize(("code", "shown"), SHOWN, ids=[code.splitlines()[-1] for code, _ in SHOWN])
def test_python_of_the_readme_prints_what_stands_below_it(code, shown, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert [line.rstrip() for line in printed.getvalue().splitlines()] == shown.splitlines()


def test_the_readme_shows_a_module():
    assert SHOWN
