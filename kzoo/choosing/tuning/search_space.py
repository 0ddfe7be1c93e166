"""The configurations that a search draws from: around the default recipe of a model on its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from kzoo.setup.chosen_schedule import suited
from kzoo.specs.head import Head
from kzoo.specs.phases import AUGMENTATIONS, LinearProbe, Phase
from kzoo.specs.recipes import FEW, lp_ft
from kzoo.specs.schedule import Schedule

Params: TypeAlias = Mapping[str, Any]
"""A configuration: a value for each name of `SearchSpace.choices`, and ``learning_rate``."""

WHOLE = "*"
DEEPEST = 3
"""Stages below the head that a search unfreezes at most, unless the default trains them all."""

DROPOUTS, HIDDEN = (0.0, 0.2, 0.5), (0, 256)
SPREAD = 5.0
"""Rates are drawn from the default's divided by this to the default's times this."""


@dataclass(frozen=True)
class SearchSpace:
    """The configurations of a search.

    Args:
        default: the schedule of `kzoo.adapt` without options.
        phase: the phase of gradient steps that is varied.
        probe: whether a linear probe comes first.
        depths: patterns of the groups that the phase trains.
        augmentations: names.

    Example:
        >>> space = SearchSpace(lp_ft(), lp_ft().phases[1], True, ("head", "last:1"), ("none", "light"))
        >>> space.default_params["train"], space.choices["epochs"]
        ('last:1', (6, 12, 24))
        >>> found = space.settings({**space.default_params, "hidden": 256, "train": "head"})
        >>> [phase.train for phase in found["schedule"].phases], found["head"].hidden
        ([('head',), ('head',)], 256)
    """

    default: Schedule
    phase: Phase
    probe: bool
    depths: tuple[str, ...]
    augmentations: tuple[str, ...]

    @property
    def choices(self) -> dict[str, tuple[Any, ...]]:
        """The values among which each parameter is chosen, but for the rate."""
        epochs = self.phase.epochs
        return {
            "train": self.depths,
            "epochs": tuple(sorted({max(epochs // 2, 1), epochs, 2 * epochs})),
            "augmentation": self.augmentations,
            "dropout": DROPOUTS,
            "hidden": HIDDEN,
        }

    @property
    def rates(self) -> tuple[float, float]:
        """The lowest and the highest rate; it is drawn uniformly from their logarithms."""
        return self.phase.learning_rate / SPREAD, self.phase.learning_rate * SPREAD

    @property
    def default_params(self) -> Params:
        """The default as a configuration; empty where it is none of this space."""
        head, phase = Head(), self.phase
        found = {
            "train": phase.train[0],
            "epochs": phase.epochs,
            "augmentation": phase.augmentation,
            "dropout": head.dropout,
            "hidden": head.hidden,
            "learning_rate": phase.learning_rate,
        }
        inside = all(found[name] in values for name, values in self.choices.items())
        return found if inside and self.settings(found)["schedule"].phases == self.default.phases else {}

    def settings(self, params: Params) -> dict[str, Any]:
        """A configuration as arguments of `kzoo.adapt`: ``schedule`` and ``head``; of an empty one none."""
        if not params:
            return {}
        head = Head(hidden=params["hidden"], dropout=params["dropout"])
        whole = params["train"] == WHOLE
        phase = replace(
            self.phase,
            train=params["train"],
            epochs=params["epochs"],
            learning_rate=params["learning_rate"],
            augmentation=params["augmentation"],
            # Where all layers train, nothing is cached, so new views in each epoch are free.
            views=None if whole else self.phase.views or FEW,
        )
        phases = (LinearProbe(), phase) if self.probe else (phase,)
        return {"schedule": suited(Schedule(phases, name="tuned"), head), "head": head}


def space_around(default: Schedule, groups: Sequence[str], *, presets: bool) -> SearchSpace:
    """The configurations around a default schedule.

    Args:
        default: the schedule of `kzoo.adapt` without options.
        groups: of the model, from input to head.
        presets: whether the data have augmentations.

    Example:
        >>> space_around(lp_ft(), ["stem", "stage1", "stage2", "head"], presets=True).depths
        ('head', 'last:1', 'last:2')
    """
    steps = [phase for phase in default.phases if isinstance(phase, Phase)]
    augmentations = AUGMENTATIONS if presets else ("none",)
    phase = steps[-1] if steps else next(each for each in lp_ft().phases if isinstance(each, Phase))
    probe = len(steps) < len(default.phases)
    if not presets:
        phase = replace(phase, augmentation="none")
    if not probe:
        # Nothing is known yet that could stay frozen.
        return SearchSpace(default, phase, probe, tuple(phase.train), augmentations)
    depths = ["head"]
    for stages in range(1, DEEPEST + 1):
        try:
            trained = Phase(f"last:{stages}").groups(groups)
        except ValueError:
            break
        if len(trained) < len(groups):
            depths.append(f"last:{stages}")
    depths += [each for each in phase.train if each not in depths]
    return SearchSpace(default, phase, probe, tuple(depths), augmentations)
