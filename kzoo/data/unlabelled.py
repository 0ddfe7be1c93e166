"""Unlabelled examples: folders of any depth, TFRecords, tables, arrays or strings, checked like labelled ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.data.examples import Audit, Examples, RawData
from kzoo.data.modalities import MODALITIES, Modality, SourceQuery
from kzoo.data.sources.reading import read_data
from kzoo.data.text.encoding import lines_of, read_text


def read_unlabelled(data: Any, modality: str) -> tuple[Examples, Audit]:
    """What can be read of some data, each content once, whatever labels there may be.

    Args:
        data: a folder of files of any depth, TFRecords (a file, a folder or a pattern of them), a table or DataFrame
            whose column has a usual name, a text file with a text a line, ``"tfds:NAME"``, a ``tf.data.Dataset``, an
            array, or a list of paths, of encoded files or of texts. Of what has splits, the training split.
        modality: ``"image"``, ``"text"`` or ``"audio"``.

    Returns:
        The examples, without targets, and what was set aside.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: nothing can be read.
    """
    reads = MODALITIES[modality]
    notes: list[str] = []
    found = _collect(data, reads, notes)
    column, names = found.columns[modality], found.names
    checked = reads.check(column)
    first = {digest: index for index, digest in reversed(list(enumerate(checked.digests)))}
    good = [index for index in range(len(column)) if index not in checked.reasons]
    keep = [index for index in good if first[checked.digests[index]] == index]
    copies = len(good) - len(keep)
    audit = Audit(
        [(names[index], reason) for index, reason in sorted(checked.reasons.items())],
        [*notes, *checked.notes, *([f"{copies} copies left out"] if copies else [])],
    )
    if not keep:
        raise ValueError(f"There are no {reads.noun}s that can be read.\n{audit}")
    targets = np.zeros((len(column), 0), np.float32)
    examples = Examples({modality: checked.column}, targets, names, checked.digests, stamps=checked.stamps)
    return examples.take(keep), audit


def _collect(data: Any, reads: Modality, notes: list[str]) -> Examples:
    if isinstance(data, tuple) and len(data) == 2 and len(np.shape(data[1])) < len(np.shape(data[0])):
        raise ValueError("A pair of inputs and targets is labelled data: pass the inputs alone, or a task.")
    path = Path(data).expanduser() if isinstance(data, str | Path) else None
    if path is None and not (hasattr(data, "itertuples") or isinstance(data, tf.data.Dataset)):
        column, names = reads.ask(data)
        return Examples({reads.name: column}, [None] * len(names), names)
    if path is not None and path.is_dir() and not any(path.glob("*.tfrecord*")):
        files = sorted(each for each in path.rglob("*") if each.suffix.lower() in reads.suffixes and each.is_file())
        if files:
            return _as_examples([reads.open(each) for each in files], [str(each) for each in files], reads)
        if not any(path.rglob("*.tfrecord*")):
            raise ValueError(f"There are no {', '.join(reads.suffixes)} files below {path}.")
        return _join(
            [read_data(each, SourceQuery(reads, labelled=False)) for each in sorted(path.rglob("*.tfrecord*"))]
        )
    if path is not None and path.suffix.lower() == ".txt" and path.is_file() and reads.name == "text":
        lines = lines_of(read_text(path, notes))
        return _as_examples(lines, [f"{path.name} line {number}" for number in range(1, len(lines) + 1)], reads)
    raw = read_data(data, SourceQuery(reads, labelled=False))
    notes += raw.notes
    return _join([raw])


def _as_examples(values: list[Any], names: list[str], reads: Modality) -> Examples:
    return Examples({reads.name: reads.collect(values)}, [None] * len(names), names)


def _join(raws: list[RawData]) -> Examples:
    """What may be learned from: the training splits, and what is in none."""
    parts = [raw.splits[name] for raw in raws for name in ("train", "all") if name in raw.splits]
    if not parts:
        raise ValueError("There is no training split.")
    name = next(iter(parts[0].columns))
    column = np.concatenate([part.columns[name] for part in parts])
    return Examples({name: column}, [None] * len(column), [each for part in parts for each in part.names])
