"""The best head, by cross-validation."""

import keras
import numpy as np
import pandas as pd

import kzoo
from kzoo.setup.options.head_choice import pick_head
from kzoo.specs.catalog.classical_heads import LOGISTIC
from kzoo.training.probes.classical.classical_probe import ClassicalChoice

RNG = np.random.default_rng(0)


def choice(name, mean, spread=0.1):
    return ClassicalChoice(name, {}, 1.0, mean + spread * RNG.normal(size=100))


def test_logistic_regression_stays_unless_another_is_clearly_better():
    plain = choice(LOGISTIC, 0.5)
    near = ClassicalChoice("svm", {}, 1.0, plain.losses - 0.001 + 0.1 * RNG.normal(size=100))
    assert pick_head([plain, near, choice("knn", 0.6)]) is plain
    better, best = choice("ridge", 0.4), choice("boosting", 0.3)
    assert pick_head([better, plain, best, near]) is best


def test_what_no_plane_separates_gets_another_head_and_a_note():
    inputs = keras.Input((4, 4, 3))
    net = keras.Model(inputs, keras.layers.Dense(3, kernel_initializer="identity")(inputs), name="net")
    colours = RNG.integers(0, 256, (300, 1, 1, 3))
    pixels = np.broadcast_to(colours, (300, 4, 4, 3)).astype(np.uint8)
    middle = np.where(np.abs(colours[:, 0, 0, 0] - 128) < 60, "mid", "out")
    task = kzoo.Classification((pixels, middle), test=0.25)
    found = kzoo.adapt(net, task, head="best", scaling="none", size=4, verbose=0)
    note = next(each for each in found.record.notes if each.startswith("Head chosen by cross-validation"))
    assert "logistic regression 0." in note
    assert found.head.kind in ("rbf_svm", "knn", "boosting")
    assert found.evaluate()["accuracy"] > 0.9


def test_of_too_few_examples_nothing_is_compared_and_the_note_says_so():
    frame = pd.DataFrame({"a": RNG.normal(size=12), "class": ["in"] * 11 + ["out"]})
    task = kzoo.Classification(frame, label="class", validation=0, test=0)
    found = kzoo.adapt("row_mlp", task, weights=None, head="best", verbose=0)
    assert found.head.kind == "mlp"
    assert "Head: logistic regression; there are too few examples to compare heads" in found.record.notes


def test_slow_heads_are_left_out_of_large_problems(monkeypatch):
    monkeypatch.setattr("kzoo.setup.options.head_choice.MOST_WORK", 1.0)
    frame = pd.DataFrame({"a": RNG.normal(size=60), "class": ["in", "out"] * 30})
    found = kzoo.adapt("row_mlp", kzoo.Classification(frame, label="class"), weights=None, head="best", verbose=0)
    note = next(each for each in found.record.notes if each.startswith("Head chosen by cross-validation"))
    assert note.endswith("not tried, as it would take long: gradient boosting")
