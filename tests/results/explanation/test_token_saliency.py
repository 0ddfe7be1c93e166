"""Contributions of tokens against sums in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.data.text.preprocess import TextPreprocessor
from kzoo.data.text.tokenizers import HashingTokenizer
from kzoo.models.heads import Standardize
from kzoo.models.side_by_side import SliceFeatures
from kzoo.models.zoo.text import ngram_bag, text_cnn
from kzoo.models.zoo.tfidf import tfidf_bag
from kzoo.results.explanation.subject import Subject
from kzoo.results.explanation.token_saliency import (
    EXACT,
    GRADIENT_TIMES_EMBEDDING,
    find_embeddings,
    make_token_saliency,
)

L = keras.layers
IDS = np.array([[3, 5, 3, 9, 0, 0], [7, 2, 14, 15, 11, 1]], np.int32)


def subject(backbone, *, hidden=None, target=1):
    keras.utils.set_random_seed(0)
    x = Standardize(name="standard")(backbone.output)
    if hidden:
        x = L.Dense(4, activation=hidden)(x)
    logits = L.Dense(3, bias_initializer="ones", name="logits")(x)
    preprocessor = TextPreprocessor(6, HashingTokenizer(16))
    labels = ["a", "b", "c"]
    return Subject(backbone.input, backbone.output, logits, preprocessor, labels, keras.activations.softmax, target)


def network_of(found):
    return keras.Model(found.inputs, found.logits)


def standardize(network):
    layer = network.get_layer("standard")
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=8), rng.uniform(1, 2, 8)])
    return [weight.numpy() for weight in layer.weights]


def test_tf_idf_is_exact():
    backbone = tfidf_bag((6,), buckets=16, width=8)
    table = backbone.get_layer("embedding")
    table.idf.assign(np.random.default_rng(0).uniform(1, 3, 16))
    table.trainable = False
    found = subject(backbone)
    network = network_of(found)
    mean, deviation = standardize(network)
    kernel, bias = (weight.numpy() for weight in network.get_layer("logits").weights)
    rows = table.embeddings.numpy() / deviation @ kernel[:, 1]
    wanted = table.weights_of(tf.constant(IDS)).numpy() * rows[IDS]
    contributions = make_token_saliency(found)(IDS)
    assert contributions.method == EXACT
    np.testing.assert_allclose(contributions.values, wanted, atol=1e-5)
    constant = bias[1] - (mean / deviation) @ kernel[:, 1]
    logits = network(IDS).numpy()[:, 1]
    np.testing.assert_allclose(contributions.values.sum(axis=1) + constant, logits, atol=1e-5)
    np.testing.assert_allclose(contributions.logits, logits, atol=1e-6)
    assert (contributions.values[0, 4:] == 0).all()


def test_means_of_embeddings_are_exact():
    backbone = ngram_bag((6,), buckets=16, width=8, power=0.5)
    found = subject(backbone)
    network = network_of(found)
    standardize(network)
    contributions = make_token_saliency(found)(IDS)
    assert contributions.method == EXACT
    # Without tokens, the logit is the constant.
    constant = network(np.zeros((1, 6), np.int32)).numpy()[0, 1]
    np.testing.assert_allclose(contributions.values.sum(axis=1) + constant, contributions.logits, atol=1e-5)


def test_other_heads_have_gradients_times_embeddings():
    backbone = ngram_bag((6,), buckets=16, width=8)
    found = subject(backbone, hidden="tanh")
    network = network_of(found)
    contributions = make_token_saliency(found)(IDS)
    assert contributions.method == GRADIENT_TIMES_EMBEDDING
    table = backbone.get_layer("embedding").embeddings.numpy()
    first, second = [layer for layer in network.layers if isinstance(layer, L.Dense)]
    x = table[IDS[1]].mean(axis=0)
    slope = (1 - np.tanh(x @ first.kernel.numpy()) ** 2) * second.kernel.numpy()[:, 1] @ first.kernel.numpy().T
    np.testing.assert_allclose(contributions.values[1], table[IDS[1]] @ slope / 6, atol=1e-5)


def test_n_grams_of_tokens_belong_to_their_tokens():
    backbone = text_cnn((6,), buckets=16, width=8, runs=16, run_width=4)
    found = find_embeddings(subject(backbone))
    assert sorted((each.start, each.run) for each in found) == [(0, 1), (0, 1), (0, 2), (0, 3)]
    for name in ("embedding", "run_embedding1", "run_embedding3"):
        backbone.get_layer(name).embeddings.assign(np.zeros_like(backbone.get_layer(name).embeddings))
    values = make_token_saliency(subject(backbone))(IDS).values
    # Pairs stand for both of their tokens, so each end has half of one pair.
    table = backbone.get_layer("run_embedding2")
    assert (values[0, 4:] == 0).all()
    assert np.abs(values[0, :4]).min() > 0
    table.embeddings.assign(np.zeros_like(table.embeddings))
    assert not make_token_saliency(subject(backbone))(IDS).values.any()


def test_parts_of_a_joint_input_keep_their_places():
    inputs = keras.Input((6,), dtype="int32")
    parts = [SliceFeatures(0, 2)(inputs), SliceFeatures(2, 6)(inputs)]
    x = [L.Flatten()(L.Embedding(16, 2)(part)) for part in parts]
    features = L.Concatenate()(x)
    found = subject(keras.Model(inputs, features))
    network = network_of(found)
    # A dense layer on all vectors in their order: each place has its own weights.
    values = make_token_saliency(found)(IDS).values
    tables = [layer.embeddings.numpy() for layer in network.layers if isinstance(layer, L.Embedding)]
    vectors = np.concatenate([tables[0][IDS[:, :2]], tables[1][IDS[:, 2:]]], axis=1)
    kernel = network.get_layer("logits").kernel.numpy()[:, 1].reshape(6, 2)
    np.testing.assert_allclose(values, (vectors * kernel).sum(axis=-1), atol=1e-5)


def test_a_network_without_embeddings_is_refused():
    inputs = keras.Input((6,), dtype="int32")
    with pytest.raises(ValueError, match="no layer that embeds token ids"):
        make_token_saliency(subject(keras.Model(inputs, L.CategoryEncoding(16)(inputs))))
