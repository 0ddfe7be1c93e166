"""Epochs that are done: what is kept of them, and for which phase."""

import keras
import numpy as np
import pytest

from kzoo.core.disk.checkpoints import Checkpoints
from kzoo.training.callbacks import KeepBest
from kzoo.training.resuming import kept_epochs
from kzoo.training.resuming.kept_epochs import KeptEpochs, kept_variables
from kzoo.training.selection import WeightsState


def small():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])


def keeper(model):
    keep = KeepBest(lambda: WeightsState(np.ones(2), {}, sound=True), limit=1.0, patience=None)
    keep.set_model(model)
    return keep


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A model after one epoch of phase 2, that was written."""
    monkeypatch.setattr(kept_epochs, "INTERVAL", 0.0)
    model = small()
    keep = keeper(model)
    keep.on_epoch_end(0, {"loss": 0.5})
    epochs = KeptEpochs(Checkpoints(tmp_path / "epoch", {}), 2)
    epochs.remember(kept_variables(model, []), keep)
    return model, keep, epochs.checkpoints


def test_the_random_state_is_kept_besides_the_weights():
    model, optimizer = small(), keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    names = [each.name for each in kept_variables(model, [optimizer])]
    assert names.count("seed_generator_state") == 1
    assert len(names) == len(optimizer.variables) + 1


def test_a_phase_goes_on_from_its_own_epochs_only(kept):
    model, keep, checkpoints = kept
    fresh = small()
    again = keeper(fresh)
    assert KeptEpochs(checkpoints, 3).restore(fresh, kept_variables(fresh, []), again) == 0
    assert again.last is None
    assert KeptEpochs(checkpoints, 2).restore(fresh, kept_variables(fresh, []), again) == 1
    assert again.history == keep.history
    for each in (lambda made: kept_variables(made, []), lambda made: made.weights):
        np.testing.assert_equal([np.asarray(one) for one in each(fresh)], [np.asarray(one) for one in each(model)])


def test_seconds_of_earlier_processes_count(kept):
    model, keep, checkpoints = kept
    found = KeptEpochs(checkpoints, 2)
    found.restore(model, kept_variables(model, []), keep)
    before, found.seconds = found.seconds, 100.0
    assert before < 100
    found.remember(kept_variables(model, []), keep)
    assert checkpoints.read()[1]["seconds"] >= 100
