"""`distill`: a student learns from a teacher's outputs or features."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.keywords import suggests_names
from kzoo.core.storage import target_of
from kzoo.distillation.across_modalities import PairedData, imitate_paired, is_paired, read_paired
from kzoo.distillation.features import imitate_features
from kzoo.distillation.student_data import DistillationData, lesson_of, splits_for
from kzoo.distillation.teacher import Teacher, listen, task_of, train_taught
from kzoo.results.adapted import Adapted
from kzoo.results.pretrained import Pretrained
from kzoo.setup.conclusion.result import conclude
from kzoo.setup.feeds import make_feed
from kzoo.setup.model_source import ModelLike, source_of
from kzoo.setup.prepare import Prepared, prepare
from kzoo.specs.card import BackboneSpec
from kzoo.specs.head import Head, as_head
from kzoo.specs.phases import Phase
from kzoo.specs.recipes import auto, imitate
from kzoo.specs.records.origin_record import DistillationRecord
from kzoo.specs.records.seen import Seen
from kzoo.specs.schedule import Schedule
from kzoo.specs.task import Task
from kzoo.specs.training_options import TrainingOptions
from kzoo.training.losses import Distillation

TARGETS = ("logits", "features", "both")


@suggests_names
def distill(
    teacher: ModelLike,
    student: ModelLike,
    data: object = None,
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
    directory: str | Path | None = None,
    seed: int = 0,
) -> Adapted | Pretrained:
    """Trains a student to say what a teacher says: a small model of nearly the quality of a large one.

    The teacher runs once for each view of each example, before the student trains. Its outputs are cached like the
    activations of a frozen trunk, also on disk. Both see the same views (arXiv:2106.05237).

    Args:
        teacher: an `Adapted`, an ensemble and a fusion's among them; for features also anything that `kzoo.adapt` takes
            as its model.
        student: anything that `kzoo.adapt` takes as its model.
        data: None for the teacher's own; a task, with the teacher's labels; or unlabelled examples: a folder of any
            depth, TFRecords, a table, arrays, a list. With these, the student is selected and measured on the teacher's
            own splits. Or pairs, for a student of another modality than the teacher's: a task that names both inputs,
            as ``kzoo.Classification("pairs.csv", image="photo", text="title")``, with ``label=`` where they have labels
            (cross-modal distillation, arXiv:1507.00448).
        target: ``"logits"``: the teacher's probabilities at a temperature (arXiv:1503.02531); ``"features"``: the
            backbone's pooled features, by a linear layer from the student's (arXiv:1412.6550); ``"both"``: first the
            features, then the logits.
        temperature: in (0, inf).
        alpha: weight of the loss on the labels, in [0, 1]; the loss on the teacher's outputs has the weight 1 - alpha.
            Unlabelled data has no labels: there it is 0.
        schedule: as of `kzoo.adapt`; ``"auto"``: for a student with weights what `adapt` does; without, all of it from
            the start. Of ``"both"``, the second part.
        weights: of the student, as of `kzoo.adapt`.
        head: of the student; not a classical one, which is not solved for soft targets.
        size: of the student's input, as of `kzoo.adapt`.
        resize: likewise.
        scaling: likewise.
        strategy: likewise.
        directory: where the run keeps how far it is, as of `kzoo.adapt`.
        seed: likewise.

    Returns:
        The adapted student; for ``"features"`` its backbone, a `kzoo.Pretrained`. Ctrl-C returns the best so far, which
        its record marks as ``stopped``; of ``"both"``, the backbone where it comes in the first part.

    Raises:
        ValueError: an argument or the data cannot be used, or `directory` holds another run; the message says what to
            do.
        TypeError: the teacher has no logits, and `target` needs them.
        KeyboardInterrupt: Ctrl-C before the student was trained for an epoch, or a second one.
        SystemExit: SIGTERM, where there is a `directory`.
    """
    _check(teacher, data, target=target, temperature=temperature, alpha=alpha)
    if as_head(head).classical:
        raise ValueError(
            f"A head of kind {as_head(head).kind!r} is solved for labels, and a student learns from probabilities. "
            "Pass kzoo.Head(), or leave head= out."
        )
    options: dict[str, Any] = {"size": size, "resize": resize, "strategy": strategy, "seed": seed}
    student, known = _student(student, weights=weights, scaling=scaling)
    guide = teacher if isinstance(teacher, Adapted) else source_of(teacher, weights="auto")
    seen = guide.seen | known
    if target == "features" or not isinstance(guide, Adapted):
        lesson = lesson_of(guide, data, seen=seen, seed=seed)
        options["directory"] = directory
        return imitate_features(guide, student, lesson, schedule=schedule, weights=weights, **options)
    paired = None
    if is_paired(data):
        paired = _paired(guide, student, data, target=target, seen=seen)
        splits, labelled, data = paired.student, paired.labelled, paired.task
    else:
        splits, labelled = splits_for(guide, data, seen=seen)
    task = data if isinstance(data, Task) else task_of(guide)
    if target == "both":
        lesson = DistillationData(splits.train, splits.validation, task)
        first, directory = _parts_of(directory)
        student = imitate_features(guide, student, lesson, schedule="auto", weights=weights, directory=first, **options)
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
        seen=guide.seen,
        **options,
    )
    share = alpha if labelled else 0.0
    how = DistillationRecord(teacher=guide.card.name, target=target, temperature=temperature, alpha=share)
    if paired is not None:
        return imitate_paired(guide, prepared, paired, how, directory=directory, seed=seed)
    return _imitate_logits(guide, prepared, how, directory=directory, seed=seed)


def _check(teacher: ModelLike, data: object, *, target: str, temperature: float, alpha: float) -> None:
    """Raises for a teacher that does not fit the target, and for numbers out of their range."""
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}. Got {target!r}.")
    if not isinstance(temperature, int | float) or not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be a float in (0, inf). Got {temperature!r}.")
    if not isinstance(alpha, int | float) or not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be a float in [0, 1]. Got {alpha!r}.")
    if not isinstance(teacher, Adapted) and (target != "features" or data is None):
        raise TypeError(
            f"teacher must be what kzoo.adapt returned. Got {type(teacher).__name__}. Another "
            "model can teach features: pass target='features' and data."
        )


def _paired(teacher: Adapted, student: ModelLike, data: object, *, target: str, seen: Seen) -> PairedData:
    """What pairs give a student of another modality; ValueError for arguments that need one modality."""
    if target != "logits":
        raise ValueError(f"Of pairs a student learns the teacher's logits. Leave target= out. Got {target!r}.")
    if isinstance(student, str):
        raise ValueError(f"Of pairs, the student must be named, since it reads another input. Got {student!r}.")
    modality = source_of(student, weights="auto").card.modality
    return read_paired(teacher, cast("Task", data), student=[modality], seen=seen)


def _student(student: ModelLike, *, weights: str | Path | None, scaling: str | None) -> tuple[ModelLike, Seen]:
    """The student's source, or ``"auto"``, and what its start weights have seen."""
    if not isinstance(student, str) or student != "auto":
        source = source_of(student, weights=weights, scaling=scaling)
        return source, source.seen
    if scaling:
        raise ValueError(f"scaling= is for a model of your own. Leave it out for 'auto'. Got {scaling!r}.")
    return student, Seen()


