"""Files of tables as columns by name: CSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from kzoo.data.text.encoding import describe, find_encoding, lines_of, read_text

TEXT_NAMES = ("text", "sentence", "review", "content", "comment", "tweet", "document", "body", "message", "question")
"""Usual names of columns of texts."""

LABEL_NAMES = ("label", "labels", "class", "target", "category", "tags", "y")
"""Usual names of columns of targets."""


def read_table_file(path: Path, notes: list[str]) -> dict[str, list[object]]:
    """The columns of a table by name; notes on its encoding are added to `notes`.

    Raises:
        ValueError: it has no rows, or is damaged.
    """
    table = _READERS[path.suffix.lower()](path, notes)
    if not table or not len(next(iter(table.values()))):
        raise ValueError(f"{path} has no rows below the header.")
    return table


def _read_rows(path: Path, notes: list[str]) -> dict[str, list[object]]:
    tabs = path.suffix.lower() == ".tsv"
    encoding = find_encoding(path.read_bytes())
    notes += [describe(encoding)] if describe(encoding) else []
    with open(path, newline="", encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="replace") as file:
        # In .tsv files quotes are part of the text.
        quoting = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
        csv.field_size_limit(1 << 30)
        reader = csv.reader(file, delimiter="\t" if tabs else ",", quoting=quoting)
        try:
            rows = [row for row in reader if row]
        except csv.Error as error:
            raise ValueError(f"Line {reader.line_num} of {path} cannot be read: {error}.") from error
    if tabs:
        rows = [[_unquoted(cell) for cell in row] for row in rows]
    if not rows:
        return {}
    header, rows = rows[0], rows[1:]
    if tabs and len(header) == 2 and not {name.lower().strip() for name in header} & {*TEXT_NAMES, *LABEL_NAMES}:
        header, rows = ["text", "label"], [header, *rows]
    return {name: [row[place] if place < len(row) else None for row in rows] for place, name in enumerate(header)}


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _read_lines(path: Path, notes: list[str]) -> dict[str, list[object]]:
    """A JSON object a line; what a line lacks is None."""
    rows = []
    for number, line in enumerate(lines_of(read_text(path, notes)), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except RecursionError as error:
                raise ValueError(
                    f"Line {number} of {path} is nested too deeply. Each line must be a flat JSON object."
                ) from error
            except ValueError as error:
                raise ValueError(f"Line {number} of {path} is not valid JSON: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(
                    f"Line {number} of {path} is not a JSON object. Each line must be an object with named values."
                )
            rows.append(row)
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


def _read_parquet(path: Path, notes: list[str]) -> dict[str, list[object]]:
    import pandas

    try:
        frame = pandas.read_parquet(path)
    except OSError as error:
        if error.errno:
            raise
        raise _damaged(path, error) from error
    except (ValueError, ArithmeticError, LookupError, TypeError, RuntimeError, NotImplementedError) as error:
        raise _damaged(path, error) from error
    return {str(name): frame[name].tolist() for name in frame.columns}


def _damaged(path: Path, error: Exception) -> ValueError:
    reason = (str(error) or repr(error)).splitlines()[0][:200]
    return ValueError(f"{path} could not be read as Parquet. It may be damaged or have another format: {reason}")


_READERS = {".csv": _read_rows, ".tsv": _read_rows, ".jsonl": _read_lines, ".parquet": _read_parquet}

TABLES = tuple(_READERS)
"""Suffixes of the files of rows that are read."""
