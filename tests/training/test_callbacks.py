"""Which weights are in the model in the end, of a model whose weights after each epoch are known."""

import numpy as np
import pytest

from kzoo.training.callbacks import KeepBest
from kzoo.training.selection import WeightsState


class Known:
    """A model whose only weight is the number of the epoch that it has finished."""

    def __init__(self):
        self.weight, self.stop_training = -1.0, False

    def get_weights(self):
        return [np.array([self.weight])]

    def set_weights(self, weights):
        self.weight = float(weights[0][0])


def run(states, *, patience=None, losses=None):
    """The callback and its model, after epochs that came to these states."""
    model, coming = Known(), iter(states)
    keep = KeepBest(lambda: next(coming), limit=10.0, patience=patience)
    keep.set_model(model)
    for epoch in range(len(states)):
        model.weight = float(epoch)
        keep.on_epoch_end(epoch, {"loss": losses[epoch] if losses else 1.0})
        if model.stop_training:
            break
    return keep, model


def state(*losses):
    """A state of four examples with these losses, or of alternately a little more and less than one loss."""
    losses = np.array(losses if len(losses) == 4 else losses[0] + np.array([0.1, -0.1, 0.1, -0.1]))
    return WeightsState(losses, {"val_loss": float(losses.mean())}, bool(np.isfinite(losses).all()))


LOST = state(np.nan)


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        ([state(3.0), state(1.0), state(3.0)], 1),  # surely better than the last
        ([state(3.0), state(2.0), state(1.0)], 2),
        ([state(1.0), state(3.0), state(2.0)], 0),
        ([state(1.0), state(1.0)], 1),  # of equal ones the last
        ([state(3.0), state(0.9, 1.1, 0.9, 1.0), state(1.0, 1.0, 1.1, 1.0)], 2),  # better, but not surely
        ([state(2.0), state(1.0), LOST], 1),
        ([state(1.0), LOST], 0),
    ],
)
def test_the_weights_that_are_kept(states, kept):
    keep, model = run(states)
    assert keep.restore() is states[kept]
    assert model.weight == kept


def test_what_a_callback_does_at_the_end_of_training_is_undone():
    keep, model = run([state(2.0), state(1.0)])
    model.weight = 77.0
    keep.restore()
    assert model.weight == 1


def test_without_a_sound_epoch_nothing_is_kept():
    keep, model = run([LOST, state(1.0)])
    assert model.stop_training
    assert keep.diverged
    assert keep.restore() is None


@pytest.mark.parametrize("wild", [11.0, np.inf, np.nan])
def test_a_training_loss_beyond_the_limit_is_not_sound_whatever_validation_says(wild):
    keep, model = run([state(2.0), state(1.0)], losses=[1.0, wild])
    assert keep.diverged
    keep.restore()
    assert model.weight == 0


def test_a_phase_that_recovers_has_not_diverged():
    keep, model = run([state(1.0), state(2.0)], losses=[11.0, 1.0])
    assert not keep.diverged
    keep.restore()
    assert model.weight == 1


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (3, 7), (None, 7)])
def test_patience_is_that_many_epochs_without_a_lower_loss(patience, epochs):
    states = [state(loss) for loss in (3.0, 2.0, 2.5, 2.0, 1.0, 1.5, 1.4)]
    keep, _ = run(states, patience=patience)
    assert len(keep.history) == epochs
    assert [row["val_loss"] for row in keep.history] == pytest.approx([3.0, 2.0, 2.5, 2.0, 1.0, 1.5, 1.4][:epochs])
