"""Small saves hold what was added to the start weights, and give the same model, bit for bit."""

import keras
import numpy as np
import pytest

import kzoo
from kzoo.core.storage import DamagedError
from kzoo.results.files import small_network

SIZE = 32
RNG = np.random.default_rng(0)
CLASSES = np.arange(40) % 2
IMAGES = (RNG.integers(0, 150, (40, SIZE, SIZE, 3)) + 60 * CLASSES[:, None, None, None]).astype(np.uint8)


@pytest.fixture(scope="module")
def adapted():
    tuning = [
        kzoo.Phase("last:1", epochs=1, learning_rate=1e-2, adapter=adapter)
        for adapter in (kzoo.LoRA(rank=2), kzoo.SerialAdapter(rank=2), kzoo.BitFit())
    ]
    found = kzoo.adapt(
        "kzoo_nano_image",
        kzoo.Classification((IMAGES, CLASSES), validation=0, test=0.2),
        schedule=kzoo.Schedule([kzoo.LinearProbe(), *tuning]),
        size=SIZE,
        verbose=0,
    )
    assert found.record.kept == 3
    return found


@pytest.fixture(scope="module")
def saved(adapted, tmp_path_factory):
    return adapted.save(tmp_path_factory.mktemp("small") / "model", small=True)


def size_of(directory):
    return sum(path.stat().st_size for path in directory.iterdir() if path.suffix in (".keras", ".npz"))


def same(one, other):
    return all(a.tobytes() == b.tobytes() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_it_gives_the_same_model_bit_for_bit(adapted, saved):
    loaded = kzoo.load(saved)
    assert same(loaded.network, adapted.network)
    assert [each.trainable for each in loaded.network.layers] == [each.trainable for each in adapted.network.layers]
    np.testing.assert_array_equal(loaded.predict(IMAGES[:4]).outputs, adapted.predict(IMAGES[:4]).outputs)
    assert loaded.record.as_plain() == adapted.record.as_plain()
    assert kzoo.verify(saved)


def test_it_is_small(adapted, saved, tmp_path):
    whole = adapted.save(tmp_path / "whole")
    assert not (saved / "network.keras").exists()
    assert size_of(saved) < 0.2 * size_of(whole)


def test_what_was_loaded_is_saved_small_again(adapted, saved, tmp_path):
    again = kzoo.load(saved).save(tmp_path / "again", small=True)
    assert size_of(again) == size_of(saved)
    assert same(kzoo.load(again).network, adapted.network)


def test_other_start_weights_are_refused(saved, monkeypatch):
    monkeypatch.setattr(small_network, "digest_of", lambda weights: "0" * 64)
    with pytest.raises(
        DamagedError, match=r"added to the weights 'inside' of kzoo_nano_image, and those on this machine"
    ):
        kzoo.load(saved)


def test_a_file_that_gives_other_weights_is_refused(adapted, tmp_path, monkeypatch):
    parts = small_network.small_parts(adapted)
    parts.arrays["difference0_0"][0] += 1
    monkeypatch.setattr("kzoo.results.adapted.small_parts", lambda adapted: parts)
    saved = adapted.save(tmp_path / "model", small=True)
    with pytest.raises(DamagedError, match="does not give the weights that were saved"):
        kzoo.load(saved)


def test_start_weights_without_a_name_are_refused(tmp_path):
    inputs = keras.Input((SIZE, SIZE, 3))
    net = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs), name="net")
    found = kzoo.adapt(net, (IMAGES, CLASSES), schedule="linear_probe", scaling="unit", verbose=0)
    with pytest.raises(ValueError, match=r"start weights that have a name, .* Those of net are of a model of your own"):
        found.save(tmp_path / "model", small=True)
    assert not (tmp_path / "model").exists()
