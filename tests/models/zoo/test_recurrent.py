"""Recurrent networks for texts and recordings: they learn an order that bags cannot see, and are pretrained."""

import dataclasses

import keras
import numpy as np
import pytest

import kzoo
from kzoo.models.zoo.recurrent import RecurrentBlock, audio_recurrent, text_recurrent
from kzoo.models.zoo.text import find_states
from kzoo.specs.registry import get_card

RNG = np.random.default_rng(0)
RATE = 16_000


def orders(count, seed):
    """Texts in which the order of two words is all that tells the classes apart."""
    rng = np.random.default_rng(seed)
    texts = []
    for number in range(count):
        words = [f"w{each}" for each in rng.integers(0, 20, 6)]
        first, second = sorted(rng.choice(6, 2, replace=False))
        words[first], words[second] = ("yes", "no") if number % 2 else ("no", "yes")
        texts.append(" ".join(words) + f" n{number}")
    return texts, [["no first", "yes first"][number % 2] for number in range(count)]


def small(name, **arguments):
    card = get_card(name)
    return dataclasses.replace(
        card, name=f"small_{name}", arguments={**card.arguments, **arguments}, width=arguments["width"], source="user"
    )


@pytest.fixture(scope="module")
def card():
    return dataclasses.replace(small("text_gru", buckets=512, width=24, dropout=0.0), reads={"buckets": 512})


def test_a_gru_reads_the_order_of_words(card):
    keras.utils.set_random_seed(0)
    tune = kzoo.Phase("*", epochs=20, batch_size=16, learning_rate=5e-3, views=1, augmentation="none")
    adapted = kzoo.adapt(card, orders(500, 0), schedule=tune, weights=None, verbose=0)
    assert adapted.evaluate()["accuracy"] > 0.9
    assert adapted.predict("yes w1 w2 no w3 w4").labels == ["yes first"]
    assert adapted.predict("no w1 w2 yes w3 w4").labels == ["no first"]


def test_padding_of_texts_changes_no_features(card):
    network = text_recurrent((8,), **card.arguments)
    ids = np.asarray([[5, 9, 3, 0, 0, 0, 0, 0]], np.int32)
    whole = text_recurrent((3,), **card.arguments)
    whole.set_weights(network.get_weights())
    np.testing.assert_allclose(network(ids), whole(ids[:, :3]), atol=1e-6)
    assert find_states(network).shape == (None, 8, 24)


def test_it_is_pretrained_on_texts_without_labels(card):
    texts, _ = orders(120, 1)
    made = kzoo.pretrain(card, texts, objective="masked_language", steps=30, batch_size=32)
    losses = [each["loss"] for each in made.record.course[1:]]
    assert losses[-1] < losses[0]
    adapted = kzoo.adapt(made, orders(60, 2), schedule="linear_probe", verbose=0)
    assert [type(layer) for layer in adapted.backbone.layers].count(RecurrentBlock) == 1


def test_frames_are_pretrained_and_adapted():
    keras.utils.set_random_seed(0)
    times = np.arange(RATE // 4) / RATE
    tones = [
        (RATE, (0.3 * np.sin(2 * np.pi * (400 + 800 * (n % 2) + n) * times)).astype(np.float32)) for n in range(40)
    ]
    network = small("audio_gru", width=16)
    made = kzoo.pretrain(network, tones[:20], objective="masked_steps", steps=20, batch_size=16)
    assert made.record.course[-1]["loss"] < made.record.course[1]["loss"]
    adapted = kzoo.adapt(made, (tones, [n % 2 for n in range(40)]), schedule="linear_probe", verbose=0)
    assert np.mean(np.asarray(adapted.predict(tones).labels) == [str(n % 2) for n in range(40)]) > 0.9


def test_a_step_of_frames_stands_for_several():
    network = audio_recurrent((25, 40), cell="lstm", width=8, blocks=1, stride=2, dropout=0.0)
    assert network.output_shape == (None, 8)
    assert find_states(network).shape == (None, 13, 8)
