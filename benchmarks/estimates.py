"""Means with intervals of 95%: over seeds, over the examples of a test split, and of differences pair by pair.

Chance comes in twice: by what a seed draws (start, order, split) and by which examples are in the test split. Where
each seed draws another test split, a t interval over the seeds has both. Where all seeds share an official test split,
the t interval over the seeds has only the first, and a bootstrap over the test examples gives the second; their
half-widths are added in quadrature.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

RESAMPLES = 1_000

FEWEST = 3
"""Seeds from which a spread is estimated: of two, Student's t has one degree of freedom and says nothing."""


@dataclass(frozen=True)
class Estimate:
    """A mean and its interval of 95%.

    Args:
        value: the mean.
        low, high: ends of the interval; None where one number is all that there is.
        count: numbers that it is the mean of.
    """

    value: float
    low: float | None
    high: float | None
    count: int

    def show(self, form: str = ".3f") -> str:
        """As it stands in a table: ``0.921 [0.906, 0.936]``."""
        if self.low is None or self.high is None:
            return f"{self.value:{form}}"
        return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]"


@dataclass(frozen=True)
class Answers:
    """What a model answered on a test split.

    Args:
        truth: labels, (N,).
        answers: the same of the model.
    """

    truth: np.ndarray
    answers: np.ndarray


def mean(values: Sequence[float]) -> Estimate:
    """The mean of numbers that are independent, as those of seeds; with Student's interval from `FEWEST` on."""
    half = _half(values) if len(values) >= FEWEST else None
    return _around(float(np.mean(values)), half, len(values))


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Estimate:
    """The mean of ours less theirs over the seeds that both have."""
    return mean([ours[seed] - theirs[seed] for seed in sorted(set(ours) & set(theirs))])


def ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Estimate:
    """The geometric mean of theirs over ours, seed by seed: how many times as fast we are, given seconds."""
    logs = mean([float(np.log(theirs[seed] / ours[seed])) for seed in sorted(set(ours) & set(theirs))])
    ends = [None if end is None else float(np.exp(end)) for end in (logs.low, logs.high)]
    return Estimate(float(np.exp(logs.value)), *ends, logs.count)


def measured(runs: Mapping[int, Answers], metric: str, *, fixed: bool) -> Estimate:
    """The mean score over seeds.

    Args:
        runs: by seed.
        metric: "accuracy" or "macro-F1".
        fixed: all seeds share one test split.
    """
    scores = [score(run, metric) for run in runs.values()]
    spread = _resampled(list(runs.values()), metric) if fixed or len(runs) < FEWEST else None
    return clipped(_combine(scores, spread, size=len(next(iter(runs.values())).truth)), 0.0, 1.0)


def less(ours: Mapping[int, Answers], theirs: Mapping[int, Answers], metric: str, *, fixed: bool) -> Estimate | None:
    """The mean of our score less theirs, on the same test examples; None where no seed is common.

    On a fixed test split, a method that has only one run, because nothing of it is random, is compared with all.
    """
    if fixed and len(theirs) == 1:
        theirs = dict.fromkeys(ours, next(iter(theirs.values())))
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        return None
    for seed in seeds:
        if not np.array_equal(ours[seed].truth, theirs[seed].truth):
            raise ValueError(f"Seed {seed}: both must be measured on the same test examples.")
    scores = [score(ours[seed], metric) - score(theirs[seed], metric) for seed in seeds]
    spread = None
    if fixed or len(seeds) < FEWEST:
        spread = _resampled([ours[n] for n in seeds], metric) - _resampled([theirs[n] for n in seeds], metric)
    return _combine(scores, spread, size=len(ours[seeds[0]].truth))


def score(run: Answers, metric: str) -> float:
    """Accuracy, or the mean F1 over all classes."""
    return float(_weighted(run, metric, np.ones((1, len(run.truth)), np.float32))[0])


def _combine(scores: Sequence[float], spread: np.ndarray | None, *, size: int) -> Estimate:
    parts = [_half(scores) if len(scores) >= FEWEST else 0.0, 0.0 if spread is None else 1.96 * float(np.std(spread))]
    # A score that no resampling moves is not certain: 3 / N bounds what N examples without an exception can hide.
    return _around(float(np.mean(scores)), float(np.hypot(*parts)) or 3 / size, len(scores))


def _half(values: Sequence[float]) -> float:
    return float(student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def _around(value: float, half: float | None, count: int) -> Estimate:
    return Estimate(value, *((None, None) if half is None else (value - half, value + half)), count)


def clipped(estimate: Estimate, low: float, high: float) -> Estimate:
    """The estimate with its interval within what is possible."""
    ends = [None if end is None else min(max(end, low), high) for end in (estimate.low, estimate.high)]
    return Estimate(estimate.value, *ends, estimate.count)


def _resampled(runs: Sequence[Answers], metric: str) -> np.ndarray:
    """The mean score of the runs on each resample of their common test examples, (RESAMPLES,)."""
    return np.mean([_weighted(run, metric, _counts(len(run.truth))) for run in runs], axis=0)


def _weighted(run: Answers, metric: str, counts: np.ndarray) -> np.ndarray:
    """Scores where each example counts `counts` times, (resamples,)."""
    if metric == "accuracy":
        return counts @ (run.truth == run.answers).astype(np.float32) / counts.sum(axis=1)
    scores = []
    for label in np.union1d(run.truth, run.answers):
        true, guessed = (run.truth == label).astype(np.float32), (run.answers == label).astype(np.float32)
        total = counts @ (true + guessed)
        scores.append(np.divide(2 * (counts @ (true * guessed)), total, out=np.zeros_like(total), where=total > 0))
    return np.mean(scores, axis=0)


@functools.lru_cache(maxsize=16)
def _counts(size: int) -> np.ndarray:
    """How often each example is drawn in each resample. `RandomState` draws the same under all versions of NumPy."""
    draws = np.random.RandomState(0).randint(0, size, (RESAMPLES, size))
    return np.stack([np.bincount(row, minlength=size) for row in draws]).astype(np.float32)
