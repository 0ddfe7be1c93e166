"""Checks of an export: real examples, as the live model predicts them and as the exported files do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from kzoo.data.examples import Examples, Splits
from kzoo.evaluation.answer_limits import AnswerLimits, LimitedAnswers
from kzoo.results.predictions import Predictions
from kzoo.serving.saved_model import TOLERANCE, Answers, Between
from kzoo.serving.signatures import outputs_name
from kzoo.task_kinds.kind_registry import get_task_kind

Wanted: TypeAlias = dict[str, Answers]
"""By output of a signature, what is right."""

MOST_EXAMPLES = 16
"""Examples that an export is compared on."""

MOST_READ = 20_000
"""Examples of data that is read again for it."""


@dataclass(frozen=True)
class LiveModel:
    """The live model.

    Args:
        predict: `Adapted.predict`.
        embed: from the same inputs to embeddings (N, width), not normalized.
        kind: of the task.
        labels: names of the outputs.
        limits: that `predict` tells of, if any.
    """

    predict: Callable[[object], Predictions]
    embed: Callable[[object], np.ndarray]
    kind: str
    labels: Sequence[str]
    limits: AnswerLimits | None = None

    def answers(self, inputs: object) -> Wanted:
        """What a signature must answer for inputs, as `kzoo.serving.saved_model` compares it."""
        found = self.predict(inputs)
        return {
            **get_task_kind(self.kind).served(found.outputs, self.labels, TOLERANCE),
            **wanted_limits(found.limited, self.limits),
        }

    def features(self, inputs: object) -> Wanted:
        """What the signature ``features`` must answer."""
        return {"features": self.embed(inputs)}

    def numbers(self, inputs: object) -> Wanted:
        """What the signature ``numeric`` must answer."""
        found = self.predict(inputs)
        numbers = {outputs_name(self.kind): found.outputs, "features": self.embed(inputs)}
        return {**numbers, **wanted_limits(found.limited, self.limits)}


def wanted_limits(limited: LimitedAnswers | None, limits: AnswerLimits | None) -> Wanted:
    """What a signature must say of its answers: as `predict` does, but nearer than `TOLERANCE` to a limit either."""
    found: Wanted = {}
    if limited is None or limits is None:
        return found
    if limited.confidence is not None and limits.threshold is not None:
        sure = limited.confidence
        found["confidence"] = Between(sure - TOLERANCE, sure + TOLERANCE)
        found["answered"] = Between(sure - TOLERANCE >= limits.threshold, sure + TOLERANCE >= limits.threshold)
    if limited.distance is not None and limits.novelty is not None:
        far, limit = limited.distance, limits.novelty.threshold
        found["distance"] = Between(far - TOLERANCE, far + TOLERANCE)
        found["unlike_training"] = Between(far - TOLERANCE > limit, far + TOLERANCE > limit)
    return found


def pick_examples(splits: Splits | None, modality: str) -> list[object]:
    """Some examples of the first split of test, validation and train that has any, of all classes; or none.

    Args:
        splits: where there are any.
        modality: name.
    """
    parts = [part for part in (splits.test, splits.validation, splits.train) if len(part)] if splits else []
    if not parts:
        return []
    chosen = _spread(parts[0])
    return list(chosen.columns[modality])


def _spread(examples: Examples) -> Examples:
    targets = np.asarray(examples.targets)
    places = np.linspace(0, len(examples) - 1, min(MOST_EXAMPLES, len(examples))).astype(int)
    if targets.ndim == 1 and targets.dtype.kind in "iu":
        firsts = np.unique(targets, return_index=True)[1]
        places = np.concatenate([firsts, np.setdiff1d(places, firsts)])[:MOST_EXAMPLES]
    return examples.take(np.unique(places))


def wanted(live: LiveModel, asked: Mapping[str, object]) -> dict[str, Wanted]:
    """What each signature must answer, by name.

    Args:
        live: the model.
        asked: by signature, inputs that `predict` takes.
    """
    return {name: (live.features if name == "features" else live.answers)(inputs) for name, inputs in asked.items()}
