"""Training counted in steps: evaluated, checkpointed, and resumed where it ended."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.disk.checkpoints import Checkpoints, PlainValues, assign, listed, numbered
from kzoo.core.progress import ProgressBar
from kzoo.core.tensors import Config, Logs, Tensor
from kzoo.pretraining.ema import Averages
from kzoo.training.feed import PARALLEL, Split, ordered, untuned
from kzoo.training.resuming.interruptions import Interruption, delayed_interruptions, exits_on_sigterm
from kzoo.training.resuming.training_state import are_finite, values_of

LOG = logging.getLogger("kzoo")

WARMUP = 0.1
"""Share of the steps in which the rate rises."""

WEIGHT_DECAY = 1e-4

NOW, BEGUN = "now", "begun"
"""Names of the values in a checkpoint: as they are, and as they were at the last look."""

INTERVAL = 60.0
"""Seconds between two checkpoints within the steps from one look to the next, unless the run is stopped."""


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
        share: of the rate that its optimizers take, in (0, 1].
    """

    steps: int
    every: int
    batch_size: int
    learning_rate: float
    ema: float
    seed: int
    share: tf.Variable = field(
        default_factory=lambda: tf.Variable(tf.ones(()), trainable=False), compare=False, repr=False
    )

    def optimizer(self) -> keras.optimizers.Optimizer:
        """AdamW (arXiv:1711.05101)."""
        rise = max(round(WARMUP * self.steps), 1)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(self.steps - rise, 1), warmup_target=self.learning_rate, warmup_steps=rise
        )
        return keras.optimizers.AdamW(_Shared(rate, self.share), weight_decay=WEIGHT_DECAY)

    def as_plain(self) -> PlainValues:
        """How long and how fast, as plain values."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.compare}


class _Shared(keras.optimizers.schedules.LearningRateSchedule):
    """A share of the rate of another schedule."""

    def __init__(self, rate: keras.optimizers.schedules.LearningRateSchedule, share: tf.Variable) -> None:
        super().__init__()
        self.rate, self.share = rate, share

    def __call__(self, step: Tensor) -> Tensor:
        return self.share * self.rate(step)

    def get_config(self) -> Config:
        return {"rate": self.rate, "share": float(self.share.numpy())}


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
        names: from the number of a step to its examples, in the words of a message.
    """

    learner: keras.Model
    kept: Sequence[keras.Variable]
    data: Callable[[int], tf.data.Dataset]
    course: StepSchedule
    look: Callable[[], dict[str, float]]
    checkpoints: Checkpoints | None = None
    title: str = "pretraining"
    names: Callable[[int], str] = lambda step: ""
    stopped = ""
    """How it was stopped; "": it was not."""

    recovered = ""
    """Why it went on at half the rate; "": it did not."""

    def __post_init__(self) -> None:
        floats = [each for each in self.kept if each.dtype == "float32"]
        self._averages = Averages(floats, self.course.ema)
        self._rows: list[dict[str, float]] = []
        self._means: dict[str, float] | None = None
        self._before, self._started, self._written = 0.0, time.perf_counter(), time.monotonic()

    def __call__(self) -> tuple[list[dict[str, float]], float]:
        """Trains to the last step, and leaves the weights that are kept in the model.

        Ctrl-C makes the step that is done then the last one, and `stopped` says so. A step whose loss is not finite
        takes the run back to the last look, from where it goes on with half the rate; once.

        Returns:
            A dict of logs for each look, the first before any step; and the seconds, of earlier processes too.

        Raises:
            FloatingPointError: a loss is not finite, for the second time.
            KeyboardInterrupt: Ctrl-C before the first step is done, or while a run that was stopped is measured.
            SystemExit: SIGTERM, where there are checkpoints.
        """
        course = self.course
        done, begun = self._resume()
        with contextlib.ExitStack() as stack:
            if self.checkpoints:
                stack.enter_context(exits_on_sigterm())
                stack.enter_context(self._telling())
            bar = ProgressBar(self.title, unit="step", total=course.steps, initial=done, stays=True)
            stack.enter_context(bar)
            if not self._rows:
                self._rows.append({"step": 0, **self.look()})
            elif self._means:
                self._rows.append({"step": done, **self._means, **self._look(done)})
            while done < course.steps and not self.stopped:
                count = min(course.every - done % course.every, course.steps - done)
                # Where an earlier process was within the segment, it had this from the last look.
                begun = begun or values_of(self._variables())
                segment = self._train(done, count, bar, begun)
                if segment.lost:
                    self._go_back(begun, segment, done + segment.steps)
                    bar.update(self._last_look - done - segment.steps)
                    done = self._last_look
                    self._end_if(segment.interruption, done)
                    continue
                done, begun = done + segment.steps, None
                # Ctrl-C may come between a step and its average: a run goes on from the last whole checkpoint.
                if not self.stopped:
                    self._write(done, means=segment.means())
                    self._end_if(segment.interruption, done)
                self._rows.append({"step": done, **segment.means(), **self._look(done)})
                bar.report(", ".join(_shown(name, value) for name, value in self._rows[-1].items()))
        if self.stopped and self.checkpoints:
            LOG.warning("Stopped %s.%s", self.stopped, self._advice)
        self._averages.keep()
        return self._rows, self._seconds

    def ended(self, rows: Sequence[dict[str, float]]) -> PlainValues:
        """How many steps were done, of the logs of the run, and how it was stopped, if it was."""
        return {"steps": rows[-1]["step"], **({"stopped": self.stopped} if self.stopped else {})}

    @property
    def _seconds(self) -> float:
        """Wall time until now, of earlier processes too."""
        return self._before + time.perf_counter() - self._started

    @property
    def _last_look(self) -> int:
        """The step after which the weights were looked at last."""
        return int(self._rows[-1]["step"])

    def _resume(self) -> tuple[int, list[np.ndarray] | None]:
        """Puts the last checkpoint in. Returns how many steps are done, and the values of the last look before."""
        self._started, self._written, self._metrics = time.perf_counter(), time.monotonic(), list[np.ndarray]()
        found = self.checkpoints.read() if self.checkpoints else None
        if found is None or self.checkpoints is None:
            return 0, None
        arrays, known = found
        assign(self._variables(), listed(NOW, arrays), directory=self.checkpoints.directory)
        self._rows, self._before, self.recovered = known["rows"], known["seconds"], known["recovered"]
        self._means = known["means"]
        self.course.share.assign(known["share"])
        begun = listed(BEGUN, arrays)
        if begun:
            self._metrics = values_of(self.learner.metrics_variables)
        return known["step"], begun or None

    def _write(
        self, step: int, *, means: dict[str, float] | None = None, begun: Sequence[np.ndarray] | None = None
    ) -> None:
        """Writes a checkpoint after so many steps, if all values are finite.

        Args:
            step: that is done.
            means: the logs of the segment that it ends; its look is still to come.
            begun: values of the last look, where the step is within a segment.
        """
        if self.checkpoints is None:
            return
        values = values_of(self._variables())
        if not are_finite(values):
            return
        share = float(self.course.share.numpy())
        state = {"step": step, "rows": self._rows, "seconds": self._seconds, "share": share}
        state |= {"recovered": self.recovered, "means": means}
        self.checkpoints.write(numbered(NOW, values) | numbered(BEGUN, begun or ()), state)
        self._written = time.monotonic()

    def _go_back(self, begun: Sequence[np.ndarray], segment: _Segment, step: int) -> None:
        """Back to the values of the last look, with half the rate, because of the last step of a segment."""
        what = "weights were not finite after" if segment.has_finite_loss else "loss was not finite in"
        lost = f"The {what} step {step}{self.names(step - 1)}"
        if self.recovered:
            rate = f"{self.course.learning_rate:g}"
            raise FloatingPointError(f"{lost}, also at half the rate. Lower learning_rate, which was {rate}.")
        for variable, value in zip(self._variables(), begun, strict=True):
            variable.assign(value)
        self.course.share.assign(0.5)
        for each in getattr(self.learner, "optimizers", ()):
            own = getattr(each, "inner_optimizer", each)
            own.learning_rate = 0.5 * float(own.learning_rate)
        self._metrics = []
        self.recovered = f"{lost}. Training went on from step {self._last_look} with half the learning rate."
        LOG.warning(self.recovered)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Says how to go on after SIGTERM."""
        try:
            yield
        except SystemExit:
            LOG.warning("Terminated.%s", self._advice)
            raise

    def _end_if(self, interruption: Interruption, done: int) -> None:
        """Ends the run where Ctrl-C or SIGTERM waits."""
        try:
            interruption.raise_if_any()
        except KeyboardInterrupt:
            if not done:
                raise
            self._stop(done)

    @property
    def _advice(self) -> str:
        return f" The same call goes on from {self.checkpoints.directory}." if self.checkpoints else ""

    def _train(self, done: int, count: int, bar: ProgressBar, begun: Sequence[np.ndarray]) -> _Segment:
        """Trains for some steps."""
        with delayed_interruptions() as interruption:

            def write(steps: int) -> None:
                if time.monotonic() - self._written >= INTERVAL:
                    self._write(done + steps, begun=begun)

            segment = _Segment(bar, interruption, write=write, metrics=self._metrics)
            try:
                self.learner.fit(
                    self.data(done),
                    steps_per_epoch=count,
                    epochs=1,
                    shuffle=False,
                    verbose=0,
                    callbacks=[self._averages, segment],
                )
            except KeyboardInterrupt:
                if interruption.is_urgent or not done + segment.steps:
                    raise
                self._stop(done + segment.steps)
            segment.lost = segment.lost or not are_finite(self.learner.get_weights())
            if interruption.number and not segment.lost and segment.steps < count:
                self._write(done + segment.steps, begun=begun)
                self._end_if(interruption, done + segment.steps)
        if not segment.lost:
            self._metrics = []
        return segment

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
        return [*self.learner.variables, *others, *self._averages.state, *self.learner.metrics_variables]


def trained(learner: keras.Model) -> Sequence[keras.Variable]:
    """The variables that a learner's optimizer changes: of two that train against each other, those of the judge."""
    return getattr(learner, "judge", learner).trainable_variables


