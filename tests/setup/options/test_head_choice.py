"""The best head, by cross-validation."""

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
    x = RNG.normal(size=(400, 2))
    classes = np.where((x**2).sum(axis=1) > 1.4, "out", "in")
    task = kzoo.Classification(pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "class": classes}), label="class", test=0.25)
    found = kzoo.adapt("row_mlp", task, weights=None, head="best", verbose=0)
    note = next(each for each in found.record.notes if each.startswith("Head chosen by cross-validation"))
    assert "logistic regression 0." in note
    assert "gradient boosting 0." in note
    assert found.head.kind in ("mlp", "rbf_svm", "knn", "boosting", "svm")
    assert found.evaluate()["accuracy"] > 0.9
