"""Recipes: functions that return schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kzoo.specs.card import BackboneSpec
from kzoo.specs.phases import LinearProbe, Phase
from kzoo.specs.schedule import Schedule

FEW = 6
"""Views of each example that recipes cache: more take longer than they gain (TrashNet)."""


def linear_probe() -> Schedule:
    """The head alone, on frozen features, solved to its optimum: the first honest answer to "does it transfer".

    Example:
        >>> linear_probe().phases[0].train
        ('head',)
    """
    return Schedule((LinearProbe(),), name="linear_probe")


def fine_tune(
    train: str = "*",
    *,
    epochs: int = 10,
    learning_rate: float = 3e-4,
    augmentation: str = "light",
    views: int | None = None,
    batch_size: int = 32,
    optimizer: str = "adam",
) -> Schedule:
    """Head and backbone at once, from a random head, at a low rate that decays to 0.

    Args:
        train: pattern of the groups that train.
        epochs: passes over the training split.
        learning_rate: peak rate.
        augmentation: preset.
        views: as of `kzoo.Phase`; None: 6, but a new one in each epoch where ``train`` is ``"*"``.
        batch_size: examples a step.
        optimizer: name, as of `kzoo.Phase`.

    Example:
        >>> schedule = fine_tune("last:2", epochs=5)
        >>> schedule.name, len(schedule.phases), schedule.phases[0].epochs
        ('fine_tune', 1, 5)
    """
    phase = _tuning(
        train,
        epochs=epochs,
        learning_rate=learning_rate,
        augmentation=augmentation,
        views=views,
        batch_size=batch_size,
        optimizer=optimizer,
    )
    return Schedule((phase,), name="fine_tune")


def gradual(
    *,
    epochs: int = 4,
    learning_rate: float = 3e-4,
    augmentation: str = "light",
    views: int | None = None,
    batch_size: int = 32,
    optimizer: str = "adam",
) -> Schedule:
    """Head first, then the last stage, then the last two, each for `epochs` (ULMFiT, arXiv:1801.06146).

    Args:
        epochs: passes over the training split, a phase.
        learning_rate: peak rate of the first unfrozen phase; half of it for the next.
        augmentation: preset.
        views: as of `kzoo.Phase`; None: 6, but a new one in each epoch where ``train`` is ``"*"``.
        batch_size: examples a step.
        optimizer: name, as of `kzoo.Phase`.

    Example:
        >>> [phase.train for phase in gradual().phases]
        [('head',), ('upto:1',), ('upto:2',)]
    """
    # With one stage, both phases train it.
    tuning = (
        _tuning(
            f"upto:{n}",
            epochs=epochs,
            learning_rate=learning_rate / n,
            augmentation=augmentation,
            views=views,
            batch_size=batch_size,
            optimizer=optimizer,
        )
        for n in (1, 2)
    )
    return Schedule((LinearProbe(), *tuning), name="gradual")


def lp_ft(
    train: str = "last:1",
    *,
    epochs: int = 12,
    learning_rate: float = 3e-4,
    augmentation: str = "light",
    views: int | None = None,
    batch_size: int = 32,
    optimizer: str = "adam",
) -> Schedule:
    """Linear probe, then fine-tuning from it (arXiv:2202.10054): what is unfrozen is not torn up by a random head.

    Args:
        train: pattern of the groups that train in the second phase.
        epochs: passes over the training split in the second phase.
        learning_rate: its peak rate.
        augmentation: its preset.
        views: as of `kzoo.Phase`; None: 6, but a new one in each epoch where ``train`` is ``"*"``.
        batch_size: examples a step.
        optimizer: name, as of `kzoo.Phase`.

    Example:
        >>> [type(phase).__name__ for phase in lp_ft().phases]
        ['LinearProbe', 'Phase']
    """
    tuning = _tuning(
        train,
        epochs=epochs,
        learning_rate=learning_rate,
        augmentation=augmentation,
        views=views,
        batch_size=batch_size,
        optimizer=optimizer,
    )
    return Schedule((LinearProbe(), tuning), name="lp_ft")


def _tuning(train: str, *, views: int | None, **values: Any) -> Phase:
    # Where all layers train, nothing is cached, so new views in each epoch are free.
    views = FEW if views is None and train != "*" else views
    return Phase(train, label_smoothing="auto", views=views, **values)


def auto(card: BackboneSpec, *, examples: int, weights: bool) -> Schedule:
    """The schedule ``"auto"``, the default of `adapt`.

    A card that is sparse, without weights, is solved as a linear model of its features. Another one with a rate of its
    own is tuned whole at that rate: for a few epochs, from the probe; or, without weights, for more of them, from the
    start. Otherwise, under 50 examples the probe alone; from 50 on the probe, then the last stage from it: the fewer
    examples, the more views of each.

    TrashNet, mobilenet_v2_035 at 224, seed 0: 0.933 test accuracy (``benchmarks/time_to_accuracy.py``).

    Args:
        card: the backbone's.
        examples: in the training split.
        weights: whether it has pretrained ones.
    """
    if card.is_sparse and not weights:
        return Schedule(linear_probe().phases, name="auto")
    if card.rate and not weights:
        augmentation = card.modality_spec.start_augmentation
        budget = card.modality_spec.start
        epochs = min(max(round(budget.examples / examples), budget.least), budget.most)
        # With new views in each epoch validation is noisy until the rate has fallen, so do not stop early.
        patience = None if augmentation != "none" else budget.patience
        phase = Phase(
            "*", epochs=epochs, learning_rate=card.rate, patience=patience, batch_norm=True, augmentation=augmentation
        )
        return Schedule((phase,), name="auto")
    if examples < 50:
        return Schedule(linear_probe().phases, name="auto")
    if card.rate:
        # Only tables of embeddings have such high rates, and their steps cost the same for any batch size.
        batch_size = 256 if card.rate >= 1e-3 else 32
        tuning = Phase(
            "*", epochs=4, learning_rate=card.rate, layer_decay=0.9, weight_decay=0.01, batch_size=batch_size
        )
        return Schedule((*linear_probe().phases, tuning), name="auto")
    epochs = 12 if examples < 20_000 else 6
    views = min(epochs, max(3, round(12_000 / examples)))
    return Schedule(lp_ft(epochs=epochs, views=views).phases, name="auto")


def imitate(card: BackboneSpec, *, examples: int, weights: bool) -> Schedule:
    """How a student imitates a teacher, all of it: from the start for many epochs, from weights more carefully.

    Args:
        card: the student's.
        examples: in the training split.
        weights: whether it has pretrained ones.
    """
    rate = (card.rate or 1e-3) / (1 if card.rate or not weights else 3)
    epochs = min(max(round(60_000 / examples), 5), 60)
    phase = Phase(
        "*",
        epochs=epochs,
        learning_rate=rate,
        batch_norm=True,
        augmentation=card.modality_spec.student_augmentation,
        views=min(epochs, 8),
    )
    return Schedule((phase,), name="imitate")


RECIPES: dict[str, Callable[..., Schedule]] = {
    "linear_probe": linear_probe,
    "fine_tune": fine_tune,
    "gradual": gradual,
    "lp_ft": lp_ft,
}
"""Recipes by the name that ``schedule=`` takes."""


def register_recipe(name: str, recipe: Callable[[], Schedule]) -> None:
    """Makes ``schedule=name`` train as `recipe` says, in every verb that takes a schedule.

    Args:
        name: a new name.
        recipe: function without required arguments that returns a `kzoo.Schedule`.

    Raises:
        ValueError: the name is taken.
        TypeError: the recipe does not return a schedule.

    Example:
        >>> def careful():
        ...     return Schedule((*linear_probe().phases, Phase("last:1", epochs=3, learning_rate=1e-5)), name="careful")
        >>> register_recipe("careful", careful)
        >>> [phase.train for phase in RECIPES.pop("careful")().phases]
        [('head',), ('last:1',)]
    """
    if name == "auto" or name in RECIPES:
        raise ValueError(f"A recipe named {name!r} is registered already. Choose another name.")
    made = recipe()
    if not isinstance(made, Schedule):
        raise TypeError(f"A recipe must return a kzoo.Schedule. {name!r} returns a {type(made).__name__}.")
    RECIPES[name] = recipe