def _shown(name: str, value: float) -> str:
    return f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:.3f}"


class _Segment(keras.callbacks.Callback):
    """The steps from one look to the next, with their bar.

    Args:
        bar: is moved on.
        interruption: Ctrl-C or SIGTERM, after which the present step is the last one.
        write: is called before each step but the first, with the number of steps that are done.
        metrics: means over steps of the segment that an earlier process has done; or none.
    """

    def __init__(
        self,
        bar: ProgressBar,
        interruption: Interruption,
        *,
        write: Callable[[int], None],
        metrics: Sequence[np.ndarray],
    ) -> None:
        super().__init__()
        self.bar, self.interruption, self.write, self.metrics = bar, interruption, write, metrics
        self.steps, self.logs, self.lost = 0, {}, False

    @property
    def has_finite_loss(self) -> bool:
        """Whether the logs of the last step are finite."""
        return bool(np.isfinite(list(self.means().values())).all())

    def means(self) -> dict[str, float]:
        """The logs of the last step, which are means over all of the segment."""
        return {name: float(value) for name, value in self.logs.items()}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes up the means of an earlier process."""
        for variable, value in zip(self.model.metrics_variables, self.metrics, strict=False):
            variable.assign(value)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """All steps before are done."""
        if batch:
            self.write(batch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A step further."""
        self.steps, self.logs = self.steps + 1, logs or {}
        self.lost = not self.has_finite_loss
        if self.lost or self.interruption.number:
            self.model.stop_training = True
        self.bar.update(1)
