"""A file is smaller than the converter's, and answers the same."""

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from kzoo.serving.litert.compact import packed, unpacked
from kzoo.serving.litert.interpreter import interpreter_of
from tests.serving.litert.conftest import converted


def answers(content, image):
    return interpreter_of(content).get_signature_runner()(input=image[None])


def test_it_is_smaller_and_answers_the_same(model, images):
    before = converted(model, smaller=True)
    after = packed(unpacked(before))
    assert len(after) < 0.9 * len(before)
    for name, value in answers(before, images[0]).items():
        np.testing.assert_array_equal(answers(after, images[0])[name], value)


def test_weights_begin_at_multiples_of_16_bytes(model):
    content = packed(unpacked(converted(model, smaller=False)))
    for buffer in unpacked(content).buffers:
        if buffer.data is not None and len(buffer.data) > 64:
            assert content.find(buffer.data.tobytes()) % 16 == 0


def test_equal_vectors_are_there_once(model):
    content = converted(model, smaller=False)
    found = unpacked(content)
    before = len(packed(found))
    for tensor in found.subgraphs[0].tensors[:5]:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.zeroPoint = np.zeros(1000, np.int64)
    assert 8_000 < len(packed(found)) - before < 9_000
