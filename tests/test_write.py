"""Files are written whole or not at all; links stay links; what cannot be replaced is only written to."""

import os
import stat
import threading

import pytest

from costmodel.documents.write import check_place, make_folder, write_whole
from costmodel.errors import CostModelError


@pytest.mark.parametrize("content", ["täxt\n", b"\x00bytes"])
def test_a_file_is_written_and_nothing_else_is_left(tmp_path, content):
    file = tmp_path / "file"
    for _ in range(2):
        write_whole(file, content)
        assert file.read_bytes() == (content if isinstance(content, bytes) else content.encode("utf-8"))
        assert os.listdir(tmp_path) == ["file"]


def test_a_new_file_has_the_mode_of_any_new_file_and_an_old_one_keeps_its_own(tmp_path):
    (tmp_path / "any").touch()
    file = tmp_path / "file"
    write_whole(file, "a")
    assert file.stat().st_mode == (tmp_path / "any").stat().st_mode
    file.chmod(0o666)
    write_whole(file, "b")
    assert stat.S_IMODE(file.stat().st_mode) == 0o666


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    link, between = tmp_path / "link", tmp_path / "between"
    link.symlink_to("between")
    between.symlink_to("folder/real")
    for text in ("not there yet", "there already"):
        write_whole(link, text)
        assert (link.is_symlink(), between.is_symlink()) == (True, True)
        assert (tmp_path / "folder" / "real").read_text() == text
    assert os.listdir(tmp_path / "folder") == ["real"]


def test_links_in_a_circle_are_said(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(CostModelError, match="its links lead in a circle"):
        write_whole(tmp_path / "a", "text")


def test_a_pipe_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "through")
    reader.join()
    assert got == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_is_open_already_is_written_to_behind_what_is_there(tmp_path):
    file = tmp_path / "file"
    with file.open("wb") as open_file:
        open_file.write(b"before, ")
        open_file.flush()
        write_whole(type(file)(f"/dev/fd/{open_file.fileno()}"), "within, ")
        open_file.write(b"after")
    assert file.read_text() == "before, within, after"


def test_a_full_device_leaves_what_was_there(tmp_path, monkeypatch):
    with pytest.raises(CostModelError, match="/dev/full: cannot be written: No space left on device"):
        write_whole(type(tmp_path)("/dev/full"), "text")
    file = tmp_path / "file"
    file.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CostModelError, match="file: cannot be written: No space left on device"):
        write_whole(file, "new")
    assert (os.listdir(tmp_path), file.read_text()) == (["file"], "old")


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "file").touch()
    for path, says in (
        (tmp_path, "is a folder; a file's name belongs here"),
        (tmp_path / "none" / "file", "there is no folder"),
        (tmp_path / "file" / "below", "there is no folder"),
        (tmp_path / ("long" * 100), "File name too long"),
    ):
        with pytest.raises(CostModelError, match=says):
            write_whole(path, "text")
    with pytest.raises(CostModelError, match="there is no folder"):
        check_place(tmp_path / "none" / "file")
    with pytest.raises(CostModelError, match="this folder cannot be made"):
        make_folder(tmp_path / "file" / "below")


def test_a_write_protected_file_is_said_before_any_work_and_stays(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("mine")
    monkeypatch.setattr("costmodel.documents.write.os.access", lambda path, mode: path != file)  # root may always
    for write in (check_place, lambda path: write_whole(path, "other")):
        with pytest.raises(CostModelError, match="file: cannot be written: it is write-protected"):
            write(file)
    assert (file.read_text(), os.listdir(tmp_path)) == ("mine", ["file"])
    check_place(tmp_path / "another")
