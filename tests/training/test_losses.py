"""Scores and losses against each other: NumPy against Keras."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.multi_label import MULTI_LABEL
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training import losses
from kzoo.training.losses import build_loss, register_loss, resolve_loss, score

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(20, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        (CLASSIFICATION, np.eye(4)[RNG.integers(0, 4, 20)]),
        (MULTI_LABEL, RNG.integers(0, 2, (20, 4))),
        (REGRESSION, RNG.normal(size=(20, 4))),
    ],
)
def test_the_score_is_the_loss(kind, targets):
    loss = build_loss(kind)(targets.astype(np.float32), LOGITS)
    assert score(kind, LOGITS, targets)["val_loss"] == pytest.approx(float(loss), rel=1e-5)


def test_accuracy():
    targets = np.eye(4)[LOGITS.argmax(axis=1)]
    targets[:5] = np.roll(targets[:5], 1, axis=1)
    assert score(CLASSIFICATION, LOGITS, targets)["val_accuracy"] == 0.75


def test_label_smoothing_is_keras_own():
    targets = np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 20)]
    smooth = build_loss(CLASSIFICATION, label_smoothing=0.2)(targets, LOGITS)
    by_hand = keras.losses.CategoricalCrossentropy(from_logits=True)(targets * 0.8 + 0.05, LOGITS)
    assert float(smooth) == pytest.approx(float(by_hand), rel=1e-5)


def test_label_smoothing_of_several_labels_is_between_yes_and_no():
    targets = RNG.integers(0, 2, (20, 4)).astype(np.float32)
    wanted = targets * 0.8 + 0.1
    by_hand = np.mean(np.logaddexp(0.0, LOGITS) - wanted * LOGITS)
    assert float(build_loss(MULTI_LABEL, label_smoothing=0.2)(targets, LOGITS)) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(("kind", "share"), [(CLASSIFICATION, 0.1), (MULTI_LABEL, 0.0)])
def test_smoothing_that_is_left_to_kzoo_is_for_classes(kind, share):
    targets = np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 20)]
    found, wanted = (build_loss(kind, label_smoothing=each)(targets, LOGITS) for each in ("auto", share))
    assert float(found) == float(wanted)
    assert build_loss(REGRESSION, label_smoothing="auto")(targets, LOGITS) > 0


def test_numbers_have_no_label_smoothing():
    with pytest.raises(ValueError, match=r"label_smoothing is for classes; targets of a Regression are numbers"):
        build_loss(REGRESSION, label_smoothing=0.1)


TARGETS = np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 20)]


@pytest.mark.parametrize("name", ["categorical_crossentropy", "CategoricalCrossentropy"])
def test_a_loss_by_its_name_is_of_logits(name):
    found = resolve_loss(name, kind=CLASSIFICATION, outputs=4)
    assert float(found(TARGETS, LOGITS)) == pytest.approx(float(build_loss(CLASSIFICATION)(TARGETS, LOGITS)), rel=1e-6)


def test_a_callable_is_called_with_truth_and_outputs_and_weighted():
    found = resolve_loss(lambda truth, outputs: tf.reduce_sum(truth * outputs, axis=1), kind=CLASSIFICATION, outputs=4)
    weights = np.arange(20, dtype=np.float32)
    wanted = ((TARGETS * LOGITS).sum(axis=1) * weights).mean()
    assert float(found(TARGETS, LOGITS, sample_weight=weights)) == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize(("loss", "kind"), [("mse", REGRESSION), ("huber", REGRESSION), ("hinge", MULTI_LABEL)])
def test_losses_of_other_tasks(loss, kind):
    assert resolve_loss(loss, kind=kind, outputs=1)(np.ones((2, 1)), np.zeros((2, 1))) > 0


def flat(truth, outputs):
    return tf.cast(tf.argmax(outputs, axis=1), tf.float32)


def numpy_only(truth, outputs):
    return np.abs(np.asarray(truth) - np.asarray(outputs)).mean()


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        ("crossentropy", ValueError, r"Unknown loss 'crossentropy'"),
        (keras.losses.MeanSquaredError, TypeError, r"loss must be a Keras loss, its name, or a callable"),
        (3, TypeError, r"loss must be a Keras loss"),
        (keras.losses.CategoricalCrossentropy(), ValueError, r"expects probabilities, but outputs are logits"),
        (keras.losses.categorical_crossentropy, ValueError, r"expects probabilities, but outputs are logits"),
        (keras.losses.KLDivergence(), ValueError, r"expects probabilities, but outputs are logits"),
        (
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            ValueError,
            r"Targets are one-hot, float32 \(B, 4\); outputs are logits, float32 \(B, 4\)\. On zeros it raised",
        ),
        (flat, ValueError, r"The loss 'flat' has no gradient with respect to the outputs"),
        (numpy_only, ValueError, r"The loss 'numpy_only' cannot be used"),
        (
            lambda truth, outputs: tf.reduce_sum(outputs, axis=1) / 0.0,
            ValueError,
            r"must give one finite number. On zeros it gave nan",
        ),
    ],
)
def test_a_loss_that_cannot_be_used_is_refused(loss, error, message):
    with pytest.raises(error, match=message):
        resolve_loss(loss, kind=CLASSIFICATION, outputs=4)


def own_loss(truth, outputs):
    return tf.reduce_sum(truth * outputs, axis=1)


def test_a_registered_loss_goes_by_its_name(monkeypatch):
    monkeypatch.setattr(losses, "LOSSES", {})
    register_loss("mine", own_loss)
    found = resolve_loss("mine", kind=CLASSIFICATION, outputs=4)
    assert found.name == "mine"
    assert float(found(TARGETS, LOGITS)) == pytest.approx(float((TARGETS * LOGITS).sum(axis=1).mean()), rel=1e-5)
    for taken in ("mine", "mse", "CategoricalCrossentropy"):
        with pytest.raises(ValueError, match=f"A loss named '{taken}' exists already"):
            register_loss(taken, own_loss)
    for nothing in (keras.losses.MeanSquaredError, "mse"):
        with pytest.raises(TypeError, match="A loss must be a Keras loss, or a callable"):
            register_loss("other", nothing)
    assert list(losses.LOSSES) == ["mine"]


def test_a_loss_that_is_given_its_logits_is_taken():
    for loss in (
        keras.losses.CategoricalFocalCrossentropy(from_logits=True),
        functools.partial(keras.losses.categorical_crossentropy, from_logits=True),
    ):
        assert float(resolve_loss(loss, kind=CLASSIFICATION, outputs=4)(TARGETS, LOGITS)) > 0
