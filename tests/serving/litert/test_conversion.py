"""Files of 8 bits answer nearly as the model does, and are small."""

import numpy as np

from kzoo.serving.litert.conversion import open_litert, write_litert
from tests.serving.litert.conftest import FITTED


def test_8_bits_answer_nearly_as_the_model(model, images, tmp_path):
    path = tmp_path / "model.tflite"
    write_litert(model, FITTED, "int8", images[:40], path)
    answer = open_litert(path)
    found = np.concatenate([answer(each[None])[0] for each in images[40:]])
    wanted = np.asarray(model(images[40:], training=False)[0])
    # TensorFlow's own int8 is off by 0.07 here.
    assert np.abs(found - wanted).mean() < 0.02
    assert (found.argmax(1) == wanted.argmax(1)).mean() >= 0.9


def test_the_model_is_as_it_was(model, images, tmp_path):
    before = np.asarray(model(images[:8], training=False)[0])
    write_litert(model, FITTED, "int8", images[:20], tmp_path / "model.tflite")
    np.testing.assert_array_equal(np.asarray(model(images[:8], training=False)[0]), before)
