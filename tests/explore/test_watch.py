"""A watched file is reported after each save, and its errors too."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

import pytest

from costmodel.judging.watch import watch

TEXT = "name: net\ntitle: Net\ninput: [3, 8, 8]\nlayers:\n  conv: {op: conv, out_channels: 8, bias: false}\n"


class Enough(Exception):  # noqa: N818 - ends a watch
    pass


@pytest.fixture
def seen(tmp_path):
    """What a watch yields while one thing after another is done to the file between its looks."""

    def run(*steps: Callable[[], object]):
        (tmp_path / "net.yaml").write_text(TEXT)
        waiting = list(steps)

        def wait():
            if not waiting:
                raise Enough
            waiting.pop(0)()

        found = []
        with suppress(Enough):
            found.extend(watch(str(tmp_path / "net.yaml"), wait=wait))
        return found

    return run


def test_each_save_is_seen_once_with_what_changed(seen, tmp_path):
    file = tmp_path / "net.yaml"
    first, second = seen(lambda: None, lambda: file.write_text(TEXT.replace("8, bias", "16, bias")), lambda: None)
    assert first.change is None
    assert first.table.totals.params == 24
    assert {row["total"]: row["change"] for row in second.change.totals}["params"] == 24


def test_a_broken_file_shows_its_error_and_the_next_good_one_is_compared_with_the_last_good_one(seen, tmp_path):
    file = tmp_path / "net.yaml"
    _, broken, gone, mended = seen(
        lambda: file.write_text("layers: ["),
        file.unlink,
        lambda: file.write_text(TEXT.replace("8, bias", "12, bias")),
    )
    assert "net.yaml:2:1: not YAML" in str(broken.error)
    assert "no such file" in str(gone.error)
    assert (mended.error, mended.change.before.totals.params, mended.table.totals.params) == (None, 24, 36)


def test_a_file_replaced_by_another_of_the_same_size_and_time_is_seen(seen, tmp_path):
    file, other = tmp_path / "net.yaml", tmp_path / "other.yaml"

    def replace():
        stamp = file.stat()
        other.write_text(TEXT.replace("8, bias", "9, bias"))
        os.utime(other, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        other.replace(file)

    assert [one.table.totals.params for one in seen(replace)] == [24, 27]


def test_the_command_watches_files_only(command):
    ran = command("watch", "vgg16")
    assert ran.code == 2
    assert "is no YAML file" in ran.err


def test_a_file_that_never_was_is_an_error_at_once(command, tmp_path):
    ran = command("watch", tmp_path / "none.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert "none.yaml: no such file" in ran.err
