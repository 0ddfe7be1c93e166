"""The phase that was best for each of several tasks."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

import kzoo
from kzoo.setup.conclusion.task_bests import best_phases
from kzoo.task_kinds.kind_registry import get_task_kind

RNG = np.random.default_rng(0)
KIND = get_task_kind("several tasks: a regression 1, b regression 1")
TRUTH = RNG.normal(size=(60, 2)).astype(np.float32)


def phase(first, second):
    """What a phase answers on validation, with errors of some size for each task."""
    logits = TRUTH + RNG.normal(size=(60, 2)) * [first, second]
    return SimpleNamespace(state=SimpleNamespace(logits=logits.astype(np.float32)))


def feed(targets=TRUTH):
    return SimpleNamespace(kind=KIND, validation=SimpleNamespace(targets=targets))


def test_a_task_has_its_own_best_phase_where_it_is_clearly_better():
    results = [phase(1.0, 0.1), phase(0.1, 1.0), phase(1.0, 1.0)]
    found = best_phases(results, feed(), kept=1)
    assert {name: number for name, (number, _) in found.items()} == {"b": 0}
    assert found["b"][1].startswith("b: phase 1 was better for this task than phase 2, which is kept for all")
    assert best_phases([phase(0.5, 0.5), phase(0.5, 0.5)], feed(), kept=0) == {}


def test_lost_phases_and_missing_targets_have_no_best():
    lost = SimpleNamespace(state=None)
    assert best_phases([lost, phase(1.0, 1.0)], feed(), kept=1) == {}
    unknown = TRUTH.copy()
    unknown[:, 1] = np.nan
    assert best_phases([phase(1.0, 0.1), phase(0.1, 1.0)], feed(unknown), kept=1) == {}


@pytest.fixture(scope="module")
def adapted():
    """Tuned for a task that the other one suffers from: its loss counts for nearly nothing."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Rescaling(1 / 128, offset=-1)(inputs)
    x = keras.layers.Conv2D(16, 1, activation="relu")(x)
    backbone = keras.Model(inputs, keras.layers.Conv2D(16, 1, activation="relu")(x), name="net")
    colours = RNG.integers(0, 256, (300, 1, 1, 3))
    pixels = np.broadcast_to(colours, (300, 4, 4, 3)).astype(np.uint8)
    red, blue = colours[:, 0, 0, 0], colours[:, 0, 0, 2]
    middle = np.where(np.abs(red - 128.0) < 60, "mid", "out")
    tasks = {"middle": kzoo.Classification((pixels, middle)), "blue": kzoo.Regression((pixels, blue / 255.0))}
    phases = [kzoo.LinearProbe(), kzoo.Phase("*", epochs=20, learning_rate=0.02, batch_size=16)]
    several = kzoo.MultiTask(tasks, weights={"middle": 10.0, "blue": 1e-4})
    return kzoo.adapt(backbone, several, schedule=phases, scaling="none", size=4, verbose=0)


def test_the_model_of_a_tasks_best_phase(adapted, tmp_path):
    assert adapted.record.kept == 1
    assert list(adapted.task_weights) == ["blue"]
    note = next(note for note in adapted.record.notes if note.startswith("blue: phase 1 was better"))
    assert "best_of('blue')" in note
    best = adapted.best_of("blue")
    shared, own = adapted.tasks["blue"].evaluate()["R2"], best.evaluate()["R2"]
    assert own > shared + 0.05
    assert best.record.test.metrics["R2"].value == pytest.approx(own)
    assert adapted.tasks["blue"].evaluate()["R2"] == shared
    assert adapted.best_of("middle") is adapted.tasks["middle"]
    assert best.record.kept == 0
    assert not any("best_of" in note for note in best.record.notes)
    loaded = kzoo.load(adapted.save(tmp_path / "saved"))
    assert loaded.best_of("middle").labels == ["mid", "out"]
    with pytest.raises(ValueError, match="is not in what was saved"):
        loaded.best_of("blue")
    with pytest.raises(KeyError):
        adapted.best_of("green")
