"""The usable examples of some data, side by side, each with the split that `kzoo.adapt` would put it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kzoo.data.examples import Examples
from kzoo.data.modalities import MODALITIES
from kzoo.data.splits import CleanSource
from kzoo.data.stratify import SplitNotes, divide
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import Task

ORDER = ("train", "validation", "test")
"""Of two copies in two splits, the one in the earlier split should leave."""


@dataclass(frozen=True)
class UsableExamples:
    """N examples of all splits.

    Args:
        names: of each.
        digests: SHA-256 of each content.
        given: the split that the data has each in; ``"all"`` where the data has none.
        splits: the split that each belongs to, once the data is divided.
        groups: of each; "" where there are none.
        targets: encoded, (N,) or (N, outputs).
        column: of the inputs, N.
    """

    names: list[str]
    digests: list[str]
    given: list[str]
    splits: list[str]
    groups: list[str]
    targets: np.ndarray
    column: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def distinct(self) -> list[int]:
        """Rows of the first example of each content."""
        first: dict[str, int] = {}
        for row, digest in enumerate(self.digests):
            first.setdefault(digest, row)
        return list(first.values())

    def rank(self, row: int) -> int:
        """Place of the example's split in `ORDER`."""
        return ORDER.index(self.splits[row])


def divided(source: CleanSource, task: Task) -> dict[str, Examples]:
    """The usable examples by split, as `kzoo.adapt` would divide them; nothing where none are usable.

    Raises:
        ValueError: see `kzoo.data.stratify.divide`.
    """
    if not any(map(len, source.splits.values())):
        return {}
    parts = divide(source.splits, task=task, seen=Seen(), ledger=SplitNotes())
    return {name: parts[name] for name in ORDER if name in parts}


def usable_examples(source: CleanSource, parts: Mapping[str, Examples]) -> UsableExamples | None:
    """All usable examples; None where there are none.

    Args:
        source: checked data.
        parts: of `divided`. Examples that are set aside there, as a copy is in another split, keep their own split.
    """
    full = {name: examples for name, examples in source.splits.items() if len(examples)}
    if not full:
        return None
    held = set(full) - {"all", "train"}
    where = {digest: part for part in reversed(ORDER) if part in parts for digest in parts[part].digests}
    given = [name for name, examples in full.items() for _ in range(len(examples))]
    digests = [digest for examples in full.values() for digest in examples.digests]
    splits = [_split_of(name, where.get(digest, "train"), held) for name, digest in zip(given, digests, strict=True)]
    every = list(full.values())
    (modality,) = every[0].columns
    return UsableExamples(
        [name for examples in every for name in examples.names],
        digests,
        given,
        splits,
        [group for examples in every for group in (examples.groups or [""] * len(examples))],
        np.concatenate([examples.targets for examples in every]),
        _joined([examples.columns[modality] for examples in every], modality),
    )


def _split_of(given: str, found: str, held: set[str]) -> str:
    """The split of an example, from the one that the data has it in and the one where its content is found."""
    if given in held or (given != "all" and found in held):
        return given
    return found


def _joined(columns: list[np.ndarray], modality: str) -> np.ndarray:
    """Columns as one; pixels of several sizes, or beside files, are encoded."""
    if len({(column.shape[1:], column.dtype == object) for column in columns}) == 1:
        return np.concatenate(columns)
    return MODALITIES[modality].collect([value for column in columns for value in column])
