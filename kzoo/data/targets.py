"""Targets: labels to numbers, by one map that is made from the training data and used everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kzoo.specs.task import MultiLabel, Task, refuse_numbers


@dataclass(frozen=True)
class EncodedTargets:
    """Targets as numbers.

    Args:
        targets: int64 (N,) for classification, float32 (N, outputs) otherwise; 0 where a reason stands.
        reasons: why some cannot be used, by index.
    """

    targets: np.ndarray
    reasons: dict[int, str]


def make_labels(targets: Sequence[Any], *, task: Task, known: Sequence[str] | None) -> list[str]:
    """Names of the outputs, from the training targets, or as the task or the source has them.

    Raises:
        ValueError: there are fewer than two classes, or no targets.
    """
    given = list(task.labels or known or ())
    if task.kind == "regression":
        rows = [row for row in map(_numbers, targets) if row]
        if not rows:
            raise ValueError(f"Regression targets must be numeric; {_what_it_holds(targets, task)}.")
        if len(given) == len(rows[0]) or task.labels:
            return given
        return ["value"] if len(rows[0]) == 1 else [f"value {index}" for index in range(len(rows[0]))]
    if task.kind == "multi_label":
        labels = given or _multi_labels(targets, task)
        if not labels:
            raise ValueError("No example has a label.")
        return labels
    names = [name for name in (class_name(target) for target in targets) if name is not None]
    if not names:
        raise ValueError("No example has a label.")
    if not given:
        refuse_numbers(set(names), are_text=all(isinstance(target, str | bytes) for target in targets))
    labels = given or sorted(set(names), key=_natural)
    if len(set(labels)) < len(labels):
        raise ValueError(f"labels must differ from each other. Got {labels}.")
    if len(set(names)) < 2:
        raise ValueError(f"A classification needs two or more classes. Got only {names[0]!r}.")
    return labels


def _what_it_holds(targets: Sequence[Any], task: Task) -> str:
    """What stands where numbers are wanted."""
    where = f"column {task.label!r}" if isinstance(task.label, str) else "the data"
    texts = [each for each in targets if isinstance(each, str | bytes) and each.strip()]
    return f"{where} holds text, as {texts[0]!r}" if texts else f"{where} holds none"


def encode(targets: Sequence[Any], *, labels: Sequence[str], task: Task, positions: bool = True) -> EncodedTargets:
    """Targets as numbers by the map `labels`.

    Args:
        targets: as they came.
        labels: names of the outputs.
        task: what is to be learned.
        positions: integers are positions in `labels`, which the task or the source named. False: `labels` were made
            from such integers, which are names themselves.
    """
    if task.kind == "classification":
        return _encode_classes(targets, labels, positions=positions)
    return _encode_rows(targets, labels, task)


def _encode_classes(targets: Sequence[Any], labels: Sequence[str], *, positions: bool) -> EncodedTargets:
    index = {label: number for number, label in enumerate(labels)}
    digits = {str(number): number for number in range(len(labels))}
    wordy = not any(label.isdigit() for label in labels)
    encoded = np.zeros(len(targets), np.int64)
    reasons: dict[int, str] = {}
    for row, target in enumerate(targets):
        name = class_name(target)
        is_number = not isinstance(target, str | bytes)
        known = digits if positions and (is_number or (wordy and name in digits)) else index
        if name is None:
            reasons[row] = "no label"
        elif name in known:
            encoded[row] = known[name]
        else:
            reasons[row] = f"label {name!r} is not in the training data"
    return EncodedTargets(encoded, reasons)


def _encode_rows(targets: Sequence[Any], labels: Sequence[str], task: Task) -> EncodedTargets:
    encoded = np.zeros((len(targets), len(labels)), np.float32)
    reasons: dict[int, str] = {}
    index = {label: number for number, label in enumerate(labels)}
    for row, target in enumerate(targets):
        if isinstance(task, MultiLabel) and (names := _names(target, task)) is not None:
            unknown = [name for name in names if name not in index]
            if unknown:
                reasons[row] = f"label {unknown[0]!r} is not in the training data"
            for name in set(names) - set(unknown):
                encoded[row, index[name]] = 1.0
            continue
        numbers = _numbers(target)
        if not numbers:
            reasons[row] = "no target" if task.kind == "regression" else "no label"
        elif len(numbers) != len(labels):
            reasons[row] = f"{len(numbers)} values where {len(labels)} are wanted"
        elif task.kind == "multi_label" and not set(numbers) <= {0.0, 1.0}:
            reasons[row] = "values other than 0 and 1"
        else:
            encoded[row] = numbers
    return EncodedTargets(encoded, reasons)


def class_name(target: Any) -> str | None:
    """The name of a class, or None where there is none."""
    if isinstance(target, bytes):
        target = target.decode("utf-8", errors="replace")
    if isinstance(target, str):
        return target.strip() or None
    if target is None:
        return None
    array = np.asarray(target)
    if array.size > 1:
        one_hot = array.ndim == 1 and set(np.unique(array)) <= {0, 1} and array.sum() == 1
        return str(int(array.argmax())) if one_hot else None
    value: Any = array.reshape(-1)[0] if array.size else None
    if isinstance(value, bytes | str):
        return class_name(value)
    if is_missing(value):
        return None
    return str(int(value)) if float(value).is_integer() else str(value)


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True
    except ValueError:  # of an array, which is something
        return False


def _multi_labels(targets: Sequence[Any], task: Task) -> list[str]:
    found: set[str] = set()
    for target in targets:
        names = _names(target, task)
        if names is None and (numbers := _numbers(target)):
            return [str(index) for index in range(len(numbers))]
        found.update(names or ())
    return sorted(found, key=_natural)


def _names(target: Any, task: Task) -> list[str] | None:
    """The labels of one example as names, or None where they are not given by name."""
    if isinstance(target, bytes):
        target = target.decode("utf-8", errors="replace")
    if isinstance(target, str) and isinstance(task, MultiLabel):
        return [name.strip() for name in target.split(task.separator) if name.strip()]
    if isinstance(target, list | tuple | set | np.ndarray) and all(isinstance(name, str) for name in target):
        if len(target) and all(name.strip() in ("0", "1") for name in target):
            return None
        return [name.strip() for name in target]
    return None


def _numbers(target: Any) -> list[float]:
    """One or several finite numbers, or nothing."""
    try:
        values = np.atleast_1d(np.asarray(target, dtype=np.float64)).ravel()
    except (TypeError, ValueError):
        return []
    return values.tolist() if np.isfinite(values).all() else []


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in the order of their values, before words."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def weigh_classes(
    class_weight: str | Mapping[Any, float] | None, targets: np.ndarray, *, labels: Sequence[str]
) -> np.ndarray | None:
    """Weight of each output, float32, or None where all weigh the same.

    Args:
        class_weight: ``"balanced"`` (inverse frequency, as scikit-learn's), a dict from label to weight, or None. An
            integer is a label where labels are such numbers, else a position in `labels`; classes that the dict lacks
            weigh 1. Weights are finite, 0 or more.
        targets: of the training examples, int64 (N,).
        labels: names of the classes.

    Raises:
        ValueError: the task has no classes, the dict names others, or a weight is none.
    """
    if class_weight is None:
        return None
    if targets.ndim != 1:
        raise ValueError("class_weight is for a Classification: other targets have no classes that exclude each other.")
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
        value = _numbers(weight)
        if len(value) != 1 or value[0] < 0:
            raise ValueError(f"class_weight must be finite numbers, 0 or more. Got {weight!r} for {key!r}.")
        given[place] = value[0]
    weights = np.asarray([given.get(place, 1.0) for place in range(len(labels))], np.float32)
    if not weights.any():
        raise ValueError("class_weight is 0 for every label: there is nothing to learn.")
    return weights


def _place(key: Any, labels: Sequence[str]) -> int | None:
    """The position of the label that a user names by itself or, where labels are words, by its position."""
    name = class_name(key) if isinstance(key, str | bytes | int | float | np.generic) else None
    if name and name in labels:
        return list(labels).index(name)
    if isinstance(key, int | np.integer | np.bool_) and not _has_digits(labels):
        return int(key) if 0 <= int(key) < len(labels) else None
    return None


def _has_digits(labels: Sequence[str]) -> bool:
    return any(label.isdigit() for label in labels)