def _parts_of(directory: str | Path | None) -> tuple[Path | None, Path | None]:
    """The directories of both parts of a run: of features, and of logits."""
    if directory is None:
        return None, None
    whole = target_of(directory, verb="distill(directory=...)")
    return whole / "features", whole / "logits"


def _imitate_logits(
    teacher: Adapted, prepared: Prepared, how: DistillationRecord, *, directory: str | Path | None, seed: int
) -> Adapted:
    """The student, trained to give the teacher's logits."""
    feed, scale = make_feed(prepared, None, seed, mixable=False)
    model = keras.Model(teacher.network.input, teacher.network.output, name=f"{teacher.card.name}_teacher")
    outputs = listen(Teacher(model, teacher.preprocessor), prepared.splits, prepared.schedule, seed=seed)

    def as_targets(logits: np.ndarray) -> np.ndarray:
        if scale is None:
            return logits
        return ((np.asarray(teacher.finish(logits)) - scale[0]) / scale[1]).astype(np.float32)

    taught = {name: as_targets(values) for name, values in outputs.train.items()}
    loss = Distillation(teacher.kind, temperature=how.temperature, alpha=how.alpha)
    results = train_taught(prepared, feed, taught, loss, teacher=teacher.network, directory=directory, seed=seed)
    return conclude(prepared, results, scale=scale, seed=seed, distilled=how)


def _recipe(card: BackboneSpec, *, examples: int, weights: bool) -> Schedule:
    return (auto if weights else imitate)(card, examples=examples, weights=weights)
