"""The state of a phase on the disk: all of it, and for one phase."""

import dataclasses

import numpy as np
import pytest

from kzoo.core.disk.checkpoints import Checkpoints
from kzoo.training.callbacks import Remembered
from kzoo.training.resuming.phase_checkpoints import PhaseCheckpoints
from kzoo.training.resuming.training_state import StepState, TrainingState
from kzoo.training.selection import WeightsState


def measured(value):
    return WeightsState(np.full(2, value), {"val_loss": value}, sound=True), [np.full(3, value), np.zeros((1, 2))]


STATE = TrainingState(
    epochs=2,
    weights=[np.full(3, 0.5), np.ones((1, 2))],
    variables=[np.arange(4), np.array(7.0)],
    remembered=Remembered(measured(1.0), measured(2.0), [{"epoch": 0, "loss": 1.5}, {"epoch": 1, "loss": 1.0}], 1),
    rate=0.5,
    recovered="The loss was not finite.",
)
WITHIN = StepState(5, [np.zeros(3), np.zeros((1, 2))], [np.ones(4), np.array(9.0)], [np.array(12.0), np.array(3.0)])


def same(one, other):
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if dataclasses.is_dataclass(one):
        fields = [each.name for each in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in fields)
    return np.array_equal(one, other)


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "within", {})


@pytest.mark.parametrize("within", [None, WITHIN])
@pytest.mark.parametrize(
    "state",
    [
        STATE,
        dataclasses.replace(STATE, weights=measured(2.0)[1]),
        TrainingState(0, [np.ones(2)], [], Remembered(None, None, [], 0)),
    ],
    ids=["changed after it was measured", "as it was measured", "before the first epoch"],
)
def test_a_state_comes_back_whole(checkpoints, state, within):
    PhaseCheckpoints(checkpoints, 1).write(state, within)
    found = PhaseCheckpoints(checkpoints, 1).read()
    assert same(found[0], state)
    assert found[1] is within is None or same(found[1], within)


def test_weights_that_were_measured_are_written_once(checkpoints):
    PhaseCheckpoints(checkpoints, 1).write(dataclasses.replace(STATE, weights=measured(2.0)[1]))
    assert not [name for name in checkpoints.read()[0] if name.startswith("weights_")]


def test_a_phase_goes_on_from_its_own_state_only(checkpoints):
    PhaseCheckpoints(checkpoints, 2).write(STATE)
    assert PhaseCheckpoints(checkpoints, 3).read() is None
    assert PhaseCheckpoints(checkpoints, 2).read()[0].epochs == 2


def test_seconds_of_earlier_processes_count(checkpoints):
    PhaseCheckpoints(checkpoints, 2, seconds=100.0).write(STATE)
    found = PhaseCheckpoints(checkpoints, 2)
    found.read()
    assert 100 <= found.seconds < 110
