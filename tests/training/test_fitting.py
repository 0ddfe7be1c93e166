"""Losses that are not finite: back to the last finite state, once more at half the rate, and then an end."""

import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.core.disk.checkpoints import Checkpoints
from kzoo.specs.phases import Phase
from kzoo.training.callbacks import KeepBest, Rate
from kzoo.training.fitting import Fitting
from kzoo.training.resuming import phase_checkpoints
from kzoo.training.resuming.phase_checkpoints import PhaseCheckpoints
from kzoo.training.selection import unmeasured
from tests.conftest import tiny_backbone

PHASE = Phase("*", epochs=3, batch_size=2, learning_rate=0.1, optimizer="adam", warmup=0.0)
STEPS = 4


class Nan(keras.losses.Loss):
    """A squared error that is no number in some of its calls, counted from 0."""

    def __init__(self, *calls):
        super().__init__()
        self.calls, self.count = calls, tf.Variable(0, dtype=tf.int32)

    def call(self, truth, outputs):
        here = tf.reduce_any(tf.equal(self.count, tf.constant(self.calls, tf.int32)))
        with tf.control_dependencies([here]):
            self.count.assign_add(1)
        return tf.where(here, np.nan, tf.reduce_mean((truth - outputs) ** 2, axis=1))


class Rates(keras.callbacks.Callback):
    """The rate of each step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


def batches(epoch, step):
    rows = np.random.default_rng(0).normal(size=(STEPS, 2, 3)).astype(np.float32)
    targets = rows.sum(axis=2, keepdims=True)
    whole = tf.data.Dataset.from_tensor_slices((rows, targets)).repeat()
    return whole.skip(epoch * STEPS + step)


def fitting(loss, *, checkpoints=None):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.Adam(0.1), loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return Fitting(
        model,
        epochs=PHASE.epochs,
        steps=STEPS,
        batches=batches,
        names=lambda epoch, step: f" ({epoch}-{step}.png)",
        rate=Rate(PHASE, steps=STEPS * PHASE.epochs),
        keep=KeepBest(lambda: unmeasured(model.get_weights()), limit=100.0, patience=None),
        checkpoints=checkpoints,
    )


def test_a_step_without_a_finite_loss_costs_its_epoch_and_half_the_rate():
    plain, recovered, usual, halved = fitting("mse"), fitting(Nan(6)), Rates(), Rates()
    assert not plain.run([usual])
    assert not recovered.run([halved])
    assert plain.recovered == "" == recovered.lost
    assert recovered.recovered == (
        "The loss was not finite in step 3 of epoch 2 (1-2.png). Training went on from "
        "the end of epoch 1 with half the learning rate."
    )
    assert [row["epoch"] for row in recovered.keep.history] == [0, 1, 2]
    assert np.isfinite([row["loss"] for row in recovered.keep.history]).all()
    np.testing.assert_allclose(halved.seen, [*usual.seen[:7], *(rate / 2 for rate in usual.seen[4:])], rtol=1e-6)


def test_it_goes_on_from_the_very_state_in_which_the_epoch_began():
    found, wanted = fitting(Nan(6)), fitting("mse")
    found.run([])

    class Half(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            wanted.rate.share = 1.0 if epoch == 0 else 0.5

    wanted.run([Half()])
    for one, other in zip(found.model.get_weights(), wanted.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_second_time_ends_the_phase_with_what_came_before():
    found = fitting(Nan(6, 8))
    found.run([])
    assert found.keep.is_lost
    assert found.lost == "in step 2 of epoch 2 (1-1.png)"
    assert found.keep.restore().sound
    assert np.isfinite(found.model.get_weights()[0]).all()


def test_nothing_is_trained_on_after_the_step():
    found, seen = fitting(Nan(1, 3)), Rates()
    found.run([seen])
    # Two steps of the first attempt, of which the second is not finite, and two of the second one.
    assert len(seen.seen) == 4


def test_half_the_rate_outlives_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(phase_checkpoints, "INTERVAL", 0.0)

    class Die(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError

    kept = Checkpoints(tmp_path / "within", {})
    whole = fitting(Nan(6))
    whole.run([])
    with pytest.raises(RuntimeError):
        fitting(Nan(6), checkpoints=PhaseCheckpoints(kept, 1)).run([Die()])
    again = fitting("mse", checkpoints=PhaseCheckpoints(kept, 1))
    again.run([])
    assert again.recovered == whole.recovered
    np.testing.assert_array_equal(again.model.get_weights()[0], whole.model.get_weights()[0])


@pytest.mark.parametrize("kind", ["loss", "weights"])
def test_after_a_kill_within_an_epoch_it_goes_back_as_if_nothing_had_happened(tmp_path, monkeypatch, kind):
    """To the beginning of the epoch, and never from weights that are not finite."""
    monkeypatch.setattr(phase_checkpoints, "INTERVAL", 0.0)

    class At(keras.callbacks.Callback):
        """After the step of a number, weights become NaN; at another one, the process dies. Each once."""

        def __init__(self, *, lost=None, dies=None):
            super().__init__()
            self.lost, self.dies, self.count = lost, dies, -1

        def on_train_batch_begin(self, batch, logs=None):
            self.count += 1
            if self.count == self.dies:
                raise RuntimeError

        def on_train_batch_end(self, batch, logs=None):
            if self.count == self.lost:
                self.model.set_weights([weight * np.nan for weight in self.model.get_weights()])

    whole = fitting(Nan(7)) if kind == "loss" else fitting("mse")
    whole.run([At(lost=None if kind == "loss" else 5)])
    kept = Checkpoints(tmp_path / "within", {})
    first = fitting("mse", checkpoints=PhaseCheckpoints(kept, 1))
    with pytest.raises(RuntimeError):
        first.run([At(dies=6, lost=None if kind == "loss" else 5)])
    # Steps 0 to 5 are done, of which 4 are the first epoch.
    again = fitting(Nan(1) if kind == "loss" else "mse", checkpoints=PhaseCheckpoints(kept, 1))
    again.run([At(lost=None if kind == "loss" else 0)])
    assert again.recovered == whole.recovered
    assert "went on from the end of epoch 1" in again.recovered
    np.testing.assert_array_equal(again.model.get_weights()[0], whole.model.get_weights()[0])


def test_ctrl_c_after_the_last_step_leaves_a_phase_that_is_finished():
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == PHASE.epochs - 1:
                signal.raise_signal(signal.SIGINT)

    found = fitting("mse")
    assert found.run([Interrupt()])
    assert found.is_finished
    assert len(found.keep.history) == PHASE.epochs


def test_a_second_ctrl_c_ends_it_at_once():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)

    found = fitting("mse")
    found.keep.last = ()  # as if an epoch had been measured
    with pytest.raises(KeyboardInterrupt):
        found.run([Interrupt()])


def test_weights_that_are_not_finite_are_told_without_a_validation_split():
    class Break(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == STEPS - 1 and not found.keep.history:
                self.model.set_weights([weight * np.nan for weight in self.model.get_weights()])

    found = fitting("mse")
    found.run([Break()])
    assert found.recovered.startswith("The loss was not finite any more, nor were the weights, after epoch 1. ")


def test_the_record_of_a_run_says_so(arrays):
    schedule = [kzoo.Phase("*", epochs=2, batch_size=10, learning_rate=1e-3)]
    adapted = kzoo.adapt(
        tiny_backbone(), kzoo.Classification(arrays), schedule=schedule, loss=Nan(9), verbose=0, head=kzoo.Head()
    )
    (note,) = [note for note in adapted.record.notes if "not finite" in note]
    assert "phase 1: The loss was not finite in step" in note
    assert "half the learning rate" in note
    assert not adapted.record.phases[0].diverged
