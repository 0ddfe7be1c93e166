"""Files named after splits: tables, or pairs of files with a text or its label a line; and unlabelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kzoo.data.examples import SPLIT_NAMES, Examples, RawData
from kzoo.data.groups import find_groups, refuse_function
from kzoo.data.sources.source_query import SourceQuery
from kzoo.data.sources.table_files import TABLES
from kzoo.data.sources.tabular import read_table
from kzoo.data.text.encoding import lines_of, read_text


def read_split_files(folder: Path, wanted: SourceQuery) -> RawData | None:
    """A folder of tables named after splits, or of pairs ``train_text.txt`` and ``train_labels.txt``; None for others.

    In a pair, each line is a text or its label; a ``mapping.txt`` beside them, of lines ``number TAB name``, names the
    labels, and ``train_NAME.txt`` holds the groups that ``groups="NAME"`` asks for.

    Raises:
        ValueError: files do not match.
        FileNotFoundError: a text file has no labels, or lacks the groups of the task.
    """
    splits: dict[str, Examples] = {}
    labels, notes = None, []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in TABLES and (split := SPLIT_NAMES.get(path.stem.lower())):
            raw = read_table(path, wanted)
        elif path.name.endswith("_text.txt") and (
            split := SPLIT_NAMES.get(path.name.removesuffix("_text.txt").lower())
        ):
            raw = _read_pair(path, wanted)
        else:
            continue
        if split in splits:
            raise ValueError(f"The split {split!r} of {folder} has two files. {path.name} is one of them.")
        splits[split], labels = raw.splits["all"], labels or raw.labels
        notes += [f"{path.name}: {note}" for note in raw.notes]
    if "train" not in splits:
        return None
    mapping = folder / "mapping.txt"
    return RawData(splits, _read_mapping(mapping, notes) if mapping.is_file() else labels, notes)


def _read_mapping(path: Path, notes: list[str]) -> list[str]:
    """The names of the labels 0, 1, 2..., of lines ``number TAB name``."""
    rows = [line.split("\t") for line in lines_of(read_text(path, notes)) if "\t" in line]
    try:
        names = {int(row[0]): row[1].strip() for row in rows}
    except ValueError as error:
        raise ValueError(f"Each line of {path} must be a number, a tab and a name. {error}.") from error
    if sorted(names) != list(range(len(rows))):
        raise ValueError(f"{path} must number the labels 0, 1, 2... Got {sorted(int(row[0]) for row in rows)[:9]}.")
    return [names[number] for number in range(len(names))]


def _read_pair(texts: Path, wanted: SourceQuery) -> RawData:
    notes: list[str] = []
    refuse_function(wanted.label, what="label", source=texts.name)
    lines = lines_of(read_text(texts, notes))
    labels = _read_beside(texts, "labels", lines, notes)
    names = [f"{texts.name} line {number}: {line[:60]}" for number, line in enumerate(lines, start=1)]
    targets = [int(label) if label.strip().isdecimal() else label for label in labels]
    columns = {}
    if isinstance(wanted.groups, str):
        columns[wanted.groups] = _read_beside(texts, wanted.groups, lines, notes)
    groups = find_groups(wanted, columns=columns, paths=[None] * len(lines), source=texts.name)
    column = wanted.modality.collect(lines)
    return RawData({"all": Examples({wanted.modality.name: column}, targets, names, groups=groups)}, None, notes)


def _read_beside(texts: Path, what: str, lines: Sequence[str], notes: list[str]) -> list[str]:
    """The lines of the file that stands beside a file of texts and holds something of each."""
    path = texts.with_name(texts.name.replace("_text.txt", f"_{what}.txt"))
    if not path.is_file():
        raise FileNotFoundError(f"{texts} has no {what}. {path} must have one line for each text.")
    found = lines_of(read_text(path, notes))
    if len(lines) != len(found):
        raise ValueError(f"{texts} has {len(lines)} lines, but {path.name} has {len(found)}.")
    return found


def read_lines(path: Path, wanted: SourceQuery) -> RawData:
    """A file with a text a line, without labels.

    Raises:
        ValueError: labels are wanted, or another modality than texts.
    """
    wanted.refuse_parts("a file of lines")
    if wanted.labelled or not wanted.modality.lines:
        raise ValueError(
            f"{path} has one text in each line and no labels. Use it for pretraining or distillation of text models. "
            f"Labelled data must be a folder, a table ({', '.join(TABLES)}) or arrays."
        )
    notes: list[str] = []
    lines = lines_of(read_text(path, notes))
    names = [f"{path.name} line {number}" for number in range(1, len(lines) + 1)]
    examples = Examples({wanted.modality.name: wanted.modality.collect(lines)}, [None] * len(lines), names)
    return RawData({"all": examples}, None, notes)
