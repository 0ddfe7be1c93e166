"""Explanations of arrays of numbers: of a linear model, what each number adds."""

import keras
import numpy as np

import kzoo
from kzoo.data.arrays.preprocess import fit_numbers
from kzoo.results.explanation.subject import Subject
from kzoo.results.explanation.value_saliency import draw_arrays, explain_arrays

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def test_numbers_times_weights_are_the_contributions():
    inputs = keras.Input((4,))
    layer = keras.layers.Dense(3)
    logits = layer(inputs)
    preprocessor = fit_numbers(kzoo.get_card("ngrams"), X, size=None, resize="", channels=1)[0]
    subject = Subject(inputs, inputs, logits, preprocessor, ["a", "b", "c"], keras.activations.softmax, 2)
    found = explain_arrays(subject)(X, X, ["one", "two", "three"])
    kernel, _bias = layer.get_weights()
    for row, each in zip(X, found, strict=True):
        np.testing.assert_allclose(each.contributions, row * kernel[:, 2], atol=1e-6)
        most = np.abs(each.contributions).argmax()
        assert each.strongest == f"{most}: {each.contributions[most]:+.2f}"
        assert each.label == "c"
    assert len(draw_arrays(found).axes) == 4
    assert "one: c" in str(found[0])
