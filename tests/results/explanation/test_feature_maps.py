"""Feature maps are found from graphs of all forms."""

import keras
import numpy as np
import pytest

from kzoo.models.fusion_layers import fuse
from kzoo.results.explanation.feature_maps import as_grid, edge_of, find_feature_maps

L = keras.layers


def convolved(inputs, name, width=6):
    return L.Conv2D(width, 3, strides=2, activation="relu", name=name)(inputs)


def shapes(inputs, features):
    return [
        (each.name, [tuple(tensor.shape[1:]) for tensor in each.tensors])
        for each in find_feature_maps(inputs, features)
    ]


def test_the_map_is_the_output_or_the_last_one_below_it():
    inputs = keras.Input((16, 16, 3))
    x = convolved(convolved(inputs, "one"), "two")
    assert shapes(inputs, x) == [("two", [(3, 3, 6)])]
    assert shapes(inputs, L.GlobalAveragePooling2D()(x)) == [("two", [(3, 3, 6)])]
    assert shapes(inputs, L.Dense(4)(L.Flatten()(L.MaxPooling2D(3)(x)))) == [("two", [(3, 3, 6)])]


def test_maps_of_several_scales_are_all_found():
    inputs = keras.Input((16, 16, 3))
    one = convolved(inputs, "one")
    two = convolved(one, "two")
    both = L.Concatenate()([L.GlobalAveragePooling2D()(one), L.GlobalMaxPooling2D()(two)])
    assert dict(shapes(inputs, both)) == {"one": [(7, 7, 6)], "two": [(3, 3, 6)]}


@pytest.mark.parametrize("how", ["concat", "gated", "attention"])
@pytest.mark.parametrize("count", [2, 4])
def test_each_member_of_a_fusion_has_its_map(how, count):
    inputs = keras.Input((16, 16, 3))
    maps = [convolved(inputs, f"member{n}.last", width=n + 4) for n in range(count)]
    fused = fuse([L.GlobalAveragePooling2D(name=f"member{n}.pool")(x) for n, x in enumerate(maps)], how)
    assert sorted(shapes(inputs, fused)) == [(f"member{n}", [(7, 7, n + 4)]) for n in range(count)]


def test_pixels_are_no_feature_map():
    inputs = keras.Input((16, 16, 3))
    x = L.Dense(4)(L.Flatten()(L.Normalization(axis=-1, mean=0.0, variance=1.0)(inputs)))
    assert find_feature_maps(inputs, x) == []


def test_tokens_of_patches_come_with_those_of_earlier_blocks():
    inputs = keras.Input((32, 32, 3))
    x = L.Reshape((64, 8), name="flat")(L.Conv2D(8, 4, strides=4, name="patches")(inputs))
    first = L.Dense(8, name="first")(x)
    second = L.LayerNormalization(name="second")(first)
    ((name, found),) = shapes(inputs, second[:, 0])
    assert name == "second"
    assert found == [(64, 8)] * 3
    tensors = find_feature_maps(inputs, second[:, 0])[0].tensors
    assert tensors[1] is first
    assert tensors[2] is x


def test_times_of_recordings_are_places():
    inputs = keras.Input((50, 20))
    x = L.Conv1D(6, 3, strides=2, name="steps")(inputs)
    assert shapes(inputs, L.GlobalAveragePooling1D()(x))[0][1][0] == (24, 6)


def test_a_grid_leaves_out_special_tokens():
    tokens = np.arange(2 * 11 * 3, dtype=np.float32).reshape(2, 11, 3)
    np.testing.assert_array_equal(as_grid(tokens, sequence=False), tokens[:, 2:].reshape(2, 3, 3, 3))
    assert as_grid(tokens, sequence=True).shape == (2, 11, 1, 3)
    assert [edge_of(tokens) for tokens in (1, 3, 4, 5, 49, 50, 53, 60)] == [0, 0, 2, 2, 7, 7, 7, 0]
