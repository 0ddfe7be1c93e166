"""What tells one run from another."""

import json

import numpy as np
import pytest

import kzoo
from kzoo.setup.prepare import prepare
from kzoo.setup.run_identity import describe_run
from kzoo.specs.training_options import TrainingOptions
from tests.conftest import tiny_backbone

GIVEN = {"weights": None, "head": None, "size": None, "resize": None, "strategy": "one", "seed": 0}


@pytest.fixture(scope="module")
def described(arrays):
    def describe(*, arrays=arrays, schedule="lp_ft", class_weight=None, **given):
        options = TrainingOptions(schedule=schedule)
        prepared = prepare(tiny_backbone(), kzoo.Classification(arrays), options=options, **GIVEN | given)
        return describe_run(prepared, class_weight=class_weight, precision=None, seed=0)

    return describe


def test_the_same_call_is_the_same_run(described):
    assert json.dumps(described()) == json.dumps(described())


def test_what_changes_the_weights_changes_the_run(described, arrays):
    inputs, targets = arrays
    swapped = np.where(targets == 2, 1, np.where(targets == 1, 2, targets))
    names = {
        "head": {"head": kzoo.Head(hidden=4)},
        "start weights": {"seed": 1},
        "training data": {"arrays": (inputs, swapped)},
        "phase 2": {"schedule": kzoo.lp_ft(epochs=3)},
        "preprocessing": {"scaling": "unit"},
        "class_weight": {"class_weight": {"0": 2.0, "1": 1.0, "2": 1.0}},
    }
    before = described()
    for name, change in names.items():
        now = described(**change)
        assert name in {key for key in {*before, *now} if before.get(key) != now.get(key)}
