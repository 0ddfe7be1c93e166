"""Short tables, as text for a terminal and as HTML for a notebook.

pandas would be imported for each table, which takes longer than `kzoo.list_models`, and sets text flush right; tabulate
takes ``1.5 s`` for a text, so both sides of each column would still be chosen here.
"""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

Row: TypeAlias = Sequence[Any]
"""Cells of a row. A column holds text or numbers, which only its reader knows."""

LONG, LARGEST = 20, 5
"""Rows from which on a table is folded when it is shown with others, and rows that are shown then."""

MOST_IMAGES = 20
"""Rows that show an image in a notebook."""

_NUMBER = re.compile(r"[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?( ?[%A-Za-z]{1,3})?|[+-]?(nan|inf)")
"""A number, and a short unit, as in ``1.5 s``."""


@dataclass(frozen=True, repr=False)
class Table:
    """Rows under named columns, with a line above and lines below.

    Args:
        columns: names of the columns.
        rows: cells, already rounded. Columns of numbers are set flush right, others flush left.
        title: line above, or "".
        notes: lines below.
        image: from the number of a row to a small JPEG, or to None; called for the first `MOST_IMAGES` rows when HTML
            is made, which shows it before the row. None: no row has one.

    Example:
        >>> Table(("label", "F1"), [("cat", 0.5), ("dog", 0.75)], notes=("2 labels",))
        label     F1
        cat    0.500
        dog    0.750
        2 labels
    """

    columns: Sequence[str]
    rows: Sequence[Row]
    title: str = ""
    notes: Sequence[str] = ()
    image: Callable[[int], bytes | None] | None = None

    def __str__(self) -> str:
        cells = [list(self.columns), *([_text(cell) for cell in row] for row in self.rows)]
        widths = [max(_width(row[column]) for row in cells) for column in range(len(self.columns))]
        right = [self._is_number(column) for column in range(len(self.columns))]
        lines = [
            "  ".join(
                " " * (width - _width(cell)) + cell if flush else cell + " " * (width - _width(cell))
                for cell, width, flush in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([*([self.title] if self.title else []), *lines, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        # Jupyter sets all cells flush right unless told.
        sides = ["right" if self._is_number(column) else "left" for column in range(len(self.columns))]
        head = _html_row("th", self.columns, sides, before="<th></th>" if self.image else "")
        body = "".join(
            _html_row("td", map(_text, row), sides, before=self._image_cell(number))
            for number, row in enumerate(self.rows)
        )
        title = f"<p><b>{html.escape(self.title)}</b></p>" if self.title else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"{title}<table><thead>{head}</thead><tbody>{body}</tbody></table>{notes}"

    def _image_cell(self, row: int) -> str:
        """The cell with the image of a row; "" where the table has none."""
        if self.image is None:
            return ""
        data = self.image(row) if row < MOST_IMAGES else None
        encoded = base64.b64encode(data or b"").decode()
        return f'<td><img src="data:image/jpeg;base64,{encoded}" alt=""></td>' if data else "<td></td>"

    def folded(self, *, by: str, every: str, noun: str, totals: int = 0) -> Table:
        """The same table where it is short; of a long one the rows with the largest values, and a note.

        Args:
            by: name of the column; rows with its largest values stay.
            every: how to get all rows, for the note.
            noun: name of the rows in the note, in the plural.
            totals: number of rows at the end that stay.
        """
        count = len(self.rows) - totals
        if count <= LONG:
            return self
        column = list(self.columns).index(by)
        largest = sorted(range(count), key=lambda row: -self.rows[row][column])[:LARGEST]
        places = [*sorted(largest), *range(count, len(self.rows))]
        rows, image = [self.rows[row] for row in places], self.image
        note = f"The {LARGEST} largest of {count:,} {noun}; {count - LARGEST:,} are not shown. All: {every}"
        kept = image and (lambda row: image(places[row]))
        return replace(self, rows=rows, notes=(*self.notes, note), image=kept)

    def _is_number(self, column: int) -> bool:
        values = [row[column] for row in self.rows if row[column] not in (None, "")]
        return bool(values) and all(_NUMBER.fullmatch(_text(value)) for value in values)


def _html_row(tag: str, cells: Iterable[str], sides: Sequence[str], *, before: str) -> str:
    pairs = zip(cells, sides, strict=True)
    row = "".join(f'<{tag} style="text-align: {side}">{html.escape(cell)}</{tag}>' for cell, side in pairs)
    return f"<tr>{before}{row}</tr>"


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: East Asian characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.3g}" if cell and abs(cell) < 0.001 else f"{cell:.3f}"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)
