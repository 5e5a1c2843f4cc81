"""The committed reports/ are what the specs and logs give today, and the verdicts follow from computed numbers."""

import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from otherwise import Otherwise

from costmodel.cli.gallery import bubbles, drawings, gallery_command
from costmodel.errors import CostModelError
from costmodel.gallery.article import THEMES, findings
from costmodel.gallery.claims.claim import CAVEAT, FAILS, HOLDS, OPEN, WRONG, near
from costmodel.gallery.facts import Facts, read_logs
from costmodel.render.bubbles import bubble_chart
from costmodel.render.gallery import Entry, article_markdown

ROOT = Path(__file__).parent.parent
REPORTS = ROOT / "reports"
LOGS = ROOT / "benchmarks" / "measurements"


@pytest.fixture(scope="module")
def facts():
    return Facts(read_logs(LOGS))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder that the command writes today."""
    folder = tmp_path_factory.mktemp("gallery")
    gallery_command.main([str(folder), "--measurements", str(LOGS)], standalone_mode=False)
    return folder


@pytest.fixture(scope="module")
def pictures(facts):
    return drawings(facts)


@pytest.mark.parametrize("name", ["networks.csv", "networks.md", "density.md", "article.md"])
def test_committed_pages_are_current(name, written):
    assert (REPORTS / name).read_text("utf-8") == (written / name).read_text("utf-8"), "stale: run `costmodel gallery`"


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("name", ["figure1", "figure2"])
def test_committed_pictures_carry_todays_points(name, suffix, pictures):
    picture = (REPORTS / name).with_suffix(suffix).read_bytes()
    assert f"points {pictures[name].digest}".encode() in picture, "stale: run `costmodel gallery`"


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


def verdicts(facts):
    return {claim.name: found.verdict for _, claim, found in findings(facts)}


def test_the_known_errata_are_found_wrong_and_the_known_truths_hold(facts):
    found = verdicts(facts)
    for wrong in (
        "mobilenet_first_layer squeezenet_work worked_example_last_line googlenet_budget googlenet_params vgg_memory "
        "mobilenet_slim_list inception_v4_point alexnet_point"
    ).split():
        assert found[wrong] == WRONG, wrong
    for true in "worked_example stacked plain_paradox cifar_params vgg_params fully_connected".split():
        assert found[true] == HOLDS, true
    assert set(found.values()) <= {HOLDS, CAVEAT, WRONG, FAILS, OPEN}


def test_every_claim_has_a_name_of_its_own_and_says_something_else():
    claims = [claim for theme in THEMES for claim in theme.claims]
    for facet in ("name", "says"):
        assert len({getattr(claim, facet) for claim in claims}) == len(claims)


@pytest.mark.parametrize(
    ("printed", "digits", "right"),
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
def test_a_printed_number_is_the_computed_one_rounded_or_cut_off(printed, digits, right):
    assert near(3.858, printed, digits) is right


def test_a_number_that_needs_no_rounding_has_no_second_form():
    assert near(0.29, 0.29, 2)  # 100 times it is a little less than 29 in binary
    assert not near(0.29, 0.28, 2)


CHANGED = [
    ("squeezenet_work", {"squeezenet": {"mult_adds": 1_700_000_000}}, HOLDS),
    ("squeezenet_params", {"squeezenet": {"params": 1_210_000}}, HOLDS),
    ("squeezenet_params", {"squeezenet": {"params": 1_000_000}}, WRONG),
    ("resnet34_share_of_vgg19", {"vgg19": {"mult_adds": 20_100_000_000}}, HOLDS),
    ("resnet34_share_of_vgg19", {"resnet34_a": {"mult_adds": 3_900_000_000}}, WRONG),
    (
        "resnet_table",
        {"resnet34": {"mult_adds": 3_580_000_000}, "resnet50": {"mult_adds": 3_799_000_000}},
        HOLDS,
    ),
    ("resnet_table", {"resnet50": {"mult_adds": 4_100_000_000}}, WRONG),
    ("resnet152_below_vgg", {"resnet152": {"mult_adds": 15_350_000_000}}, WRONG),
    ("plain_paradox", {"plain20": {"params": 269_723}}, WRONG),
    ("vgg_most_expensive", {"inception_v4": {"mult_adds": 16_000_000_000}}, WRONG),
    ("conv_mobilenet", {"conv_mobilenet": {"mult_adds": 4_866_000_000}}, HOLDS),
    ("conv_mobilenet", {"mobilenet_v1": {"params": 4_400_000}}, WRONG),
    ("googlenet_budget", {"googlenet": {"mult_adds": 1_500_000_000}}, HOLDS),
    ("googlenet_params", {"googlenet": {"params": 5_000_000}}, HOLDS),
    ("inception_v3", {"inception_v3": {"mult_adds": 5_100_000_000}}, HOLDS),
    ("inception_v3", {"inception_v3": {"params": 25_000_001}}, WRONG),
    ("inception_v4_point", {"inception_v4": {"mult_adds": 9_100_000_000}}, HOLDS),
    ("density", {"googlenet": {"params": 14_000_000}}, WRONG),
    ("vgg_params", {"vgg16": {"params": 139_000_000}}, WRONG),
    ("enet_params", {"enet": {"params": 371_000}}, HOLDS),
    ("enet_params", {"enet": {"params": 353_000}}, WRONG),
]


def check(name):
    return next(claim.compute for theme in THEMES for claim in theme.claims if claim.name == name)


@pytest.mark.parametrize(("claim", "figures", "verdict"), CHANGED)
def test_a_verdict_follows_from_the_numbers(facts, claim, figures, verdict):
    before, after = (check(claim)(known) for known in (facts, Otherwise(*facts.logs, totals=figures)))
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


def test_committed_pictures_show_what_is_drawn_today(written, pictures):
    """The points' digest says nothing of the code that draws. Where things stand may differ between plot libraries."""
    found = sorted(written.glob("*.svg"))
    assert [path.stem for path in found] == sorted(pictures)
    for path in found:
        assert drawn(path) == drawn(REPORTS / path.name), "stale: run `costmodel gallery`"


def test_the_head_of_the_article_counts_verdicts_in_plain_words():
    verdicts = [HOLDS] * 2 + [CAVEAT] + [WRONG] * 3 + [FAILS] * 2 + [OPEN]
    page = article_markdown(Entry("theme", "says", "source", verdict, "words") for verdict in verdicts)
    said = "2 hold, 1 holds with a caveat, 3 printed numbers are wrong, 2 do not hold, 1 cannot be recomputed here"
    assert f"Of 9 claims: {said}." in page


def test_without_logs_there_is_no_word_on_time(tmp_path):
    with pytest.raises(CostModelError, match="there is no log of measurements"):
        read_logs(tmp_path)


def test_gallery_writes_every_file_the_same_twice(written, tmp_path, pictures):
    gallery_command.main([str(tmp_path / "again"), "--measurements", str(LOGS)], standalone_mode=False)
    first, second = ({path.name: path.read_bytes() for path in f.iterdir()} for f in (written, tmp_path / "again"))
    assert first == second
    assert len(first) == 4 + 2 * len(pictures)
