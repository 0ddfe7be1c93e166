"""Training counted in steps: evaluated, checkpointed, and resumed where it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.disk.checkpoints import Checkpoints, PlainValues
from kzoo.core.progress import ProgressBar
from kzoo.core.tensors import Logs, Tensor
from kzoo.pretraining.ema import Averages
from kzoo.training.feed import PARALLEL, Split, ordered, untuned

WARMUP = 0.1
"""Share of the steps in which the rate rises."""

WEIGHT_DECAY = 1e-4


@dataclass(frozen=True)
class StepSchedule:
    """How long and how fast.

    Args:
        steps: in all.
        every: steps after which the weights are evaluated and a checkpoint is written.
        batch_size: examples a step, over all replicas.
        learning_rate: its peak, after `WARMUP`, before a cosine to 0 (arXiv:1608.03983).
        ema: momentum of the moving average of weights, which is what is kept, see `kzoo.pretraining.ema`; 0: the
            last ones.
        seed: of order and views.
    """

    steps: int
    every: int
    batch_size: int
    learning_rate: float
    ema: float
    seed: int

    def optimizer(self) -> keras.optimizers.Optimizer:
        """AdamW (arXiv:1711.05101)."""
        rise = max(round(WARMUP * self.steps), 1)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(self.steps - rise, 1), warmup_target=self.learning_rate, warmup_steps=rise
        )
        return keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY)


def questions(
    split: Split,
    ask: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
    *,
    course: StepSchedule,
    views: int,
    augmentation: str,
    start: int,
) -> tf.data.Dataset:
    """What a network takes and what is wanted of it, from step `start` on, without end.

    The batch of a step follows from its number, so a resumed run sees the batches that it would have seen.

    Args:
        split: the examples.
        ask: from examples (B * views, ...), targets (B, outputs) and a seed to inputs and targets of the network.
        course: gives batch size and seed.
        views: of each example.
        augmentation: name of the augmentation that makes them.
        start: number of the first step.
    """
    size, batch = len(split), course.batch_size
    each = size // batch
    targets = tf.constant(split.targets)

    def epoch(number: Tensor) -> tf.data.Dataset:
        numbers = tf.cast(number, tf.int32) * views + tf.range(views)

        def load(index: Tensor) -> tuple[Tensor, Tensor]:
            return split.load(index, augmentation, numbers), tf.gather(targets, index)

        def pose(turn: Tensor, loaded: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            examples, wanted = loaded
            examples = tf.reshape(examples, (-1, *examples.shape[2:]))
            seed = tf.stack([course.seed, tf.cast(number * each + turn, tf.int32)])
            return ask(examples, wanted, seed)

        first = tf.where(number == start // each, np.int64(start % each), np.int64(0))
        indices = tf.data.Dataset.from_tensor_slices(ordered(size, course.seed, number)[: each * batch])
        loaded = indices.skip(first * batch).map(load, num_parallel_calls=PARALLEL).batch(batch, drop_remainder=True)
        return loaded.enumerate(first).map(pose, num_parallel_calls=PARALLEL)

    return untuned(tf.data.Dataset.range(start // each, 1 << 40).flat_map(epoch).prefetch(4))


@dataclass
class StepRun:
    """A run of steps.

    Args:
        learner: a compiled model.
        kept: the variables whose averages are the result.
        data: from the number of a step to the batches from that step on.
        course: how long.
        look: measures the averaged weights; returns numbers by name.
        checkpoints: where the run is saved, or None.
        title: of the progress bar.
    """

    learner: keras.Model
    kept: Sequence[keras.Variable]
    data: Callable[[int], tf.data.Dataset]
    course: StepSchedule
    look: Callable[[], dict[str, float]]
    checkpoints: Checkpoints | None = None
    title: str = "pretraining"

    def __post_init__(self) -> None:
        floats = [each for each in self.kept if each.dtype == "float32"]
        self._averages = Averages(floats, self.course.ema)
        self.stopped = ""

    def __call__(self) -> tuple[list[dict[str, float]], float]:
        """Trains to the last step, and leaves the weights that are kept in the model.

        Ctrl-C makes the step that is done then the last one, and `stopped` says so.

        Returns:
            A dict of logs for each look, the first before any step; and the seconds, of earlier processes too.

        Raises:
            FloatingPointError: the loss is not a finite number.
            KeyboardInterrupt: Ctrl-C before the first step is done, or while a run that was stopped is measured.
        """
        known = self.checkpoints.load(self._variables()) if self.checkpoints else None
        done, rows, before = (known["step"], known["rows"], known["seconds"]) if known else (0, [], 0.0)
        started = time.perf_counter()
        course = self.course
        with ProgressBar(self.title, unit="step", total=course.steps, initial=done, stays=True) as bar:
            if not rows:
                rows.append({"step": 0, **self.look()})
            while done < course.steps and not self.stopped:
                count, logs = self._train(done, min(course.every - done % course.every, course.steps - done), bar)
                if not count:
                    break
                if not np.isfinite(logs["loss"]):
                    raise FloatingPointError(
                        f"The loss is {logs['loss']} after step {done + count}. Lower learning_rate."
                    )
                done += count
                rows.append({"step": done, **logs, **self._look(done)})
                bar.report(", ".join(_shown(name, value) for name, value in rows[-1].items()))
                # Ctrl-C may come between a step and its average: a run goes on from the last whole checkpoint.
                if self.checkpoints and not self.stopped:
                    state = {"step": done, "rows": rows, "seconds": before + time.perf_counter() - started}
                    self.checkpoints.save(self._variables(), state)
        self._averages.keep()
        return rows, before + time.perf_counter() - started

    def ended(self, rows: Sequence[dict[str, float]]) -> PlainValues:
        """How many steps were done, of the logs of the run, and how it was stopped, if it was."""
        return {"steps": rows[-1]["step"], **({"stopped": self.stopped} if self.stopped else {})}

    def _train(self, done: int, count: int, bar: ProgressBar) -> tuple[int, dict[str, float]]:
        """Trains for some steps. Returns how many were done, and the means of their logs."""
        counter = _Bar(bar)
        try:
            history = self.learner.fit(
                self.data(done),
                steps_per_epoch=count,
                epochs=1,
                shuffle=False,
                verbose=0,
                callbacks=[self._averages, counter],
            )
        except KeyboardInterrupt:
            if not done + counter.steps:
                raise
            self._stop(done + counter.steps)
            return counter.steps, {name: float(value) for name, value in counter.logs.items()}
        return count, {name: float(values[-1]) for name, values in history.history.items()}

    def _look(self, done: int) -> dict[str, float]:
        """What is measured after so many steps; nothing where Ctrl-C ends that."""
        try:
            with self._averages.shown():
                return self.look()
        except KeyboardInterrupt:
            if self.stopped:
                raise
            self._stop(done)
            return {}

    def _stop(self, done: int) -> None:
        self.stopped = f"by Ctrl-C after step {done} of {self.course.steps}"

    def _variables(self) -> list[keras.Variable | tf.Variable]:
        """All that the run's next step follows from."""
        optimizers = [self.learner.optimizer, *getattr(self.learner, "optimizers", ())]
        others = [variable for each in optimizers for variable in each.variables]
        return [*self.learner.variables, *others, *self._averages.state]


def trained(learner: keras.Model) -> Sequence[keras.Variable]:
    """The variables that a learner's optimizer changes: of two that train against each other, those of the judge."""
    return getattr(learner, "judge", learner).trainable_variables


def _shown(name: str, value: float) -> str:
    return f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:.3f}"


class _Bar(keras.callbacks.Callback):
    """Moves a bar on by a step, and counts the steps of one `fit`."""

    def __init__(self, bar: ProgressBar) -> None:
        super().__init__()
        self.bar, self.steps, self.logs = bar, 0, {}

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A step further."""
        self.steps, self.logs = self.steps + 1, logs or {}
        self.bar.update(1)
