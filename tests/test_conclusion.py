"""The record of a run says what was done."""

import json

import keras
import numpy as np
import pytest

import kzoo
from kzoo.rereading import task_like
from kzoo.training import passes
from kzoo.training.runtime import graph_call


@pytest.fixture(scope="module")
def small():
    """A backbone of one layer."""
    inputs = keras.Input((16, 16, 3))
    return keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=2)(inputs), name="small")


@pytest.fixture(scope="module")
def adapted(small, folder):
    """Adapted to files whose labels and groups functions say."""
    task = kzoo.Classification(
        folder,
        label=lambda path: path.parent.name,
        groups=lambda path: path.stem[-1],
        validation=0.2,
        test=["3", "7"],
        labels=["blue", "green", "red", "black"],
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "fastest", lambda part, *, fold, sample: graph_call(part))
        return kzoo.adapt(small, task, schedule="linear_probe")


def test_shares_are_recorded_as_they_were_where_functions_cannot_be(adapted):
    task = adapted.record["task"]
    assert {name: task[name] for name in ("data", "label", "groups", "validation", "test")} == {
        "data": None,
        "label": None,
        "groups": None,
        "validation": 0.2,
        "test": ["3", "7"],
    }
    assert json.loads(json.dumps(task))["test"] == ["3", "7"]
    assert adapted.record["sizes"] == {"train": 18, "validation": 6, "test": 6}


def test_other_data_is_measured_by_the_recorded_task(adapted, arrays):
    names = np.asarray(["red", "green", "blue"])[arrays[1]]
    assert adapted.evaluate((arrays[0], names)).size == 60
    assert task_like({"task": adapted.record["task"]}, "x", kind="classification").validation == 0.2


def test_a_label_that_was_never_learned_leads_everywhere(adapted, small, folder):
    warning = "WARNING: no training example has the label black: the model can never answer it"
    evaluation = adapted.evaluate()
    assert evaluation.notes[0].startswith(warning)
    assert adapted.record["notes"][0].startswith(warning)
    assert adapted.summary().notes[0].startswith(warning)
    task = kzoo.Classification(folder, labels=["blue", "green", "red", "black"])
    shown = str(kzoo.plan(small, task))
    assert shown.split("\n\n")[1].startswith(warning)
    assert shown.count("WARNING") == 1
