"""The committed reports/ are what the specs give today, and the claims' verdicts follow from computed numbers."""

from itertools import combinations
from pathlib import Path

import pytest

from costmodel.cli.gallery import bubbles, digest, gallery_command, pages
from costmodel.gallery import claims
from costmodel.render.bubbles import bubble_chart

REPORTS = Path(__file__).parent.parent / "reports"


@pytest.fixture(scope="module")
def today():
    return pages()


@pytest.mark.parametrize("name", ["networks.csv", "networks.md", "density.md", "article.md"])
def test_committed_pages_are_current(name, today):
    assert (REPORTS / name).read_text("utf-8") == today[name], "stale: run `costmodel gallery`"


@pytest.mark.parametrize("name", ["figure1.png", "figure1.svg", "figure2.png", "figure2.svg"])
def test_committed_pictures_carry_todays_points(name):
    assert f"points {digest(bubbles())}".encode() in (REPORTS / name).read_bytes(), "stale: run `costmodel gallery`"


def test_every_network_of_figure_2_is_labelled_and_no_label_overlaps_another_or_a_bubble():
    figure = bubble_chart(points := bubbles(), "")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    labels = [text for text in axes.texts if text.get_text()]
    assert sorted(label.get_text() for label in labels) == sorted(point.label for point in points)
    boxes = [label.get_bbox_patch() or super(type(label), label).get_window_extent() for label in labels]
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.overlaps(b)]
    for point in points:
        centre = axes.transData.transform((point.mult_adds, point.top1))
        assert not [box for box in boxes if box.contains(*centre)]


def verdicts():
    return {claim.compute.__name__: finding.verdict for claim, finding in claims.findings()}


def test_the_known_errata_are_found_wrong_and_the_known_truths_hold():
    found = verdicts()
    for wrong in (
        "mobilenet_first_layer squeezenet_work worked_example_last_line googlenet_budget googlenet_params vgg_memory "
        "mobilenet_slim_list inception_v4_point alexnet_point"
    ).split():
        assert found[wrong] == claims.WRONG, wrong
    for true in "worked_example stacked plain_paradox cifar_params vgg_params fully_connected".split():
        assert found[true] == claims.HOLDS, true
    assert set(found.values()) == {claims.HOLDS, claims.CAVEAT, claims.WRONG}


def test_a_verdict_follows_from_the_numbers(monkeypatch):
    real = claims._totals

    def doubled(name, **parameters):
        totals = real(name, **parameters)
        return totals if name != "squeezenet" else type(totals)(**{**vars(totals), "mult_adds": 1_700_000_000})

    monkeypatch.setattr(claims, "_totals", doubled)
    assert verdicts()["squeezenet_work"] == claims.HOLDS


def test_gallery_writes_every_file_the_same_twice(tmp_path):
    for folder in ("a", "b"):
        gallery_command.main([str(tmp_path / folder)], standalone_mode=False)
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / f).iterdir()} for f in ("a", "b"))
    assert first == second
    assert len(first) == 8
