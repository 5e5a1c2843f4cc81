"""A page as HTML, for notebooks and for a file of its own."""

from __future__ import annotations

from html import escape

from costmodel.render.page import Column, Page, Section

HUES = {"cool": "#0077bb", "warm": "#ee7733"}
"""Blue and orange of Paul Tol's bright scheme, told apart by every eye."""

_STYLE = """<style>
.costmodel {font: 13px/1.5 system-ui, sans-serif; max-width: 72em}
.costmodel table {border-collapse: collapse; margin: .4em 0 1.2em}
.costmodel td, .costmodel th {padding: .1em .7em; text-align: right; font-variant-numeric: tabular-nums; border: 0}
.costmodel th {font-weight: normal; opacity: .65; border-bottom: 1px solid currentColor; vertical-align: bottom}
.costmodel .l {text-align: left}
.costmodel .quiet {opacity: .65}
.costmodel .bar {width: 10em; padding: .1em 0}
.costmodel .bar div {height: .8em; min-width: 1px}
</style>"""


def fragment(page: Page) -> str:
    """Return the page as a piece of HTML that carries its own style."""
    complaints = [f"<pre>{escape(text)}</pre>" for text in page.complaints]
    title = [f"<h3>{escape(page.title)}</h3>"] if page.title else []
    parts = [_STYLE, '<div class="costmodel">', *complaints, *title]
    parts += [f'<div class="quiet">{escape(line)}</div>' for line in page.lines]
    if page.facts:
        rows = [
            f'<tr><td class="l">{escape(fact.label)}</td><td><b>{escape(fact.value)}</b></td>'
            f'<td class="l quiet">{escape(fact.note)}</td></tr>'
            for fact in page.facts
        ]
        parts.append(f"<table>{''.join(rows)}</table>")
    parts += [_section(section) for section in page.sections]
    parts += [f'<div class="quiet">{escape(page.hint)}</div>'] if page.hint else []
    return "\n".join([*parts, "</div>"])


def document(page: Page) -> str:
    """Return the page as a whole HTML file."""
    head = f'<meta charset="utf-8">\n<title>{escape(page.title or "costmodel")}</title>'
    scheme = "<style>:root {color-scheme: light dark}</style>"
    return f'<!doctype html>\n<html lang="en">\n{head}\n{scheme}\n{fragment(page)}\n</html>\n'


def _section(section: Section) -> str:
    title = f"<h4>{escape(section.title)}</h4>" if section.title else ""
    head = "".join(f"<th{_side(c)}>{escape(c.title)}<br>{escape(c.unit)}</th>" for c in section.columns)
    body = "".join(
        f"<tr>{''.join(_cell(column, row) for column in section.columns)}</tr>"
        for row in range(len(section.columns[0].cells))
    )
    note = f'<div class="quiet">{escape(section.note)}</div>' if section.note else ""
    return f"{title}<table><tr>{head}</tr>{body}</table>{note}"


def _side(column: Column) -> str:
    return ' class="l"' if column.left else ""


def _cell(column: Column, row: int) -> str:
    if column.shares is None:
        return f"<td{_side(column)}>{escape(column.cells[row])}</td>"
    share = f"{100 * column.shares[row]:.2f}"
    hue = HUES.get(column.paint, "currentColor")
    return f'<td class="bar"><div style="width:{share}%;background:{hue}"></div></td>'
