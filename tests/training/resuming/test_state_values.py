"""A validation result goes through a checkpoint unchanged."""

import json

import numpy as np
import pytest

from kzoo.training.resuming.state_values import as_state, state_arrays, state_values
from kzoo.training.selection import WeightsState

LOSSES = np.array([0.1, np.inf])


@pytest.mark.parametrize(
    "state",
    [
        WeightsState(
            LOSSES, {"val_loss": 0.5}, sound=True, hits=np.array([1, 0]), monitored=0.7, logits=np.eye(2), learned=True
        ),
        WeightsState(LOSSES, {"val_loss": float("nan")}, sound=False),
    ],
    ids=["learned", "lost"],
)
def test_a_state_is_what_it_was(state):
    values = json.loads(json.dumps(state_values(state)))
    again = as_state(
        "best", values, state_arrays("best", state) | state_arrays("last", WeightsState(LOSSES[:1], {}, True))
    )
    np.testing.assert_equal(vars(again), vars(state))
