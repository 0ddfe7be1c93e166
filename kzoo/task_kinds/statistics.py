"""The metrics of each kind of task, as statistics of sums over examples, so that each has an interval.

scikit-learn has these metrics as functions of examples; the jackknife needs them as functions of sums, for thousands of
left-out units at once. Tests compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kzoo.core.intervals import Metric, SamplingUnits, error, number_groups, share, units_of

_TINY = 1e-15


def classification_metrics(outputs: np.ndarray, truth: np.ndarray, *, groups: Sequence[str] = ()) -> dict[str, Metric]:
    """Accuracy, balanced accuracy, macro-F1 (over the classes that occur, as scikit-learn's) and log loss.

    Args:
        outputs: probabilities (N, K).
        truth: int64 (N,).
        groups: what each example belongs to, or none.
    """
    index = number_groups(groups)
    units, doubt = _class_sums(truth, outputs.argmax(axis=1), classes=outputs.shape[1], groups=index)
    losses = -np.log(np.clip(outputs[np.arange(len(truth)), truth].astype(np.float64), _TINY, 1))
    return {
        "accuracy": share(_accuracy, units, doubt=doubt),
        "balanced accuracy": share(_balanced_accuracy, units, doubt=doubt),
        "macro-F1": share(_f1_of_classes, units, doubt=doubt),
        "log loss": _mean(losses, index, guess=np.log(outputs.shape[1])),
    }


def multi_label_metrics(outputs: np.ndarray, truth: np.ndarray, *, groups: Sequence[str] = ()) -> dict[str, Metric]:
    """Exact match, macro-F1, micro-F1 (at a probability of 0.5, as scikit-learn's) and log loss.

    Args:
        outputs: probabilities (N, K).
        truth: (N, K) of 0 and 1.
        groups: what each example belongs to, or none.
    """
    index = number_groups(groups)
    predicted, wanted = outputs >= 0.5, truth >= 0.5
    exact = (predicted == wanted).all(axis=1, keepdims=True)
    rows = np.concatenate([exact, np.ones_like(exact), predicted & wanted, wanted, predicted], axis=1)
    units, eye = units_of(rows.astype(np.float64), index), np.eye(truth.shape[1])
    # For each label one hit, and one miss that is half a false positive and half a false negative.
    one = np.ones((len(eye), 1))
    doubt = np.concatenate(
        [
            np.concatenate([one, one, eye, eye, eye], axis=1),
            np.concatenate([0 * one, one, 0 * eye, eye / 2, eye / 2], axis=1),
        ]
    )
    clipped = np.clip(outputs.astype(np.float64), _TINY, 1 - _TINY)
    losses = -np.where(wanted, np.log(clipped), np.log1p(-clipped)).mean(axis=1)
    return {
        "exact match": share(lambda sums: sums[:, 0] / sums[:, 1], units, doubt=doubt),
        "macro-F1": share(lambda sums: _f1_of_labels(sums).mean(axis=1), units, doubt=doubt),
        "micro-F1": share(_micro_f1, units, doubt=doubt),
        "log loss": _mean(losses, index, guess=np.log(2)),
    }


def regression_metrics(outputs: np.ndarray, truth: np.ndarray, *, groups: Sequence[str] = ()) -> dict[str, Metric]:
    """Mean absolute error, root mean squared error, R2 (the mean over the outputs, as scikit-learn's).

    Args:
        outputs: values (N, outputs).
        truth: values (N, outputs).
        groups: what each example belongs to, or none.
    """
    index = number_groups(groups)
    truth = truth.astype(np.float64)
    errors = outputs - truth
    # Centred, so that sums of squares lose no digits; exactly 0 where all are the same.
    centred = np.where(np.ptp(truth, axis=0) > 0, truth - truth.mean(axis=0), 0)
    squared = np.concatenate([np.ones((len(truth), 1)), errors**2, centred, centred**2], axis=1)
    guessed = np.concatenate([[1], (centred**2).mean(axis=0), 0 * centred[0], (centred**2).mean(axis=0)])
    unexplained = error(_unexplained, units_of(squared, index), chance=guessed)
    spread = np.square(centred).mean()
    return {
        "mean absolute error": _mean(np.abs(errors).mean(axis=1), index, guess=np.abs(centred).mean()),
        "root mean squared error": _root(_mean(np.square(errors).mean(axis=1), index, guess=spread)),
        "R2": Metric(1 - unexplained.value, 1 - unexplained.high, 1 - unexplained.low),
    }


def _class_sums(
    truth: np.ndarray, predicted: np.ndarray, *, classes: int, groups: np.ndarray | None
) -> tuple[SamplingUnits, np.ndarray]:
    """Hits, examples and predictions of each class (3 K) in each unit, and those of the imagined examples."""
    eye = np.eye(classes)
    cells, cell, counts = np.unique(truth * classes + predicted, return_inverse=True, return_counts=True)
    actual, guess = eye[cells // classes], eye[cells % classes]
    rows = np.concatenate([actual * guess, actual, guess], axis=1)
    if groups is None:
        units = SamplingUnits(rows, counts, len(truth), grouped=False)
    else:
        among = np.zeros((groups.max() + 1, len(cells)))
        np.add.at(among, (groups, cell), 1)
        units = SamplingUnits(among @ rows, np.ones(len(among)), len(truth), grouped=True)
    occurring, seen = np.unique(truth), np.union1d(truth, predicted)
    hit = eye[occurring]
    # A miss of a class is taken for each of the others that occur.
    others = eye[seen].sum(axis=0) - hit
    miss = others / max(len(seen) - 1, 1)
    doubt = np.concatenate([np.concatenate([hit, hit, hit], axis=1), np.concatenate([0 * hit, hit, miss], axis=1)])
    return units, doubt


def _accuracy(sums: np.ndarray) -> np.ndarray:
    hits, actual, _ = np.split(sums, 3, axis=1)
    return hits.sum(axis=1) / actual.sum(axis=1)


def _balanced_accuracy(sums: np.ndarray) -> np.ndarray:
    hits, actual, _ = np.split(sums, 3, axis=1)
    return _mean_ratio(hits, actual)


def _f1_of_classes(sums: np.ndarray) -> np.ndarray:
    hits, actual, guesses = np.split(sums, 3, axis=1)
    return _mean_ratio(2 * hits, actual + guesses)


def _mean_ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The mean over the classes that occur, (R,)."""
    occurs = below > _TINY
    ratios = np.divide(above, below, out=np.zeros_like(above, dtype=np.float64), where=occurs)
    return ratios.sum(axis=1) / occurs.sum(axis=1)


def _f1_of_labels(sums: np.ndarray) -> np.ndarray:
    """F1 of each label, (R, K); 0 for a label that neither occurs nor is predicted."""
    hits, actual, guesses = np.split(sums[:, 2:], 3, axis=1)
    return 2 * hits / np.maximum(actual + guesses, _TINY)


def _micro_f1(sums: np.ndarray) -> np.ndarray:
    hits, actual, guesses = (part.sum(axis=1) for part in np.split(sums[:, 2:], 3, axis=1))
    return 2 * hits / np.maximum(actual + guesses, _TINY)


def _mean(values: np.ndarray, groups: np.ndarray | None, *, guess: float) -> Metric:
    """The mean over examples of something that is 0 at best, (N,), and `guess` where a model only guesses."""
    rows = np.stack([np.ones(len(values)), values], axis=1).astype(np.float64)
    return error(lambda sums: sums[:, 1] / sums[:, 0], units_of(rows, groups), chance=np.asarray([1.0, guess]))


def _root(mean: Metric) -> Metric:
    return Metric(*(float(np.sqrt(each)) for each in (mean.value, mean.low, mean.high)))


def _unexplained(sums: np.ndarray) -> np.ndarray:
    """1 - R2, (R,). Of constant values it is 0 where they are met, else 1, as scikit-learn's."""
    size, (errors, total, squares) = sums[:, :1], np.split(sums[:, 1:], 3, axis=1)
    spread = squares - total**2 / size
    varies = spread > 1e-9 * squares
    return np.divide(errors, spread, out=(errors > 0).astype(np.float64), where=varies).mean(axis=1)
