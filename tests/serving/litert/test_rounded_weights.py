"""Kernels are rounded to 255 levels; means of channels stay."""

import keras
import numpy as np
import pytest

from kzoo.core.graph.folding import FoldedBatchNorm
from kzoo.core.graph.walking import layers_of
from kzoo.serving.litert.rounded_weights import rounded_weights


def folded(model):
    return [each for each in layers_of(model) if isinstance(each, FoldedBatchNorm)]


def test_kernels_have_255_levels_in_each_channel(model, images):
    with rounded_weights(model, images[:16]):
        for layer in folded(model):
            kernel, bias = layer.folded
            channels = (
                kernel.reshape(-1, len(bias))
                if kernel.shape[-1] == len(bias)
                else kernel[..., 0].reshape(-1, len(bias))
            )
            levels = channels / np.abs(channels).max(axis=0) * 127
            np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)
            assert np.abs(levels).max() == pytest.approx(127)


def test_means_of_channels_are_those_of_the_model(model, images):
    last = keras.Model(model.input, folded(model)[-1].output)
    few = images[:16]
    wanted = np.asarray(last(few, training=False)).mean((0, 1, 2))
    with rounded_weights(model, few):
        found = np.asarray(last(few, training=False)).mean((0, 1, 2))
        changed = np.asarray(last(few[:1], training=False))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.abs(changed - np.asarray(last(few[:1], training=False))).max() > 1e-4


def test_all_is_as_it_was_after_an_error(model, images):
    before = [layer.folded and layer.folded[0] for layer in folded(model)]
    applications = [layer.apply for layer in folded(model)]
    with pytest.raises(KeyError), rounded_weights(model, images[:8]):
        raise KeyError
    assert all((layer.folded and layer.folded[0]) is each for layer, each in zip(folded(model), before, strict=True))
    assert all(layer.apply is each for layer, each in zip(folded(model), applications, strict=True))
