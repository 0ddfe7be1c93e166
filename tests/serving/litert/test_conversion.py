"""Files of 8 bits answer nearly as the model does, and are small."""

import contextlib

import numpy as np

from kzoo.serving.constant_function import constant_function
from kzoo.serving.litert import conversion
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


def test_weights_are_rounded_for_8_bits_while_the_model_is_traced(model, images, tmp_path, monkeypatch):
    real, opened = conversion.rounded_weights, []

    @contextlib.contextmanager
    def watched(*args):
        with real(*args):
            opened.append(True)
            yield
        opened.pop()

    def traced(*args):
        assert opened
        return constant_function(*args)

    monkeypatch.setattr(conversion, "rounded_weights", watched)
    monkeypatch.setattr(conversion, "constant_function", traced)
    write_litert(model, FITTED, "int8", images[:20], tmp_path / "model.tflite")
