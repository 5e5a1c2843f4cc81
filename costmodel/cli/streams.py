"""Standard output and error, which may be closed, full, or without a reader; and Ctrl-C at any moment."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any, TextIO

import click

from costmodel.documents.safe_text import one_line, safe
from costmodel.errors import CostModelError

WORDS = "costmodel.words"
"""Where a command's context keeps the words that it was given."""
CLOSED = "standard output is closed, so nothing can be shown; -o writes to a file, where a command has it"


def on_terminal(stream: TextIO | None) -> bool:
    """Say whether a stream is there and is a terminal."""
    return stream is not None and stream.isatty()


def write_out(text: str, colour: bool | None = None) -> bool:
    """Write to standard output; return whether somebody still reads it. That a reader has gone early is no error.

    Raises:
        CostModelError: if it cannot be written.
    """
    if sys.stdout is None:
        raise CostModelError(CLOSED)
    try:
        click.echo(text, nl=False, color=colour)
    except BrokenPipeError:
        _silence()
        return False
    except OSError as error:
        _silence()
        raise CostModelError(f"standard output cannot be written: {error.strerror or error}") from None
    return True


def say(text: str, label: str = "") -> None:
    """Say something on standard error, whatever it holds; `label` stands before it in red."""
    head = f"{click.style(label, fg='red', bold=True)} " if label else ""
    click.echo(head + safe(text), err=True)


def say_now(text: str) -> None:
    """Write a line on standard error over the one before; an empty one takes it away."""
    click.echo(f"\r\x1b[2K{one_line(text)}", nl=False, err=True)


def say_alone(text: str) -> None:
    """Say something on standard error while a line there shows how far something has come; it is drawn anew below."""
    if on_terminal(sys.stderr):
        say_now("")
    say(text)


def complain(message: str) -> None:
    """Write a complaint to standard error, if that can be written."""
    with suppress(OSError):
        say(message, "error:")


def plain(error: OSError) -> str:
    """Return what the system refused, in words."""
    what = error.strerror or str(error) or type(error).__name__
    return (
        f"{os.fsdecode(error.filename)}: {what}"
        if isinstance(error.filename, (str, bytes))
        else f"the system refused: {what}"
    )


def finish() -> None:
    """Write out what is left for standard output.

    Raises:
        CostModelError: if it cannot be written.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _silence()
    except OSError as error:
        _silence()
        raise CostModelError(f"standard output cannot be written: {error.strerror or error}") from None


def _silence() -> None:
    """Send what is left for standard output nowhere: it must not be tried again when Python ends."""
    with suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Interrupts:
    """Remembers that Ctrl-C was struck: a library that is just being loaded may turn it into an error of its own."""

    def __init__(self) -> None:
        self.struck = False

    def __enter__(self) -> Interrupts:
        ours = threading.current_thread() is threading.main_thread()
        self._before: Any = signal.getsignal(signal.SIGINT) if ours else None
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.struck = True
        signal.default_int_handler(number, frame)

    def __exit__(self, *_: object) -> None:
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._before)
