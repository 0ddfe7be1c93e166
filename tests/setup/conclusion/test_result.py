"""The record of a run says what was done."""

import json

import keras
import numpy as np
import pytest

import kzoo
from kzoo.results.record import describe_task, task_like

FUNCTIONS = {"label": lambda path: path.parent.name, "groups": lambda path: path.stem[-1]}
TASKS = {
    "functions": (FUNCTIONS, {"data": None, "label": None, "groups": None}),
    "a function for the label": ({"label": FUNCTIONS["label"]}, {"data": None, "label": None, "groups": None}),
    "a list of groups": ({"label": "y", "groups": ["1", "2"]}, {"data": None, "label": "y", "groups": None}),
    "columns": ({"label": ["x", "y"], "groups": "who"}, {"label": ("x", "y"), "groups": "who"}),
}


@pytest.mark.parametrize("name", TASKS)
def test_shares_are_recorded_as_they_were(name, tmp_path):
    options, wanted = TASKS[name]
    found = describe_task(kzoo.Classification(tmp_path, validation=0.2, test=0.25, **options))
    wanted = {"data": str(tmp_path), **wanted}
    assert {name: getattr(found, name) for name in wanted} == wanted
    assert (found.validation, found.test) == (0.2, 0.25)
    again = task_like(found, "other", kind="classification")
    assert (again.data, again.validation, again.test) == ("other", 0.2, 0.25)


def test_names_of_groups_are_recorded_and_not_asked_for_without_groups(tmp_path):
    found = describe_task(kzoo.Classification(tmp_path, test=(3, "7"), **FUNCTIONS))
    assert found.test == ("3", "7")
    assert task_like(found, "other", kind="classification").test == 0.1
    kept = describe_task(kzoo.Classification(tmp_path, test=["7"], groups="who"))
    assert task_like(kept, "other", kind="classification").test == ["7"]


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
    return kzoo.adapt(small, task, schedule="linear_probe")


@pytest.mark.slow
def test_shares_are_recorded_as_they_were_where_functions_cannot_be(adapted):
    task = adapted.record.task.as_plain()
    assert {name: task[name] for name in ("data", "label", "groups", "validation", "test")} == {
        "data": None,
        "label": None,
        "groups": None,
        "validation": 0.2,
        "test": ["3", "7"],
    }
    assert json.loads(json.dumps(task))["test"] == ["3", "7"]
    assert adapted.record.sizes == {"train": 18, "validation": 6, "test": 6}


@pytest.mark.slow
def test_other_data_is_measured_by_the_recorded_task(adapted, arrays):
    names = np.asarray(["red", "green", "blue"])[arrays[1]]
    assert adapted.evaluate((arrays[0], names)).size == 60
    assert task_like(adapted.record.task, "x", kind="classification").validation == 0.2


@pytest.mark.slow
def test_a_label_that_was_never_learned_leads_everywhere(adapted, small, folder):
    warning = "WARNING: no training example has the label black, so the model cannot predict it"
    evaluation = adapted.evaluate()
    assert evaluation.notes[0].startswith(warning)
    assert adapted.record.notes[0].startswith(warning)
    assert adapted.summary().notes[0].startswith(warning)
    task = kzoo.Classification(folder, labels=["blue", "green", "red", "black"])
    shown = str(kzoo.plan(small, task))
    assert shown.split("\n\n")[1].startswith(warning)
    assert shown.count("WARNING") == 1


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C in the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_a_run_that_was_stopped_says_so(backbone, arrays, tmp_path):
    phase = kzoo.Phase("head", epochs=3, batch_size=16)
    stopped = kzoo.adapt(backbone, kzoo.Classification(arrays), schedule=phase, callbacks=[Interrupt()])
    where = "Stopped by Ctrl-C in phase 1 of 1, after 1 of 3 epochs"
    assert stopped.record.stopped == where
    assert stopped.record.notes[0] == f"WARNING: {where}: the best weights so far are kept"
    assert stopped.summary().rows[0][-1] == "kept, stopped"
    assert len(stopped.history) == 1
    assert stopped.evaluate().notes[0].startswith("WARNING: Stopped by Ctrl-C")
    assert kzoo.load(stopped.save(tmp_path / "kept")).record.stopped == where
