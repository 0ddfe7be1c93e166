"""Gradient boosting of small trees, each grown on a random half of the examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from kzoo.specs.catalog.classical_heads import DEPTH, ROUNDS
from kzoo.training.probes.classical.classical_solver import ClassicalSolver, Problem, Setting, SolvedHead

STAGES = (ROUNDS // 4, ROUNDS // 2, ROUNDS)
"""Numbers of rounds that are tried."""

RATE = 0.2
NODES = 2 ** (DEPTH + 1) - 1
SURE = 10.0
"""Logits of a label that every example has."""


def _settings(_examples: int, _width: int, _strengths: Sequence[float] | None) -> list[Setting]:
    return [{"rounds": count} for count in STAGES]


def _grow(problem: Problem, targets: np.ndarray, rounds: int) -> Any:
    """A booster of scikit-learn's that starts from 0."""
    kind = GradientBoostingClassifier if problem.kind.has_labels else GradientBoostingRegressor
    options = {"max_depth": DEPTH, "learning_rate": RATE, "subsample": 0.5, "max_features": "sqrt", "init": "zero"}
    model = kind(n_estimators=rounds, random_state=problem.seed, **options)
    return model.fit(problem.features, targets, sample_weight=problem.weights)


def _columns(problem: Problem) -> list[tuple[np.ndarray, np.ndarray]]:
    """What boosters are grown for: targets, and the outputs that each of their trees is of."""
    if problem.kind.exclusive:
        classes = problem.targets.argmax(axis=1)
        seen = np.unique(classes)
        return [(classes, seen[1:] if len(seen) == 2 else seen)] if len(seen) > 1 else []
    varied = [number for number, column in enumerate(problem.targets.T) if len(np.unique(column)) > 1]
    return [(problem.targets[:, number], np.array([number])) for number in varied]


def _bias(problem: Problem) -> np.ndarray:
    """Of outputs without a tree, what they always say, (outputs,)."""
    bias = np.zeros(problem.outputs)
    if problem.kind.exclusive:
        seen = np.unique(problem.targets.argmax(axis=1))
        bias[np.setdiff1d(np.arange(problem.outputs), seen)] = -2 * SURE
        return bias
    constant = np.array([len(np.unique(column)) == 1 for column in problem.targets.T])
    first = problem.targets[0].astype(np.float64)
    said = SURE * (2 * first - 1) if problem.kind.has_labels else first
    return np.where(constant, said, bias)


def _measure(problem: Problem, held: np.ndarray, settings: Sequence[Setting]) -> list[np.ndarray]:
    most = int(max(each["rounds"] for each in settings))
    found = [np.tile(_bias(problem), (len(held), 1)) for _ in settings]
    for targets, outputs in _columns(problem):
        model = _grow(problem, targets, most)
        stages: Iterable[np.ndarray] = (
            model.staged_decision_function(held) if problem.kind.has_labels else model.staged_predict(held)
        )
        for number, stage in enumerate(islice(stages, most), start=1):
            for scores, each in zip(found, settings, strict=True):
                if each["rounds"] == number:
                    scores[:, outputs] += stage.reshape(len(held), -1)
    return found


def _fit(problem: Problem, setting: Setting, _places: int) -> SolvedHead:
    """Trees as the arrays of `kzoo.models.classical_layers.BoostedTrees`; those of later rounds add 0."""
    shape = ROUNDS, problem.outputs, NODES
    feature, left, right = (np.zeros(shape, np.int32) for _ in range(3))
    threshold, value = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for targets, outputs in _columns(problem):
        model = _grow(problem, targets, int(setting["rounds"]))
        for number, trees in enumerate(model.estimators_):
            for output, grown in zip(outputs, trees, strict=True):
                tree, place = grown.tree_, (number, output, slice(grown.tree_.node_count))
                leaves, own = tree.children_left < 0, np.arange(tree.node_count)
                feature[place] = np.where(leaves, 0, tree.feature)
                left[place] = np.where(leaves, own, tree.children_left)
                right[place] = np.where(leaves, own, tree.children_right)
                threshold[place] = _round_down(tree.threshold)
                value[place] = RATE * tree.value[:, 0, 0]
    between = tuple(each.reshape(-1) for each in (feature, left, right, threshold, value))
    return SolvedHead(np.eye(problem.outputs), _bias(problem), between)


def _round_down(thresholds: np.ndarray) -> np.ndarray:
    """The largest float32 that are not above float64 thresholds: they divide float32 features in the same way."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


BOOSTING = ClassicalSolver(settings=_settings, measure=_measure, fit=_fit)
