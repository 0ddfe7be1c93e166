"""A run of steps: stopped, killed, taken up again, and taken back from a loss that is not finite."""

import dataclasses
import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.pretraining import steps as steps_module
from kzoo.pretraining.ema import Averages
from kzoo.pretraining.step_schedule import StepSchedule
from kzoo.pretraining.steps import StepRun


class Memory:
    """A checkpoint in memory."""

    def __init__(self):
        self.saved, self.steps, self.directory = None, [], "run"

    def read(self):
        return self.saved and (dict(self.saved[0]), self.saved[1] | {"rows": list(self.saved[1]["rows"])})

    def write(self, arrays, state):
        self.saved = dict(arrays), state | {"rows": list(state["rows"])}
        self.steps.append(state["step"])


@pytest.fixture
def step_run():
    """Seven steps of a line, looked at after each third."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((1,))
    line = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    line.compile("sgd", "mse", jit_compile=False)
    line.optimizer.build(line.trainable_variables)
    x = np.ones((2, 1), np.float32)
    return StepRun(
        line,
        kept=line.weights,
        data=lambda start: tf.data.Dataset.from_tensors((x, 3 * x)).repeat(),
        course=StepSchedule(steps=7, every=3, batch_size=2, learning_rate=0.1, ema=0.5, seed=0),
        look=lambda: {"probe": float(line.weights[0].numpy().item())},
        checkpoints=Memory(),
    )


def interrupt_at(monkeypatch, step):
    """Ctrl-C once in the training step of a number, counted from 1."""
    move, count = Averages.on_train_batch_end, []

    def interrupted(self, batch, logs=None):
        count.append(batch)
        if len(count) == step:
            raise KeyboardInterrupt
        move(self, batch, logs)

    monkeypatch.setattr(Averages, "on_train_batch_end", interrupted)


def rows_until_ctrl_c(step_run):
    """What the run returns; where Ctrl-C is raised, the test fails, and not the whole of pytest."""
    try:
        return step_run()[0]
    except KeyboardInterrupt:
        pytest.fail("Ctrl-C was raised")


def test_ctrl_c_makes_the_last_step_the_one_before_it(step_run, monkeypatch):
    interrupt_at(monkeypatch, 6)
    rows = rows_until_ctrl_c(step_run)
    assert [row["step"] for row in rows] == [0, 3, 5]
    assert rows[-1]["loss"] < rows[1]["loss"]
    assert step_run.ended(rows) == {"steps": 5, "stopped": "by Ctrl-C after step 5 of 7"}
    # What is kept is what was looked at; what a run goes on from is whole.
    assert rows[-1]["probe"] == pytest.approx(step_run.kept[0].numpy().item())
    assert step_run.checkpoints.steps == [3]


def test_a_run_that_is_not_stopped_ends_with_its_last_step(step_run):
    rows, _ = step_run()
    assert [row["step"] for row in rows] == [0, 3, 6, 7]
    assert step_run.ended(rows) == {"steps": 7}
    assert step_run.checkpoints.steps == [3, 6, 7]


def test_ctrl_c_before_the_first_step_raises(step_run, monkeypatch):
    interrupt_at(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        step_run()


def test_ctrl_c_while_a_run_is_measured_ends_it_and_a_second_one_raises(step_run, monkeypatch):
    looks = iter([{}, KeyboardInterrupt])

    def look():
        found = next(looks)
        if found is KeyboardInterrupt:
            raise found
        return found

    step_run.look = look
    rows = rows_until_ctrl_c(step_run)
    assert [row["step"] for row in rows] == [0, 3]
    assert step_run.stopped == "by Ctrl-C after step 3 of 7"
    looks, again = iter([{}, KeyboardInterrupt]), made_again(step_run, None)
    again.look = look
    interrupt_at(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        again()


def at_step(monkeypatch, step, act):
    """Does something once in the training step of a number, counted from 1, of all that follow."""
    move, count = Averages.on_train_batch_end, []

    def acting(self, batch, logs=None):
        move(self, batch, logs)
        count.append(batch)
        if len(count) == step:
            act()

    monkeypatch.setattr(Averages, "on_train_batch_end", acting)


def made_again(step_run, checkpoints):
    """The same run in another process."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((1,))
    line = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    course = dataclasses.replace(step_run.course, share=tf.Variable(1.0))
    line.compile(course.optimizer(), "mse", jit_compile=False)
    line.optimizer.build(line.trainable_variables)
    look = lambda: {"probe": float(line.weights[0].numpy().item())}  # noqa: E731
    return StepRun(line, kept=line.weights, data=rising, course=course, look=look, checkpoints=checkpoints)


def killed_after(step_run, monkeypatch, step):
    """The checkpoint of a run that wrote one before each step and died in the step of a number, counted from 1."""

    def die():
        raise RuntimeError

    kept = Memory()
    with monkeypatch.context() as patch:
        patch.setattr(steps_module, "INTERVAL", 0.0)
        at_step(patch, step, die)
        with pytest.raises(RuntimeError):
            made_again(step_run, kept)()
    return kept


def rising(start):
    """Another batch in each step."""
    x = np.ones((2, 1), np.float32)
    return tf.data.Dataset.range(start, 1 << 30).map(lambda number: (x, x * tf.cast(number + 1, tf.float32)))


