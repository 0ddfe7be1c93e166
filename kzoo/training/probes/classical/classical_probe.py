"""A classical head, chosen by cross-validation over the labelled examples and solved on features computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kzoo.specs.catalog.classical_heads import LOGISTIC
from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.probes.classical.boosted_trees import BOOSTING
from kzoo.training.probes.classical.classical_solver import ClassicalSolver, Problem, Setting, SolvedHead
from kzoo.training.probes.classical.logistic_solver import LOGISTIC_REGRESSION
from kzoo.training.probes.classical.nearest_examples import NEAREST
from kzoo.training.probes.classical.ridge_classes import RIDGE
from kzoo.training.probes.classical.support_vectors import KERNEL_MACHINE, LINEAR_MACHINE
from kzoo.training.probes.label_folds import label_folds
from kzoo.training.probes.linear_probe import moments, solver_threads
from kzoo.training.temperature import cautious_sharpness

SOLVERS = {
    LOGISTIC: LOGISTIC_REGRESSION,
    "svm": LINEAR_MACHINE,
    "rbf_svm": KERNEL_MACHINE,
    "ridge": RIDGE,
    "knn": NEAREST,
    "boosting": BOOSTING,
}
"""By the name of a row of `kzoo.specs.catalog.classical_heads`."""

FOLDS = 3
"""Folds of cross-validation: each setting of each head is solved once in each."""

LEAST_SHARP = 0.01
"""Of scores that say nothing no sharpness is the best; at 0 the head would answer the first label to everything."""


@dataclass(frozen=True)
class LabelledFeatures:
    """What a head is solved on.

    Args:
        features: float32 (N, C), as they enter the head.
        targets: rows, float32 (N, outputs).
        weights: float32 (N,).
        groups: what each example belongs to, or none.
    """

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    groups: Sequence[str] = ()

    def __add__(self, other: LabelledFeatures) -> LabelledFeatures:
        mine, others = (self.features, self.targets, self.weights), (other.features, other.targets, other.weights)
        joined = (np.concatenate(pair) for pair in zip(mine, others, strict=True))
        return LabelledFeatures(*joined, groups=[*self.groups, *other.groups])

    def counted(self, most: int = 0, *, seed: int = 0) -> LabelledFeatures:
        """Those that count, of weight above 0; of more than `most`, unless that is 0, a random sample."""
        rows = np.flatnonzero(self.weights > 0)
        if most and len(rows) > most:
            rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
        return LabelledFeatures(
            self.features[rows],
            self.targets[rows],
            self.weights[rows],
            [self.groups[row] for row in rows.tolist()] if len(self.groups) else (),
        )

    def problem(self, rows: np.ndarray | slice, *, kind: TaskKind, seed: int) -> tuple[Problem, np.ndarray, np.ndarray]:
        """Some of them, standardised, with the mean and the deviation, float32 (C,) each."""
        mean, deviation = moments(self.features[rows])
        standard = (self.features[rows] - mean) / deviation
        return Problem(standard, self.targets[rows], self.weights[rows], kind, seed), mean, deviation


@dataclass(frozen=True)
class ClassicalChoice:
    """What cross-validation chose for a head.

    Args:
        name: of the head.
        setting: its values.
        sharpness: by which its scores are multiplied to be logits.
        losses: of each example that counts, by heads that were fitted to others of its class, but not to it, float64
            (N,); empty where nothing was compared.
    """

    name: str
    setting: Setting
    sharpness: float
    losses: np.ndarray = field(repr=False)

    @property
    def loss(self) -> float:
        """The mean loss; lower is better."""
        return float(self.losses.mean()) if len(self.losses) else np.nan


@dataclass(frozen=True)
class ClassicalSolution:
    """A solved head: mean and deviation of features, float32 (C,), and what `SolvedHead` says."""

    mean: np.ndarray
    deviation: np.ndarray
    head: SolvedHead


def choose_settings(
    name: str,
    examples: LabelledFeatures,
    *,
    kind: TaskKind,
    strengths: Sequence[float] | None = None,
    places: int = 0,
    seed: int = 0,
) -> ClassicalChoice:
    """The setting of the lowest loss in cross-validation, after temperature scaling.

    Args:
        name: of the head, a key of `SOLVERS`.
        examples: all labelled ones, but for the test.
        kind: of the task.
        strengths: inverse penalties to try, of a head that has one; None: its own.
        places: for examples, of a head that keeps them; 0: it has no bound.
        seed: of what is random in the head.
    """
    examples = examples.counted(places, seed=seed)
    solver, size = SOLVERS[name], len(examples.targets)
    settings = solver.settings(size, examples.features.shape[1], strengths)
    folds = label_folds(examples.targets, groups=examples.groups, kind=kind, most=FOLDS)
    if not folds:
        return ClassicalChoice(name, settings[len(settings) // 2], 1.0, np.zeros(0))
    scores = _out_of_fold(solver, settings, examples, folds, kind=kind, seed=seed)
    asked = _answerable(examples.targets, folds, kind=kind)
    targets, weights = examples.targets[asked], examples.weights[asked]
    choices = []
    for setting, found in zip(settings, scores, strict=True):
        sharpness = max(cautious_sharpness(found[asked], targets, kind=kind), LEAST_SHARP)
        losses = kind.example_losses(sharpness * found[asked], targets)
        choices.append(ClassicalChoice(name, setting, sharpness, losses))
    return min(choices, key=lambda choice: float(np.average(choice.losses, weights=weights)))


def _answerable(targets: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]], *, kind: TaskKind) -> np.ndarray:
    """Whether the head of each example's fold has seen its class, bool (N,); where none has, all are True."""
    asked = np.ones(len(targets), bool)
    if kind.exclusive:
        for rows, held in folds:
            seen = np.asarray(targets[rows] > 0).any(axis=0)
            asked[held] = np.take(seen, targets[held].argmax(axis=1))
    return asked if asked.any() else ~asked


def _out_of_fold(
    solver: ClassicalSolver,
    settings: Sequence[Setting],
    examples: LabelledFeatures,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    kind: TaskKind,
    seed: int,
) -> list[np.ndarray]:
    """Scores of all examples by heads that were not fitted to them, float64 (N, outputs), for each setting."""
    scores = [np.zeros(examples.targets.shape) for _ in settings]
    for rows, held in folds:
        problem, mean, deviation = examples.problem(rows, kind=kind, seed=seed)
        with solver_threads(problem.features.size):
            measured = solver.measure(problem, (examples.features[held] - mean) / deviation, settings)
        for whole, part in zip(scores, measured, strict=True):
            whole[held] = part
    return scores


def solve_classical(
    choice: ClassicalChoice, examples: LabelledFeatures, *, kind: TaskKind, places: int = 0, seed: int = 0
) -> ClassicalSolution:
    """The head that was chosen, fitted to some examples.

    Args:
        choice: from `choose_settings`.
        examples: to fit to.
        kind: of the task.
        places: for examples, of a head that keeps them.
        seed: of what is random in the head.
    """
    examples = examples.counted(places, seed=seed)
    problem, mean, deviation = examples.problem(slice(None), kind=kind, seed=seed)
    with solver_threads(problem.features.size):
        found = SOLVERS[choice.name].fit(problem, choice.setting, places)
    kernel, bias = choice.sharpness * found.kernel, choice.sharpness * found.bias
    return ClassicalSolution(mean, deviation, SolvedHead(kernel, bias, found.between))
