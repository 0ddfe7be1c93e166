"""Classes that are missing or tiny."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kzoo.data.examples import Examples
from kzoo.diagnosis.finding import Finding
from kzoo.task_kinds.task_kind import TaskKind

FEW = 10
"""Training examples, below which a class is tiny."""

CHECKS = ("missing and tiny classes",)


def check_classes(parts: Mapping[str, Examples], labels: Sequence[str], kind: TaskKind) -> list[Finding]:
    """Labels without training or test examples, or with few of them.

    Args:
        parts: usable examples by split, with encoded targets.
        labels: names of the outputs.
        kind: of the task; one whose targets are values has no classes.
    """
    if kind.label_counts is None or not parts:
        return []
    counts = {name: kind.label_counts(part.targets, len(labels)) for name, part in parts.items()}
    train, test = counts["train"], counts.get("test", np.zeros(len(labels), int))
    total = int(train.sum())
    found = []
    for place, label in enumerate(labels):
        elsewhere = sum(int(each[place]) for each in counts.values()) - int(train[place])
        if train[place] == 0:
            detail = f"{label}: no training example, {elsewhere:,} in other splits"
            found.append(Finding("class without training examples", detail=detail))
        elif train[place] < FEW:
            found.append(Finding("tiny class", detail=f"{label}: {int(train[place])} of {total:,} training examples"))
        if test.sum() and test[place] == 0 and train[place]:
            found.append(Finding("class without test examples", detail=label))
    return found
