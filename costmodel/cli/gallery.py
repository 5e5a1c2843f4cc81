"""`costmodel gallery`: the tables, pictures and claims in reports/."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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

    from costmodel.render.bubbles import Bubble


@click.command("gallery", short_help="Write the tables, pictures and claims in reports/.")
@click.argument("folder", default="reports", type=click.Path(file_okay=False, path_type=Path))
def gallery_command(folder: Path) -> None:
    """Write tables, pictures and claims of all bundled networks to FOLDER (default: reports), from the specs alone.

    \b
      networks.md, networks.csv   every network: params, mult-adds, memory, reported accuracy
      density.md                  accuracy per million params
      figure1, figure2 .png .svg  accuracy, and accuracy against mult-adds
      article.md                  the article's claims, recomputed, each with a verdict

    \b
    Examples:
      costmodel gallery
      costmodel gallery somewhere_else
    """
    make_folder(folder)
    with progress("networks") as tell:
        written = pages(tell)
    for name, text in written.items():
        write_file(folder / name, text)
        say(f"wrote {folder / name}")
    for path in draw(folder):
        say(f"wrote {path}")


def pages(tell: Callable[[int, int, str], None] = lambda done, total, name: None) -> dict[str, str]:
    """Return the text of every page of the gallery by its file's name; `tell` hears of each network that is priced."""
    from costmodel.gallery.claims import findings
    from costmodel.gallery.networks import networks, row
    from costmodel.render.gallery import article_markdown, density_markdown, networks_csv, networks_markdown

    rows = [row(network) for network in networks(tell)]
    return {
        "networks.csv": networks_csv(rows),
        "networks.md": networks_markdown(rows),
        "density.md": density_markdown(rows),
        "article.md": article_markdown(
            (claim.says, claim.source, found.verdict, found.words) for claim, found in findings()
        ),
    }


def bubbles() -> list[Bubble]:
    """Return the points of figures 1 and 2."""
    from costmodel.gallery.networks import FAMILIES
    from costmodel.pricing import totals
    from costmodel.render.bubbles import Bubble
    from costmodel.spec import expand, find

    points = []
    for family, names in FAMILIES.items():
        for spec in map(find, names.split()):
            sums = totals(expand(spec))
            label = spec.title.split(" (")[0].split(",")[0]
            points.append(Bubble(label, family, sums.mult_adds, sums.params, float(spec.reported["top1"])))
    return points


def digest(points: list[Bubble]) -> str:
    """Return a short name for exactly these points, which the pictures carry so that a stale one can be told."""
    return hashlib.sha256(repr(points).encode()).hexdigest()[:16]


def draw(folder: Path) -> list[Path]:
    """Draw the figures and return the files."""
    from costmodel.render.bubbles import bubble_chart, dot_chart

    points = bubbles()
    figures = {
        "figure1": dot_chart(points, "Figure 1. Reported accuracy"),
        "figure2": bubble_chart(points, "Figure 2. Accuracy against operations; area is the number of params"),
    }
    return [path for name, figure in figures.items() for path in _save(figure, folder / name, digest(points))]


def _save(figure: Figure, stem: Path, points: str) -> list[Path]:
    """Save a figure as PNG and SVG, the same bytes each time, with the digest of its points in the description."""
    import matplotlib as mpl

    paths = []
    with mpl.rc_context({"svg.hashsalt": "costmodel", "svg.fonttype": "none"}):
        for suffix in (".png", ".svg"):
            about: dict[str, Any] = {"Description": f"points {points}"}
            about |= {"Software": None} if suffix == ".png" else {}
            path = stem.with_suffix(suffix)
            save_picture(figure, path, about)
            paths.append(path)
    return paths
