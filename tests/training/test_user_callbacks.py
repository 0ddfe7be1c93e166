"""The user's callbacks see the `fit` of several phases as one run."""

import csv

import keras
import numpy as np
import pytest

from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training import user_callbacks
from kzoo.training.user_callbacks import UserCallbacks, refuse_callbacks


class Recorder(keras.callbacks.Callback):
    """Writes down what it is told."""

    def __init__(self):
        super().__init__()
        self.events, self.models = [], []

    def on_train_begin(self, logs=None):
        self.events.append("begin")

    def on_train_end(self, logs=None):
        self.events.append(("end", sorted(logs)))

    def on_epoch_begin(self, epoch, logs=None):
        self.models.append(self.model)

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(epoch)


class Steps(Recorder):
    """Also each step."""

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(f"step {batch}")


class Accuracy(keras.callbacks.Callback):
    """What the loop adds to the logs: an accuracy that no metric of the model measures."""

    def __init__(self, values):
        super().__init__()
        self.values = iter(values)

    def on_epoch_end(self, epoch, logs=None):
        logs["val_accuracy"] = next(self.values)


def net():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def run(callbacks, *phases):
    """Fits a model for each phase, a list of accuracies: how many epochs each had, and the models."""
    users = UserCallbacks(callbacks, epochs=sum(map(len, phases)))
    counts, models = [], []
    for values in phases:
        models.append(net())
        done = models[-1].fit(
            np.ones((4, 2)),
            np.ones(4),
            batch_size=2,
            epochs=len(values),
            callbacks=[Accuracy(values), *users.of_phase()],
            verbose=0,
        )
        counts.append(len(done.epoch))
    users.finish()
    return counts, models


def test_two_phases_are_one_run():
    recorder, steps = Recorder(), Steps()
    _, models = run([recorder, steps], [0.1, 0.2], [0.3])
    assert recorder.events == ["begin", 0, 1, 2, ("end", ["loss", "val_accuracy"])]
    both = ["step 0", "step 1"]
    assert steps.events == ["begin", *both, 0, *both, 1, *both, 2, ("end", ["loss", "val_accuracy"])]
    assert recorder.models == [models[0], models[0], models[1]]
    assert recorder.params["epochs"] == 3


def test_without_a_phase_of_gradient_steps_there_is_no_run():
    recorder = Recorder()
    run([recorder])
    assert recorder.events == []


def test_keras_waits_for_each_step_only_where_a_callback_does():
    lazy, eager, legacy = (
        UserCallbacks([each], epochs=1).of_phase()[0]
        for each in (
            Recorder(),
            Steps(),
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
        )
    )
    assert (lazy.async_safe, eager.async_safe, legacy.async_safe) == (True, False, False)


def test_a_csv_logger_writes_one_table(tmp_path):
    run([keras.callbacks.CSVLogger(tmp_path / "log.csv")], [0.1, 0.2], [0.3, 0.4])
    rows = list(csv.DictReader((tmp_path / "log.csv").open(encoding="utf-8")))
    assert [(row["epoch"], row["val_accuracy"]) for row in rows] == [
        ("0", "0.1"),
        ("1", "0.2"),
        ("2", "0.3"),
        ("3", "0.4"),
    ]
    assert set(rows[0]) == {"epoch", "loss", "val_accuracy"}


def test_early_stopping_knows_that_accuracy_is_to_rise_and_starts_anew_in_each_phase():
    stop = keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=1)
    counts, _ = run([stop], [0.5, 0.6, 0.6, 0.9], [0.1, 0.2, 0.1, 0.9], [0.3, 0.4, 0.5])
    assert counts == [3, 3, 3]


def test_a_direction_that_the_user_set_stays():
    stop = keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=1, mode="min")
    assert run([stop], [0.5, 0.6, 0.1])[0] == [2]


def test_early_stopping_on_the_monitored_value_takes_higher_as_better():
    stop = keras.callbacks.EarlyStopping(monitor="val_monitor", patience=1)
    refuse_callbacks([stop], kind=CLASSIFICATION, monitored=True)
    refuse_callbacks([stop], kind=REGRESSION, monitored=True)
    with pytest.raises(ValueError, match=r"learning_rate\. Got monitor='val_monitor'\. Give adapt\(monitor="):
        refuse_callbacks([stop], kind=CLASSIFICATION)
    with pytest.raises(ValueError, match="EarlyStopping can monitor loss, learning_rate"):
        refuse_callbacks([stop], kind=CLASSIFICATION, validated=False, monitored=False)
    UserCallbacks([stop], epochs=1)
    assert stop.mode == "max"


@pytest.mark.parametrize(("monitor", "kind"), [("val_auc", CLASSIFICATION), ("val_accuracy", REGRESSION)])
def test_early_stopping_on_what_is_not_measured_is_refused(monitor, kind):
    with pytest.raises(ValueError, match=f"EarlyStopping can monitor loss, val_loss.*Got monitor='{monitor}'"):
        refuse_callbacks([keras.callbacks.EarlyStopping(monitor=monitor)], kind=kind)


def test_early_stopping_on_validation_is_refused_where_there_is_none():
    with pytest.raises(ValueError, match=r"EarlyStopping can monitor loss, learning_rate\. Got monitor='val_loss'"):
        refuse_callbacks([keras.callbacks.EarlyStopping()], kind=CLASSIFICATION, validated=False)
    refuse_callbacks([keras.callbacks.EarlyStopping(monitor="loss")], kind=CLASSIFICATION, validated=False)


def test_a_missing_tensorboard_is_said_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(user_callbacks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'kzoo\[tensorboard\]'"):
        refuse_callbacks([keras.callbacks.TensorBoard(tmp_path)], kind=CLASSIFICATION)


def test_tensorboard_writes_one_run(tmp_path):
    """One file for training, whose epochs and steps go on."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run([keras.callbacks.TensorBoard(tmp_path, update_freq="batch")], [0.1, 0.2], [0.3])
    assert len(list((tmp_path / "train").glob("events*"))) == 1
    for folder, tag, steps in (
        ("train", "epoch_loss", [0, 1, 2]),
        ("train", "batch_loss", [1, 2, 3, 4, 5, 6]),
        ("validation", "epoch_accuracy", [0, 1, 2]),
    ):
        found = EventAccumulator(str(tmp_path / folder)).Reload()
        assert [each.step for each in found.Tensors(tag)] == steps
