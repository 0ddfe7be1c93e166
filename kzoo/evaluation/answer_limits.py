"""Limits of a model's answers: how sure an answer must be to be given, and what is unlike anything in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kzoo.evaluation.novelty import Novelty
from kzoo.task_kinds.kind_registry import get_task_kind


@dataclass(frozen=True, eq=False)
class AnswerLimits:
    """When a model abstains, and which inputs are unusual for it; see `kzoo.Adapted.with_limits`.

    Args:
        accuracy: that its answers to validation examples reach where it does not abstain; None: it never abstains.
        threshold: it answers where the probability of its answer is this or more; 0 where it reaches `accuracy`
            without abstention; None: it never abstains.
        source: what the threshold was chosen on; "" without one.
        novelty: what tells unusual inputs; None: nothing does.
    """

    accuracy: float | None
    threshold: float | None
    source: str
    novelty: Novelty | None

    def __str__(self) -> str:
        lines = []
        if self.accuracy is not None and self.threshold is not None:
            where = f"where the probability is {self.threshold:.3g} or more" if self.threshold else "always"
            lines.append(f"answers {where}, for an accuracy of {self.accuracy:.1%} (chosen on {self.source})")
        if self.novelty is not None:
            lines.append(
                f"inputs are unlike anything in training where the distance is above {self.novelty.threshold:.3g} "
                f"(from {self.novelty.source} examples)"
            )
        return "; ".join(lines)


@dataclass(frozen=True, eq=False)
class LimitedAnswers:
    """What limits say of some answers, (N,) each; inputs that could not be read have NaN, and False.

    Args:
        confidence: probability of each answer, float32; None without a threshold.
        answered: whether it is sure enough to be given, bool; None without a threshold.
        distance: of each input to its k-th nearest training example, float32 in [0, 2]; None without novelty.
        unlike_training: whether the input is unlike anything in training, bool; None without novelty.
    """

    confidence: np.ndarray | None
    answered: np.ndarray | None
    distance: np.ndarray | None
    unlike_training: np.ndarray | None

    def take(self, places: slice) -> LimitedAnswers:
        """The same of some answers."""
        parts = (self.confidence, self.answered, self.distance, self.unlike_training)
        return LimitedAnswers(*(None if part is None else part[places] for part in parts))


def limit_answers(limits: AnswerLimits, outputs: np.ndarray, embeddings: np.ndarray, *, kind: str) -> LimitedAnswers:
    """What limits say of outputs, float32 (N, K), of inputs with embeddings of unit length, float32 (N, width).

    Args:
        limits: of the model.
        outputs: NaN where an input could not be read.
        embeddings: likewise.
        kind: of the task.
    """
    confidence = answered = distance = unlike = None
    sure = get_task_kind(kind).confidence
    if limits.threshold is not None and sure is not None:
        confidence = np.asarray(sure(outputs), np.float32)
        answered = confidence >= np.float32(limits.threshold)
    if limits.novelty is not None:
        distance = limits.novelty.distances(embeddings).astype(np.float32)
        unlike = distance > np.float32(limits.novelty.threshold)
    return LimitedAnswers(confidence, answered, distance, unlike)
