"""`tune` looks for a better recipe than the default one, on validation, within a time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kzoo.choosing.tuning.sampling import import_optuna, quiet_optuna
from kzoo.choosing.tuning.search_loop import Limits, Search
from kzoo.choosing.tuning.search_space import space_around
from kzoo.choosing.tuning.study_file import StudyFile
from kzoo.choosing.tuning.trial_runs import Trials
from kzoo.choosing.tuning.tuning_record import Tuning
from kzoo.core.keywords import suggests_names
from kzoo.core.locks import lock
from kzoo.core.storage import target_of
from kzoo.core.verbosity import verbosity
from kzoo.setup.plan import random_state_kept
from kzoo.setup.prepare import Prepared, prepare
from kzoo.setup.run_identity import describe_run
from kzoo.specs.checked_json import Fields
from kzoo.specs.task import Task, as_task
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.kind_registry import get_task_kind


@suggests_names
def tune(
    task: Any,
    model: Any,
    *,
    seconds: float | None = 300,
    trials: int | None = None,
    directory: str | Path | None = None,
    weights: str | Path | None = "auto",
    size: int | None = None,
    resize: str | None = None,
    scaling: str | None = None,
    class_weight: str | Mapping[str, float] | None = None,
    strict: bool = False,
    verbose: int = 1,
    seed: int = 0,
) -> Tuning:
    """Looks for a better recipe than the default one: how deep to unfreeze, epochs, rate, head and augmentation.

    Trial 0 is `kzoo.adapt` without options. Others are drawn from a space around it, at random, then near the best
    (TPE, arXiv:2304.11127). All see training and validation examples alone, and share what the frozen layers give. A
    trial that is not in the better half after a quarter, or half, of its epochs is ended early (successive halving,
    arXiv:1810.05934).

    Trials are compared by their loss on validation. The best is kept if it beats the default recipe by more than one
    standard error of the paired difference; otherwise the default is. The test split is looked at once, at the end, to
    measure both; and what selection has added to the score on validation.

    Args:
        task: a `kzoo.Classification`, `kzoo.MultiLabel` or `kzoo.Regression`; or its data, for a Classification.
        model: as of `kzoo.adapt`.
        seconds: of the search, in (0, inf): a trial that is running then is ended at its next epoch. The default recipe
            is trained in any case, and the measurement at the end comes on top. None: `trials` is the limit.
        trials: how many, the default recipe included, an int in [1, inf); None: `seconds` is the limit.
        directory: where trials are kept; the same call again continues after the last one, and returns at once when
            both limits are reached. None: they are not kept.
        weights: as of `kzoo.adapt`; so are `size`, `resize`, `scaling` and `class_weight`, in all trials.
        size: see `weights`.
        resize: see `weights`.
        scaling: see `weights`.
        class_weight: see `weights`.
        strict: whether a trial that fails raises; else it is named in the notes. The default recipe always raises.
        verbose: 0 shows no progress bar; 1 shows one.
        seed: of the search, and of each run as of `kzoo.adapt`.

    Returns:
        The trials, the adapted model, and what the search brought and cost. After Ctrl-C, of what was found until then.

    Raises:
        ValueError: the data cannot be used, there is no validation split, or there is nothing to tune.
        ImportError: Optuna is not installed (extra ``tune``).

    Example:
        >>> import kzoo, keras, numpy as np
        >>> pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3)).astype("uint8")
        >>> inputs = keras.Input((8, 8, 3))
        >>> model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs), name="small")
        >>> tuning = kzoo.tune((pixels, np.arange(60) % 2), model, trials=1, verbose=0)
        >>> tuning.chosen, tuning.sentence
        (0, 'The default recipe is kept: no other trial was completed.')
    """
    limits = Limits(seconds, trials)
    import_optuna()
    if isinstance(model, Task):
        raise TypeError("tune takes the task first: kzoo.tune(task, model).")
    given = {"weights": weights, "size": size, "resize": resize, "scaling": scaling, "class_weight": class_weight}
    place = None if directory is None else target_of(directory, verb="tune")
    with random_state_kept(), verbosity(verbose), quiet_optuna():
        task = as_task(task)
        prepared = _prepare_default(task, model, given, seed=seed)
        presets = not isinstance(prepared.options.augmentation, str)
        space = space_around(prepared.schedule, list(prepared.assembled.groups), presets=presets)
        kind = get_task_kind(task.kind)
        shared = Trials(task, prepared.source, prepared.splits, space, kind, given, seed)
        file = StudyFile(place, _run(prepared, given, seed=seed))
        with lock(place) if place else contextlib.nullcontext():
            return Search(shared, file, limits, strict).run()


def _prepare_default(task: Task, model: Any, given: Mapping[str, Any], *, seed: int) -> Prepared:
    """The recipe that `kzoo.adapt` trains by default.

    Raises:
        ValueError: there is no validation split, or nothing to tune.
    """
    named = {name: given[name] for name in ("weights", "size", "resize", "scaling")}
    options = TrainingOptions()
    prepared = prepare(model, task, options=options, head=None, strategy="auto", seed=seed, **named)
    if prepared.sparse is not None:
        name = prepared.source.card.name
        raise ValueError(
            f"There is nothing to tune: {name!r} is solved exactly, and cross-validation chooses its features and its "
            f"penalty. Call kzoo.adapt({name!r}, task), or tune a model that takes gradient steps."
        )
    if not len(prepared.splits.validation):
        raise ValueError("tune compares trials on validation, and validation=0 leaves no examples. Give it some.")
    return prepared


def _run(prepared: Prepared, given: Mapping[str, Any], *, seed: int) -> Fields:
    """All that trials, and their measurement, follow from, as plain values."""
    run = describe_run(prepared, class_weight=given["class_weight"], precision=None, seed=seed)
    return {**run, "test data": prepared.splits.fingerprint()}
