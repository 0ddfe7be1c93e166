"""The linear probe of examples of several inputs: weights for all of them, and others for each that is alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.probes.linear_probe import ProbeSolution, Strength, solve

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Features (N, C), float32 targets (N, outputs), weights (N,)."""

Strengths = tuple[Strength, ...]
"""Inverse penalties: of the weights for all inputs, then of those for each that is alone."""


@dataclass(frozen=True)
class FeatureParts:
    """What the features of examples of several inputs are, as `kzoo.models.packed_layers.JoinParts` takes them.

    Args:
        owners: for each feature, the number of its part, int (S,). Marks of all parts follow.
        parts: how many there are.
    """

    owners: np.ndarray
    parts: int

    @property
    def width(self) -> int:
        """Features, without marks."""
        return len(self.owners)

    def expand(self, features: np.ndarray) -> np.ndarray:
        """What `JoinParts` gives for features and marks, (N, S + parts)."""
        if self.parts == 1:
            return features
        marks = features[:, self.width :]
        alone = marks * (marks.sum(axis=1, keepdims=True) < 1.5)
        return np.concatenate([features, features[:, : self.width] * alone[:, self.owners], alone], axis=1)

    def lessen(self, features: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Of examples with three parts or more, features with some of these missing, two left at least; their places.

        Args:
            features: of all examples, (N, S + parts).
            seed: of the lots.
        """
        marks = features[:, self.width :]
        many = np.flatnonzero(marks.sum(axis=1) > 2)
        if not len(many):
            return features[:0], many
        lots = np.random.default_rng(seed).random((len(many), self.parts))
        lots = np.where(marks[many] > 0, lots, 2.0)
        # Each part with a chance of one half, and the two of the lowest lots in any case.
        kept = ((lots < 0.5) | (lots <= np.sort(lots, axis=1)[:, 1:2])) & (marks[many] > 0)
        kept = kept.astype(features.dtype)
        return features[many] * np.concatenate([kept[:, self.owners], kept], axis=1), many

    def alone(self, part: int, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The features of a part, (M, its own), and bool (N,): which examples have it."""
        there = features[:, self.width + part] > 0
        return features[there][:, np.flatnonzero(self.owners == part)], there


@dataclass(frozen=True)
class PartSolutions:
    """Linear heads of several inputs, each solved by itself.

    An example of one input is answered by the head of this input, as a model of this input alone would (reduced
    models; Saar-Tsechansky & Provost, JMLR 8, 2007), every other one by the head of all inputs.

    Args:
        layout: of the features.
        whole: on features and marks of all inputs.
        alone: on the features of each input; None of one that no example has.
    """

    layout: FeatureParts
    whole: ProbeSolution
    alone: Sequence[ProbeSolution | None]

    @property
    def strengths(self) -> Strengths:
        """The chosen inverse penalties."""
        return (self.whole.strength, *(each.strength if each else self.whole.strength for each in self.alone))

    @property
    def joined(self) -> ProbeSolution:
        """One linear head on what `JoinParts` gives, (N, 2 (S + parts)), which answers as all of these do.

        Where a part is alone, its features stand in a row twice: the second weights are the difference to the first.
        """
        layout, whole = self.layout, self.whole
        if layout.parts == 1:
            return whole
        kernel = whole.kernel.astype(np.float64)
        constant = whole.bias - (whole.mean / whole.deviation) @ kernel
        own = np.zeros_like(kernel)
        deviation = np.concatenate([whole.deviation[: layout.width], np.ones(layout.parts, np.float32)])
        for part, found in enumerate(self.alone):
            if found is None:
                continue
            columns, mark = np.flatnonzero(layout.owners == part), layout.width + part
            deviation[columns] = found.deviation
            own[columns] = found.kernel - kernel[columns] * (found.deviation / whole.deviation[columns])[:, None]
            answer = found.bias - (found.mean / found.deviation) @ found.kernel.astype(np.float64)
            own[mark] = answer - constant - kernel[mark] / whole.deviation[mark]
        return replace(
            whole,
            mean=np.concatenate([whole.mean, np.zeros_like(whole.mean)]),
            deviation=np.concatenate([whole.deviation, deviation]),
            kernel=np.concatenate([kernel, own]).astype(np.float32),
        )


def solve_parts(
    train: Rows,
    validation: tuple[np.ndarray, np.ndarray] | None,
    *,
    layout: FeatureParts,
    kind: TaskKind,
    strengths: Sequence[Strength] | Strengths | None = None,
    each: bool = False,
    seed: int = 0,
) -> PartSolutions:
    """The heads of all inputs and of each alone, each with the penalty that is best on validation.

    Args:
        train: of which the features are those of `layout`, with marks.
        validation: features and targets; None: see `kzoo.training.probes.linear_probe.solve`.
        layout: of the features.
        kind: the task kind.
        strengths: inverse penalties to try; None: the usual ones.
        each: whether `strengths` are `PartSolutions.strengths` instead.
        seed: of the inputs that are left out, of examples with three or more.
    """
    tried = [[given] for given in strengths] if each and strengths else [strengths] * (layout.parts + 1)
    fewer, places = layout.lessen(train[0], seed=seed)
    rows = (np.concatenate([train[0], fewer]), *(np.concatenate([values, values[places]]) for values in train[1:]))
    whole = solve((rows[0], rows[1], rows[2]), validation, kind=kind, strengths=tried[0])
    alone: list[ProbeSolution | None] = []
    for part in range(layout.parts if layout.parts > 1 else 0):
        features, there = layout.alone(part, train[0])
        held = None
        if validation is not None:
            asked, known = layout.alone(part, validation[0])
            held = (asked, validation[1][known]) if known.any() else None
        own = features, train[1][there], train[2][there]
        alone.append(solve(own, held, kind=kind, strengths=tried[part + 1]) if there.any() else None)
    return PartSolutions(layout, whole, alone)
