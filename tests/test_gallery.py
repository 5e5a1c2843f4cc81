"""The committed reports/ are what the specs give today, and the claims' verdicts follow from computed numbers."""

import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from costmodel.cli.gallery import bubbles, digest, draw, gallery_command, pages
from costmodel.gallery import claims
from costmodel.render.bubbles import bubble_chart
from costmodel.render.gallery import article_markdown

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


@pytest.mark.parametrize(
    ("printed", "digits", "near"),
    [
        (3.8, 1, True),  # 3.858 cut off
        (3.9, 1, True),  # and rounded
        (3.7, 1, False),
        (4.0, 1, False),
        (3.86, 2, True),
        (3.85, 2, True),
        (3.87, 2, False),
        (4, 0, True),
        (3, 0, True),
        (5, 0, False),
    ],
)
def test_a_printed_number_is_the_computed_one_rounded_or_cut_off(printed, digits, near):
    assert claims._near(3.858, printed, digits) is near


def test_a_number_that_needs_no_rounding_has_no_second_form():
    assert claims._near(0.29, 0.29, 2)  # 100 times it is a little less than 29 in binary
    assert not claims._near(0.29, 0.28, 2)


CHANGED = [
    ("squeezenet_work", {"squeezenet": {"mult_adds": 1_700_000_000}}, claims.HOLDS),
    ("squeezenet_params", {"squeezenet": {"params": 1_210_000}}, claims.HOLDS),
    ("squeezenet_params", {"squeezenet": {"params": 1_000_000}}, claims.WRONG),
    ("resnet34_share_of_vgg19", {"vgg19": {"mult_adds": 20_100_000_000}}, claims.HOLDS),
    ("resnet34_share_of_vgg19", {"resnet34_a": {"mult_adds": 3_900_000_000}}, claims.WRONG),
    (
        "resnet_table",
        {"resnet34": {"mult_adds": 3_580_000_000}, "resnet50": {"mult_adds": 3_799_000_000}},
        claims.HOLDS,
    ),
    ("resnet_table", {"resnet50": {"mult_adds": 4_100_000_000}}, claims.WRONG),
    ("resnet152_below_vgg", {"resnet152": {"mult_adds": 15_350_000_000}}, claims.WRONG),
    ("plain_paradox", {"plain20": {"params": 269_723}}, claims.WRONG),
    ("vgg_most_expensive", {"inception_v4": {"mult_adds": 16_000_000_000}}, claims.WRONG),
    ("conv_mobilenet", {"conv_mobilenet": {"mult_adds": 4_866_000_000}}, claims.HOLDS),
    ("conv_mobilenet", {"mobilenet_v1": {"params": 4_400_000}}, claims.WRONG),
    ("googlenet_budget", {"googlenet": {"mult_adds": 1_500_000_000}}, claims.HOLDS),
    ("googlenet_params", {"googlenet": {"params": 5_000_000}}, claims.HOLDS),
    ("inception_v3", {"inception_v3": {"mult_adds": 5_100_000_000}}, claims.HOLDS),
    ("inception_v3", {"inception_v3": {"params": 25_000_001}}, claims.WRONG),
    ("inception_v4_point", {"inception_v4": {"mult_adds": 9_100_000_000}}, claims.HOLDS),
    ("density", {"googlenet": {"params": 14_000_000}}, claims.WRONG),
    ("vgg_params", {"vgg16": {"params": 139_000_000}}, claims.WRONG),
    ("enet_params", {"enet": {"params": 371_000}}, claims.HOLDS),
    ("enet_params", {"enet": {"params": 353_000}}, claims.WRONG),
]


@pytest.mark.parametrize(("claim", "figures", "verdict"), CHANGED)
def test_a_verdict_follows_from_the_numbers(monkeypatch, claim, figures, verdict):
    compute = next(entry.compute for entry in claims.CLAIMS if entry.compute.__name__ == claim)
    real, before = claims._totals, compute()

    def otherwise(name, **parameters):
        return real(name, **parameters).adding(figures.get(name, {}))

    monkeypatch.setattr(claims, "_totals", otherwise)
    after = compute()
    assert after.verdict == verdict
    assert after.verdict != before.verdict
    assert after.words != before.words


def drawn(svg):
    """Return what a picture shows: its texts, its colours, and how many marks it has."""
    root = ElementTree.parse(svg).getroot()
    tags = [(element.tag.rpartition("}")[2], element) for element in root.iter()]
    texts = Counter("".join(element.itertext()).strip() for tag, element in tags if tag == "text")
    colours = Counter(re.findall(r"#[0-9a-f]{6}", " ".join(element.get("style", "") for _, element in tags)))
    return texts, set(colours), sum(tag == "use" for tag, _ in tags)


def test_committed_pictures_show_what_is_drawn_today(tmp_path):
    """The points' digest says nothing of the code that draws. Where things stand may differ between plot libraries."""
    for path in draw(tmp_path):
        if path.suffix == ".svg":
            assert drawn(path) == drawn(REPORTS / path.name), "stale: run `costmodel gallery`"


def test_the_head_of_the_article_counts_verdicts_in_plain_words():
    verdicts = [claims.HOLDS] * 2 + [claims.CAVEAT] + [claims.WRONG] * 3
    page = article_markdown(("says", "source", verdict, "words") for verdict in verdicts)
    assert "Of 6 claims: 2 hold, 1 holds with a caveat, 3 printed numbers are wrong." in page


def test_gallery_writes_every_file_the_same_twice(tmp_path):
    for folder in ("a", "b"):
        gallery_command.main([str(tmp_path / folder)], standalone_mode=False)
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / f).iterdir()} for f in ("a", "b"))
    assert first == second
    assert len(first) == 8
