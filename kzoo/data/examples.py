"""Examples and splits: what every source is read into."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kzoo.core.tables import Table
from kzoo.specs.records.seen import Seen

SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
"""Names that splits go by, and their own."""

WARNING = "WARNING"
"""Beginning of notes that come first wherever results are shown."""


@dataclass(frozen=True)
class Examples:
    """Examples as named columns of equal length, and their targets.

    Args:
        columns: ``"image"`` holds paths (str) and encoded images (bytes) in an object array (N,), or pixels in an
            array (N, H, W, C), uint8 or float in 0..255; ``"text"`` holds strings in an object array (N,).
        targets: as they came: a list of N labels; encoded: int64 (N,), or float32 (N, outputs).
        names: name of each example in messages, a path or a row.
        digests: SHA-256 of each one's content, once it is checked.
        groups: group of each example, or none.
        stamps: results of `kzoo.data.file_column.stamp` for each file when it was checked; empty: not known.
        attributes: other columns of the table that they come from, (N,) each; see `kzoo.data.sources.other_columns`.
        contents: of examples of several inputs: marks of those that each contains, such as ``image=DIGEST``, but not
            of rows and short texts, which repeat. Examples that share one are in one split.
    """

    columns: Mapping[str, np.ndarray]
    targets: Any
    names: Sequence[str]
    digests: Sequence[str] = ()
    groups: Sequence[str] = ()
    stamps: Sequence[tuple[int, ...]] = ()
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    contents: Sequence[Sequence[str]] = ()

    def __len__(self) -> int:
        return len(self.names)

    def known_by(self) -> list[str]:
        """Digests by which weights that have seen the examples know them: of each, and of the inputs in it."""
        return [*self.digests, *(digest_of(mark) for marks in self.contents for mark in marks)]

    def sides(self, seen: Seen) -> np.ndarray:
        """How weights have used each example, or an input in it, int8 (N,); see `Seen.sides`."""
        found = seen.sides(self.digests)
        places = np.repeat(np.arange(len(self.contents)), [len(marks) for marks in self.contents])
        if len(places):
            np.maximum.at(found, places, seen.sides([digest_of(mark) for marks in self.contents for mark in marks]))
        return found

    def take(self, indices: Sequence[int] | np.ndarray) -> Examples:
        """The examples at `indices`, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        targets = self.targets
        picked = targets[rows] if isinstance(targets, np.ndarray) else [targets[row] for row in rows]
        columns = {name: column[rows] for name, column in self.columns.items()}
        names, digests, groups = (
            [str(values[row]) for row in rows.tolist()] if len(values) else ()
            for values in (self.names, self.digests, self.groups)
        )
        stamps = [self.stamps[row] for row in rows.tolist()] if len(self.stamps) else ()
        attributes = {name: values[rows] for name, values in self.attributes.items()}
        contents = [tuple(self.contents[row]) for row in map(int, rows)] if len(self.contents) else ()
        return Examples(columns, picked, names, digests, groups, stamps, attributes, contents)


def digest_of(mark: str) -> str:
    """The digest in a mark of `Examples.contents`.

    Example:
        >>> digest_of("image=0a1b")
        '0a1b'
    """
    return mark.split("=", 1)[-1]


def join_examples(parts: Sequence[Examples]) -> Examples:
    """All examples of some parts, one or more, in one; attributes that a part lacks are left out."""
    if len(parts) == 1:
        return parts[0]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    targets = np.concatenate([part.targets for part in parts])
    attributes = {
        name: np.concatenate([part.attributes[name] for part in parts])
        for name, values in parts[0].attributes.items()
        if all(name in part.attributes and part.attributes[name].dtype == values.dtype for part in parts)
    }
    names, digests, groups = (
        [value for part in parts for value in getattr(part, field)] for field in ("names", "digests", "groups")
    )
    stamps = [stamp for part in parts for stamp in part.stamps]
    contents = [marks for part in parts for marks in part.contents]
    return Examples(columns, targets, names, digests, groups, stamps, attributes, contents)


