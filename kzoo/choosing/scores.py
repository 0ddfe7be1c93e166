"""Scores of frozen features, kept beside the activations: they follow from features, targets and folds alone."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from kzoo.choosing.out_of_fold import Folds, neighbor_answers, probe_answers
from kzoo.choosing.transferability import transferability
from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.cache import disk

FORMAT = 1
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
    """

    probe: np.ndarray
    neighbors: np.ndarray
    log_me: float
    h_score: float
    milliseconds: float


def score_features(
    features: np.ndarray,
    rows: np.ndarray,
    folds: Folds,
    *,
    kind: TaskKind,
    time_one: Callable[[], float],
    digests: Sequence[str],
    name: str,
) -> FeatureScores:
    """The scores of features, from the store of activations where the same ones were scored before.

    Args:
        features: float32 (N, C).
        rows: targets as training sees them, float32 (N, outputs).
        folds: of the examples.
        kind: of the task.
        time_one: measures the milliseconds.
        digests: of the content of each example.
        name: of the model, for ``kzoo cache``.
    """
    key = _key(features, rows, folds, kind)
    for block in disk.find(key):
        probe, neighbors, values = (np.array(each) for each in block.arrays())
        if len(probe) == len(rows):
            return FeatureScores(probe, neighbors, *map(float, values[0]))
    probe = probe_answers(features, rows, folds, kind=kind)
    neighbors = neighbor_answers(features, rows, folds)
    found = FeatureScores(probe, neighbors, *transferability(features, rows), time_one())
    if disk.room():
        card = {"model": name, "below": "scores", "view": "none", "examples": len(rows)}
        values = np.tile([found.log_me, found.h_score, found.milliseconds], (len(rows), 1))
        with contextlib.suppress(OSError), disk.shelf_lock(key), disk.writing(key, digests=digests, card=card) as made:
            made.append([probe, neighbors, values])
    return found


def _key(features: np.ndarray, rows: np.ndarray, folds: Folds, kind: TaskKind) -> str:
    """A hash of all that the scores follow from."""
    found = hashlib.sha256(repr((FORMAT, kind.name, *map(version, ("kzoo", "scikit-learn", "numpy")))).encode())
    for array in (features, rows, *(asked for _, asked in folds)):
        found.update(repr((array.shape, array.dtype.str)).encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:32]
