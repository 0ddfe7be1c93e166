"""The optimizers of a run: one of each kind for its phases, and one of its own for each phase with an adapter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from kzoo.specs.phases import Phase
from kzoo.training.adapters.differences import Difference, as_their_weights
from kzoo.training.freezing import Groups
from kzoo.training.optimizers import build_optimizer, kernels_of, rates_of
from kzoo.training.resuming.training_state import kept_variables


class PhaseOptimizers:
    """One optimizer of each kind, made while nothing is frozen, so that its state outlives every phase."""

    def __init__(self, variables: Sequence[keras.Variable], strategy: tf.distribute.Strategy) -> None:
        self.variables, self.strategy = variables, strategy
        self.made: dict[tuple[str, object], keras.optimizers.Optimizer] = {}

    def get(self, phase: Phase, groups: Groups, differences: Sequence[Difference] = ()) -> keras.optimizers.Optimizer:
        """The optimizer of a phase, with its rate for each group; of differences, which end with it, one of its own."""
        kind = phase.optimizer, phase.optimizer_options
        found = None if differences else self.made.get(kind)
        if found is None:
            variables = [each for each in self.variables if each.trainable] if differences else self.variables
            more = [factor for each in differences for factor in each.factors]
            with self.strategy.scope():
                found = build_optimizer(phase.optimizer, [*variables, *more], phase.optimizer_options)
        if not differences:
            self.made[kind] = found
        factors = rates_of(groups, phase.layer_decay)
        decays = dict.fromkeys(kernels_of(groups), phase.weight_decay) if phase.weight_decay else {}
        found.set_groups(
            factors | as_their_weights(differences, factors), decays=decays | as_their_weights(differences, decays)
        )
        return found

    def kept(self, model: keras.Model) -> list[Any]:
        """What outlives a phase besides the weights of the model."""
        return kept_variables(model, list(self.made.values()))

    def forget(self, phase: Phase) -> None:
        """Lets go of the optimizer of a phase that diverged: its state is as wild as its weights were."""
        if phase.adapter is None:
            self.made.pop((phase.optimizer, phase.optimizer_options), None)
