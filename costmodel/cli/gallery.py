"""`costmodel gallery`: the tables, pictures and claims in reports/."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from costmodel.cli.output import write_file
from costmodel.cli.progress import progress
from costmodel.cli.streams import say
from costmodel.documents.write import make_folder
from costmodel.render.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from costmodel.gallery.facts import Facts
    from costmodel.render.bubbles import Bubble

MEASUREMENTS = Path("benchmarks/measurements")


@click.command("gallery", short_help="Write the tables, pictures and claims in reports/.")
@click.argument("folder", default="reports", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--measurements",
    default=MEASUREMENTS,
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Where the logs of calibrations lie, which claims about time are decided by (default: {MEASUREMENTS}).",
)
def gallery_command(folder: Path, measurements: Path) -> None:
    """Write tables, pictures and claims of all bundled networks to FOLDER (default: reports), from the specs,
    the devices and the logs of measurements.

    \b
      networks.md, networks.csv   every network: params, mult-adds, memory, reported accuracy
      density.md                  accuracy per million params
      article.md                  the article's claims, recomputed, each with a verdict
      figure1, figure2 .png .svg  accuracy, and accuracy against mult-adds
      figure3, figure7 .png .svg  measured time: an image over batches, and against mult-adds

    \b
    Examples:
      costmodel gallery
      costmodel gallery somewhere_else
    """
    from costmodel.gallery.facts import Facts, read_logs

    facts = Facts(read_logs(measurements))
    make_folder(folder)
    with progress("networks") as tell:
        written = pages(facts, tell)
    for name, text in written.items():
        write_file(folder / name, text)
        say(f"wrote {folder / name}")
    for path in draw(facts, folder):
        say(f"wrote {path}")


def pages(facts: Facts, tell: Callable[[int, int, str], None] = lambda done, total, name: None) -> dict[str, str]:
    """Return the text of every page of the gallery by its file's name; `tell` hears of each network that is priced."""
    from costmodel.gallery.article import findings
    from costmodel.gallery.networks import networks, row
    from costmodel.render.gallery import Entry, article_markdown, density_markdown, networks_csv, networks_markdown

    rows = [row(network) for network in networks(tell)]
    return {
        "networks.csv": networks_csv(rows),
        "networks.md": networks_markdown(rows),
        "density.md": density_markdown(rows),
        "article.md": article_markdown(
            Entry(theme.title, claim.says, claim.source, found.verdict, found.words, claim.picture)
            for theme, claim, found in findings(facts)
        ),
    }


def bubbles() -> list[Bubble]:
    """Return the points of figures 1 and 2."""
    from costmodel.gallery.facts import label
    from costmodel.gallery.networks import FAMILIES
    from costmodel.pricing import totals
    from costmodel.render.bubbles import Bubble
    from costmodel.spec import expand, find

    points = []
    for family, names in FAMILIES.items():
        for spec in map(find, names.split()):
            sums = totals(expand(spec))
            points.append(Bubble(label(spec), family, sums.mult_adds, sums.params, float(spec.reported["top1"])))
    return points


@dataclass(frozen=True)
class Drawing:
    """A figure, and the points that it shows."""

    points: Any
    draw: Callable[[], Figure]

    @property
    def digest(self) -> str:
        """A short name for exactly these points, which the picture carries so that a stale one can be told."""
        return hashlib.sha256(repr(self.points).encode()).hexdigest()[:16]


def drawings(facts: Facts) -> dict[str, Drawing]:
    """Return every figure of the gallery by the name of its file."""
    from costmodel.gallery.timing import courses, linearities
    from costmodel.render.article_plots import batches_chart, operations_chart
    from costmodel.render.bubbles import bubble_chart, dot_chart

    points, found = bubbles(), linearities(facts)
    runs = {f"{log.setting} ({log.name})": courses(facts, log) for log in facts.logs}
    runs = {setting: measured for setting, measured in runs.items() if measured}
    area = "Figure 2. Accuracy against operations; area is the number of params"
    return {
        "figure1": Drawing(points, lambda: dot_chart(points, "Figure 1. Reported accuracy")),
        "figure2": Drawing(points, lambda: bubble_chart(points, area)),
        **({"figure3": Drawing(runs, lambda: batches_chart(runs))} if runs else {}),
        **({"figure7": Drawing(found, lambda: operations_chart(found))} if found else {}),
    }


def draw(facts: Facts, folder: Path) -> list[Path]:
    """Draw the figures and return the files."""
    return [path for name, drawing in drawings(facts).items() for path in _save(drawing, folder / name)]


def _save(drawing: Drawing, stem: Path) -> list[Path]:
    """Save a figure as PNG and SVG, the same bytes each time, with the digest of its points in the description."""
    import matplotlib as mpl

    paths, figure = [], drawing.draw()
    with mpl.rc_context({"svg.hashsalt": "costmodel", "svg.fonttype": "none"}):
        for suffix in (".png", ".svg"):
            about: dict[str, Any] = {"Description": f"points {drawing.digest}"}
            about |= {"Software": None} if suffix == ".png" else {}
            path = stem.with_suffix(suffix)
            save_picture(figure, path, about)
            paths.append(path)
    return paths
