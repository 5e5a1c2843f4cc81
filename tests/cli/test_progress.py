"""The line that says how far something has come: when it shows, what it says, and that it goes away."""

import sys

import pytest

from costmodel.cli.progress import progress

ERASE = "\r\x1b[2K"


@pytest.fixture
def watched(capsys, monkeypatch):
    """Return what makes standard error a terminal 100 columns wide and reads it; pytest swaps the stream until then."""
    monkeypatch.setenv("COLUMNS", "100")

    def begin():
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        return capsys

    return begin


def shown(watched, steps, of="points", wait=0.0):
    """Return the lines drawn for steps of (seconds, what is told)."""
    now, capsys = [0.0], watched()
    with progress(of, wait, clock=lambda: now[0]) as tell:
        for seconds, told in steps:
            now[0] = seconds
            tell(*told)
    drawn = capsys.readouterr().err
    assert "\n" not in drawn
    return drawn.split(ERASE)[1:]


def test_it_says_how_much_is_done_and_how_long_it_takes_at_this_pace(watched):
    lines = shown(watched, [(30, (1000, 4000, "vgg16")), (120, (4000, 4000))])
    assert lines == [
        "[######------------------]  25 %  1,000/4,000 points  1:30 left  vgg16",
        "[########################] 100 %  4,000/4,000 points",
        "",
    ]


def test_who_knows_better_says_how_long_it_takes(watched):
    assert "2:01:05 left" in shown(watched, [(30, (1, 2, "", 7265.0))])[0]
    assert "left" not in shown(watched, [(0, (0, 2))])[0]


def test_what_is_done_soon_shows_nothing(watched):
    assert shown(watched, [(1.9, (1, 3)), (1.95, (3, 3))], wait=2.0) == []
    assert len(shown(watched, [(1.9, (1, 3)), (2.1, (2, 3)), (2.2, (3, 3))], wait=2.0)) == 3
    assert shown(watched, [(5, (3, 3))]) == []
    assert shown(watched, []) == []


def test_it_is_drawn_no_more_often_than_one_sees_but_the_end_is(watched):
    steps = [(0.01 * n, (n, 50)) for n in range(51)]
    lines = shown(watched, steps)
    assert 5 <= len(lines) <= 8
    assert "50/50" in lines[-2]


def test_a_line_is_never_wider_than_the_screen(watched, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert [len(line) for line in shown(watched, [(1, (1, 4, "a" * 300))])] == [39, 0]


def test_it_goes_away_whatever_ends_the_work(watched):
    capsys = watched()

    def work():
        with progress("files") as tell:
            tell(1, 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert capsys.readouterr().err.endswith(ERASE)


@pytest.mark.parametrize("closed", [True, False])
def test_nothing_shows_where_nobody_watches(capsys, monkeypatch, closed):
    if closed:
        monkeypatch.setattr(sys, "stderr", None)
    with progress("points") as tell:
        tell(1, 2, "vgg16", 3.0)
    assert capsys.readouterr() == ("", "")
