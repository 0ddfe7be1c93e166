"""Files for other runtimes answer as the model does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.serving.file_forms import FORMS
from kzoo.serving.saved_model import ExportError

FITTED = tf.TensorSpec((8, 8, 3), tf.float32)
IMAGES = np.random.default_rng(0).uniform(0, 255, (20, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(8, 3, activation="relu")(x)
    x = keras.layers.DepthwiseConv2D(3)(x)
    features = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, [keras.layers.Dense(3, activation="softmax")(features), features])


CASES = [(name, quantize) for name, form in FORMS.items() for quantize in (None, *form.quantizations)]


@pytest.mark.parametrize(("name", "quantize"), CASES)
def test_each_form_answers_as_the_model(model, tmp_path, name, quantize):
    form = FORMS[name]
    path = tmp_path / form.file
    form.write(model, FITTED, quantize, IMAGES, path)
    answer = form.open(path)
    # Integers of 8 bits have steps of a 256th.
    within = {None: 1e-4, "float16": 1e-2}.get(quantize, 0.05)
    for example in IMAGES[:3]:
        found, wanted = answer(example[None]), model(example[None], training=False)
        for one, other in zip(found, wanted, strict=True):
            assert one.shape == other.shape
            assert np.abs(one - other).max() <= within * np.abs(other).max()


@pytest.mark.parametrize(("name", "title"), [("litert", "LiteRT"), ("onnx", "ONNX")])
def test_what_a_form_has_no_operation_for_is_refused(tmp_path, name, title):
    inputs = keras.Input((8, 8, 3))
    text = keras.layers.Lambda(lambda x: tf.strings.length(tf.strings.as_string(x)), output_shape=(8, 8, 3))(inputs)
    model = keras.Model(inputs, [text, text])
    with pytest.raises(ExportError, match=rf"{title} cannot hold this model: .*Export it as a SavedModel"):
        FORMS[name].write(model, FITTED, None, IMAGES, tmp_path / FORMS[name].file)
