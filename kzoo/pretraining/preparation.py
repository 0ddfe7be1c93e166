"""What is known and read before a backbone is pretrained: source, data, preprocessor, objective, schedule."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tensorflow as tf

from kzoo.core.disk.checkpoints import PlainValues
from kzoo.data.modalities import MODALITIES
from kzoo.data.seams import Modality, Preprocessor
from kzoo.models.backbone_source import BackboneSource
from kzoo.pretraining.dataset import PretrainingData, read_material
from kzoo.pretraining.objectives.objective import Objective
from kzoo.pretraining.precision import find_precision
from kzoo.pretraining.pretraining_options import PretrainingOptions
from kzoo.pretraining.step_schedule import StepSchedule, questions
from kzoo.pretraining.steps import FORMAT
from kzoo.setup.arguments import as_size, check_resize
from kzoo.setup.auto_model import choose_model, guess_modality
from kzoo.setup.feeds import feed_of
from kzoo.setup.model_source import ModelLike, source_of
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import Regression, Task
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.feed import Feed
from kzoo.training.strategies import get_strategy, whole_batch

LOG = logging.getLogger("kzoo")


@dataclass(frozen=True)
class PreparedPretraining:
    """All that a run of `kzoo.pretrain` follows from, but for its start weights.

    Args:
        source: the backbone, its card and weights.
        data: examples and targets.
        modality: of the examples.
        preprocessor: raw examples to the backbone's input.
        objective: what is learned.
        course: how long and how fast.
        augmentation: its name.
        precision: name of a dtype policy.
        strategy: where it runs.
    """

    source: BackboneSource
    data: PretrainingData
    modality: Modality
    preprocessor: Preprocessor
    objective: Objective
    course: StepSchedule
    augmentation: str
    precision: str
    strategy: tf.distribute.Strategy

    @property
    def seen(self) -> Seen:
        """What the weights will have seen."""
        return self.source.seen | self.data.seen()

    @cached_property
    def feed(self) -> Feed:
        """The examples, and the targets that they are asked about."""
        examples, targets = self.data.examples, self.data.targets
        parts, both = (examples, examples), (targets, targets)
        return feed_of(self.preprocessor, parts, both, kind=REGRESSION, seed=self.course.seed, mixable=False)

    def questions(self, start: int) -> tf.data.Dataset:
        """What the network is asked from step `start` on, see `kzoo.pretraining.step_schedule.questions`."""
        return questions(
            self.feed.train,
            self.objective.ask,
            course=self.course,
            views=self.objective.views,
            augmentation=self.augmentation,
            start=start,
        )

    def names(self, step: int) -> str:
        """The examples of a step, in the words of a message."""
        batch = self.course.batch_size
        each = len(self.feed.train) // batch
        return self.feed.examples_of_step(step // each, step % each, batch=batch)

    def describe(self, *, start: str, probe: bool) -> PlainValues:
        """All that tells this run from another one, as a checkpoint keeps it.

        Args:
            start: SHA-256 of the start weights.
            probe: whether a probe is measured.
        """
        return {
            "model": self.source.card.name,
            "weights": self.source.weights_name,
            "objective": self.objective.name,
            "data": self.data.digest(),
            "start": start,
            "input": [str(self.preprocessor), *self.preprocessor.shape],
            "augmentation": self.augmentation,
            "precision": self.precision,
            "probe": probe,
            **self.course.as_plain(),
            "format": FORMAT,
        }


def prepare_pretraining(
    model: ModelLike,
    data: object,
    *,
    options: PretrainingOptions,
    weights: str | Path | None,
    size: int | None,
    resize: str | None,
    scaling: str | None,
    strategy: str | tf.distribute.Strategy,
) -> PreparedPretraining:
    """Finds the model and reads the data; the arguments are those of `kzoo.pretrain`."""
    chosen, size = get_strategy(strategy), as_size(size)
    if isinstance(model, str) and model == "auto":
        task = data if isinstance(data, Task) else Regression(data)
        model, _ = choose_model(guess_modality(task), size=size)
    source = source_of(model, weights=weights, scaling=scaling)
    found = read_material(options.kind, source, data)
    modality = MODALITIES[found.modality]
    check_resize(modality, resize)
    column = found.examples.columns[modality.name]
    preprocessor, _ = modality.fit(source.card, column, size=size, resize=resize or "crop", channels=source.channels)
    if modality.tailor:
        source = source.with_card(modality.tailor(source.card, preprocessor))
    for note in source.check(preprocessor.size):
        LOG.warning(note)
    return PreparedPretraining(
        source=source,
        data=found,
        modality=modality,
        preprocessor=preprocessor,
        objective=_objective(options.kind, preprocessor, outputs=found.targets.shape[1]),
        course=StepSchedule(
            steps=options.steps,
            every=options.every,
            batch_size=whole_batch(options.batch_size, len(found.examples), chosen),
            learning_rate=options.learning_rate or _rate(source),
            ema=options.ema,
            seed=options.seed,
        ),
        augmentation=options.augmentation_for(modality),
        precision=find_precision(options.precision),
        strategy=chosen,
    )


def _rate(source: BackboneSource) -> float:
    """The peak rate of a backbone: its card's own, else 1e-3, or a third of that for weights that are there."""
    return source.card.rate or 1e-3 / (3 if source.weights_name else 1)


def _objective(kind: type[Objective], preprocessor: Preprocessor, *, outputs: int) -> Objective:
    """The objective, with the vocabulary of the preprocessor's tokenizer, or the categories of its rows."""
    tokenizer = getattr(preprocessor, "tokenizer", None)
    if tokenizer is None:
        categories, marks = getattr(preprocessor, "categories", ()), getattr(preprocessor, "marks", False)
        return kind(outputs=outputs, categories=tuple(categories), marks=marks)
    return kind(outputs=outputs, vocabulary=tokenizer.size, mask=tokenizer.mask, pad=tokenizer.pad)
