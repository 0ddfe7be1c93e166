"""Scores and losses against each other: NumPy against Keras."""

import keras
import numpy as np
import pytest

from kzoo.training.losses import build_loss, score

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(20, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        ("classification", np.eye(4)[RNG.integers(0, 4, 20)]),
        ("multi_label", RNG.integers(0, 2, (20, 4))),
        ("regression", RNG.normal(size=(20, 4))),
    ],
)
def test_the_score_is_the_loss(kind, targets):
    loss = build_loss(kind)(targets.astype(np.float32), LOGITS)
    assert score(kind, LOGITS, targets)["val_loss"] == pytest.approx(float(loss), rel=1e-5)


def test_accuracy():
    targets = np.eye(4)[LOGITS.argmax(axis=1)]
    targets[:5] = np.roll(targets[:5], 1, axis=1)
    assert score("classification", LOGITS, targets)["val_accuracy"] == 0.75


def test_label_smoothing_is_keras_own():
    targets = np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 20)]
    smooth = build_loss("classification", label_smoothing=0.2)(targets, LOGITS)
    by_hand = keras.losses.CategoricalCrossentropy(from_logits=True)(targets * 0.8 + 0.05, LOGITS)
    assert float(smooth) == pytest.approx(float(by_hand), rel=1e-5)


def test_label_smoothing_of_several_labels_is_between_yes_and_no():
    targets = RNG.integers(0, 2, (20, 4)).astype(np.float32)
    wanted = targets * 0.8 + 0.1
    by_hand = np.mean(np.logaddexp(0.0, LOGITS) - wanted * LOGITS)
    assert float(build_loss("multi_label", label_smoothing=0.2)(targets, LOGITS)) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(("kind", "share"), [("classification", 0.1), ("multi_label", 0.0)])
def test_smoothing_that_is_left_to_kzoo_is_for_classes(kind, share):
    targets = np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 20)]
    found, wanted = (build_loss(kind, label_smoothing=each)(targets, LOGITS) for each in ("auto", share))
    assert float(found) == float(wanted)
    assert build_loss("regression", label_smoothing="auto")(targets, LOGITS) > 0


def test_numbers_have_no_label_smoothing():
    with pytest.raises(ValueError, match=r"label_smoothing is for classes; targets of a Regression are numbers"):
        build_loss("regression", label_smoothing=0.1)
