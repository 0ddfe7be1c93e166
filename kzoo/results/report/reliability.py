"""Reliability: whether answers that are given a probability of 0.9 are right in 9 of 10 cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kzoo.core.intervals import LEVEL, Metric, hit_rate, number_groups
from kzoo.task_kinds.task_kind import TaskKind

BINS = 10
RESAMPLES = 1000
_NUMBERS = 2_000_000  # that are drawn at once


@dataclass(frozen=True)
class Bin:
    """Answers whose probabilities lie in one bin.

    Args:
        count: how many.
        confidence: the mean of their probabilities.
        share: how many of them are right, with a 95% interval.
    """

    count: int
    confidence: float
    share: Metric


@dataclass(frozen=True)
class Reliability:
    """How far probabilities are from the shares of right answers.

    Args:
        what: whose probabilities.
        bins: those of `BINS` bins of equal width that have answers.
        ece: expected calibration error (Guo et al. 2017, arXiv:1706.04599): the mean distance of confidence and share
            over the bins, with a bootstrap interval over examples or groups. Chance alone makes the error of a sample
            larger than the true one, and that of a resample larger still: the lower end is the basic bootstrap's, which
            takes this off, or 0 up to `chance`; the upper end is the percentile.
        chance: the ECE below which 95 of 100 such samples stay if every probability is exactly right.
        excess: the mean probability less the share of right answers: above 0 is overconfident.
    """

    what: str
    bins: Sequence[Bin]
    ece: Metric
    chance: float
    excess: Metric

    @property
    def verdict(self) -> str:
        """In one sentence."""
        if self.ece.value <= self.chance:
            return "The probabilities cannot be told from exact ones with this number of examples."
        if self.excess.low > 0:
            return f"Overconfident: probabilities are {100 * self.excess.value:.1f} points too high on average."
        if self.excess.high < 0:
            return f"Underconfident: probabilities are {-100 * self.excess.value:.1f} points too low on average."
        return "Miscalibrated: too high in some bins and too low in others."


def measure_reliability(
    kind: TaskKind, outputs: np.ndarray, truth: np.ndarray, *, groups: Sequence[str] = (), seed: int = 0
) -> Reliability | None:
    """The reliability of the answers of a model; None where its outputs are no probabilities.

    Of exclusive classes the probability of the answer counts, and whether it is right; else the probability of each
    label of each example, and whether it has it.

    Args:
        kind: of the task.
        outputs: probabilities (N, K).
        truth: encoded targets.
        groups: what each example belongs to, or none.
        seed: of the bootstrap.
    """
    if kind.confidence is None:
        return None
    if kind.exclusive:
        what, sure = "the answer", kind.confidence(outputs)[:, None]
        hits = np.asarray(kind.example_scores(outputs, truth), bool)[:, None]
    else:
        what, sure, hits = "each label", outputs, kind.as_rows(truth, outputs.shape[1]) >= 0.5
    sure = sure.astype(np.float64)
    place = bins_of(sure)
    rng = np.random.default_rng(seed)
    gaps = np.zeros((len(sure), BINS))
    np.add.at(gaps, (np.arange(len(sure))[:, None], place), sure - hits)
    labels = np.repeat(np.asarray(groups, str), sure.shape[1]) if len(groups) else None
    bins = []
    for number in np.unique(place):
        chosen = (place == number).ravel()
        within = list(labels[chosen]) if labels is not None else ()
        share = hit_rate(hits.ravel()[chosen], groups=within)
        bins.append(Bin(int(chosen.sum()), float(sure.ravel()[chosen].mean()), share))
    ece, excess = _intervals(gaps, sure.shape[1], groups=groups, rng=rng)
    chance = _chance(sure, place, rng)
    if ece.value <= chance:
        ece = Metric(ece.value, 0.0, ece.high)
    return Reliability(what, bins, ece, chance, excess)


def bins_of(probabilities: np.ndarray) -> np.ndarray:
    """The number of the bin of each probability: bins include their upper edge, and the first one 0.

    Example:
        >>> bins_of(np.array([0.0, 0.1, 0.11, 1.0])).tolist()
        [0, 0, 1, 9]
    """
    return np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], probabilities, side="left")


def _intervals(
    gaps: np.ndarray, width: int, *, groups: Sequence[str], rng: np.random.Generator
) -> tuple[Metric, Metric]:
    """ECE and excess of sums of probability less hit by example and bin, (N, `BINS`), `width` answers an example."""
    index, sizes = number_groups(groups), np.full(len(gaps), float(width))
    total, whole = gaps.sum(axis=0), sizes.sum()
    if index is not None:
        summed = np.zeros((index.max() + 1, BINS))
        np.add.at(summed, index, gaps)
        gaps, sizes = summed, np.bincount(index) * float(width)
    units, drawn = len(gaps), []
    at_once = int(np.clip(_NUMBERS // units, 1, RESAMPLES))
    for start in range(0, RESAMPLES, at_once):
        size = min(at_once, RESAMPLES - start)
        counts = rng.multinomial(units, np.full(units, 1 / units), size=size).astype(np.float64)
        sums = counts @ gaps / (counts @ sizes)[:, None]
        drawn.append(np.stack([np.abs(sums).sum(axis=1), sums.sum(axis=1)], axis=1))
    values = np.abs(total).sum() / whole, total.sum() / whole
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(np.concatenate(drawn), [tail, 100 - tail], axis=0)
    value = float(values[0])
    ece = Metric(value, float(np.clip(2 * value - high[0], 0, value)), float(max(high[0], value)))
    return ece, Metric(float(values[1]), float(low[1]), float(high[1]))


def _chance(sure: np.ndarray, place: np.ndarray, rng: np.random.Generator) -> float:
    """The 95th percentile of the ECE of exact probabilities (Broecker and Smith 2007, 10.1175/WAF993.1)."""
    flat, bins = sure.ravel(), place.ravel()
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
    errors = []
    for _ in range(RESAMPLES // 5):
        gaps = flat - (rng.random(len(flat)) < flat)
        errors.append(np.abs(np.add.reduceat(gaps[order], starts)).sum() / len(flat))
    return float(np.percentile(errors, 100 * LEVEL))
