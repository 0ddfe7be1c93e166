"""Trunk and tail together are the model; training the tail is training the model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tqdm import tqdm

from kzoo.models.assembly import assemble
from kzoo.specs.head import Head
from kzoo.training.freezing import set_trainable
from kzoo.training.trunk import compiled, cut, forward, pack, run


@pytest.fixture
def assembled(backbone):
    return assemble(backbone, head=Head(dropout=0.0), outputs=3)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).uniform(0, 255, (10, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize("group", ["stem", "stage1", "stage2", "head"])
def test_the_parts_compose_to_the_whole(assembled, pictures, group):
    part = cut(assembled.model, assembled.cuts[group])
    whole = assembled.model(pictures, training=False).numpy()
    parts = part.tail(pack(part.below(tf.constant(pictures))), training=False).numpy()
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_the_cut_at_the_head_is_the_pooled_embedding(assembled):
    part = cut(assembled.model, assembled.cuts["head"])
    assert part.tail.input_shape == (None, 12)
    assert part.bytes_an_example() == 48


def test_training_the_tail_is_training_the_model(backbone, pictures):
    """Losses and weights after several steps agree to 1e-5 with the unsplit model on the same pictures."""
    targets = np.eye(3, dtype=np.float32)[np.arange(10) % 3]
    losses, weights = [], []
    start = None
    for split in (False, True):
        assembled = assemble(keras.models.clone_model(backbone), head=Head(dropout=0.0), outputs=3)
        start = start or assembled.model.get_weights()
        assembled.model.set_weights(start)
        set_trainable(assembled.groups, ("stage2", "head"), batch_norm=False)
        part = cut(assembled.model, assembled.cuts["stage2"])
        trained = part.tail if split else assembled.model
        inputs = part.below(tf.constant(pictures))[0].numpy() if split else pictures
        trained.compile(keras.optimizers.Adam(1e-2), keras.losses.CategoricalCrossentropy(from_logits=True))
        history = trained.fit(inputs, targets, batch_size=5, epochs=4, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
        weights.append(assembled.model.get_weights())
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    for whole, parts in zip(*weights, strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-5)


def test_run_keeps_the_order_and_the_targets(assembled, pictures):
    part = cut(assembled.model, assembled.cuts["stage1"])
    dataset = tf.data.Dataset.from_tensor_slices((pictures, np.arange(10.0))).batch(4)
    (arrays,), targets = run(part.below, dataset, total=10, bar=tqdm(disable=True))
    np.testing.assert_allclose(arrays, part.below(tf.constant(pictures))[0], rtol=1e-5, atol=1e-6)
    assert targets.tolist() == list(range(10))


def test_run_refuses_a_pipeline_that_lost_examples(assembled, pictures):
    dataset = tf.data.Dataset.from_tensor_slices(pictures).batch(4)
    with pytest.raises(RuntimeError, match="gave 10 examples, 11 were wanted"):
        run(lambda x: [x], dataset, total=11, bar=tqdm(disable=True))


def test_a_result_does_not_depend_on_its_company(assembled, pictures):
    call = compiled(assembled.model)
    together = forward(call, [pictures], batch_size=4)
    alone = np.concatenate([forward(call, [picture[None]], batch_size=4) for picture in pictures])
    assert np.array_equal(together, alone)