@dataclass(frozen=True)
class RawData:
    """The content of a source, before it is checked.

    Args:
        splits: ``{"all": ...}`` where the source knows no splits, else some of train, validation and test.
        labels: names of the classes where the source knows them.
        notes: for the reader.
        set_aside: name and reason of what could not be listed.
    """

    splits: Mapping[str, Examples]
    labels: Sequence[str] | None = None
    notes: Sequence[str] = ()
    set_aside: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class CheckedColumn:
    """A column that was opened once, example by example.

    Args:
        column: as it came, or brought to one form.
        digests: SHA-256 of each content; "" where there is none.
        reasons: why some cannot be used, by index.
        notes: for the reader.
        stamps: see `Examples`.
        repaired: what was wrong with some that are used all the same, by index; ``strict=True`` refuses them.
        contents: see `Examples`.
    """

    column: np.ndarray
    digests: list[str]
    reasons: dict[int, str]
    notes: Sequence[str] = ()
    stamps: Sequence[tuple[int, ...]] = ()
    repaired: Mapping[int, str] = field(default_factory=dict)
    contents: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Examined:
    """Properties of the content of checked examples, for `kzoo.doctor`.

    Args:
        remarks: row of an example, or None for all of them; the name of a `kzoo.diagnosis.finding.FindingKind`; detail.
        pairs: near duplicates: first row, second row, similarity in [0, 1].
        checks: what was looked for.
    """

    remarks: Sequence[tuple[int | None, str, str]] = ()
    pairs: Sequence[tuple[int, int, float]] = ()
    checks: Sequence[str] = ()


@dataclass(frozen=True)
class Fault:
    """Why an example cannot be used.

    Args:
        name: of the example.
        reason: why.
        split: that the data has it in; ``"all"`` where the data has none.
        part: what is wrong: ``"file"``, ``"target"``, ``"group"``, or ``"contradiction"`` between two targets.
        digest: of its content; "" where it could not be read.
    """

    name: str
    reason: str
    split: str = "all"
    part: str = "file"
    digest: str = ""


@dataclass(frozen=True)
class Audit:
    """Problems that were found in the data.

    Args:
        set_aside: name and reason of each example that is not used.
        notes: for the reader.
    """

    set_aside: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    @property
    def warnings(self) -> list[str]:
        """The notes that come first."""
        return [note for note in self.notes if note.startswith(WARNING)]

    def table(self) -> Table:
        """One row an example set aside."""
        return Table(("set aside", "why"), self.set_aside, notes=tuple(self.notes))

    def __str__(self) -> str:
        reasons: dict[str, list[str]] = {}
        for name, reason in self.set_aside:
            reasons.setdefault(reason, []).append(name)
        lines = [f"{len(names)} set aside: {reason} ({_some(names)})" for reason, names in reasons.items()]
        return "\n".join([*self.warnings, *lines, *(note for note in self.notes if note not in self.warnings)])

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


@dataclass(frozen=True)
class Splits:
    """Checked examples in three disjoint parts.

    Args:
        train: examples to fit weights on.
        validation: examples to select models on.
        test: not used for training or selection.
        labels: names of the outputs, in order.
        audit: examples that were set aside, and notes.
    """

    train: Examples
    validation: Examples
    test: Examples
    labels: Sequence[str]
    audit: Audit = field(default_factory=Audit)

    def table(self) -> Table:
        """Number of examples by label and split (labels of one-dimensional targets only)."""
        parts = (self.train, self.validation, self.test)
        rows: list[tuple[object, ...]] = []
        for index, label in enumerate(self.labels):
            if self.train.targets.ndim == 1:
                rows.append((label, *(int(np.sum(part.targets == index)) for part in parts)))
            elif set(np.unique(self.train.targets)) <= {0.0, 1.0}:
                rows.append((label, *(int(part.targets[:, index].sum()) for part in parts)))
        rows.append(("all", *(len(part) for part in parts)))
        return Table(("label", "train", "validation", "test"), rows)

    def fingerprint(self, part: str = "test") -> str:
        """SHA-256 over content and targets of a split: the same data, split the same way, wherever it lies."""
        examples: Examples = getattr(self, part)
        pairs = zip(examples.digests, examples.targets, strict=True)
        lines = sorted(f"{digest} {np.asarray(target).tolist()}" for digest, target in pairs)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def seen(self) -> Seen:
        """The examples that weights have seen after training and selection on these splits."""
        return Seen.of(trained=self.train.known_by(), chosen=self.validation.known_by())


def _some(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return f"{shown}, ..." if len(names) > most else shown
