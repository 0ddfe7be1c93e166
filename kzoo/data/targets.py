"""Targets: labels to numbers, by one map that is made from the training data and used everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kzoo.core.raw_targets import class_name, numbers_of
from kzoo.specs.task import Task
from kzoo.task_kinds.encoded_targets import EncodedTargets
from kzoo.task_kinds.kind_registry import get_task_kind


def make_labels(targets: Sequence[object], *, task: Task, known: Sequence[str] | None) -> list[str]:
    """Names of the outputs, from the training targets, or as the task or the source has them.

    Raises:
        ValueError: there are fewer than two classes, or no targets.
    """
    return get_task_kind(task.kind).make_labels(targets, list(task.labels or known or ()), task)


def encode(targets: Sequence[object], *, labels: Sequence[str], task: Task, positions: bool = True) -> EncodedTargets:
    """Targets as numbers by the map `labels`.

    Args:
        targets: as they came.
        labels: names of the outputs.
        task: of the targets.
        positions: True: integers are positions in `labels`, which the task or the source gave. False: integers are
            names, and `labels` were made from them.
    """
    return get_task_kind(task.kind).encode(targets, labels, task, positions)


def weigh_classes(
    class_weight: str | Mapping[Any, float] | None, targets: np.ndarray, *, labels: Sequence[str]
) -> np.ndarray | None:
    """Weight of each output, float32, or None for equal weights.

    Args:
        class_weight: ``"balanced"`` (inverse frequency, as scikit-learn's), a dict from label to weight, or None. An
            integer is a label where labels are such numbers, else a position in `labels`; classes that the dict lacks
            weigh 1. Weights are finite, 0 or more.
        targets: of the training examples, int64 (N,).
        labels: names of the classes.

    Raises:
        ValueError: the task has no classes, the dict names unknown labels, or a weight is not valid.
    """
    if class_weight is None:
        return None
    if targets.ndim != 1:
        raise ValueError("class_weight needs a Classification. Other tasks have no exclusive classes.")
    if class_weight == "balanced":
        counts = np.bincount(targets, minlength=len(labels))
        return (len(targets) / (len(labels) * np.maximum(counts, 1))).astype(np.float32)
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be 'balanced' or a dict from label to weight. Got {class_weight!r}.")
    given: dict[int, float] = {}
    for key, weight in class_weight.items():
        place = _place(key, labels)
        if place is None:
            numbers = "" if _has_digits(labels) else f", or of their positions 0 to {len(labels) - 1}"
            raise ValueError(f"class_weight must be a dict of the labels {', '.join(labels)}{numbers}. Got {key!r}.")
        if place in given:
            raise ValueError(f"class_weight names the label {labels[place]!r} twice: {dict(class_weight)!r}.")
        value = numbers_of(weight)
        if len(value) != 1 or value[0] < 0:
            raise ValueError(f"class_weight must have finite numbers in [0, inf). Got {weight!r} for {key!r}.")
        given[place] = value[0]
    weights = np.asarray([given.get(place, 1.0) for place in range(len(labels))], np.float32)
    if not weights.any():
        raise ValueError("class_weight must be above 0 for at least one label. All are 0.")
    return weights


def _place(key: object, labels: Sequence[str]) -> int | None:
    """The position of the label that a user names by itself or, where labels are words, by its position."""
    name = class_name(key) if isinstance(key, str | bytes | int | float | np.generic) else None
    if name and name in labels:
        return list(labels).index(name)
    if isinstance(key, int | np.integer | np.bool_) and not _has_digits(labels):
        return int(key) if 0 <= int(key) < len(labels) else None
    return None


def _has_digits(labels: Sequence[str]) -> bool:
    return any(label.isdigit() for label in labels)
