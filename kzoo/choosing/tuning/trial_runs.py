"""Trials: each is the training of `kzoo.adapt` with one configuration, on splits without the test split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from kzoo.choosing.tuning.search_space import SearchSpace
from kzoo.choosing.yardstick import merits, score_name
from kzoo.core.graph.cutting import numbers_at
from kzoo.core.graph.folding import fold
from kzoo.core.intervals import Metric
from kzoo.core.progress import ProgressBar
from kzoo.core.verbosity import verbosity
from kzoo.data.examples import Splits
from kzoo.models.backbone_source import BackboneSource
from kzoo.results.adapted import Adapted
from kzoo.setup.conclusion.result import conclude
from kzoo.setup.feeds import make_feed, train_prepared
from kzoo.setup.prepare import Prepared, prepare
from kzoo.specs.checked_json import Fields
from kzoo.specs.phases import Phase
from kzoo.specs.schedule import Schedule
from kzoo.specs.task import Task
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.task_kind import Scale, TaskKind
from kzoo.training.cache.activations import Activations
from kzoo.training.feed import Feed
from kzoo.training.freezing import set_trainable
from kzoo.training.phase import PhaseResult
from kzoo.training.selection import phase_to_keep


@dataclass(frozen=True)
class Trained:
    """A trained configuration.

    Args:
        prepared: the model and the data.
        results: of its phases.
        feed: what it was trained on.
        scale: mean and deviation of a regression's targets, or None.
    """

    prepared: Prepared
    results: list[PhaseResult] = field(repr=False)
    feed: Feed = field(repr=False)
    scale: Scale | None

    @property
    def stopped(self) -> bool:
        """Whether Ctrl-C ended it."""
        return any(result.stopped for result in self.results)

    @property
    def diverged(self) -> str:
        """How its last phase came to nothing; or ""."""
        return self.results[-1].diverged if self.results[-1].state is None else ""

    def on_validation(self) -> Fields:
        """The scores on validation of the weights that are kept: fields of a `Trial`."""
        state = self.results[phase_to_keep([result.state for result in self.results])].state
        if state is None or state.logits is None:
            raise FloatingPointError("Validation gave no finite numbers.")
        kind, held = self.prepared.kind, self.prepared.splits.validation
        outputs = kind.outputs_of(state.logits)
        truth = self.feed.validation.targets if kind.standardises else held.targets
        score: Metric = kind.metrics(outputs, truth, groups=held.groups)[score_name(kind)]
        return {
            "loss": state.loss,
            "losses": state.losses,
            "hits": state.hits,
            "merits": merits(kind, outputs, truth),
            "score": score,
        }


@dataclass(frozen=True)
class Trials:
    """The setup that all trials of a search share.

    Args:
        task: of the user.
        source: the backbone.
        splits: all examples.
        space: the configurations.
        kind: of the task.
        given: ``size``, ``resize`` and ``class_weight``, as of `kzoo.adapt`.
        seed: of each run.
    """

    task: Task
    source: BackboneSource
    splits: Splits = field(repr=False)
    space: SearchSpace
    kind: TaskKind
    given: Mapping[str, Any]
    seed: int

    def train(
        self, settings: Mapping[str, Any], watch: Callable[[Schedule], list[keras.callbacks.Callback]]
    ) -> Trained:
        """Trains one configuration; what is frozen is computed once for all trials.

        Args:
            settings: ``schedule`` and ``head`` as of `kzoo.adapt`; none for the default.
            watch: from the schedule to Keras callbacks.
        """
        blind = replace(self.splits, test=self.splits.test.take([]))
        prepared = prepare(
            self.source,
            self.task,
            options=TrainingOptions(schedule=settings.get("schedule", "auto")),
            weights="auto",
            head=settings.get("head"),
            size=self.given["size"],
            resize=self.given["resize"],
            strategy="auto",
            seed=self.seed,
            splits=blind,
        )
        feed, scale = make_feed(prepared, self.given["class_weight"], self.seed)
        # The bar of the search is the only one.
        with verbosity(0):
            share_trunks(prepared, feed, self.space.depths)
            callbacks = watch(prepared.schedule) if prepared.schedule.takes_steps else []
            results = train_prepared(prepared, feed, callbacks=callbacks)
        return Trained(prepared, results, feed, scale)

    def conclude(self, trained: Trained) -> Adapted:
        """The model of a trained configuration, measured on the test split."""
        # Each preparation adds its notes to those that the splits have.
        audit = trained.prepared.splits.audit
        audit = replace(audit, notes=list(dict.fromkeys(audit.notes)))
        prepared = replace(trained.prepared, splits=replace(self.splits, audit=audit))
        with verbosity(0):
            return conclude(prepared, trained.results, scale=trained.scale, seed=self.seed, feed=trained.feed)


def share_trunks(prepared: Prepared, feed: Feed, depths: Sequence[str]) -> None:
    """Computes the activations that a trial needs, at the cuts of all depths at once, where they fit.

    They are kept on the disk, as those of any training: another trial finds those of its depth there, and no view of an
    example goes through the backbone twice.

    Args:
        prepared: a trial's model.
        feed: its data.
        depths: patterns of the groups that trials unfreeze.
    """
    tuned = next((phase for phase in reversed(prepared.schedule.phases) if isinstance(phase, Phase)), None)
    tuned = tuned or Phase("head", epochs=1)
    assembled, names = prepared.assembled, list(prepared.assembled.groups)
    activations = Activations(assembled.model, assembled.cuts, feed, fold)
    # What is frozen is part of what activations are known by; below each cut, everything is.
    set_trainable(assembled.groups, names[-1:], batch_norm=False)
    with ProgressBar("trunk", unit="example", total=0) as bar:
        for augmentation in dict.fromkeys(("none", tuned.augmentation)):
            phases = [
                replace(tuned, train=each, augmentation=augmentation, views=tuned.views or tuned.epochs)
                for each in depths
            ]
            # From the head down: a fill serves phases that unfreeze ever more.
            phases.sort(key=lambda phase: -names.index(phase.groups(names)[0]))
            cached = [phase for phase in phases if activations.cache_plan(phase).place != "nowhere"]
            fits = sum(_bytes(phase, activations) for phase in cached) <= activations.limits.memory
            if len(cached) > 1 and activations.limits.disk and fits:
                activations.fill(cached, bar=bar)


def _bytes(phase: Phase, activations: Activations) -> int:
    """Size of the activations of a phase."""
    size = numbers_at(activations.cuts[phase.groups(list(activations.cuts))[0]], activations.model)
    train, held = len(activations.feed.train), len(activations.feed.validation)
    return activations.cache_plan(phase).bytes(size=size, train=train, validation=held)
