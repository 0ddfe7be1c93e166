"""Which views the epochs of a phase see."""

import hashlib

import keras
import numpy as np
import pytest

from kzoo.core.graph.folding import fold
from kzoo.core.progress import ProgressBar
from kzoo.data.audio.column import collect_recordings
from kzoo.data.audio.preprocess import AudioPreprocessor
from kzoo.data.audio.spectrogram import FrontEnd
from kzoo.data.examples import Examples
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.text.preprocess import TextPreprocessor, find_tokenizer
from kzoo.setup.feeds import feed_of
from kzoo.specs.phases import Phase
from kzoo.specs.registry import get_card
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.cache.activations import Activations
from kzoo.training.cache.budget import CacheLimits, CacheRequest

PLENTY = CacheLimits(1 << 30, 0)
RNG = np.random.default_rng(0)


def pictures():
    return "image", RNG.integers(0, 256, (6, 12, 12, 3), dtype=np.uint8), ImagePreprocessor(8)


def texts():
    words = np.asarray([f"word{number}" for number in range(15)])
    column = np.asarray([" ".join(RNG.permutation(words)) for _ in range(6)], object)
    return "text", column, TextPreprocessor(40, find_tokenizer(get_card("kzoo_nano_text").reads))


def recordings():
    waves = [RNG.normal(0, 0.1, 4000).astype(np.float32) for _ in range(6)]
    reads = get_card("keyword_cnn").reads
    column = collect_recordings([(16_000, wave) for wave in waves])
    return "audio", column, AudioPreprocessor(4000, FrontEnd(**reads))


def activations(make, limits, *, seed=0, kind=REGRESSION, targets=None, first=1):
    """Of a model whose trunk is its input made flat, and whose head is one layer."""
    modality, column, preprocessor = make()
    digests = [hashlib.sha256(bytes([n])).hexdigest() for n in range(first, first + 6)]
    targets = np.zeros((6, 1), np.float32) if targets is None else targets
    both = [Examples({modality: column}, np.zeros(6), digests, digests)] * 2
    feed = feed_of(preprocessor, both, [targets] * 2, kind=kind, seed=seed)
    inputs = keras.Input(preprocessor.shape, dtype="int32" if modality == "text" else "float32")
    pooled = keras.layers.Rescaling(0.5)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(pooled))
    return Activations(model, {"stem": (inputs,), "head": (pooled,)}, feed, fold, limits=limits)


def seen(made, phase):
    """For each epoch, the six inputs of the part that trains, in an order that does not depend on the epoch."""
    if made.cache_plan(phase).place != "nowhere":
        made.fill([phase], bar=ProgressBar("views", unit="example", total=0))
    batches = iter(made.dataset(phase, batch=6))
    epochs = [np.asarray(next(batches)[0]).reshape(6, -1) for _ in range(phase.epochs)]
    orders = [np.asarray(made.feed.order(number)) for number in range(phase.epochs)]
    return [rows[np.argsort(order)] for rows, order in zip(epochs, orders, strict=True)]


def key(group="head", number=0, augmentation="light", dtype="float32", *, make=pictures, **options):
    made = activations(make, PLENTY, **options)
    return made._passes.key(CacheRequest(group, "train", augmentation, number, dtype, "memory"))[0]


def test_activations_are_known_by_all_that_they_follow_from():
    def larger():
        return "image", pictures()[1], ImagePreprocessor(10)

    def scaled():
        return "image", pictures()[1], ImagePreprocessor(8, "tf")

    same = key()
    assert key() == same
    others = [
        key("stem"),
        key(number=1),
        key(augmentation="medium"),
        key(augmentation="none"),
        key(dtype="float16"),
        key(make=larger),
        key(make=scaled),
        key(seed=1),
    ]
    assert same not in others
    assert len(set(others)) == len(others)
    assert key(augmentation="none", seed=1) == key(augmentation="none")


def test_what_is_mixed_is_known_by_what_it_is_mixed_with():
    def mixed(augmentation="strong", **options):
        return key(augmentation=augmentation, kind=CLASSIFICATION, **options)

    targets = np.eye(1, dtype=np.float32).repeat(6, axis=0)
    assert mixed() == mixed()
    assert len({mixed(), mixed(first=2), mixed(targets=targets)}) == 3
    assert mixed("medium") == mixed("medium", first=2) == mixed("medium", targets=targets)


def different(epochs):
    return len({rows.tobytes() for rows in epochs})


@pytest.mark.slow
@pytest.mark.parametrize("make", [pictures, texts, recordings])
@pytest.mark.parametrize("train", ["head", "*"], ids=["cached", "uncached"])
def test_each_epoch_sees_a_new_view(make, train):
    made = activations(make, PLENTY)
    phase = Phase(train, epochs=3, batch_size=6, augmentation="medium")
    assert made.cache_plan(phase).place == ("memory" if train == "head" else "nowhere")
    assert different(seen(made, phase)) == 3


@pytest.mark.parametrize("train", ["head", "*"], ids=["cached", "uncached"])
def test_a_bound_on_views_is_kept_and_they_come_in_turn(train):
    epochs = seen(activations(pictures, PLENTY), Phase(train, epochs=5, augmentation="light", views=2))
    assert different(epochs) == 2
    for before, after in zip(epochs, epochs[2:], strict=False):
        np.testing.assert_array_equal(before, after)


def test_as_many_views_as_fit_come_in_turn():
    # In float16, three views of six training examples and six for validation: 8 * 8 * 3 numbers each.
    made = activations(pictures, CacheLimits(2 * 192 * (3 * 6 + 6), 0))
    epochs = seen(made, Phase("head", epochs=5, augmentation="light"))
    assert different(epochs) == 3
    np.testing.assert_array_equal(epochs[0], epochs[3])


@pytest.mark.parametrize("train", ["head", "*"], ids=["cached", "uncached"])
def test_without_augmentation_all_epochs_see_the_same(train):
    assert different(seen(activations(pictures, PLENTY), Phase(train, epochs=3))) == 1
