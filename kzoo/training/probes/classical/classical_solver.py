"""`ClassicalSolver`: what differs between classical heads, as one row of functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from kzoo.task_kinds.task_kind import TaskKind

Setting: TypeAlias = dict[str, float]
"""What is chosen by cross-validation: values by name."""


STEEP = 4.0
"""Logit of a label whose score is 1, and -1 for one whose score is -1; a temperature makes more or less of it."""


@dataclass(frozen=True)
class Problem:
    """Labelled, standardised features.

    Args:
        features: float32 (N, C), of mean 0 and deviation 1.
        targets: rows, float32 (N, outputs); values of a regression are standardised, too.
        weights: of the examples, float32 (N,).
        kind: of the task.
        seed: of what is random.
    """

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    kind: TaskKind
    seed: int = 0

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.targets.shape[1]

    @property
    def signs(self) -> np.ndarray:
        """1 for a label that holds and -1 for one that does not; of a regression the values. Float32 (N, outputs)."""
        return 2 * self.targets - 1 if self.kind.has_labels else self.targets

    @property
    def steepness(self) -> float:
        """By which scores near `signs` are multiplied to be logits; values stay as they are."""
        return STEEP if self.kind.has_labels else 1.0


@dataclass(frozen=True)
class SolvedHead:
    """The weights of a classical head on standardised features.

    Args:
        kernel: of its layer of logits, float (width, outputs).
        bias: likewise, float (outputs,).
        between: of the layer before that one, in its order; none where there is none.
    """

    kernel: np.ndarray
    bias: np.ndarray
    between: Sequence[np.ndarray] = field(default=())


@dataclass(frozen=True, kw_only=True)
class ClassicalSolver:
    """How a classical head is solved.

    Args:
        settings: from the number of examples, of features, and inverse penalties that the user gives, or None, to what
            cross-validation chooses from; the one in the middle where there are too few examples.
        measure: from a problem, features (M, C) that it does not hold, and settings to the scores of these features,
            (M, outputs), for each setting: rising with the logits, of a regression the values.
        fit: from a problem, a setting and the number of examples that the head has places for, to its weights, with
            the same scores as logits.
    """

    settings: Callable[[int, int, Sequence[float] | None], list[Setting]]
    measure: Callable[[Problem, np.ndarray, Sequence[Setting]], list[np.ndarray]]
    fit: Callable[[Problem, Setting, int], SolvedHead]
