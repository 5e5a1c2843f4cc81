"""Running the command: in this process, where that is enough, or as a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

from costmodel.cli import main

ROOT = Path(__file__).parent.parent.parent
SPECS = ROOT / "specs"


def run(capsys, *words):
    """Run the command in this process and return (exit code, standard output, standard error)."""
    try:
        code = main([str(word) for word in words]) or 0
    except SystemExit as leave:
        code = leave.code or 0
    out, err = capsys.readouterr()
    return code, out, err


def process(*words, cwd=ROOT, width=80, **environment):
    """Run the command as a process with piped output; more keywords are environment variables."""
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    given = clean | {"COLUMNS": str(width), "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)} | environment
    ran = subprocess.run([sys.executable, "-m", "costmodel", *map(str, words)], cwd=cwd, env=given, capture_output=True)
    return ran.returncode, ran.stdout.decode("utf-8"), ran.stderr.decode("utf-8")


def bare(text):
    """Return text without its ANSI colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
