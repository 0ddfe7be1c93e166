"""A Sphinx extension: puts the table of all cards where a page says ``<!-- catalog -->``."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from kzoo.specs.card import BackboneSpec
from kzoo.specs.registry import cards

MARK = "<!-- catalog -->"
TEXTS = ("model", "modality", "source", "weights", "licence")
NUMBERS = ("size", "parameters", "width", "top-1", "top-5")


def table(found: Iterable[BackboneSpec]) -> str:
    """An HTML table with one row per card, on one line: MyST ends HTML at a blank line."""
    head = "".join(f"<th>{name}</th>" for name in (*TEXTS, *NUMBERS, "paper"))
    body = "".join(_row(card) for card in found)
    return (
        '<input id="catalog-search" class="catalog-search" type="search" '
        'placeholder="Search, for example: image imagenet mobilenet" aria-label="Search the catalog">'
        '<p id="catalog-count"></p><div class="catalog-frame"><table id="catalog" class="catalog">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(card: BackboneSpec) -> str:
    texts = (card.name, card.modality, card.source, card.pretrained, card.licence)
    numbers = (
        (card.size, f"{card.size:,}"),
        (card.parameters, "" if card.parameters is None else f"{card.parameters / 1e6:,.1f} M"),
        (card.width, "" if card.width is None else f"{card.width:,}"),
        *((accuracy, "" if accuracy is None else f"{accuracy:.3f}") for accuracy in (card.top1, card.top5)),
    )
    cells = [f"<td>{html.escape(text)}</td>" for text in texts]
    for number, text in numbers:
        value = "" if number is None else f' data-value="{number}"'
        cells.append(f'<td class="number"{value}>{text}</td>')
    address = html.escape(card.paper, quote=True)
    cells.append(f'<td><a href="{address}">paper</a></td>' if card.paper else "<td></td>")
    return f"<tr>{''.join(cells)}</tr>"


def _insert(app: Any, page: str, source: list[str]) -> None:
    if MARK in source[0]:
        source[0] = source[0].replace(MARK, table(card for _, card in sorted(cards().items())))


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _insert)
    app.add_js_file("catalog.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True}