def same_rows(one, other):
    assert [{**row} for row in one] == [pytest.approx(row) for row in other]


@pytest.mark.parametrize("step", [2, 3, 5, 6])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_its_step_and_loses_nothing(step_run, monkeypatch, step, number):
    whole, kept = made_again(step_run, None), Memory()
    rows, _ = whole()
    stopped = made_again(step_run, kept)
    at_step(monkeypatch, step, lambda: os.kill(os.getpid(), number))
    if number == signal.SIGTERM:
        with pytest.raises(SystemExit):
            stopped()
    else:
        rows_until_ctrl_c(stopped)
        assert stopped.stopped == f"by Ctrl-C after step {step} of 7"
    assert kept.steps[-1] == step
    monkeypatch.undo()
    again = made_again(step_run, kept)
    same_rows(again()[0], rows)
    np.testing.assert_array_equal(again.kept[0].numpy(), whole.kept[0].numpy())


def test_a_run_goes_on_from_its_last_minute(step_run, monkeypatch):
    whole = made_again(step_run, None)
    rows, _ = whole()
    kept = killed_after(step_run, monkeypatch, 5)
    assert kept.steps == [1, 2, 3, 4]
    again = made_again(step_run, kept)
    same_rows(again()[0], rows)
    np.testing.assert_array_equal(again.kept[0].numpy(), whole.kept[0].numpy())


def no_number(*steps):
    """Batches that have no finite loss the first time that one of some steps, counted from 0, is asked for."""
    left = list(steps)

    def data(start):
        bad = np.array([left.pop(0)] if left else [-1])
        return (
            rising(start)
            .enumerate(start)
            .map(lambda place, batch: (batch[0], tf.where(tf.reduce_any(place == bad), np.nan, batch[1])))
        )

    return data


def test_a_loss_that_is_not_finite_costs_its_segment_and_half_the_rate(step_run, caplog):
    plain, found = made_again(step_run, None), made_again(step_run, None)
    rows, _ = plain()
    # The second segment asks for batches from step 3 on.
    broken = no_number(4)
    calls = iter([rising, broken, rising, rising, rising])
    found.data = lambda start: next(calls)(start)
    found.names = lambda step: f" (number {step})"
    recovered, _ = found()
    assert found.recovered == (
        "The loss was not finite in step 5 (number 4). Training went on from step 3 with half the learning rate."
    )
    assert found.recovered in caplog.text
    assert [row["step"] for row in recovered] == [0, 3, 6, 7]
    same_rows(recovered[:2], rows[:2])
    assert np.isfinite([row["loss"] for row in recovered[1:]]).all()
    assert float(found.course.share.numpy()) == 0.5
    assert float(plain.learner.optimizer.learning_rate) == pytest.approx(
        2 * float(found.learner.optimizer.learning_rate), abs=1e-6
    )


def test_the_second_time_ends_the_run(step_run):
    found = made_again(step_run, None)
    found.data = no_number(1, 2)
    with pytest.raises(FloatingPointError, match=r"in step 3, also at half the rate. Lower learning_rate, which was"):
        found()


def test_a_run_that_goes_on_within_a_segment_goes_back_to_the_last_look(step_run, monkeypatch):
    """As one that was not interrupted, which it could not from the step that it went on from."""
    whole = made_again(step_run, None)
    calls = iter([rising, no_number(5), rising, rising])
    whole.data = lambda start: next(calls)(start)
    rows, _ = whole()
    kept = killed_after(step_run, monkeypatch, 5)
    assert kept.steps[-1] == 4
    again = made_again(step_run, kept)
    more = iter([no_number(5), rising, rising])
    again.data = lambda start: next(more)(start)
    same_rows(again()[0], rows)
    assert again.recovered == whole.recovered
    np.testing.assert_array_equal(again.kept[0].numpy(), whole.kept[0].numpy())


def test_weights_that_are_not_finite_are_never_written(step_run, monkeypatch):
    kept, found = Memory(), made_again(step_run, None)
    found.checkpoints = kept
    at_step(monkeypatch, 6, lambda: found.learner.set_weights([w * np.nan for w in found.learner.get_weights()]))
    rows, _ = found()
    assert found.recovered.startswith("The weights were not finite after step 6")
    assert np.isfinite(found.kept[0].numpy()).all()
    assert [row["step"] for row in rows] == [0, 3, 6, 7]


def test_sigterm_while_a_run_is_measured_loses_no_step(step_run, caplog):
    whole, kept = made_again(step_run, None), Memory()
    rows, _ = whole()
    stopped = made_again(step_run, kept)
    looks = iter([lambda: {"probe": rows[0]["probe"]}, lambda: os.kill(os.getpid(), signal.SIGTERM)])
    stopped.look = lambda: next(looks)()
    with pytest.raises(SystemExit):
        stopped()
    assert kept.steps == [3]
    assert "Terminated. The same call goes on from run." in caplog.text
    again = made_again(step_run, kept)
    same_rows(again()[0], rows)
    np.testing.assert_array_equal(again.kept[0].numpy(), whole.kept[0].numpy())
