"""Out-of-fold answers: what a linear probe and nearest neighbours say of examples that they were not given."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.probes.linear_probe import FOLDS, ROUGH, STRENGTHS, moments, solver_threads

NEIGHBORS = 10
"""Examples that are asked, at most."""

TEMPERATURE = 0.07
"""Neighbours weigh exp(cosine / `TEMPERATURE`) (Wu et al. 2018, arXiv:1805.01978)."""

Folds = Sequence[tuple[np.ndarray, np.ndarray]]
"""Positions of the examples that are fitted to, and of those that are asked, of each fold."""


def make_folds(kind: TaskKind, truth: np.ndarray, *, groups: Sequence[str], digests: Sequence[str], seed: int) -> Folds:
    """Up to `FOLDS` folds: stratified where classes are exclusive; neither a group nor copies of a content are divided.

    Args:
        kind: of the task.
        truth: encoded targets.
        groups: what each example belongs to, or none.
        digests: of the content of each example.
        seed: of the folds.

    Raises:
        ValueError: there are fewer than two examples, or groups.
    """
    together = groups if len(groups) else digests if len(set(digests)) < len(truth) else ()
    count = min(FOLDS, len(set(together)) if len(together) else len(truth))
    if count < 2:
        raise ValueError(f"Two {'groups' if len(groups) else 'examples'} or more are needed for folds. Got {count}.")
    options = {"shuffle": True, "random_state": seed}
    index = np.unique(np.asarray(together, dtype=str), return_inverse=True)[1] if len(together) else None
    stratified = kind.exclusive and int(np.bincount(truth).max()) >= count
    if index is None:
        folds = StratifiedKFold(count, **options) if stratified else KFold(count, **options)
    else:
        folds = StratifiedGroupKFold(count, **options) if stratified else GroupKFold(count)
    with warnings.catch_warnings():
        # Of a class with fewer examples than folds: it is missing in some of them.
        warnings.simplefilter("ignore", UserWarning)
        return list(folds.split(np.zeros(len(truth)), truth if stratified else None, index))


def probe_answers(features: np.ndarray, rows: np.ndarray, folds: Folds, *, kind: TaskKind) -> np.ndarray:
    """Outputs of linear probes, each of examples that it was not fitted to, float (N, outputs).

    The penalty is the one of the lowest loss on the first fold. Features are standardised over all examples, which
    uses no target.

    Args:
        features: float32 (N, C).
        rows: targets as training sees them, float32 (N, outputs).
        folds: of the examples.
        kind: of the task.
    """
    return design_answers(compact(features), rows, folds, kind=kind)


def design_answers(design: np.ndarray, rows: np.ndarray, folds: Folds, *, kind: TaskKind) -> np.ndarray:
    """As `probe_answers`, of features that `compact` prepared: once for many folds of the same examples."""
    (fitted, asked), *others = folds
    ask = _asking(design, rows, kind=kind)
    known: dict[int, np.ndarray] = {}

    def loss(place: int) -> float:
        if place not in known:
            known[place] = ask(fitted, asked, STRENGTHS[place])
        return float(kind.example_losses(known[place], rows[asked]).mean())

    # The loss falls to its lowest point and then rises: towards weaker penalties, or else towards stronger ones.
    best = middle = len(STRENGTHS) // 2
    for step in (1, -1):
        while best + step in range(len(STRENGTHS)) and loss(best + step) < loss(best):
            best += step
        if best != middle:
            break
    logits = np.zeros(rows.shape, np.float64)
    logits[asked] = known[best]
    for fitted, asked in others:
        logits[asked] = _asking(design, rows, kind=kind)(fitted, asked, STRENGTHS[best])
    return kind.outputs_of(logits)


def _asking(
    design: np.ndarray, rows: np.ndarray, *, kind: TaskKind
) -> Callable[[np.ndarray, np.ndarray, float], np.ndarray]:
    """Logits of some examples, of a probe fitted to others; a second call goes on from the first solution."""
    fit = kind.probe(rows.shape[1])

    def ask(fitted: np.ndarray, asked: np.ndarray, strength: float) -> np.ndarray:
        with solver_threads(design.size):
            kernel, bias = fit(design[fitted], rows[fitted], np.ones(len(fitted)), strength, ROUGH)
        return design[asked] @ kernel + bias

    return ask


def neighbor_answers(features: np.ndarray, rows: np.ndarray, folds: Folds) -> np.ndarray:
    """Weighted means of the targets of the nearest examples of other folds, by the cosine of centred features.

    Args:
        features: float32 (N, C).
        rows: targets as training sees them, float32 (N, outputs).
        folds: of the examples.
    """
    centred = features - features.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    outputs = np.zeros(rows.shape, np.float64)
    for fitted, asked in folds:
        near = unit[asked] @ unit[fitted].T
        count = min(NEIGHBORS, len(fitted))
        which = np.argpartition(-near, count - 1, axis=1)[:, :count]
        weights = np.exp((np.take_along_axis(near, which, axis=1) - 1) / TEMPERATURE)
        weights /= weights.sum(axis=1, keepdims=True)
        outputs[asked] = np.einsum("nk,nko->no", weights, rows[fitted][which])
    return outputs


def compact(features: np.ndarray) -> np.ndarray:
    """Standardised features; of more features than examples, a square matrix with the same inner products.

    A linear model with an L2 penalty depends on inner products alone, so that its answers are the same.
    """
    mean, deviation = moments(features)
    standard = ((features - mean) / deviation).astype(np.float32)
    size, width = standard.shape
    if width <= size:
        return standard
    # In float32 rounding alone can make an eigenvalue negative, where features hardly differ or examples are alike.
    standard = standard.astype(np.float64)
    products = standard @ standard.T
    products[np.diag_indices(size)] += 1e-9 * float(np.trace(products)) / size + 1e-12
    return np.linalg.cholesky(products).astype(np.float32)
