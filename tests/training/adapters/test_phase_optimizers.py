"""Which part of the head's layer a phase trains, where the head is that of several tasks."""

import keras
import numpy as np
import pytest

import kzoo
from tests.conftest import tiny_backbone


@pytest.fixture(scope="module")
def tasks(arrays):
    images, labels = arrays
    value = images.mean(axis=(1, 2, 3)).astype(float)
    return kzoo.MultiTask({"kind": kzoo.Classification((images, labels)), "price": kzoo.Regression((images, value))})


def phase(train, **options):
    return kzoo.Phase(train, epochs=2, batch_size=8, learning_rate=1e-2, warmup=0.0, **options)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adafactor", "lion"])
def test_a_head_that_is_not_named_stays(tasks, optimizer):
    # Whatever validation selects: the weights as training leaves them.
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(self.model.get_layer("head_logits").get_weights())

        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.get_layer("head_logits").get_weights())

    keras.utils.set_random_seed(0)
    schedule = [kzoo.LinearProbe(), phase("price/head", optimizer=optimizer, weight_decay=0.1)]
    head = kzoo.Head(dropout=0.0)
    adapted = kzoo.adapt(tiny_backbone(), tasks, schedule=schedule, verbose=0, head=head, callbacks=Look())
    (probe, start), (kernel, bias) = seen[0], seen[-1]
    outputs = kernel.shape[1]
    np.testing.assert_array_equal(kernel[:, : outputs - 1], probe[:, : outputs - 1])
    np.testing.assert_array_equal(bias[: outputs - 1], start[: outputs - 1])
    assert np.abs(kernel[:, -1] - probe[:, -1]).max() > 1e-4
    assert adapted.record.phases[1].trained == "price/head"


def test_layers_below_train_with_one_head(tasks):
    plan = kzoo.plan(tiny_backbone(), tasks, schedule=[phase(["last:1", "kind/head"])])
    assert "kind/head" not in str(plan)  # last:1 names the head as a whole
    found = kzoo.plan(tiny_backbone(), tasks, schedule=[phase(["stage*", "kind/head"])])
    assert "kind/head" in str(found)


@pytest.mark.parametrize(
    ("train", "head", "told"),
    [
        ("colour/head", None, "'colour/head' of train names no task. The tasks are: kind, price"),
        ("kind/head", kzoo.Head(hidden=4), "needs heads without a common layer"),
    ],
)
def test_a_head_that_there_is_not_is_refused(tasks, train, head, told):
    with pytest.raises(ValueError, match=told):
        kzoo.plan(tiny_backbone(), tasks, schedule=[phase(train)], head=head)


def test_one_task_has_one_head(arrays):
    with pytest.raises(ValueError, match="There is one task, whose head is 'head'"):
        kzoo.plan(tiny_backbone(), kzoo.Classification(arrays), schedule=[phase("kind/head")])
