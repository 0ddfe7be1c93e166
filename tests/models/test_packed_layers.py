"""Layers of a fusion of several inputs: parts of packed vectors, and features of parts that training drops."""

import keras
import numpy as np

from kzoo.models.packed_layers import JoinParts, PackedInput
from kzoo.training.probes.part_probes import FeatureParts


def test_a_part_is_reshaped_and_whole_numbers_are_exact_in_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = PackedInput(start=2, shape=(2, 2), dtype_out="int32")
    finally:
        keras.config.set_dtype_policy("float32")
    layer.dtype_policy = "mixed_bfloat16"
    found = np.asarray(layer(np.array([[9, 9, 1, 30_521, -3, 257, 9]], np.float32)))
    assert found.tolist() == [[[1, 30_521], [0, 257]]]
    again = PackedInput.from_config(layer.get_config())
    assert (again.start, again.shape, again.dtype_out) == (2, (2, 2), "int32")


def join():
    inputs = [keras.Input((3,)), keras.Input((2,)), keras.Input((2,)), keras.Input((1,)), keras.Input((1,))]
    layer = JoinParts(owners=(0, 1, 1), parts=2)
    layer(inputs)
    return layer


def features(count, marks):
    return [np.ones((count, width), np.float32) for width in (3, 2, 2)] + [
        np.full((count, 1), mark, np.float32) for mark in marks
    ]


def test_training_drops_whole_parts_with_their_marks_and_never_all():
    found = np.asarray(join()(features(4_000, (1, 1)), training=True))
    first, second = found[:, 0], found[:, 3]
    assert (found[:, :3] == first[:, None]).all()
    assert (found[:, 3:7] == second[:, None]).all()
    assert (found[:, 7] == first).all()
    assert (found[:, 8] == second).all()
    assert ((first + second) > 0).all()
    # Half keep both anyway, and of the others those of which both lots say so, a quarter.
    assert abs(np.mean((first == 1) & (second == 1)) - 0.625) < 0.03
    assert abs(np.mean(first == 0) - 0.1875) < 0.02


def test_the_only_part_is_kept():
    found = np.asarray(join()(features(500, (0, 1)), training=True))
    assert (found[:, 8] == 1).all()


def test_answers_keep_all():
    found = np.asarray(join()(features(5, (1, 1))))
    assert found.shape == (5, 18)
    assert found[:, :9].all()
    assert not found[:, 9:].any()


def test_an_example_of_one_part_has_features_of_its_own():
    rows = features(5, (0, 1))
    rows[0] = rows[0] * 0
    found = np.asarray(join()(rows))
    np.testing.assert_array_equal(found[:, 9:], found[:, :9])
    assert found[:, 3:7].all()


def test_a_probe_expands_features_as_the_layer_does():
    layer = join()
    rng = np.random.default_rng(0)
    marks = np.array([[1, 1], [0, 1], [1, 0]] * 4, np.float32)
    rows = [rng.normal(size=(12, width)).astype(np.float32) for width in (3, 2, 2)]
    rows = [each * marks[:, owner, None] for each, owner in zip(rows, (0, 1, 1), strict=True)]
    layout = FeatureParts(layer.owners_of_features(), layer.parts)
    assert layout.owners.tolist() == [0, 0, 0, 1, 1, 1, 1]
    wanted = np.asarray(layer([*rows, marks[:, :1], marks[:, 1:]]))
    np.testing.assert_array_equal(layout.expand(np.concatenate([*rows, marks], axis=1)), wanted)
