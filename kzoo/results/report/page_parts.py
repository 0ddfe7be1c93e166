"""The parts of a page: sections, tables, galleries, a confusion matrix. All text is escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

import numpy as np

from kzoo.core.tables import Table
from kzoo.results.report.shown import Shown

MOST_CLASSES = 25
"""Classes up to which a confusion matrix is drawn."""

FULL = 0.55
"""Share of a row from which on the number in its cell needs another colour to be read."""


def text(value: object) -> str:
    """A value as escaped text."""
    return html.escape(str(value), quote=True)


def paragraph(value: object, *, look: str = "") -> str:
    """A paragraph."""
    return f'<p class="{look}">{text(value)}</p>' if look else f"<p>{text(value)}</p>"


def section(name: str, title: str, parts: Sequence[str]) -> str:
    """A section with a title, to which ``#name`` leads."""
    return f'<section aria-labelledby="kzoo-{name}"><h2 id="kzoo-{name}">{text(title)}</h2>{"".join(parts)}</section>'


def scrolled(content: str) -> str:
    """What scrolls sideways where it is too broad, by keyboard too."""
    return f'<div class="scroll" role="region" aria-label="table" tabindex="0">{content}</div>'


def listing(table: Table, *, most: int, noun: str) -> str:
    """A table, which scrolls sideways where it is broad; rows after the first `most` are folded away."""
    shown = ""
    if most:
        first = Table(table.columns, table.rows[:most], title=table.title, notes=table.notes)
        shown = scrolled(first._repr_html_())
    rest = table.rows[most:]
    if not rest:
        return shown
    more = Table(table.columns, rest, notes=() if most else table.notes)._repr_html_()
    line = f"{len(rest):,} {'more ' if most else ''}{noun}"
    return f"{shown}<details><summary>{text(line)}</summary>{scrolled(more)}</details>"


def charts(drawn: Sequence[str]) -> str:
    """Charts side by side, or below each other in a narrow window."""
    return f'<div class="charts">{"".join(drawn)}</div>'


def gallery(examples: Sequence[Shown]) -> str:
    """Examples with their excerpts and captions."""
    broad = any(not each.media.startswith("image/") for each in examples)
    look = "gallery broad" if broad else "gallery"
    return f'<div class="{look}">{"".join(map(_figure, examples))}</div>'


def _figure(shown: Shown) -> str:
    lines = "".join(f"<span>{text(line)}</span>" for line in shown.caption)
    name = f'<span class="name" title="{text(shown.name)}">{text(shown.short_name)}</span>'
    return f"<figure>{_excerpt(shown)}<figcaption>{lines}{name}</figcaption></figure>"


def _excerpt(shown: Shown) -> str:
    """The excerpt of an example, inside of the page."""
    if not shown.media:
        return ""
    if shown.media.startswith("text/"):
        return f"<blockquote>{text(shown.content.decode('utf-8', errors='replace'))}</blockquote>"
    data = f"data:{text(shown.media)};base64,{base64.b64encode(shown.content).decode()}"
    said = text(", ".join((shown.short_name, *shown.caption)))
    if shown.media.startswith("audio/"):
        return f'<audio controls preload="none" src="{data}" aria-label="{said}"></audio>'
    return f'<img src="{data}" alt="{said}">'


def matrix(confusion: np.ndarray, labels: Sequence[str]) -> str:
    """A confusion matrix, rows the truth, coloured by the share of the row; "" of more than `MOST_CLASSES`."""
    if len(labels) > MOST_CLASSES:
        return ""
    totals = np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    head = "".join(f'<th scope="col">{text(label)}</th>' for label in labels)
    rows = []
    for label, counts, shares in zip(labels, confusion.tolist(), (confusion / totals).tolist(), strict=True):
        cells = "".join(map(_cell, counts, shares))
        rows.append(f'<tr><th scope="row">{text(label)}</th>{cells}</tr>')
    caption = '<p class="quiet">Rows: the true class. Columns: the answer. Colour: share of the row.</p>'
    body = f'<table class="matrix"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return scrolled(f"{body}{caption}")


def _cell(count: int, share: float) -> str:
    look = ' class="full"' if share >= FULL else ""
    return f'<td{look} style="--share:{share:.2f}">{f"{count:,}" if count else ""}</td>'


def confusions(confusion: np.ndarray, labels: Sequence[str]) -> Table:
    """The pairs of classes that are confused, the most frequent first."""
    counts = np.array(confusion)
    np.fill_diagonal(counts, 0)
    totals = confusion.sum(axis=1)
    order = np.argsort(-counts, axis=None, kind="stable")[: int((counts > 0).sum())]
    rows = []
    for place in order.tolist():
        true, answer = divmod(place, len(labels))
        share = counts[true, answer] / totals[true]
        rows.append((labels[true], labels[answer], int(counts[true, answer]), f"{share:.0%}"))
    return Table(("is", "answered", "examples", "share of the class"), rows)
