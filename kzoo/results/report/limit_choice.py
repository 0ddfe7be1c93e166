"""Limits of an adapted model's answers, chosen on its validation split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kzoo.evaluation.abstention import LEAST, choose_threshold
from kzoo.evaluation.answer_limits import AnswerLimits
from kzoo.evaluation.novelty import Novelty, fit_novelty
from kzoo.results.report.known_examples import KnownExamples, read_known, validation_hits
from kzoo.task_kinds.kind_registry import get_task_kind

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted

MOST_KEPT = 2_000
"""Training examples whose embeddings a model keeps, to tell what is unlike them; of more, a random sample is kept."""


def choose_limits(adapted: Adapted, *, accuracy: float | None, novelty: bool) -> AnswerLimits:
    """The limits of a model; see `kzoo.results.adapted.Adapted.with_limits`."""
    _check(adapted, accuracy, novelty)
    known = read_known(adapted, doubts=False)
    threshold, source = None, ""
    if accuracy is not None:
        threshold, source = _threshold(adapted, known, accuracy)
    return AnswerLimits(accuracy, threshold, source, _novelty(adapted, known) if novelty else None)


def _check(adapted: Adapted, accuracy: float | None, novelty: bool) -> None:
    kind = get_task_kind(adapted.kind)
    if not isinstance(novelty, bool):
        raise ValueError(f"novelty must be True or False. Got {novelty!r}.")
    if accuracy is None:
        if not novelty:
            raise ValueError("with_limits needs accuracy=, as in with_limits(accuracy=0.97), or novelty=True.")
        return
    if not kind.exclusive or kind.confidence is None:
        raise ValueError(
            f"accuracy= is for models of a Classification, which can abstain. This one is of kind {adapted.kind!r}: "
            "pass accuracy=None."
        )
    if isinstance(accuracy, bool) or not isinstance(accuracy, int | float) or not 0 < accuracy <= 1:
        raise ValueError(f"accuracy must be a number in (0, 1], as 0.97. Got {accuracy!r}.")


def _threshold(adapted: Adapted, known: KnownExamples, accuracy: float) -> tuple[float, str]:
    found, source = validation_hits(get_task_kind(adapted.kind), known)
    if found is None or len(found[1]) < LEAST:
        count = 0 if found is None else len(found[1])
        raise ValueError(
            f"A threshold needs {LEAST} validation examples or more. There are {count}. Adapt with a larger "
            "validation=, or pass accuracy=None."
        )
    confidence, hits = found
    threshold = choose_threshold(confidence, hits, target=float(accuracy))
    if threshold is None:
        raise ValueError(
            f"No threshold reaches accuracy={accuracy} on {source}, where {LEAST} answers or more are above it. The "
            f"accuracy without abstention is {hits.mean():.3f}. Choose a lower accuracy=."
        )
    return (0.0 if threshold <= confidence.min() else threshold), source


def _novelty(adapted: Adapted, known: KnownExamples) -> Novelty:
    train = known.embeddings[: known.trained]
    if len(train) < 2:
        raise ValueError("Novelty needs two training examples or more. Pass novelty=False.")
    if len(train) > MOST_KEPT:
        places = np.random.default_rng(adapted.record.seed).choice(len(train), MOST_KEPT, replace=False)
        train = train[np.sort(places)]
    return fit_novelty(train, known.embeddings[known.validation])
