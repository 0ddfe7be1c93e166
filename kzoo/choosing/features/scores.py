"""Scores of frozen features, kept beside the activations: they follow from features, targets and folds alone."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from kzoo.choosing.features.transferability import transferability
from kzoo.results.report.out_of_fold import Folds, neighbor_answers, probe_answers
from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.cache import disk

FORMAT = 2
"""Of what is kept; another number where the same features are to be scored anew."""


@dataclass(frozen=True)
class FeatureScores:
    """The scores of the features of N examples.

    Args:
        probe: out-of-fold outputs of a linear probe, float64 (N, outputs).
        neighbors: of nearest neighbours, likewise.
        log_me: LogME.
        h_score: H-score.
        milliseconds: that the features took for an example.
        parameters: of the layers that give the features.
    """

    probe: np.ndarray
    neighbors: np.ndarray
    log_me: float
    h_score: float
    milliseconds: float
    parameters: int


def score_features(
    features: np.ndarray,
    rows: np.ndarray,
    folds: Folds,
    *,
    kind: TaskKind,
    time_one: Callable[[], float],
    parameters: int,
) -> FeatureScores:
    """The scores of features.

    Args:
        features: float32 (N, C).
        rows: targets as training sees them, float32 (N, outputs).
        folds: of the examples.
        kind: of the task.
        time_one: measures the milliseconds.
        parameters: of the layers that give the features.
    """
    probe = probe_answers(features, rows, folds, kind=kind)
    neighbors = neighbor_answers(features, rows, folds)
    return FeatureScores(probe, neighbors, *transferability(features, rows), time_one(), parameters)


def find_scores(key: str, *, size: int) -> FeatureScores | None:
    """The scores of `size` examples that were kept under a key, or None."""
    for block in disk.find(key):
        probe, neighbors, values = (np.array(each) for each in block.arrays())
        if len(probe) == size:
            log_me, h_score, milliseconds, parameters = map(float, values[0])
            return FeatureScores(probe, neighbors, log_me, h_score, milliseconds, int(parameters))
    return None


def keep_scores(key: str, scores: FeatureScores, *, digests: Sequence[str], name: str) -> None:
    """Keeps scores for `find_scores`, where there is room.

    Args:
        key: see `scores_key`.
        scores: of N examples.
        digests: of the content of each example.
        name: of the model, for ``kzoo cache``.
    """
    if not disk.room():
        return
    card = {"model": name, "below": "scores", "view": "none", "examples": len(digests)}
    values = np.tile([scores.log_me, scores.h_score, scores.milliseconds, scores.parameters], (len(digests), 1))
    with contextlib.suppress(OSError), disk.shelf_lock(key), disk.writing(key, digests=digests, card=card) as made:
        made.append([scores.probe, scores.neighbors, values])


def scores_key(known: str, rows: np.ndarray, folds: Folds, *, kind: TaskKind) -> str:
    """A hash of all that scores follow from.

    Args:
        known: what the features follow from, or their hash.
        rows: targets, float32 (N, outputs).
        folds: of the examples.
        kind: of the task.
    """
    versions = [version(name) for name in ("kzoo", "keras", "tensorflow", "scikit-learn", "numpy")]
    found = hashlib.sha256(repr((FORMAT, kind.name, versions, known)).encode())
    for array in (rows, *(asked for _, asked in folds)):
        found.update(repr((array.shape, array.dtype.str)).encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:32]
