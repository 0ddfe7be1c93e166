"""The schedule of a run: what a user asks for, with the options that change it."""

from __future__ import annotations

from collections.abc import Callable

from kzoo.specs.head import Head
from kzoo.specs.phases import OWN, LinearProbe, Phase
from kzoo.specs.recipes import RECIPES, linear_probe
from kzoo.specs.schedule import Schedule
from kzoo.specs.training_options import TrainingOptions


def choose_schedule(
    options: TrainingOptions, head: Head, recipe: Callable[[], Schedule], *, replicas: int
) -> tuple[Schedule, Schedule]:
    """The schedule as asked for, and as it runs: batches of a recipe are multiples of the replicas.

    Args:
        options: of the run; its optimizer is an `OptimizerChoice`, or None.
        head: on a head that is not linear, a probe takes gradient steps.
        recipe: makes the schedule that is ``"auto"``.
        replicas: over which each batch is divided.

    Raises:
        ValueError: it is no schedule, or an option would do nothing.
    """
    given = _given(options.schedule)
    wanted = options.change(given or _named(options.schedule, head, recipe))
    if wanted.takes_steps and not head.differentiable:
        raise ValueError(
            f"Head(kind={head.kind!r}) takes no gradient steps, and schedule {wanted.name!r} has some. Use "
            "schedule='linear_probe', or another head."
        )
    if options.augmentation is not None:
        named = isinstance(options.augmentation, str)
        wanted = wanted.with_augmentation(options.augmentation if named else OWN)
    # A batch size that the user chose is not changed without a word.
    asked = given is not None or options.batch_size is not None
    return wanted, wanted if asked else wanted.with_batches_of(replicas)


def _given(schedule: object) -> Schedule | None:
    """A schedule of the user's own; None for the name of one."""
    if isinstance(schedule, Schedule):
        return schedule
    phases = list(schedule) if isinstance(schedule, list | tuple) else [schedule]
    found = [each for each in phases if isinstance(each, Phase | LinearProbe)]
    return Schedule(found) if found and len(found) == len(phases) else None


def _named(schedule: object, head: Head, recipe: Callable[[], Schedule]) -> Schedule:
    if not isinstance(schedule, str) or schedule not in ("auto", *RECIPES):
        raise ValueError(
            f"schedule must be 'auto', {', '.join(map(repr, RECIPES))} or a "
            f"kzoo.Schedule, a kzoo.Phase, a kzoo.LinearProbe or a list of phases. Got {schedule!r}."
        )
    if schedule == "auto" and head.classical:
        return linear_probe()
    return suited(recipe() if schedule == "auto" else RECIPES[schedule](), head)


def suited(schedule: Schedule, head: Head) -> Schedule:
    """A schedule that can train a head: of one that no probe solves, a probe takes gradient steps.

    Such a head has no closed solution; the steps are taken on the same cached features.
    """
    if head.solved:
        return schedule
    probe = Phase("head", epochs=30, learning_rate=1e-3, patience=5)
    phases = tuple(phase if phase.takes_steps else probe for phase in schedule.phases)
    return Schedule(phases, name=schedule.name)
