"""Distillation over modalities: a student of one input learns from a teacher of another, on pairs of both."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from kzoo.data.examples import Audit, Examples, Splits
from kzoo.data.modalities import MODALITIES, has_parts
from kzoo.data.multimodal.pairs import SPLITS, Side, read_pairs_of
from kzoo.distillation.teacher import MOST_VIEWS, train_taught
from kzoo.results.adapted import Adapted
from kzoo.results.inference import Inference
from kzoo.setup.conclusion.result import conclude
from kzoo.setup.feeds import make_feed
from kzoo.setup.prepare import Prepared
from kzoo.specs.phases import Phase
from kzoo.specs.records.origin_record import DistillationRecord
from kzoo.specs.records.seen import Seen
from kzoo.specs.schedule import Schedule
from kzoo.specs.task import Task
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.losses import Distillation

AGREEMENT = "Pairs have no labels: scores are agreement with the teacher. Measure on labels with evaluate(data)"
"""A note."""


@dataclasses.dataclass(frozen=True)
class PairedData:
    """Pairs as teacher and student see them.

    Args:
        student: its input, in splits; the targets are labels, or else what the teacher answers.
        logits: of the teacher for its input of the training pairs, float32 (N, outputs).
        labelled: whether the pairs have labels.
        task: of the student's input alone.
    """

    student: Splits
    logits: np.ndarray
    labelled: bool
    task: Task


def is_paired(data: object) -> bool:
    """Whether some data are pairs: a task that names columns of two modalities."""
    return isinstance(data, Task) and has_parts(data)


def read_paired(teacher: Adapted, data: Task, *, student: Sequence[str], seen: Seen) -> PairedData:
    """The pairs, and what the teacher says of its side of them.

    Args:
        teacher: of one of both inputs.
        data: names the columns; without ``label=`` the pairs have no labels.
        student: modalities that the student takes.
        seen: examples that the start weights of the student and the teacher have seen.

    Raises:
        ValueError: the teacher takes neither input, or the student not the other one; or labels are not the teacher's.
    """
    labelled = data.label is not None
    pairs = read_pairs_of(data, seen=seen, labelled=labelled)
    own, other = _sides(teacher, pairs.sides, student=student)
    if labelled and (data.kind != teacher.kind or list(own.splits.labels) != list(teacher.labels)):
        raise ValueError(
            f"The teacher was adapted to {teacher.kind} of {list(teacher.labels)}; the pairs have {data.kind} of "
            f"{list(own.splits.labels)}."
        )
    # With labels, the student is selected and measured on these.
    wanted = SPLITS[:1] if labelled else SPLITS
    logits = {name: _logits(teacher, getattr(own.splits, name)) for name in wanted}
    splits = dataclasses.replace(other.splits, labels=list(teacher.labels))
    if not labelled:
        answers = {name: _answers(teacher, getattr(splits, name), rows) for name, rows in logits.items()}
        audit = Audit(splits.audit.set_aside, [AGREEMENT, *splits.audit.notes])
        splits = dataclasses.replace(splits, **answers, audit=audit)
    # The student reads one input: the task of its examples names no columns.
    task = get_task_kind(teacher.kind).task(None)
    return PairedData(splits, logits["train"], labelled, task)


def imitate_paired(
    teacher: Adapted,
    prepared: Prepared,
    paired: PairedData,
    how: DistillationRecord,
    *,
    directory: str | Path | None,
    seed: int,
) -> Adapted:
    """The student, trained to say of its input what the teacher says of the other one of each pair.

    Whatever view of its input the student sees, the teacher has seen the other input as it is.
    """
    feed, scale = make_feed(prepared, None, seed, mixable=False)
    rows = paired.logits
    if scale is not None:
        rows = ((np.asarray(teacher.finish(rows)) - scale[0]) / scale[1]).astype(np.float32)
    phases = [_bounded(phase) if isinstance(phase, Phase) else phase for phase in prepared.schedule.phases]
    views = {phase.augmentation: phase.most_views for phase in phases if isinstance(phase, Phase)}
    taught = {name: np.repeat(rows[:, None], count, axis=1) for name, count in views.items()}
    prepared = dataclasses.replace(prepared, schedule=Schedule(tuple(phases), name=prepared.schedule.name))
    loss = Distillation(teacher.kind, temperature=how.temperature, alpha=how.alpha)
    results = train_taught(prepared, feed, taught, loss, teacher=teacher.network, directory=directory, seed=seed)
    return conclude(prepared, results, scale=scale, seed=seed, distilled=how, feed=feed)


def _sides(teacher: Adapted, sides: Sequence[Side], *, student: Sequence[str]) -> tuple[Side, Side]:
    """The teacher's input, and the student's."""
    modality = teacher.preprocessor.modality
    own = [side for side in sides if side.modality == modality]
    others = [side for side in sides if side not in own and set(MODALITIES[side.modality].feeds) & set(student)]
    if len(own) != 1 or len(others) != 1:
        names = " and ".join(f"{side.name} ({side.modality})" for side in sides)
        raise ValueError(
            f"Of pairs, the teacher takes one input and the student the other. The teacher takes {modality}, the "
            f"student {' or '.join(student)}; the pairs have {names}."
        )
    return own[0], others[0]


def _logits(teacher: Adapted, examples: Examples) -> np.ndarray:
    if not len(examples):
        return np.zeros((0, len(teacher.labels)), np.float32)
    plain: Callable[[object], object] = lambda logits: logits  # noqa: E731
    network = keras.Model(teacher.network.input, teacher.network.output)
    return Inference(network, network, plain, teacher.preprocessor).outputs(
        examples.columns[teacher.preprocessor.modality]
    )


def _answers(teacher: Adapted, examples: Examples, logits: np.ndarray) -> Examples:
    """Examples with what the teacher takes them for as targets."""
    targets = get_task_kind(teacher.kind).targets_of(np.asarray(teacher.finish(logits)))
    return dataclasses.replace(examples, targets=targets)


def _bounded(phase: Phase) -> Phase:
    return dataclasses.replace(phase, views=min(phase.most_views, MOST_VIEWS))
