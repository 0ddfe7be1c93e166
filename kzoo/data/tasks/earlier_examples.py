"""Examples of earlier tasks beside those of the next one, in one set of splits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kzoo.data.examples import Audit, Examples, Splits
from kzoo.data.tasks.joint_division import PARTS, merge
from kzoo.task_kinds.task_kind import TaskKind


def join_earlier(
    splits: Splits,
    kind: TaskKind,
    earlier: Splits | None,
    earlier_kind: TaskKind,
    *,
    before: int,
    rehearsed: int,
    seed: int,
) -> Splits:
    """The splits of the next task, with the outputs of earlier tasks before its own and with their examples.

    Earlier examples are for validation, where the next task has some, and for test; so many as are `rehearsed` are for
    training. Content and groups that the next task has in another split are left out. Content that both have in one
    split is one example.

    Args:
        splits: of the next task.
        kind: of the next task.
        earlier: of the earlier tasks; None where this process has them not.
        earlier_kind: of the earlier tasks.
        before: outputs of the earlier tasks.
        rehearsed: the most earlier training examples that are trained on again.
        seed: chooses them.

    Returns:
        Splits whose targets are rows, float32 (N, earlier outputs and own ones), NaN where an example lacks a target.
        The labels are those of `splits`: a caller puts all of them in.
    """
    outputs = len(splits.labels)
    rows = {name: _rows(getattr(splits, name), kind, outputs) for name in PARTS}
    found = {name: _widened(getattr(splits, name), rows[name], left=before) for name in PARTS}
    if earlier is None:
        return replace(splits, **found)
    sides = {mark: name for name in PARTS for own in _marks(getattr(splits, name)) for mark in own}
    notes = []
    for name in PARTS:
        examples: Examples = getattr(earlier, name)
        keep = np.flatnonzero([all(sides.get(mark, name) == name for mark in own) for own in _marks(examples)])
        if lost := len(examples) - len(keep):
            notes.append(f"{lost:,} earlier {name} examples are in another split of this data, and are left out")
        if name == "validation" and not len(splits.validation):
            # Without validation examples of its own, the next task is not selected by those of others.
            keep = keep[:0]
        if name == "train":
            keep = np.sort(np.random.default_rng(seed).permutation(keep)[:rehearsed])
        chosen = examples.take(keep)
        earlier_rows = _rows(chosen, earlier_kind, before)
        found[name] = merge([found[name], _widened(chosen, earlier_rows, right=outputs)])
    audit = Audit(splits.audit.set_aside, [*splits.audit.notes, *notes])
    return replace(splits, **found, audit=audit)


def _marks(examples: Examples) -> list[tuple[tuple[str, str], ...]]:
    """What each example may have in common with others: its content, and its group."""
    contents = [("content", each) for each in examples.digests]
    if not examples.groups:
        return [(each,) for each in contents]
    return list(zip(contents, [("group", each) for each in examples.groups], strict=True))


def _rows(examples: Examples, kind: TaskKind, outputs: int) -> np.ndarray:
    return examples.targets if kind.parts else kind.as_rows(examples.targets, outputs)


def _widened(examples: Examples, rows: np.ndarray, *, left: int = 0, right: int = 0) -> Examples:
    """Examples with rows that lack targets for so many outputs on either side."""
    wide = np.pad(np.asarray(rows, np.float32), ((0, 0), (left, right)), constant_values=np.nan)
    return replace(examples, targets=wide)
