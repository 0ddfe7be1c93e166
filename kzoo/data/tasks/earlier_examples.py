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

    Earlier examples are for validation and test; so many as are `rehearsed` are for training. Content that the next
    task has in another split is left out. Content that both have in one split is one example.

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
    sides = {digest: name for name in PARTS for digest in getattr(splits, name).digests}
    notes = []
    for name in PARTS:
        examples: Examples = getattr(earlier, name)
        keep = np.flatnonzero([sides.get(digest, name) == name for digest in examples.digests])
        if lost := len(examples) - len(keep):
            notes.append(f"{lost:,} earlier {name} examples are in another split of this data, and are left out")
        if name == "train":
            keep = np.sort(np.random.default_rng(seed).permutation(keep)[:rehearsed])
        chosen = examples.take(keep)
        earlier_rows = _rows(chosen, earlier_kind, before)
        found[name] = merge([found[name], _widened(chosen, earlier_rows, right=outputs)])
    audit = Audit(splits.audit.set_aside, [*splits.audit.notes, *notes])
    return replace(splits, **found, audit=audit)


def _rows(examples: Examples, kind: TaskKind, outputs: int) -> np.ndarray:
    return examples.targets if kind.parts else kind.as_rows(examples.targets, outputs)


def _widened(examples: Examples, rows: np.ndarray, *, left: int = 0, right: int = 0) -> Examples:
    """Examples with rows that lack targets for so many outputs on either side."""
    wide = np.pad(np.asarray(rows, np.float32), ((0, 0), (left, right)), constant_values=np.nan)
    return replace(examples, targets=wide)
