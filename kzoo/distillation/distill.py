"""`distill`: a student learns from a teacher's outputs or features."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.data.examples import Audit, Splits
from kzoo.data.sources.unlabelled import read_unlabelled
from kzoo.data.splits import exclude, read
from kzoo.distillation.features import DistillationData, imitate_features, lesson_of
from kzoo.distillation.teacher import Teacher, listen, task_of, train_taught
from kzoo.models.backbones import Source
from kzoo.results.adapted import Adapted
from kzoo.results.pretrained import Pretrained
from kzoo.setup.model import FusedSource
from kzoo.setup.prepare import make_feed, prepare, source_of
from kzoo.setup.result import conclude
from kzoo.specs.card import BackboneSpec
from kzoo.specs.head import Head
from kzoo.specs.phases import Phase
from kzoo.specs.recipes import auto, imitate
from kzoo.specs.records.origin_record import DistillationRecord
from kzoo.specs.schedule import Schedule
from kzoo.specs.seen import Seen
from kzoo.specs.task import Task
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.losses import Distillation

TARGETS = ("logits", "features", "both")


def distill(
    teacher: Any,
    student: Any,
    data: Any = None,
    *,
    target: str = "logits",
    temperature: float = 2.0,
    alpha: float = 0.1,
    schedule: str | Schedule | Phase = "auto",
    weights: str | Path | None = "auto",
    head: Head | None = None,
    size: int | None = None,
    resize: str | None = None,
    scaling: str | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    seed: int = 0,
) -> Adapted | Pretrained:
    """Trains a student to say what a teacher says: a small model of nearly the quality of a large one.

    The teacher sees each version of each example once, before the student trains; what it says is kept like the
    activations of a frozen trunk, on the disk as well. Both see the same versions (arXiv:2106.05237).

    Args:
        teacher: an `Adapted`, an ensemble and a fusion's among them; for features also anything that `kzoo.adapt` takes
            as its model.
        student: anything that `kzoo.adapt` takes as its model.
        data: None for the teacher's own; a task, with the teacher's labels; or unlabelled examples: a folder of any
            depth, TFRecords, a table, arrays, a list. With these, choices are made and measured on the teacher's own
            splits.
        target: ``"logits"``: the teacher's probabilities at a temperature (arXiv:1503.02531); ``"features"``: the
            backbone's pooled features, by a linear layer from the student's (arXiv:1412.6550); ``"both"``: first the
            features, then the logits.
        temperature: in (0, inf).
        alpha: weight of the loss on the labels, in [0, 1]; the loss on the teacher's outputs has the weight 1 - alpha.
            Unlabelled data has no labels: there it is 0.
        schedule: as of `kzoo.adapt`; ``"auto"``: for a student with weights what `adapt` does; without, all of it from
            the start. Of ``"both"``, the second part.
        weights: of the student, as of `kzoo.adapt`.
        head: of the student.
        size: of the student's input, as of `kzoo.adapt`.
        resize: likewise.
        scaling: likewise.
        strategy: likewise.
        seed: likewise.

    Returns:
        The adapted student; for ``"features"`` its backbone, a `kzoo.Pretrained`. Ctrl-C returns the best so far, which
        its record marks as ``stopped``; of ``"both"``, the backbone where it comes in the first part.

    Raises:
        ValueError: an argument or the data cannot be used; the message says what to do.
        TypeError: the teacher has no logits, and is asked for some.
        KeyboardInterrupt: Ctrl-C before the student was trained for an epoch, or a second one.
    """
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}. Got {target!r}.")
    if temperature <= 0 or not 0 <= alpha <= 1:
        raise ValueError(f"temperature must be in (0, inf), alpha in [0, 1]. Got {temperature} and {alpha}.")
    if not isinstance(teacher, Adapted) and (target != "features" or data is None):
        raise TypeError(
            f"A teacher of logits, or of its own data, is what kzoo.adapt returned. Got {type(teacher).__name__}: pass "
            "target='features' and data."
        )
    student_options: dict[str, Any] = {"size": size, "resize": resize, "strategy": strategy, "seed": seed}
    if not isinstance(student, str) or student != "auto":
        student = source_of(student, weights=weights, scaling=scaling)
    elif scaling:
        raise ValueError(f"scaling is for a model of yours; 'auto' has its own. Got {scaling!r}.")
    own = student.seen if isinstance(student, Source | FusedSource) else Seen()
    if target == "features":
        teacher = teacher if isinstance(teacher, Adapted) else source_of(teacher, weights="auto")
        lesson = lesson_of(teacher, data, seen=teacher.seen | own, seed=seed)
        return imitate_features(teacher, student, lesson, schedule=schedule, weights=weights, **student_options)
    splits, labelled = _splits(teacher, data, teacher.seen | own)
    share = alpha if labelled else 0.0
    task = data if isinstance(data, Task) else task_of(teacher)
    if target == "both":
        lesson = DistillationData(splits.train, splits.validation, task)
        student = imitate_features(teacher, student, lesson, schedule="auto", weights=weights, **student_options)
        if student.record.stopped:
            return student
        weights = "auto"
    prepared = prepare(
        student,
        task,
        options=TrainingOptions(schedule=schedule),
        weights=weights,
        head=head,
        splits=splits,
        recipe=_recipe,
        seen=teacher.seen,
        **student_options,
    )
    feed, scale = make_feed(prepared, None, seed, mixable=False)
    model = keras.Model(teacher.network.input, teacher.network.output, name=f"{teacher.card.name}_teacher")
    said = listen(Teacher(model, teacher.preprocessor), splits, prepared.schedule, seed=seed)

    def as_targets(logits: np.ndarray) -> np.ndarray:
        if scale is None:
            return logits
        return ((np.asarray(teacher.finish(logits)) - scale[0]) / scale[1]).astype(np.float32)

    said_of = {name: as_targets(values) for name, values in said.train.items()}
    loss = Distillation(teacher.kind, temperature=temperature, alpha=share)
    results = train_taught(prepared, feed, said_of, loss)
    how = DistillationRecord(teacher=teacher.card.name, target=target, temperature=temperature, alpha=share)
    return conclude(prepared, results, scale=scale, seed=seed, distilled=how)


def _recipe(card: BackboneSpec, *, examples: int, weights: bool) -> Schedule:
    return (auto if weights else imitate)(card, examples=examples, weights=weights)


def _splits(teacher: Adapted, data: Any, seen: Seen) -> tuple[Splits, bool]:
    """What the student learns from, is selected on and measured on; and whether it has labels.

    Nothing that was `seen` by the teacher or by the student's start weights is tested on.
    """
    if data is None:
        return exclude(teacher.splits(), seen), True
    if isinstance(data, Task):
        splits = read(data, teacher.preprocessor.modality, seen=seen)
        if data.kind != teacher.kind or list(splits.labels) != list(teacher.labels):
            raise ValueError(
                f"The teacher knows {teacher.kind} of {list(teacher.labels)}; the task has {data.kind} of "
                f"{list(splits.labels)}."
            )
        return splits, True
    try:
        own = exclude(teacher.splits(), seen)
    except ValueError as error:
        raise ValueError(
            "Unlabelled data teaches; choices are made on the teacher's own splits, and these are gone. Pass a task "
            f"instead. ({error})"
        ) from error
    examples, audit = read_unlabelled(data, teacher.preprocessor.modality)
    known = {*own.validation.digests, *own.test.digests}
    keep = [index for index, digest in enumerate(examples.digests) if digest not in known]
    left = len(examples) - len(keep)
    notes = [*audit.notes, *([f"{left} examples left out: the teacher was chosen or tested on them"] if left else [])]
    if not keep:
        raise ValueError("All of the data is in the teacher's validation or test split: bring other data.")
    examples = examples.take(keep)
    said = teacher.outputs(examples)
    # What the teacher takes them for stands where labels would, for what needs some, like a probe.
    targets = get_task_kind(teacher.kind).targets_of(said)
    train_part = dataclasses.replace(examples, targets=targets)
    return dataclasses.replace(own, train=train_part, audit=Audit(audit.set_aside, notes)), False
