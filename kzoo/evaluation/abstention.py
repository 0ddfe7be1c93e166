"""Abstention: how accurate a model is where it answers only what it is sure of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kzoo.core.intervals import Metric, hit_rate
from kzoo.core.tables import Table

TARGETS = (0.8, 0.9, 0.95, 0.97, 0.99)
"""Accuracies that thresholds are chosen for."""

LEAST = 20
"""Validation examples above a threshold."""


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold that was chosen on validation, and what it comes to on the test examples.

    Args:
        target: the accuracy that it is for.
        threshold: the model answers where its confidence is this or more.
        coverage: share of the test examples that are answered, with a 95% interval.
        accuracy: of these answers, likewise; None where there is no answer.
    """

    target: float
    threshold: float
    coverage: Metric
    accuracy: Metric | None


@dataclass(frozen=True)
class Abstention:
    """Accuracy against coverage.

    Args:
        coverage: share of the test examples that are answered, for each threshold that changes it, rising, float (T,).
        accuracy: of these answers, float (T,).
        points: of the targets that need abstention and can be reached.
        reached: targets that are reached without abstention on validation.
        missed: targets that no threshold reaches on validation.
        source: what the thresholds were chosen on; "" where there are none.
    """

    coverage: np.ndarray
    accuracy: np.ndarray
    points: Sequence[OperatingPoint]
    reached: Sequence[float] = ()
    missed: Sequence[float] = ()
    source: str = ""

    @property
    def headline(self) -> str:
        """In one sentence: of the targets that leave half of the examples or more, the highest one."""
        answering = [each for each in self.points if each.accuracy is not None]
        if not answering:
            return ""
        broad = [each for each in answering if each.coverage.value >= 0.5] or answering[:1]
        best = broad[-1]
        accuracy = best.accuracy.value if best.accuracy else np.nan
        return f"answers {best.coverage.value:.0%} of the data at {accuracy:.1%} accuracy"

    def table(self) -> Table:
        """One row a threshold."""
        rows = [
            (f"{each.target:.0%}", each.threshold, str(each.coverage), str(each.accuracy or "no answers"))
            for each in self.points
        ]
        columns = ("wanted accuracy", "threshold", "test coverage [95%]", "test accuracy of the answers [95%]")
        return Table(columns, rows, notes=self._notes())

    def _notes(self) -> list[str]:
        if not self.source:
            return [f"Thresholds need {LEAST} validation examples or more, so there are none."]
        notes = [f"Thresholds were chosen on {self.source}."]
        if self.reached:
            notes.append(f"Reached without abstention: {', '.join(f'{each:.0%}' for each in self.reached)}.")
        if self.missed:
            notes.append(f"No threshold reaches {', '.join(f'{each:.0%}' for each in self.missed)} on validation.")
        return notes


def risk_coverage(confidence: np.ndarray, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds (falling), the share of examples at or above each, and the share of hits among these, (T,) each.

    Example:
        >>> [x.tolist() for x in risk_coverage(np.array([0.9, 0.5, 0.5, 0.7]), np.array([1, 0, 1, 1]))]
        [[0.9, 0.7, 0.5], [0.25, 0.5, 1.0], [1.0, 1.0, 0.75]]
    """
    order = np.argsort(-confidence, kind="stable")
    sure, right = confidence[order], np.cumsum(hits[order])
    # Examples of the same confidence are answered together.
    last = np.flatnonzero(np.append(sure[1:] != sure[:-1], True))
    return sure[last], (last + 1) / len(sure), right[last] / (last + 1)


def choose_threshold(confidence: np.ndarray, hits: np.ndarray, *, target: float) -> float | None:
    """The threshold of the largest coverage whose answers reach an accuracy; None where `LEAST` answers never do.

    It lies half way to the next lower confidence, so that an answer is not lost by how another runtime rounds; where
    there is no lower one, it is the lowest confidence itself.
    """
    thresholds, coverage, accuracy = risk_coverage(confidence, hits)
    good = np.flatnonzero((accuracy >= target) & (coverage * len(hits) >= LEAST - 1e-9))
    if not len(good):
        return None
    lowest, *below = thresholds[good[-1] : good[-1] + 2].tolist()
    between = float(np.float32((lowest + below[0]) / 2)) if below else lowest
    return between if not below or between > below[0] else lowest


def measure_abstention(
    confidence: np.ndarray,
    hits: np.ndarray,
    *,
    chosen_on: tuple[np.ndarray, np.ndarray] | None,
    source: str = "the validation split",
    groups: Sequence[str] = (),
) -> Abstention:
    """Accuracy against coverage on the test examples, and at the thresholds of `TARGETS`.

    Args:
        confidence: of the test examples, float (N,).
        hits: whether each answer is right, bool (N,).
        chosen_on: the same of validation examples, for the thresholds; None: there are none.
        source: what these are.
        groups: what each test example belongs to, or none.
    """
    _, coverage, accuracy = risk_coverage(confidence, hits)
    if chosen_on is None or len(chosen_on[1]) < LEAST:
        return Abstention(coverage, accuracy, ())
    sure, right = chosen_on
    points, reached, missed = [], [], []
    for target in TARGETS:
        threshold = choose_threshold(sure, right, target=target)
        if threshold is None:
            missed.append(target)
        elif threshold <= sure.min():
            reached.append(target)
        else:
            answered = confidence >= threshold
            among = np.asarray(groups, str)[answered].tolist() if len(groups) else ()
            found = hit_rate(hits[answered], groups=among) if answered.any() else None
            points.append(OperatingPoint(target, threshold, hit_rate(answered, groups=groups), found))
    return Abstention(coverage, accuracy, points, reached, missed, source)
