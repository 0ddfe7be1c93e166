"""The teacher's outputs for all views of all examples, and training on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from kzoo.core.graph.folding import fold
from kzoo.core.progress import ProgressBar
from kzoo.data.examples import Splits
from kzoo.data.seams import Preprocessor
from kzoo.models.weights import digest_of
from kzoo.results.adapted import Adapted
from kzoo.results.record import task_like
from kzoo.setup.feeds import feed_of, train_prepared
from kzoo.setup.prepare import Prepared
from kzoo.setup.run_identity import run_directory
from kzoo.specs.phases import AnyPhase, Phase
from kzoo.specs.schedule import Schedule
from kzoo.specs.task import Task
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.cache.activations import Activations
from kzoo.training.feed import Feed
from kzoo.training.losses import Distillation
from kzoo.training.phase import PhaseResult

MOST_VIEWS = 8
"""Views of each example that a teacher sees, unless a phase asks for a number: it runs once for each."""


@dataclass(frozen=True)
class Teacher:
    """A model from its scaled input to what is learned from it, (B, values), and how raw examples become its input."""

    model: keras.Model
    preprocessor: Preprocessor


@dataclass(frozen=True)
class TeacherOutputs:
    """A teacher's outputs for each view, (N, V, values), by name of the augmentation; for validation (M, values)."""

    train: dict[str, np.ndarray]
    validation: np.ndarray


def listen(teacher: Teacher, splits: Splits, schedule: Schedule, *, seed: int) -> TeacherOutputs:
    """Runs the teacher over all views that a schedule goes through, each once.

    Raises:
        MemoryError: there is no room for its outputs.
        ValueError: a phase smooths labels.
    """
    steps = [phase for phase in schedule.phases if isinstance(phase, Phase)]
    refuse_smoothing(schedule)
    examples = (splits.train, splits.validation)
    empty = [np.zeros((len(each), 0), np.float32) for each in examples]
    feed = feed_of(teacher.preprocessor, examples, empty, kind=REGRESSION, seed=seed, mixable=False)
    activations = Activations(teacher.model, {"teacher": (teacher.model.output,)}, feed, fold)
    phases: dict[str, Phase] = {}
    for phase in map(_bounded, steps):
        before = phases.get(phase.augmentation)
        if before is None or before.most_views < phase.most_views:
            phases[phase.augmentation] = dataclasses.replace(phase, train="*")
    train, validation = {}, np.zeros((0, 0))
    with ProgressBar("teacher outputs", unit="example", total=0) as bar:
        for augmentation, phase in phases.items():
            if activations.cache_plan(phase).place == "nowhere":
                raise MemoryError(
                    "The teacher's outputs for all views fit neither in memory nor on the disk. Pass fewer examples or "
                    "views."
                )
            activations.fill([phase], bar=bar)
            rows = activations.train_rows(phase)
            train[augmentation] = np.stack([row.take(0, len(splits.train))[0] for row in rows], axis=1)
            batches = [batch[0] for batch in activations.validation_batches(phase)]
            validation = np.concatenate(batches) if batches else np.zeros((0, train[augmentation].shape[-1]))
    return TeacherOutputs(train, validation)


def refuse_smoothing(schedule: Schedule) -> None:
    """Raises ValueError where a phase smooths labels."""
    steps = [phase for phase in schedule.phases if isinstance(phase, Phase)]
    if smoothed := [phase.label_smoothing for phase in steps if phase.label_smoothing not in (0, "auto")]:
        raise ValueError(
            f"label_smoothing is for labels; here a model learns from another one's outputs. Leave it out. "
            f"Got {smoothed[0]}."
        )


def train_taught(
    prepared: Prepared,
    feed: Feed,
    taught: dict[str, np.ndarray],
    loss: Distillation,
    *,
    teacher: keras.Model,
    directory: str | Path | None,
    seed: int,
) -> Sequence[PhaseResult]:
    """Runs the schedule of what was prepared, with what a teacher says of each version beside the targets.

    Args:
        prepared: the student.
        feed: its data.
        taught: by name of the augmentation, (N, V, values).
        loss: of both side by side, and of the student's logits.
        teacher: whose weights tell this run from one with another teacher.
        directory: where the run keeps how far it is; None: nowhere.
        seed: of the run.

    Returns:
        The result of each phase.
    """

    def within(phase: AnyPhase) -> AnyPhase:
        if not isinstance(phase, Phase) or phase.augmentation not in taught:
            return phase
        # There is an output of the teacher for so many views, and no others.
        views = min(phase.most_views, taught[phase.augmentation].shape[1])
        return dataclasses.replace(phase, views=views, label_smoothing=0.0)

    feed = dataclasses.replace(feed, train=dataclasses.replace(feed.train, taught=taught), loss=loss)
    schedule = Schedule(tuple(map(within, prepared.schedule.phases)), name=prepared.schedule.name)
    prepared = dataclasses.replace(prepared, schedule=schedule)
    digest = digest_of(teacher.get_weights()) if directory is not None else ""
    more = {"teacher's weights": digest, "temperature": loss.temperature, "alpha": loss.alpha}
    with run_directory(directory, prepared, verb="distill", seed=seed, more=more) as kept:
        return train_prepared(prepared, feed, directory=kept)


def _bounded(phase: Phase) -> Phase:
    """A phase with at most `MOST_VIEWS` views, unless it sets a number of its own."""
    if phase.views is not None:
        return phase
    return dataclasses.replace(phase, views=min(phase.most_views, MOST_VIEWS))


def with_bounded_views(schedule: Schedule) -> Schedule:
    """A schedule whose phases go through the views that `listen` runs the teacher over, without smoothing labels."""
    phases = (
        dataclasses.replace(_bounded(phase), label_smoothing=0.0) if isinstance(phase, Phase) else phase
        for phase in schedule.phases
    )
    return Schedule(tuple(phases), name=schedule.name)


def task_of(teacher: Adapted) -> Task:
    """The task that a model was adapted to."""
    return task_like(teacher.record.task, teacher.record.task.data, kind=teacher.kind)
