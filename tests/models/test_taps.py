"""Taps: which tensors they are, how many, and what crosses a cut because of them."""

import keras
import numpy as np
import pytest

from kzoo.core.graph.cutting import numbers_at
from kzoo.models.assembly import assemble
from kzoo.models.taps import find_taps
from kzoo.specs.head import Head

layers = keras.layers


def make_backbone(*, width=32):
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(6, 3, strides=2, name="first")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(8, 1, name="after a linear one")(x)
    x = layers.ReLU(name="second tap")(x)
    return keras.Model(inputs, layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x), name="small")


def test_taps_are_what_a_convolution_mixes_after_something_nonlinear():
    backbone = make_backbone()
    found = find_taps(backbone)
    assert [tensor.shape[1:] for tensor in found] == [(8, 8, 4), (4, 4, 8)]
    assert found[1] is backbone.get_layer("second tap").output


@pytest.mark.parametrize(("width", "channels"), [(4, [4, 8]), (3, [8]), (2, [])])
def test_taps_are_thinned_from_the_top_where_they_are_too_many(width, channels):
    assert [tensor.shape[-1] for tensor in find_taps(make_backbone(width=width))] == channels


def test_squeezes_and_inputs_are_no_taps():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 1)(inputs)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(4, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="relu")(gate))
    outputs = layers.Conv2D(8, 1)(layers.Multiply(name="scaled")([x, gate]))
    assert [tensor.shape[1:] for tensor in find_taps(keras.Model(inputs, outputs))] == [(8, 8, 4)]


def test_the_head_sees_the_mean_of_each_tap_and_the_output():
    backbone = make_backbone()
    assembled = assemble(backbone, head=Head(levels="all", dropout=0.0), outputs=3)
    taps = keras.Model(backbone.input, [*find_taps(backbone), backbone.output])
    pictures = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype(np.float32)
    wanted = np.concatenate([np.mean(each, axis=(1, 2)) for each in taps(pictures)], axis=1)
    (entering,) = assembled.cuts["head"]
    np.testing.assert_allclose(keras.Model(assembled.model.input, entering)(pictures), wanted, atol=1e-6)


def test_across_a_cut_go_means_and_not_maps():
    assembled = assemble(make_backbone(), head=Head(levels="all"), outputs=3)
    crossing = {name: [tensor.shape[1:] for tensor in cut] for name, cut in assembled.cuts.items()}
    assert crossing["stage1"] == [(8, 8, 4), (4,)]
    assert crossing["stage2"] == [(4, 4, 6), (4,)]
    assert numbers_at(assembled.cuts["head"], assembled.model) == 4 + 8 + 32


def test_a_head_can_see_the_output_alone():
    assembled = assemble(make_backbone(), head=Head(levels="last"), outputs=3)
    assert numbers_at(assembled.cuts["head"], assembled.model) == 32
    assert all(len(cut) == 1 for cut in assembled.cuts.values())


def test_many_examples_are_needed_for_all_levels():
    assert [Head().for_examples(count).levels for count in (499, 500)] == ["last", "all"]
    assert Head(levels="all").for_examples(10).levels == "all"
