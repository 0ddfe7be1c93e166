"""Optuna (extra ``tune``): draws configurations, ends bad trials early, and says which parameters matter."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from kzoo.choosing.tuning.search_space import Params, SearchSpace
from kzoo.choosing.tuning.tuning_record import COMPLETE, FAILED, PRUNED, Trial

STARTUP = 6
"""Trials that are drawn at random before others are drawn near the best (TPE, Bergstra et al. 2011)."""

SPARED = 3
"""Trials, the default among them, that are never ended early: to be worse than one other says little."""

FACTOR = 2
"""Of the trials that reach a rung, the better one in so many goes on."""

LEAST = 8
"""Complete trials from which the importance of parameters is told."""


def import_optuna() -> ModuleType:
    """Optuna.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError('tune needs Optuna: pip install "kzoo[tune]"') from error
    return optuna


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Inside the context, Optuna logs errors alone."""
    logs = import_optuna().logging
    before = logs.get_verbosity()
    logs.set_verbosity(logs.ERROR)
    try:
        yield
    finally:
        logs.set_verbosity(before)


class Sampling:
    """The study of a search, which follows from its seed and its trials alone.

    The sampler of each trial has a seed of its own: a search that goes on draws what it would have drawn without the
    interruption.

    Args:
        space: the configurations.
        seed: of the search.
        trials: that are done, from the first.
    """

    def __init__(self, space: SearchSpace, *, seed: int, trials: Sequence[Trial]) -> None:
        self.optuna, self.space, self.seed = import_optuna(), space, seed
        # A rung is a share of a trial's epochs: see `kzoo.choosing.tuning.rungs`.
        pruner = self.optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=FACTOR)
        self.study = self.optuna.create_study(direction="minimize", pruner=pruner)
        self.study.add_trials([self._frozen(each) for each in trials])

    def ask(self, number: int) -> Any:
        """The trial of a number, with the parameters that it has to try; the first is the default."""
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        self.study.sampler = self.optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        if number:
            return self.study.ask(self._distributions())
        self.study.enqueue_trial(dict(self.space.default_params))
        return self.study.ask(self._distributions() if self.space.default_params else {})

    def should_end(self, trial: Any, step: int, loss: float) -> bool:
        """Whether a trial is not among the better ones at a rung (successive halving, arXiv:1810.05934)."""
        trial.report(loss, step)
        # Asked in any case: the study notes who reached the rung.
        return trial.should_prune() and trial.number >= SPARED

    def tell(self, trial: Any, *, state: str, loss: float | None) -> tuple[dict[int, float], dict[str, Any]]:
        """Ends a trial; returns its losses at the rungs, and what Optuna notes of it."""
        states = self.optuna.trial.TrialState
        if state == COMPLETE:
            found = self.study.tell(trial, loss)
        else:
            found = self.study.tell(trial, state={PRUNED: states.PRUNED, FAILED: states.FAIL}[state])
        noted = {name: value for name, value in found.system_attrs.items() if isinstance(value, float)}
        return dict(found.intermediate_values), noted

    def importance(self) -> dict[str, float]:
        """The share of the variance of the loss that each parameter explains (fANOVA, Hutter et al. 2014)."""
        whole = [
            each
            for each in self.study.get_trials(states=[self.optuna.trial.TrialState.COMPLETE])
            if each.params and np.isfinite(each.value)
        ]
        if len(whole) < LEAST:
            return {}
        study = self.optuna.create_study(direction="minimize")
        study.add_trials(whole)
        fanova = self.optuna.importance.FanovaImportanceEvaluator(seed=self.seed)
        try:
            found = self.optuna.importance.get_param_importances(study, evaluator=fanova)
        except RuntimeError:
            # All have the same loss, that of the probe, where nothing that is tuned beats it.
            return {}
        return {name: float(value) for name, value in found.items()}

    def _frozen(self, trial: Trial) -> Any:
        states = self.optuna.trial.TrialState
        return self.optuna.trial.create_trial(
            state={COMPLETE: states.COMPLETE, PRUNED: states.PRUNED, FAILED: states.FAIL}[trial.state],
            value=trial.loss if trial.state == COMPLETE else None,
            params=dict(trial.params),
            distributions=self._distributions() if trial.params else {},
            intermediate_values=dict(trial.rungs),
            system_attrs=dict(trial.noted),
        )

    def _distributions(self) -> dict[str, Any]:
        kinds = self.optuna.distributions
        found = {name: kinds.CategoricalDistribution(values) for name, values in self.space.choices.items()}
        return {**found, "learning_rate": kinds.FloatDistribution(*self.space.rates, log=True)}


def params_of(trial: Any) -> Params:
    """The parameters that a trial tries, by name."""
    return dict(trial.params)
