"""Unlabelled examples: folders of any depth, TFRecords, tables, arrays or strings, checked like labelled ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kzoo.data.examples import Audit, Examples, RawData
from kzoo.data.modalities import MODALITIES
from kzoo.data.seams import Modality
from kzoo.data.sources.forms import find_source
from kzoo.data.sources.reading import read_data
from kzoo.data.sources.source_query import SourceQuery
from kzoo.specs.task import UserData


def read_unlabelled(data: UserData, modality: str) -> tuple[Examples, Audit]:
    """The readable examples of some data, each content once; labels are ignored.

    Args:
        data: a folder of files of any depth, TFRecords (a file, a folder or a pattern of them), a table or DataFrame
            whose column has a usual name, a text file with a text a line, ``"tfds:NAME"``, a ``tf.data.Dataset``, an
            array, or a list of paths, of encoded files or of texts. Of data with splits, the training split.
        modality: ``"image"``, ``"text"`` or ``"audio"``.

    Returns:
        The examples, without targets, and an audit of those set aside.

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
    left_out = "1 duplicate is left out" if copies == 1 else f"{copies:,} duplicates are left out"
    audit = Audit(
        [(names[index], reason) for index, reason in sorted(checked.reasons.items())],
        [*notes, *checked.notes, *([left_out] if copies else [])],
    )
    if not keep:
        raise ValueError(f"No {reads.noun} can be read.\n{audit}")
    targets = np.zeros((len(column), 0), np.float32)
    examples = Examples({modality: checked.column}, targets, names, checked.digests, stamps=checked.stamps)
    return examples.take(keep), audit


def _collect(data: UserData, reads: Modality, notes: list[str]) -> Examples:
    if isinstance(data, tuple) and len(data) == 2 and len(np.shape(data[1])) < len(np.shape(data[0])):
        raise ValueError("Unlabelled data must not be a pair of inputs and targets. Pass the inputs alone, or a task.")
    if isinstance(data, tuple | list | np.ndarray) or not (isinstance(data, str | Path) or find_source(data)[0]):
        column, names = reads.ask(data)
        return Examples({reads.name: column}, [None] * len(names), names)
    raw = read_data(data, SourceQuery(reads, labelled=False))
    notes += raw.notes
    return _training_part(raw)


def _training_part(raw: RawData) -> Examples:
    """The examples to learn from: the training split, or those in no split."""
    found = next((raw.splits[name] for name in ("train", "all") if name in raw.splits), None)
    if found is None:
        raise ValueError("The data has no training split.")
    return Examples(found.columns, [None] * len(found), found.names)
