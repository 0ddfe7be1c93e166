"""The training and validation examples as a report needs them: embeddings, and answers that are not from memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import keras
import numpy as np

from kzoo.data.examples import Examples, join_examples
from kzoo.results.inference import Inference, normalize
from kzoo.results.report.out_of_fold import make_folds, neighbor_answers, probe_answers
from kzoo.specs.records.seen import TRAINED
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted

MOST = 10_000
"""Training examples that are looked at; of more, a random sample is."""


@dataclass(frozen=True, eq=False)
class KnownExamples:
    """Training examples, then validation examples.

    Args:
        examples: of both.
        trained: how many are of the training split, or of a sample of it.
        of: how many the training split has.
        embeddings: of unit length, float32 (N, width).
        probe: outputs of linear probes on the features that the head takes, each of examples that it was not fitted to,
            (N, outputs); None of values, or where there are too few examples.
        neighbors: the same of nearest neighbors.
        own: outputs of the model itself for the validation examples; None where its weights were fitted to them.
    """

    examples: Examples
    trained: int
    of: int
    embeddings: np.ndarray
    probe: np.ndarray | None
    neighbors: np.ndarray | None
    own: np.ndarray | None

    @property
    def validation(self) -> slice:
        """The places of the validation examples."""
        return slice(self.trained, None)

    def split_of(self, place: int) -> str:
        """The name of the split of an example."""
        return "train" if place < self.trained else "validation"

    def __len__(self) -> int:
        return len(self.examples)


def read_known(adapted: Adapted, *, doubts: bool = True) -> KnownExamples:
    """The examples that a model was trained and selected on.

    Args:
        adapted: the model.
        doubts: whether out-of-fold answers are computed in any case; False: only where the model has none of its own.

    Raises:
        ValueError: they cannot be read again.
    """
    splits, modality = adapted.splits(), adapted.preprocessor.modality
    train, validation = splits.train, splits.validation
    if len(train) > MOST:
        places = np.random.default_rng(adapted.record.seed).choice(len(train), MOST, replace=False)
        train = train.take(np.sort(places))
    parts = [part for part in (train, validation) if len(part)]
    both = join_examples(parts)
    inference, width = _seeing(adapted)
    rows = np.concatenate([inference.embeddings(part.columns[modality]) for part in parts])
    # One pass gives both: what the head takes, then the embedding.
    features, rows = (normalize(each) if each.shape[1] else rows for each in np.split(rows, [width], axis=1))
    fitted = adapted.record.refitted or (validation.sides(adapted.seen) == TRAINED).any()
    own = None if fitted or not len(validation) else adapted.outputs(validation)
    probe, neighbors = _out_of_fold(adapted, both, features) if doubts or own is None else (None, None)
    return KnownExamples(both, len(train), len(splits.train), rows, probe, neighbors, own)


def validation_hits(kind: TaskKind, known: KnownExamples) -> tuple[tuple[np.ndarray, np.ndarray] | None, str]:
    """How sure answers to the validation examples are, and whether each is right, (N,) each; and whose answers.

    The answers are those of the model, or where it was fitted to these examples, of probes that were not. None and ""
    where there are no such answers, or they are values.
    """
    if kind.confidence is None or known.trained == len(known):
        return None, ""
    answers, source = known.own, "the validation split"
    if answers is None and known.probe is not None:
        answers = known.probe[known.validation]
        source = "out-of-fold answers of linear probes to the validation split, on which the model was fitted too"
    if answers is None:
        return None, ""
    truth = known.examples.targets[known.validation]
    return (kind.confidence(answers), np.asarray(kind.example_scores(answers, truth), bool)), source


def _seeing(adapted: Adapted) -> tuple[Inference, int]:
    """What reads examples as the model does and gives the features that a linear head takes, then the embedding.

    Returns:
        It, and the number of features; 0 where the head takes the embedding itself, or is not linear.
    """
    inference, dense = adapted.inference, adapted.network.layers[-1]
    embedding = adapted.embedding.output
    if not adapted.head.linear or not isinstance(dense, keras.layers.Dense):
        return inference, 0
    width = int(dense.input.shape[-1])
    if width <= embedding.shape[-1]:
        return inference, 0
    both = keras.layers.Concatenate(dtype="float32")([dense.input, embedding])
    return replace(inference, embedding=keras.Model(adapted.network.input, both)), width


def _out_of_fold(
    adapted: Adapted, examples: Examples, features: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    kind = get_task_kind(adapted.kind)
    if not kind.has_labels:
        return None, None
    try:
        folds = make_folds(
            kind,
            examples.targets,
            groups=examples.groups,
            digests=examples.digests,
            seed=adapted.record.seed,
        )
    except ValueError:  # one example, or one group
        return None, None
    rows = kind.as_rows(examples.targets, len(adapted.labels))
    return probe_answers(features, rows, folds, kind=kind), neighbor_answers(features, rows, folds)
