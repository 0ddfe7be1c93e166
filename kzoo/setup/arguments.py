"""Checks of arguments before anything is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf

from kzoo.data.image.augment import PRESETS
from kzoo.data.image.preprocess import RESIZES
from kzoo.data.seams import Modality
from kzoo.models.assembly import Assembled
from kzoo.specs.group_patterns import HEAD
from kzoo.specs.head import Head
from kzoo.specs.phases import OWN, AnyPhase, Phase
from kzoo.specs.schedule import Schedule
from kzoo.specs.task import GRADNORM, MultiTask
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.adapters.adapted_weights import set_phase
from kzoo.training.freezing import batch_norms
from kzoo.training.losses import build_loss
from kzoo.training.strategies import refuse_unsynchronized, whole_batch
from kzoo.training.user_callbacks import refuse_callbacks

AnyMetric: TypeAlias = str | keras.metrics.Metric | Callable[[np.ndarray, np.ndarray], float]
"""A Keras metric, the name of one or of a registered one, or a callable of truth and outputs, (N, outputs) each."""


def as_size(size: object) -> int | None:
    """The size of an input as an int; also of a square, given as ``(224, 224)``. None stays None.

    Raises:
        ValueError: the size is no int, or not that of a square.
    """
    side = size
    if isinstance(size, tuple | list) and len(size) == 2 and size[0] == size[1]:
        side = size[0]
    if side is None:
        return None
    if isinstance(side, bool) or not isinstance(side, int | np.integer):
        hint = f"Inputs are square: pass size={side[0]!r}." if isinstance(side, tuple | list) and side else ""
        raise ValueError(f"size must be an int, or None. Got {side!r}. {hint}".rstrip())
    return int(side)


def check_resize(modality: Modality, resize: str | None) -> None:
    """Raises ValueError where the modality is not resized, or not in this way.

    Args:
        modality: of the data.
        resize: a name, or None where nothing was asked for.
    """
    if resize is not None and not modality.spec.square and modality.choose is None:
        raise ValueError(f"resize is for images; the data are {modality.noun}s. Got {resize!r}: leave it out.")
    if resize is not None and resize not in RESIZES:
        raise ValueError(f"resize must be one of {', '.join(RESIZES)}. Got {resize!r}.")


def without_presets(options: TrainingOptions, modality: Modality) -> TrainingOptions:
    """The options without the augmentation of a recipe, where the modality has none.

    Raises:
        ValueError: the user asks for it by name.
    """
    if modality.presets:
        return options
    wanted = [options.augmentation] if isinstance(options.augmentation, str) else []
    wanted += [each.augmentation for each in getattr(options.schedule, "phases", ())]
    if found := next((each for each in wanted if each in PRESETS), None):
        raise ValueError(
            f"There is no augmentation {found!r} of {modality.noun}s: pass 'none', a Keras layer, or a callable."
        )
    plain = options.augmentation is None and isinstance(options.schedule, str)
    return dataclasses.replace(options, augmentation="none") if plain else options


def check_head(head: Head, backbone: keras.Model, assembled: Assembled, *, kind: TaskKind | None = None) -> None:
    """Raises where an option of the head would do nothing on this backbone, or it cannot answer this kind of task."""
    plain = Head(kind=head.kind)
    idle = [each.name for each in dataclasses.fields(Head) if getattr(head, each.name) != getattr(plain, each.name)]
    idle = [name for name in idle if head.registered or name in _IDLE.get(head.kind, ("hidden", "dropout", "examples"))]
    if idle:
        owners = {"knn" if name == "examples" else "mlp" for name in idle}
        kinds = " and ".join(map(repr, sorted(owners)))
        raise ValueError(f"Head(kind={head.kind!r}) takes no {', '.join(idle)}: these are options of kind {kinds}.")
    if head.classical and kind is not None and kind.parts:
        raise ValueError(
            f"Head(kind={head.kind!r}) answers one task, and there are {len(kind.parts)}. Leave head= out, or adapt to "
            "each task by itself."
        )
    shape = backbone.output_shape
    if head.pooling != "avg" and len(shape) == 2:
        raise ValueError(
            f"Head(pooling={head.pooling!r}) pools over space or time; {backbone.name!r} gives {shape}, which is "
            "pooled already. Leave pooling out."
        )
    if head.levels == "all" and not any(each.name == "head_levels" for each in assembled.model.operations):
        raise ValueError(f"Head(levels='all') needs a backbone with feature maps; {backbone.name!r} has none to tap.")


_IDLE = {"mlp": ("examples",), "knn": ("hidden", "dropout")}
"""Options that a kind of head has no use for."""


def check_callbacks(
    callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback],
    schedule: Schedule,
    *,
    kind: TaskKind,
    monitored: bool = False,
) -> list[keras.callbacks.Callback]:
    """One or several callbacks of the user as a list.

    Args:
        callbacks: one or several Keras callbacks.
        schedule: the phases.
        kind: kind of the task.
        monitored: whether ``monitor=`` was given.

    Raises:
        TypeError: one is no Keras callback.
        ValueError: one cannot work here, or none would ever run.
    """
    found = list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
    for each in found:
        if not isinstance(each, keras.callbacks.Callback):
            raise TypeError(f"callbacks must be Keras callbacks. Got {each!r}.")
    if found and not schedule.takes_steps:
        raise ValueError(
            f"callbacks would never run: schedule {schedule.name!r} is a probe alone, which takes no gradient steps. "
            "Leave them out, or pass another schedule, as 'lp_ft'."
        )
    refuse_callbacks(found, kind=kind, monitored=monitored)
    return found


def notes_on_batches(wanted: Schedule, made: Schedule, *, examples: int, strategy: tf.distribute.Strategy) -> list[str]:
    """Notes on batches that are smaller than the schedule says."""
    notes = []
    replicas = strategy.num_replicas_in_sync
    for number, (before, phase) in enumerate(zip(wanted.phases, made.phases, strict=True), start=1):
        if not (isinstance(phase, Phase) and isinstance(before, Phase)):
            continue
        batch = whole_batch(phase.batch_size, examples, strategy)
        if batch != before.batch_size:
            whole = f", a multiple of the {replicas} replicas" if replicas > 1 else ""
            short = f"; there are {examples} training examples" if batch < phase.batch_size else ""
            notes.append(f"Phase {number} takes batches of {batch}{whole}, not {before.batch_size}{short}")
    return notes


def notes_on_mixing(schedule: Schedule, modality: Modality, *, kind: TaskKind) -> list[str]:
    """Notes on an augmentation that would mix examples whose targets cannot be mixed."""
    mixing = [each.augmentation for each in schedule.phases if getattr(PRESETS.get(each.augmentation), "mix", 0)]
    if kind.has_labels or not modality.mixes or not mixing:
        return []
    return [f"Augmentation {mixing[0]!r} mixes no examples here: targets are numbers"]


def notes_on_weighing(tasks: MultiTask, schedule: Schedule, *, validation: int) -> list[str]:
    """Notes on weights and a temperature of several tasks that change nothing.

    Raises:
        ValueError: an adapter's phase would be weighed by GradNorm, which takes the gradients of the layers themselves.
    """
    named = [f"weights={tasks.weighing!r}"] * bool(tasks.weighing) + ["temperature="] * (tasks.temperature != 1)
    if named and not schedule.takes_steps:
        return [f"{' and '.join(named)} change nothing: schedule {schedule.name!r} takes no gradient steps"]
    if tasks.weighing and not validation:
        return [f"weights={tasks.weighing!r} change nothing: there are no validation examples to weigh by"]
    if tasks.weighing == GRADNORM and any(phase.adapter is not None for phase in schedule.phases):
        raise ValueError(
            f"weights={GRADNORM!r} goes by the gradients of layers, and a phase has an adapter. Use another weighing, "
            "or no adapter."
        )
    return []


def check_phase(
    phase: AnyPhase,
    assembled: Assembled,
    *,
    kind: TaskKind,
    examples: int,
    strategy: tf.distribute.Strategy,
    options: TrainingOptions,
) -> None:
    """Raises what training would raise, before anything is trained."""
    if phase.augmentation == OWN and options.augmentation is None:
        raise ValueError("Phase(augmentation='own') needs kzoo.adapt(augmentation=): a Keras layer, or a callable.")
    trained = phase.groups(list(assembled.groups))
    if isinstance(phase, Phase):
        whole_batch(phase.batch_size, examples, strategy)
        build_loss(kind, label_smoothing=phase.label_smoothing)
        if options.loss is not None and phase.label_smoothing not in (0, "auto"):
            raise ValueError(
                f"label_smoothing={phase.label_smoothing} of a phase would do nothing with loss=: set it in your loss."
            )
    if phase.heads:
        _check_heads(phase.heads, [part.name for part in kind.parts], head=assembled.groups[HEAD])
    if phase.adapter:
        set_phase(phase, assembled.groups)
    if phase.batch_norm:
        refuse_unsynchronized(batch_norms(op for name in trained for op in assembled.groups[name]), strategy)


def _check_heads(heads: Sequence[str], tasks: Sequence[str], *, head: Sequence[keras.Operation]) -> None:
    """Raises where a phase names the head of a task that there is not, or heads have layers in common."""
    if unknown := [name for name in heads if name not in tasks]:
        known = f"The tasks are: {', '.join(tasks)}." if tasks else "There is one task, whose head is 'head'."
        raise ValueError(f"Pattern '{unknown[0]}/head' of train names no task. {known}")
    if len([each for each in head if isinstance(each, keras.layers.Dense)]) > 1:
        raise ValueError(
            f"Pattern '{heads[0]}/head' of train needs heads without a common layer. Leave hidden= of kzoo.Head out."
        )
