"""Folds of labelled examples: stratified by class, groups as a whole."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from kzoo.task_kinds.task_kind import TaskKind

FOLDS = 5
LEAST = 2
"""Examples of a class, or groups, without which nothing is compared."""


def label_folds(
    targets: np.ndarray, *, groups: Sequence[str], kind: TaskKind, most: int = FOLDS
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and rows to measure on, of each fold; none where there are too few examples.

    Args:
        targets: rows, (N, outputs).
        groups: what each example belongs to, or none.
        kind: of the task: stratified where classes are exclusive.
        most: folds at most.
    """
    size, grouped = len(targets), len(groups) > 0
    parts = len(set(groups)) if grouped else size
    classes = targets.argmax(axis=1) if kind.exclusive else np.zeros(size, int)
    counts = np.sort(np.unique(classes, return_counts=True)[1])[::-1] if size else np.zeros(1, int)
    # Of two classes with one example each, none can be measured; a rare one beside others is missing in some folds.
    second = int(counts[min(1, len(counts) - 1)])
    if parts < LEAST or second < LEAST:
        return []
    options = {"n_splits": min(most, parts, second), "shuffle": True, "random_state": 0}
    if kind.exclusive:
        splitter = StratifiedGroupKFold(**options) if grouped else StratifiedKFold(**options)
    else:
        splitter = GroupKFold(**options) if grouped else KFold(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with few members
        return list(splitter.split(classes, classes, np.asarray(groups) if grouped else None))
