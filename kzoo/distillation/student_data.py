"""The data of a distillation: what a student learns from, is selected on and measured on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from kzoo.data.examples import Audit, Examples, Splits
from kzoo.data.modalities import modality_for
from kzoo.data.sources.unlabelled import read_unlabelled
from kzoo.data.splits import exclude, read
from kzoo.distillation.teacher import task_of
from kzoo.models.backbone_source import BackboneSource
from kzoo.results.adapted import Adapted
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import Regression, Task
from kzoo.task_kinds.kind_registry import get_task_kind

HELD = 0.05
"""Share of unlabelled examples that a student's features are chosen on."""

MOST_HELD = 1_000


@dataclass(frozen=True)
class DistillationData:
    """Examples to imitate a teacher on, others to choose on, and the task that says what they are."""

    train: Examples
    validation: Examples
    task: Task

    def seen(self) -> Seen:
        """The examples that weights which imitate on it have seen."""
        return Seen.of(unlabelled=self.train.known_by(), chosen=self.validation.known_by())


def splits_for(teacher: Adapted, data: object, *, seen: Seen) -> tuple[Splits, bool]:
    """The splits of the student, and whether they have labels.

    Nothing that was `seen` by the teacher or by the student's start weights is tested on.
    """
    if data is None:
        return exclude(teacher.splits(), seen), True
    if isinstance(data, Task):
        splits = read(data, teacher.preprocessor.modality, seen=seen)
        if data.kind != teacher.kind or list(splits.labels) != list(teacher.labels):
            raise ValueError(
                f"The teacher was adapted to {teacher.kind} of {list(teacher.labels)}; the task is {data.kind} of "
                f"{list(splits.labels)}."
            )
        return splits, True
    return _unlabelled_splits(teacher, data, seen=seen), False


def _unlabelled_splits(teacher: Adapted, data: object, *, seen: Seen) -> Splits:
    """Unlabelled examples to learn from, and the teacher's own splits to be selected and measured on."""
    try:
        own = exclude(teacher.splits(), seen)
    except ValueError as error:
        raise ValueError(
            "With unlabelled data, the student is selected and measured on the teacher's own splits, which are not "
            f"available ({error}). Pass a task instead."
        ) from error
    examples, audit = read_unlabelled(data, teacher.preprocessor.modality)
    known = {*own.validation.digests, *own.test.digests}
    keep = [index for index, digest in enumerate(examples.digests) if digest not in known]
    left = len(examples) - len(keep)
    notes = [
        *audit.notes,
        *([f"{left} examples were left out: the teacher was selected or tested on them"] if left else []),
    ]
    if not keep:
        raise ValueError("All of the data is in the teacher's validation or test split. Pass other data.")
    examples = examples.take(keep)
    said = teacher.outputs(examples)
    # What the teacher takes them for stands where labels would, for what needs some, like a probe.
    targets = get_task_kind(teacher.kind).targets_of(said)
    train_part = dataclasses.replace(examples, targets=targets)
    return dataclasses.replace(own, train=train_part, audit=Audit(audit.set_aside, notes))


def lesson_of(teacher: Adapted | BackboneSource, data: object, *, seen: Seen, seed: int) -> DistillationData:
    """The examples on which a student imitates its teacher.

    Args:
        teacher: an adapted model or a backbone.
        data: None for the teacher's own, a task, or unlabelled examples.
        seen: what teacher and student have seen: the student is selected on other examples, as far as there are any.
        seed: of what is kept to choose on, of unlabelled examples.
    """
    if data is None and isinstance(teacher, Adapted):
        splits = exclude(teacher.splits(), seen)
        return DistillationData(splits.train, splits.validation, task_of(teacher))
    if isinstance(data, Task):
        splits = read(data, _modality_of(teacher, data), seen=seen)
        return DistillationData(splits.train, splits.validation, data)
    examples, _ = read_unlabelled(data, _modality_of(teacher, None))
    if len(examples) < 10:
        raise ValueError(f"Distillation of features needs 10 examples or more. Got {len(examples)}.")
    order = np.random.default_rng(seed).permutation(len(examples))
    order = order[np.argsort(examples.sides(seen)[order], kind="stable")]
    count = min(max(round(HELD * len(examples)), 1), MOST_HELD)
    validation, train = (examples.take(np.sort(part)) for part in (order[:count], order[count:]))
    return DistillationData(train, validation, Regression(data))


def _modality_of(teacher: Adapted | BackboneSource, task: Task | None) -> str:
    if isinstance(teacher, Adapted):
        return teacher.preprocessor.modality
    return modality_for(teacher.card, task).name if task else teacher.card.modality
