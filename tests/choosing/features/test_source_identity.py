"""What a backbone is known by before it is built."""

import dataclasses
import os

import keras
import numpy as np
import pytest

import kzoo
from kzoo.choosing.features.source_identity import source_identity
from kzoo.setup.model_source import source_of


def identity(model, *, weights="auto", seed=0):
    return source_identity(source_of(model, weights=weights), seed=seed)


def small(kernel=1.0):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs), name="small")
    model.set_weights([np.full(each.shape, kernel) for each in model.weights])
    return model


def test_a_model_of_the_users_is_known_by_its_weights():
    assert identity(small()) == identity(small())
    assert identity(small()) != identity(small(2.0))


def test_random_weights_are_known_by_their_seed():
    assert identity("mobilenet_v2_035", weights=None) == identity("mobilenet_v2_035", weights=None)
    assert identity("mobilenet_v2_035", weights=None) != identity("mobilenet_v2_035", weights=None, seed=1)
    assert identity("mobilenet_v2_035", weights=None) != identity("mobilenet_v2_050", weights=None)


def test_included_weights_are_known_by_their_file():
    assert "image.npz" in identity("kzoo_nano_image")


def test_a_file_that_changes_is_another(tmp_path):
    path = tmp_path / "small.weights.h5"
    kzoo.create_model("mobilenet_v2_035", weights=None, size=32).save_weights(path)
    known = identity("mobilenet_v2_035", weights=path)
    assert known == identity("mobilenet_v2_035", weights=path)
    os.utime(path, ns=(0, 0))
    assert known != identity("mobilenet_v2_035", weights=path)


def test_a_fusion_is_known_by_its_members():
    one, other = small(), small(2.0)
    assert identity(kzoo.Fusion([one, other])) == identity(kzoo.Fusion([small(), small(2.0)]))
    assert identity(kzoo.Fusion([one, other])) != identity(kzoo.Fusion([one, one]))
    assert identity(kzoo.Fusion([one, other])) != identity(kzoo.Fusion([one, other], how="gated"))


@pytest.mark.parametrize("weights", ["auto", None, "own"])
def test_a_constructor_of_the_users_must_be_called(weights):
    card = dataclasses.replace(kzoo.get_card("mobilenet_v2_035"), constructor="mine.make", source="user", weights=())
    assert source_identity(source_of(card, weights=weights), seed=0) is None


def test_a_file_that_is_missing_is_not_known(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert identity("mobilenet_v2_035", weights="imagenet") is None
