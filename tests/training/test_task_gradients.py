"""Gradients of several tasks in shared layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.task_gradients import TaskGradients, shared_variables

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 4)).astype(np.float32)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    shared = keras.layers.Dense(3, use_bias=False, name="shared")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, use_bias=False, name="head")(shared))


def gradients_of(model, targets, sizes=(16,)):
    loss = get_task_kind("several tasks: a regression 1, b regression 1").loss(0.0)
    probe = TaskGradients(model, loss.by_task, {"shared": shared_variables(model)})
    ends = np.cumsum(sizes)
    parts = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    batches = ((tf.constant(X[p]), tf.constant(targets[p]), tf.ones(len(X[p]))) for p in parts)
    return probe.measure(batches)["shared"]


def by_hand(model, targets, task):
    """The gradient of the sum of squared errors of one output with respect to the shared kernel."""
    kernel, head = (layer.get_weights()[0] for layer in model.layers[1:])
    errors = X @ kernel @ head[:, task] - targets[:, task]
    return 2 * X.T @ np.outer(errors, head[:, task])


@pytest.mark.parametrize("sizes", [(16,), (10, 6)])
def test_norms_and_cosines_are_those_of_numpy(model, sizes):
    targets = RNG.normal(size=(16, 2)).astype(np.float32)
    found = gradients_of(model, targets, sizes)
    a, b = (by_hand(model, targets, task) for task in (0, 1))
    wanted = (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)
    assert found.cosines[0, 1] == pytest.approx(wanted, abs=1e-5)
    assert found.norms[0] / found.norms[1] == pytest.approx(np.linalg.norm(a) / np.linalg.norm(b), rel=1e-4)
    np.testing.assert_allclose(np.diag(found.cosines), 1, atol=1e-6)
    assert found.by_batch.shape == (len(sizes), 2, 2)


def test_a_task_without_targets_has_no_direction(model):
    targets = np.stack([RNG.normal(size=16), np.full(16, np.nan)], axis=1).astype(np.float32)
    found = gradients_of(model, targets)
    assert found.norms[1] == 0
    assert np.isnan(found.cosines[0, 1])


def test_without_examples_nothing_is_measured(model):
    with pytest.raises(ValueError, match="Gradients need a batch of examples"):
        gradients_of(model, np.zeros((16, 2), np.float32), ())


def test_the_layer_of_logits_is_not_shared(model):
    assert [variable.path for variable in shared_variables(model)] == ["shared/kernel"]
