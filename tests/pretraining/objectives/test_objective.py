"""Objectives: each loss is that of its paper, written once more in NumPy; each question is what it says."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from kzoo.pretraining.objectives.autoencoder import DAMAGES, Autoencoder
from kzoo.pretraining.objectives.barlow_twins import OFF_DIAGONAL, BarlowTwins
from kzoo.pretraining.objectives.gan import Adversarial
from kzoo.pretraining.objectives.masked import SHARE, Masked, hide
from kzoo.pretraining.objectives.masked_columns import MaskedColumns
from kzoo.pretraining.objectives.masked_language import MaskedLanguage
from kzoo.pretraining.objectives.objective import BackboneGraph
from kzoo.pretraining.objectives.simclr import TEMPERATURE, SimCLR
from kzoo.pretraining.objectives.supervised import SMOOTHING, Supervised

RNG = np.random.default_rng(0)
SEED = tf.constant([0, 7], tf.int32)


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def test_supervised_is_a_cross_entropy_with_smoothed_labels():
    wanted, found = np.eye(3, dtype=np.float32)[[0, 2]], floats(2, 3)
    smooth = wanted * (1 - SMOOTHING) + SMOOTHING / 3
    value = Supervised(outputs=3).loss(tf.constant(wanted), tf.constant(found))
    np.testing.assert_allclose(value, -np.sum(smooth * log_softmax(found, axis=1), axis=1), rtol=1e-5)


def test_simclr_is_nt_xent():
    found = floats(8, 5)
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    wanted = []
    for place in range(8):
        other = place + 1 if place % 2 == 0 else place - 1
        near = np.exp(unit @ unit[place] / TEMPERATURE)
        wanted.append(-np.log(near[other] / (near.sum() - near[place])))
    np.testing.assert_allclose(SimCLR().loss(None, tf.constant(found)), wanted, rtol=1e-4)


def test_barlow_twins_is_a_distance_to_the_identity():
    found = floats(12, 4)
    first, second = (part - part.mean(axis=0) for part in (found[::2], found[1::2]))
    first, second = (part / (part.std(axis=0) + 1e-5) for part in (first, second))
    total = 0.0
    for i in range(4):
        for j in range(4):
            correlation = np.mean(first[:, i] * second[:, j])
            total += (correlation - 1) ** 2 if i == j else OFF_DIAGONAL * correlation**2
    np.testing.assert_allclose(BarlowTwins().loss(None, tf.constant(found)), total / 4, rtol=1e-4)


def test_an_autoencoder_is_a_mean_square():
    wanted, found = floats(2, 4, 4, 3), floats(2, 4, 4, 3)
    value = Autoencoder().loss(tf.constant(wanted), tf.constant(found))
    np.testing.assert_allclose(value, ((wanted - found) ** 2).reshape(2, -1).mean(axis=1), rtol=1e-5)


def test_masked_looks_only_at_what_was_hidden():
    picture, found = floats(2, 4, 4, 3), floats(2, 4, 4, 3)
    hidden = RNG.integers(0, 2, (2, 4, 4, 1)).astype(np.float32)
    wanted = [np.abs(picture - found)[n][hidden[n, ..., 0] == 1].mean() for n in range(2)]
    value = Masked().loss(tf.constant(np.concatenate([picture, hidden], axis=-1)), tf.constant(found))
    np.testing.assert_allclose(value, wanted, rtol=1e-5)


def test_masked_columns_are_errors_of_what_was_hidden_and_guesses_which():
    rows = np.array([[0.5, -1.0, 2.0], [1.0, 3.0, 0.0]], np.float32)  # two numbers and one of three categories
    hidden = np.array([[1, 0, 1], [0, 0, 0]], np.float32)
    found = floats(2, 2 + 3 + 3)
    costs = np.concatenate([(rows[:, :2] - found[:, :2]) ** 2 / 2, np.zeros((2, 1))], axis=1)
    costs[:, 2] = [-log_softmax(found[0, 2:5])[2], -log_softmax(found[1, 2:5])[0]]
    chance = 1 / (1 + np.exp(-found[:, 5:]))
    guesses = -np.where(hidden == 1, np.log(chance), np.log(1 - chance)).mean(axis=1)
    expected = [(costs[0, 0] + costs[0, 2]) / 2 + guesses[0], guesses[1]]
    value = MaskedColumns(categories=(3,)).loss(tf.constant(np.concatenate([rows, hidden], axis=1)), tf.constant(found))
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_masked_columns_come_from_other_rows_of_the_same_column():
    examples = tf.reshape(tf.range(400.0), (100, 4))
    rows, wanted = MaskedColumns().ask(examples, None, SEED)
    before, hidden = np.split(wanted.numpy(), 2, axis=1)
    assert np.array_equal(before, examples)
    assert np.array_equal(rows.numpy()[hidden == 0], before[hidden == 0])
    assert np.array_equal(rows.numpy() % 4, before % 4)
    assert 0.2 < hidden.mean() < 0.4
    inputs = keras.Input((4,))
    pooled = keras.layers.Dense(5)(inputs)
    assert MaskedColumns(categories=(3, 2)).network(BackboneGraph(inputs, pooled, pooled)).output_shape == (None, 11)


@pytest.mark.parametrize("places", [1, 3])
def test_masked_language_is_a_cross_entropy_of_what_is_asked_for(places):
    wanted, found = np.array([[4, 2, -1], [0, -1, -1]]), floats(2, places, 6)
    chances = np.broadcast_to(log_softmax(found, axis=-1), (2, 3, 6))
    said = [chances[0, 0, 4], chances[0, 1, 2], chances[1, 0, 0]]
    value = MaskedLanguage(vocabulary=6).loss(tf.constant(wanted), tf.constant(found))
    np.testing.assert_allclose(value, -np.mean(said), rtol=1e-5)


def test_the_discriminator_takes_nine_tenths_for_real():
    wanted, found = np.array([[1.0], [0.0]], np.float32), floats(2, 1)
    real = 1 / (1 + np.exp(-found[:, 0]))
    expected = [-(0.9 * np.log(real[0]) + 0.1 * np.log(1 - real[0])), -np.log(1 - real[1])]
    np.testing.assert_allclose(Adversarial().loss(tf.constant(wanted), tf.constant(found)), expected, rtol=1e-5)


def test_as_many_patches_are_hidden_in_each_example():
    hidden = hide(5, 32, 32, SEED).numpy()
    assert hidden.shape == (5, 32, 32, 1)
    np.testing.assert_allclose(hidden.mean(axis=(1, 2, 3)), round(SHARE * 64) / 64)
    assert len({each.tobytes() for each in hidden}) == 5
    assert hide(2, 100, 40, SEED).shape == (2, 100, 40, 1)


@pytest.mark.parametrize("shape", [(4, 16, 16, 3), (4, 20, 12)])
@pytest.mark.parametrize("objective", [Autoencoder(), Masked()])
def test_what_is_asked_follows_from_the_seed(objective, shape):
    examples = tf.constant(RNG.uniform(0, 255 if len(shape) == 4 else 1, shape).astype(np.float32))
    first, again = (objective.ask(examples, None, SEED) for _ in range(2))
    other = objective.ask(examples, None, SEED + 1)
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
    assert first[0].shape == shape
    picture = first[1].numpy()[..., : 3 if len(shape) == 4 else 1]
    scaled = examples.numpy() / 127.5 - 1 if len(shape) == 4 else 2 * examples.numpy()[..., None] - 1
    np.testing.assert_allclose(picture, scaled, atol=1e-6)


@pytest.mark.parametrize("way", DAMAGES)
def test_each_damage_changes_a_picture_more_the_more_it_is(way):
    picture = tf.image.resize(RNG.uniform(0, 255, (6, 6, 3)).astype(np.float32), (24, 24))
    little, much = (np.mean((way(picture, degree, SEED) - picture) ** 2) for degree in (0.2, 1.0))
    assert 0 < little < much


def test_taken_out_tokens_are_asked_for_and_padding_is_not():
    ids = np.zeros((3, 20), np.int32)
    ids[0, :20], ids[1, :3], ids[2, :1] = np.arange(1, 21), (5, 6, 7), 9
    question, wanted = MaskedLanguage(vocabulary=30).ask(tf.constant(ids), None, SEED)
    seen, wanted = question["tokens"].numpy(), wanted.numpy()
    assert (wanted[0] > 0).sum() == 3
    assert (wanted[1] > 0).sum() == 1
    assert (wanted[2] > 0).sum() == 0
    for row in range(3):
        gone = ids[row][ids[row] != seen[row]]
        assert sorted(gone) == sorted(wanted[row][wanted[row] > 0])
    question, wanted = MaskedLanguage(vocabulary=30, mask=29).ask(tf.constant(ids), None, SEED)
    places = question["places"].numpy()
    np.testing.assert_array_equal(ids[0, places[0]], wanted[0])
