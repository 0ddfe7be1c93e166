"""The training loop: for each phase set flags, cut trunk from tail, compile, fit, keep the best weights."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from kzoo.core.graph.folding import fold
from kzoo.core.progress import ProgressBar
from kzoo.core.tensors import Tensor
from kzoo.specs.catalog.classical_heads import CLASSICAL_HEADS
from kzoo.specs.phases import AnyPhase, Phase
from kzoo.specs.schedule import Schedule
from kzoo.training.adapters.adapted_weights import AdaptedWeight, count_trained, set_phase
from kzoo.training.adapters.differences import start_differences
from kzoo.training.adapters.phase_optimizers import PhaseOptimizers
from kzoo.training.cache import disk
from kzoo.training.cache.activations import Activations
from kzoo.training.callbacks import Progress
from kzoo.training.feed import Feed
from kzoo.training.freezing import Groups, set_trainable
from kzoo.training.phase import PhaseOutcome, PhaseResult, fit_tail
from kzoo.training.probes.classical.classical_phase import solve_classical_head
from kzoo.training.probes.probe_phase import SparseTable, solve_head, solve_sparse_head
from kzoo.training.resuming.phase_checkpoints import PhaseCheckpoints
from kzoo.training.resuming.run_directory import RunDirectory
from kzoo.training.runtime import LOG
from kzoo.training.selection import phase_to_keep
from kzoo.training.user_callbacks import UserCallbacks, refuse_callbacks


def train(
    model: keras.Model,
    *,
    groups: Groups,
    cuts: Mapping[str, Sequence[Tensor]],
    feed: Feed,
    schedule: Schedule,
    strategy: tf.distribute.Strategy,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    precision: str | None = None,
    sparse: SparseTable | None = None,
    classical: str | None = None,
    directory: RunDirectory | None = None,
) -> list[PhaseResult]:
    """Runs a schedule, and leaves the model with the weights of its last phase that did not diverge.

    Each phase starts from the weights that the one before it kept; after one that kept none, from those before it.

    Args:
        model: from scaled images to logits.
        groups: its layers by group, from input to head.
        cuts: the tensors that enter each group.
        feed: the data.
        schedule: the phases.
        strategy: where it runs; the model was built in its scope.
        callbacks: Keras callbacks; all phases that take gradient steps are one run to them, see `UserCallbacks`.
        precision: dtype policy in which gradient steps compute; None: that of each layer. ``"float32"``: activations
            are not computed in bfloat16 either.
        sparse: the layer whose table a linear probe is solved in, where that is the first phase and the layer has not
            been trained before; see `kzoo.models.assembly.Assembled`. None: the probe is solved on its features.
        classical: the row of `kzoo.specs.catalog.classical_heads` that the head is; None: a probe solves a linear one.
        directory: where the run keeps how far it is; what it holds of this run is not trained again. None: nowhere.

    Ctrl-C ends the run; what was trained until then is returned, and the last result says so. A second Ctrl-C raises.

    Raises:
        FloatingPointError: all phases diverged.
        KeyboardInterrupt: Ctrl-C before any epoch or solved head was measured.
    """
    monitored = feed.monitor is not None
    refuse_callbacks(callbacks, kind=feed.kind, validated=len(feed.validation) > 0, monitored=monitored)
    set_trainable(groups, groups, batch_norm=True)
    users = UserCallbacks(callbacks, epochs=sum(p.epochs for p in schedule.phases if isinstance(p, Phase)))
    optimizers = PhaseOptimizers(list(model.trainable_variables), strategy, parts=feed.kind.parts)
    activations = Activations(model, cuts, feed, fold, exact=precision == "float32")
    loop = _Loop(model, groups, activations, optimizers, strategy, users, precision, directory, classical)
    sparse = None if isinstance(schedule.phases[0], Phase) else sparse
    results, places = [], []
    for number, phase in enumerate(schedule.phases, start=1):
        label = f"phase {number} of {len(schedule.phases)}"
        places.append(f"while training {model.name!r}, {label}: {phase}")
        try:
            results.append(
                loop.resume(phase, number)
                or loop.run(
                    schedule.phases[number - 1 :], number=number, label=label, sparse=sparse if number == 1 else None
                )
            )
        except KeyboardInterrupt:
            if not any(result.state for result in results):
                raise
            results[-1] = replace(results[-1], stopped=f"Stopped by Ctrl-C in {label}")
        except Exception as error:
            if isinstance(error, tf.errors.OpError):
                _verify(feed)
            error.add_note(places[-1])
            raise
        if results[-1].stopped:
            break
    users.finish()
    disk.sweep()
    try:
        phase_to_keep([result.state for result in results])
    except FloatingPointError as error:
        for place in places:
            error.add_note(place)
        raise
    if results[-1].stopped:
        LOG.warning(
            "%s: the best weights so far are kept.%s", results[-1].stopped, directory.advice if directory else ""
        )
    return results


def _after(outcome: PhaseOutcome, phase: AnyPhase) -> str:
    """How far a phase came."""
    if not isinstance(phase, Phase):
        return "after the probe"
    return f"after {len(outcome.history)} of {phase.epochs} epochs"


def _verify(feed: Feed) -> None:
    """Raises where examples that were read file by file in each epoch are not what they were when they were checked."""
    for part in (feed.train, feed.validation):
        part.verify(range(len(part)))


@dataclass(frozen=True)
class _Loop:
    """The values that all phases share."""

    model: keras.Model
    groups: Groups
    activations: Activations
    optimizers: PhaseOptimizers
    strategy: tf.distribute.Strategy
    users: UserCallbacks
    precision: str | None
    directory: RunDirectory | None
    classical: str | None

    def resume(self, phase: AnyPhase, number: int) -> PhaseResult | None:
        """The result of a phase that an earlier process has trained, with the model as it was then; else None."""
        found = self.directory.load_phase(number) if self.directory and isinstance(phase, Phase) else None
        if found is None or not isinstance(phase, Phase):
            return None
        result = PhaseResult(phase, phase.groups(list(self.groups)), **found.values)
        if phase.adapter is None:
            self.optimizers.get(phase, self.groups)
        if result.diverged:
            self.optimizers.forget(phase)
        found.restore(self.model, self.optimizers.kept(self.model))
        self.users.skip(len(result.history))
        return result

    def run(
        self, phases: Sequence[AnyPhase], *, number: int, label: str, sparse: SparseTable | None = None
    ) -> PhaseResult:
        """Trains the first of the phases that are still to come; with `sparse`, a probe, in that layer's table."""
        phase, feed, started = phases[0], self.activations.feed, time.perf_counter()
        before = self.model.get_weights()
        weights = set_phase(phase, self.groups)
        counts = (sum(count_trained(self.model, weights).values()), self.model.count_params()) if weights else ()
        epochs = phase.epochs if isinstance(phase, Phase) else 0
        kept = self.directory.within(number) if self.directory and epochs else None
        # The one bar of a phase, in examples: those that go through the trunk, and those of each epoch.
        with ProgressBar(label, unit="example", total=epochs * len(feed.train), stays=True) as bar:
            if sparse is None:
                self.activations.fill(phases, bar=bar)
            filled = time.perf_counter()
            outcome = self._train(phase, bar, sparse=sparse, kept=kept, weights=weights)
        if outcome.recovered:
            LOG.warning("%s: %s", label, outcome.recovered)
        if outcome.diverged:
            LOG.warning("%s: %s", label, outcome.diverged)
            if isinstance(phase, Phase):
                self.optimizers.forget(phase)
        if outcome.state is None:
            self.model.set_weights(before)
        cache_plan = self.activations.cache_plan(phase)
        if cache_plan.place == "nowhere":
            _verify(feed)
        result = PhaseResult(
            phase,
            phase.groups(list(self.groups)),
            views=cache_plan.views,
            place=cache_plan.place,
            runtimes=tuple(self.activations.runtimes),
            state=outcome.state,
            scores=outcome.scores,
            diverged=outcome.diverged,
            recovered=outcome.recovered,
            stopped=f"Stopped by Ctrl-C in {label}, {_after(outcome, phase)}" if outcome.stopped else "",
            history=outcome.history,
            seconds=time.perf_counter() - started + (kept.seconds if kept else 0.0),
            trunk_seconds=filled - started,
            weights=self.model.get_weights(),
            parameters=counts[0] if counts else None,
            all_parameters=counts[1] if counts else None,
            refit=outcome.refit,
            differences=outcome.differences,
        )
        if self.directory and kept and outcome.finished:
            self.directory.save_phase(number, result, self.optimizers.kept(self.model))
        return result

    def _train(
        self,
        phase: AnyPhase,
        bar: ProgressBar,
        *,
        sparse: SparseTable | None,
        kept: PhaseCheckpoints | None,
        weights: Sequence[AdaptedWeight],
    ) -> PhaseOutcome:
        if not isinstance(phase, Phase):
            title = CLASSICAL_HEADS[self.classical].title if self.classical else "linear probe"
            bar.state(f"fitting the {title}")
            head = self.groups["head"]
            if self.classical:
                outcome = solve_classical_head(phase, self.classical, head, self.activations)
            elif sparse is None:
                outcome = solve_head(phase, head, self.activations)
            else:
                outcome = solve_sparse_head(phase, sparse, head, self.activations.feed)
            bar.report(", ".join([title, *(f"{name} {value:.3f}" for name, value in outcome.scores.items())]))
            return outcome
        with self.strategy.scope():
            differences = start_differences(weights, seed=self.activations.feed.seed)
        optimizer = self.optimizers.get(phase, self.groups, differences)
        progress = Progress(bar, size=len(self.activations.feed.train), epochs=phase.epochs)
        callbacks = [*self.users.of_phase(), progress]
        return fit_tail(
            phase,
            self.activations,
            optimizer=optimizer,
            strategy=self.strategy,
            callbacks=callbacks,
            precision=self.precision,
            checkpoints=kept,
            differences=differences,
        )
