"""A measure as bars: they are as long as the layers below a part come to, and are shown and written."""

import pytest

import costmodel as cm


def drawn(picture):
    """Return the bars of a picture by their names."""
    (axes,) = picture.figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    return dict(zip(names, (bar.get_width() for bar in axes.patches), strict=True))


@pytest.mark.parametrize("measure", ["traffic_bytes", "params", "mult_adds"])
def test_bars_are_as_long_as_what_lies_below(measure):
    table = cm.price(cm.load("mobilenet_v1"))
    below = {}
    for row in table:
        part = row["path"].split(".")[0]
        below[part] = below.get(part, 0) + row[measure]
    assert drawn(cm.plot(table, measure, depth=1)) == below


def test_what_has_no_room_is_one_bar_and_the_longest_by_that_measure_stay():
    table = cm.price(cm.load("vgg16", unit="conv_bn_relu"))
    rows = [{**row, "path": f"part{place}"} for place, row in enumerate(table)]
    flat = table.with_columns(path=[row["path"] for row in rows])
    bars = drawn(cm.plot(flat, "output_bytes"))
    assert len(bars) == 25
    assert sum(bars.values()) == sum(row["output_bytes"] for row in rows)
    longest = sorted(rows, key=lambda row: -row["output_bytes"])[:20]
    assert {row["path"] for row in longest} <= set(bars)


def test_times_are_drawn_of_a_table_that_is_timed():
    table = cm.time(cm.price(cm.load("mobilenet_v1"), dtype="float16"), "pi5")
    picture = cm.plot(table, "latency_s", depth=1)
    assert sum(drawn(picture).values()) == pytest.approx(sum(row["latency_s"] for row in table))
    assert "latency" in picture.figure.axes[0].get_title(loc="left")


def test_a_picture_shows_itself_and_is_written(tmp_path):
    picture = cm.plot(cm.price(cm.load("alexnet")))
    assert picture._repr_png_().startswith(b"\x89PNG")
    picture.save(tmp_path / "alexnet.svg")
    assert "fc6" in (tmp_path / "alexnet.svg").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"measure": "latency_s"}, "latency_s is not in the table of resnet152: it needs device"),
        ({"measure": "parms"}, "there is no measure 'parms'; did you mean 'params'?"),
        ({"depth": 9}, "bars are too many to be read; give a smaller depth"),
    ],
)
def test_what_cannot_be_drawn_is_said(arguments, said):
    with pytest.raises(cm.CostModelError, match=said.replace("?", r"\?")):
        cm.plot(cm.price(cm.load("resnet152")), **arguments)


def test_sizes_that_are_many_are_no_picture():
    import numpy as np

    with pytest.raises(cm.CostModelError, match="a picture is of one network"):
        cm.plot(cm.price(cm.load("mobilenet_v1", width=np.array([0.5, 1.0]))))
