"""Training counted in steps: evaluated, checkpointed, and resumed where it ended."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.disk.checkpoints import Checkpoints, PlainValues, assign, listed, numbered
from kzoo.core.progress import ProgressBar
from kzoo.pretraining.ema import Averages
from kzoo.pretraining.segment import Segment
from kzoo.pretraining.step_schedule import StepSchedule
from kzoo.training.resuming.interruptions import Interruption, delayed_interruptions, exits_on_sigterm
from kzoo.training.resuming.training_state import are_finite, values_of

LOG = logging.getLogger("kzoo")

FORMAT = 2
"""Of what a checkpoint holds."""

NOW, BEGUN = "now", "begun"
"""Names of the values in a checkpoint: as they are, and as they were at the last look."""

INTERVAL = 60.0
"""Seconds between two checkpoints within the steps from one look to the next, unless the run is stopped."""


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
                    begun = self._write(done, means=segment.means())
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
    ) -> list[np.ndarray] | None:
        """Writes a checkpoint after so many steps, if all values are finite. Returns the values that are written.

        Args:
            step: that is done.
            means: the logs of the segment that it ends; its look is still to come.
            begun: values of the last look, where the step is within a segment.
        """
        if self.checkpoints is None:
            return None
        values = values_of(self._variables())
        if not are_finite(values):
            return None
        share = float(self.course.share.numpy())
        state = {"step": step, "rows": self._rows, "seconds": self._seconds, "share": share}
        state |= {"recovered": self.recovered, "means": means}
        self.checkpoints.write(numbered(NOW, values) | numbered(BEGUN, begun or ()), state)
        self._written = time.monotonic()
        return values

    def _go_back(self, begun: Sequence[np.ndarray], segment: Segment, step: int) -> None:
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

    def _train(self, done: int, count: int, bar: ProgressBar, begun: Sequence[np.ndarray]) -> Segment:
        """Trains for some steps."""
        with delayed_interruptions() as interruption:

            def write(steps: int) -> None:
                if time.monotonic() - self._written >= INTERVAL:
                    self._write(done + steps, begun=begun)

            segment = Segment(bar, interruption, write=write, metrics=self._metrics)
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
