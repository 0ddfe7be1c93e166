"""Tables and arrays: CSV, JSON lines, Parquet, DataFrame, NumPy."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.examples import SPLIT_NAMES, Examples, Raw
from kzoo.data.grouping import find_groups, of_paths
from kzoo.data.modalities import TEXT_NAMES, Wanted

LABEL_NAMES = ("label", "labels", "class", "target", "category", "tags", "y")


def read_table(path: Path, wanted: Wanted) -> Raw:
    """A file of rows: ``.csv`` or ``.tsv`` with a header (UTF-8, with or without a mark), ``.jsonl``, ``.parquet``.

    Paths are relative to its folder. A ``.tsv`` of two columns without a header is a text and its label.
    """
    table = _READERS[path.suffix.lower()](path)
    if not table or not len(next(iter(table.values()))):
        raise ValueError(f"{path} has no rows below its header.")
    return _read_columns(table, wanted, root=path.parent, source=str(path))


def read_frame(frame: Any, wanted: Wanted) -> Raw:
    """A DataFrame; paths are relative to the working directory."""
    if not len(frame):
        raise ValueError("The DataFrame has no rows.")
    table = {str(name): frame[name].tolist() for name in frame.columns}
    return _read_columns(table, wanted, root=Path(), source="the DataFrame")


def read_arrays(inputs: Any, targets: Any, wanted: Wanted) -> Raw:
    """N inputs of any kind that the modality has, and N targets."""
    column = wanted.modality.collect(inputs)
    nouns = wanted.modality.noun + "s"
    targets = list(np.asarray(targets)) if hasattr(targets, "__array__") else list(targets)
    if len(column) != len(targets):
        raise ValueError(f"There are {len(column)} {nouns} but {len(targets)} targets.")
    if not len(column):
        raise ValueError(f"There are no {nouns}: the arrays are empty.")
    names = [x if isinstance(x, str) and len(x) < 200 else f"row {index}" for index, x in enumerate(column)]
    groups = find_groups(wanted, columns={}, paths=column, source="the arrays")
    return Raw({"all": Examples({wanted.modality.name: column}, targets, names, groups=groups)})


def read_split_files(folder: Path, wanted: Wanted) -> Raw | None:
    """A folder of tables named after splits, or of pairs ``train_text.txt`` and ``train_labels.txt``; None for others.

    In a pair, each line is a text or its label; a ``mapping.txt`` beside them, of lines ``number TAB name``, names the
    labels.
    """
    splits: dict[str, Examples] = {}
    labels, notes = None, []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in TABLES and (split := SPLIT_NAMES.get(path.stem.lower())):
            raw = read_table(path, wanted)
        elif path.name.endswith("_text.txt") and (
            split := SPLIT_NAMES.get(path.name.removesuffix("_text.txt").lower())
        ):
            raw = _read_pair(path, path.with_name(path.name.replace("_text.txt", "_labels.txt")), wanted)
        else:
            continue
        if split in splits:
            raise ValueError(f"The split {split!r} of {folder} is there twice: {path.name} is one of them.")
        splits[split], labels = raw.splits["all"], labels or raw.labels
        notes += [f"{path.name}: {note}" for note in raw.notes]
    if "train" not in splits:
        return None
    mapping = folder / "mapping.txt"
    if mapping.is_file():
        rows = [line.split("\t") for line in mapping.read_text(encoding="utf-8-sig").splitlines() if "\t" in line]
        labels = [name.strip() for _, name in sorted(rows, key=lambda row: int(row[0]))]
    return Raw(splits, labels, notes)


def _read_pair(texts: Path, labels: Path, wanted: Wanted) -> Raw:
    if not labels.is_file():
        raise FileNotFoundError(f"{texts} has no labels: {labels} is not there.")
    columns = []
    for path in (texts, labels):
        lines = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
        columns.append(lines[:-1] if lines[-1] == "" else lines)
    if len(columns[0]) != len(columns[1]):
        raise ValueError(f"{texts} has {len(columns[0])} lines, {labels.name} has {len(columns[1])}.")
    names = [f"{texts.name} line {number}: {line[:60]}" for number, line in enumerate(columns[0], start=1)]
    targets = [int(label) if label.strip().isdigit() else label for label in columns[1]]
    return Raw({"all": Examples({wanted.modality.name: wanted.modality.collect(columns[0])}, targets, names)})


def _read_rows(path: Path) -> dict[str, list[Any]]:
    tabs = path.suffix.lower() == ".tsv"
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        # Texts have quotes of their own, which mean nothing where tabs part the columns.
        quoting = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
        csv.field_size_limit(1 << 30)
        rows = [row for row in csv.reader(file, delimiter="\t" if tabs else ",", quoting=quoting) if row]
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


def _read_lines(path: Path) -> dict[str, list[Any]]:
    """A JSON object a line; what a line lacks is None."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"Line {number} of {path} is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(
                    f"Line {number} of {path} is no JSON object: each line must be one, with named values."
                )
            rows.append(row)
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    import pandas

    frame = pandas.read_parquet(path)
    return {str(name): frame[name].tolist() for name in frame.columns}


_READERS = {".csv": _read_rows, ".tsv": _read_rows, ".jsonl": _read_lines, ".parquet": _read_parquet}

TABLES = tuple(_READERS)
"""Suffixes of the files of rows that are read."""


def find_column(names: Sequence[str], wanted: str | None, usual: Sequence[str], *, what: str, source: str) -> str:
    """The name of the column that holds the picture or the target: the one wanted, else the one with a usual name."""
    if wanted is not None:
        if wanted in names:
            return wanted
        raise ValueError(f"{source} has no column {wanted!r}. Its columns: {', '.join(names)}.")
    found = [name for name in names if name.lower().strip() in usual]
    if len(found) == 1:
        return found[0]
    state = f"several could be it: {', '.join(found)}" if found else "none has a usual name"
    raise ValueError(
        f"Say which column of {source} is the {what}, as {what}=NAME ({state}). Columns: {', '.join(names)}."
    )


def _read_columns(table: dict[str, list[Any]], wanted: Wanted, *, root: Path, source: str) -> Raw:
    names, modality, label = list(table), wanted.modality, wanted.label
    column = find_column(names, wanted.input, modality.usual, what=modality.name, source=source)
    notes = []
    labels = None
    if not wanted.labelled:
        targets = [None] * len(table[column])
    elif callable(label):
        targets = of_paths(label, table[column], what="label")
    elif label is None or isinstance(label, str):
        target = find_column([n for n in names if n != column], label, LABEL_NAMES, what="label", source=source)
        targets = table[target]
        if wanted.input is None or label is None:
            notes.append(f"{modality.noun.capitalize()}s from column {column!r}, labels from column {target!r}")
    else:
        targets = [
            list(row)
            for row in zip(*(table[find_column(names, n, (), what="label", source=source)] for n in label), strict=True)
        ]
        labels = list(label)
    # Row 1 is the header.
    shown = [f"row {number}: {str(value)[:200]}" for number, value in enumerate(table[column], start=2)]
    values = modality.collect(table[column], root=root)
    groups = find_groups(wanted, columns=table, paths=table[column], source=source)
    return Raw({"all": Examples({modality.name: values}, targets, shown, groups=groups)}, labels, notes)
