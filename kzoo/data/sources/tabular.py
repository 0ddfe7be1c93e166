"""Tables and arrays: CSV, JSON lines, Parquet, DataFrame, NumPy."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from kzoo.data.examples import Examples, RawData
from kzoo.data.file_column import refuse_missing_files
from kzoo.data.groups import find_groups, of_paths, refuse_function
from kzoo.data.sources.other_columns import other_columns
from kzoo.data.sources.source_query import SourceQuery
from kzoo.data.sources.table_files import LABEL_NAMES, read_table_file
from kzoo.specs.task import UserData

LONGEST_NAME = 80
"""Characters of a text in the name of its row."""


def read_table(path: Path, wanted: SourceQuery) -> RawData:
    """A file of rows: ``.csv`` or ``.tsv`` with a header, ``.jsonl``, ``.parquet``; text in any encoding that
    `kzoo.data.text.encoding.find_encoding` finds; a note names a guessed encoding.

    Paths are relative to its folder. A ``.tsv`` of two columns without a header is a text and its label.

    Raises:
        ValueError: it has no rows, or is damaged.
    """
    notes: list[str] = []
    table = read_table_file(path, notes)
    raw = _read_columns(table, wanted, root=path.parent, source=str(path))
    return replace(raw, notes=[*notes, *raw.notes])


def read_frame(frame: UserData, wanted: SourceQuery) -> RawData:
    """A DataFrame; paths are relative to the working directory."""
    if not len(frame):
        raise ValueError("The DataFrame has no rows.")
    table = {str(name): frame[name].tolist() for name in frame.columns}
    return _read_columns(table, wanted, root=Path(), source="the DataFrame")


def read_columns(columns: UserData, wanted: SourceQuery) -> RawData:
    """A dict of columns of one length; paths are relative to the working directory."""
    table = {
        # Pixels stay arrays.
        str(name): each.tolist() if hasattr(each, "tolist") and each.ndim == 1 else list(each)
        for name, each in columns.items()
    }
    if not len(next(iter(table.values()))):
        raise ValueError("The columns are empty. They must have at least one row.")
    return _read_columns(table, wanted, root=Path(), source="the dict")


def read_arrays(inputs: UserData, targets: UserData, wanted: SourceQuery) -> RawData:
    """N inputs of any kind that the modality has, and N targets."""
    if wanted.modality.choose:
        if not isinstance(inputs, Mapping):
            raise TypeError(f"Several inputs must be a dict from names to arrays. Got {type(inputs).__name__}.")
        _, column = wanted.modality.choose(inputs, wanted.parts, others=(), root=Path(), source="the dict of inputs")
    else:
        column = wanted.modality.collect(inputs)
        refuse_missing_files(column, _paths(inputs, wanted), root=Path(), source="the list")
    nouns = wanted.modality.noun + "s"
    targets = list(np.asarray(targets)) if hasattr(targets, "__array__") else list(targets)
    if len(column) != len(targets):
        raise ValueError(
            f"Inputs and targets must have the same length. Got {len(column)} {nouns} and {len(targets)} targets."
        )
    if not len(column):
        raise ValueError(f"The arrays are empty. They must have at least one {wanted.modality.noun}.")
    names = [x if isinstance(x, str) and len(x) < 200 else f"row {index}" for index, x in enumerate(column)]
    refuse_function(wanted.label, what="label", source="the arrays")
    groups = find_groups(wanted, columns={}, paths=_paths(column, wanted), source="the arrays")
    return RawData({"all": Examples({wanted.modality.name: column}, targets, names, groups=groups)})


def find_column(names: Sequence[str], wanted: str | None, usual: Sequence[str], *, what: str, source: str) -> str:
    """The name of the column that holds the image or the target: the one wanted, else the one with a usual name."""
    if wanted is not None:
        if wanted in names:
            return wanted
        raise ValueError(f"{source} has no column {wanted!r}. Its columns: {', '.join(names)}.")
    found = [name for name in names if name.lower().strip() in usual]
    if len(found) == 1:
        return found[0]
    state = f"several have usual names, {', '.join(found)}" if found else "none has a usual name"
    raise ValueError(
        f"The column of the {what} in {source} is not clear: {state}. Pass {what}=NAME. Columns: {', '.join(names)}."
    )


def _read_columns(table: dict[str, list[object]], wanted: SourceQuery, *, root: Path, source: str) -> RawData:
    names, modality, label = list(table), wanted.modality, wanted.label
    columns, inputs = _inputs(table, wanted, root=root, source=source)
    column = ", ".join(columns)
    notes = []
    labels = None
    used = [*columns, *([wanted.groups] if isinstance(wanted.groups, str) else [])]
    paths = _paths(inputs, wanted)
    if not wanted.labelled:
        targets = [None] * len(inputs)
    elif callable(label):
        targets = of_paths(label, paths, what="label", source=source)
    elif label is None or isinstance(label, str):
        target = _target(names, columns, wanted, source=source)
        targets = table[target]
        used.append(target)
        if wanted.input is None or label is None:
            notes.append(f"{modality.noun.capitalize()}s from column {column!r}, labels from column {target!r}")
    else:
        targets = [
            list(row)
            for row in zip(*(table[find_column(names, n, (), what="label", source=source)] for n in label), strict=True)
        ]
        labels = list(label)
        used += labels
    # Row 1 is the header.
    shown = [f"row {number}: {_cut(value, wanted)}" for number, value in enumerate(inputs, start=2)]
    values = modality.collect(inputs, root=root)
    refuse_missing_files(values, paths, root=root, source=f"column {column!r} of {source}")
    groups = find_groups(wanted, columns=table, paths=paths, source=source)
    others = other_columns(table, used=used) if wanted.labelled else {}
    found = Examples({modality.name: values}, targets, shown, groups=groups, attributes=others)
    return RawData({"all": found}, labels, notes)


def _target(names: Sequence[str], columns: Sequence[str], wanted: SourceQuery, *, source: str) -> str:
    """The name of the column of the target; of a wide modality the last column where none has a usual name."""
    left = [name for name in names if name not in columns]
    usual = [name for name in left if name.lower().strip() in LABEL_NAMES]
    if wanted.modality.named and wanted.label is None and not usual:
        return [name for name in left if name != wanted.groups][-1]
    label = wanted.label if isinstance(wanted.label, str) else None
    return find_column(left, label, LABEL_NAMES, what="label", source=source)


def _inputs(
    table: dict[str, list[object]], wanted: SourceQuery, *, root: Path, source: str
) -> tuple[list[str], UserData]:
    """The names of the columns of inputs, and the inputs; of a wide modality, all columns but targets and groups."""
    names, modality, label = list(table), wanted.modality, wanted.label
    if not (modality.wide or modality.choose):
        column = find_column(names, wanted.input, modality.usual, what=modality.name, source=source)
        return [column], table[column]
    if wanted.inputs is not None:
        others = [label] if isinstance(label, str) else list(label) if isinstance(label, Sequence) else []
        others += [wanted.groups] if isinstance(wanted.groups, str) else []
        if taken := [name for name in wanted.inputs if name in others]:
            raise ValueError(
                f"{taken[0]!r} is the column of the target or of groups. Leave it out of {modality.name}=."
            )
        left = [find_column(names, name, (), what=modality.name, source=source) for name in wanted.inputs]
        return left, modality.collect({name: table[name] for name in left})
    if label is None and modality.named and wanted.labelled:
        others = [_target(names, [], wanted, source=source)]
    elif modality.choose and not wanted.labelled:
        others = []
    elif label is None or callable(label):
        others = [name for name in names if name.lower().strip() in LABEL_NAMES]
    else:
        others = [label] if isinstance(label, str) else list(label)
    others += [wanted.groups] if isinstance(wanted.groups, str) else []
    if modality.choose:
        return modality.choose(table, wanted.parts, others=others, root=root, source=source)
    left = [name for name in names if name not in others]
    if not left:
        raise ValueError(
            f"{source} has only columns of targets and groups: {', '.join(names)}. It needs columns of inputs."
        )
    if modality.named:
        return left, modality.collect({name: table[name] for name in left})
    return left, list(zip(*(table[name] for name in left), strict=True))


def _cut(value: object, wanted: SourceQuery) -> str:
    """A value as part of a name: all of a path, the beginning of a text; of several inputs, of the first of these."""
    if isinstance(value, np.void) and wanted.modality.choose:
        value = next((each for each in value.tolist() if isinstance(each, str) and each), "several inputs")
    text = wanted.modality.noun if getattr(value, "ndim", 0) else str(value)
    cut = not wanted.modality.are_files and len(text) > LONGEST_NAME
    return f"{text[: LONGEST_NAME - 3]}..." if cut else text[:200]


def _paths(values: Collection[object], wanted: SourceQuery) -> Collection[object]:
    """The values where they may be paths: a text is none, although it is a string too."""
    return values if wanted.modality.are_files else [None] * len(values)


def names_of_columns(path: Path) -> list[str]:
    """Possible names of a table's columns, from its first line alone."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        line = file.readline()
    return [name.strip() for name in re.split(r"[,\t:]", re.sub(r"[\"{}]", "", line))]
