"""The optimizers of a run: one of each kind for its phases, and one of its own for each phase with an adapter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.walking import weights_of
from kzoo.specs.phases import Phase
from kzoo.task_kinds.task_kind import KindPart
from kzoo.training.adapters.differences import Difference, as_their_weights
from kzoo.training.freezing import Groups
from kzoo.training.optimizers import build_optimizer, kernels_of, rates_of
from kzoo.training.resuming.training_state import kept_variables


class PhaseOptimizers:
    """One optimizer of each kind, made while nothing is frozen, so that its state outlives every phase.

    Args:
        variables: all trainable variables of the model.
        strategy: where they are.
        parts: the tasks, where there are several.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        strategy: tf.distribute.Strategy,
        *,
        parts: Sequence[KindPart] = (),
    ) -> None:
        self.variables, self.strategy, self.parts = variables, strategy, parts
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
        factors: dict[str, float | np.ndarray] = {**rates_of(groups, phase.layer_decay)}
        decays = dict.fromkeys(kernels_of(groups), phase.weight_decay) if phase.weight_decay else {}
        if phase.heads:
            factors |= self._shares_of_heads(phase, groups)
        found.set_groups(
            factors | as_their_weights(differences, factors), decays=decays | as_their_weights(differences, decays)
        )
        return found

    def _shares_of_heads(self, phase: Phase, groups: Groups) -> dict[str, np.ndarray]:
        """The share of the rate of each output in the weights of its layer: 0 where its task's head does not train."""
        trained = [part for part in self.parts if part.name in phase.heads]
        shares = np.zeros(max(part.stop for part in self.parts), np.float32)
        for part in trained:
            shares[part.start : part.stop] = 1.0
        weights = [variable for operation in groups[list(groups)[-1]] for variable in weights_of(operation)]
        return {variable.path: shares for variable in weights if variable.shape[-1] == len(shares)}

    def kept(self, model: keras.Model) -> list[Any]:
        """What outlives a phase besides the weights of the model."""
        return kept_variables(model, list(self.made.values()))

    def forget(self, phase: Phase) -> None:
        """Lets go of the optimizer of a phase that diverged: its state is as wild as its weights were."""
        if phase.adapter is None:
            self.made.pop((phase.optimizer, phase.optimizer_options), None)
