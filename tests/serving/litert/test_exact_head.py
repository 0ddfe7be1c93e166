"""The head is found, its weights have 16 bits, and what is the same for all examples is taken back."""

import keras
import numpy as np
import pytest
from tensorflow.lite.python import schema_py_generated as schema

from kzoo.serving.litert.compact import unpacked
from kzoo.serving.litert.exact_head import find_head, logits_of, with_exact_head, with_shift
from kzoo.serving.litert.interpreter import interpreter_of, quiet_converter
from kzoo.serving.litert.quantization import calibrated, in_8_bits
from tests.serving.litert.conftest import converted, converter_of


@pytest.fixture(scope="module")
def debugger(model, images):
    with quiet_converter():
        return calibrated(converter_of(model), images[:20])


@pytest.fixture(scope="module")
def content(debugger, images):
    with quiet_converter():
        return in_8_bits(debugger, images[:20])


def last_logits(content, images):
    """What the last dense layer gives: a packed file has no names."""
    interpreter = interpreter_of(content, all_tensors=True)
    interpreter.allocate_tensors()
    place = [each for each in interpreter._get_ops_details() if each["op_name"] == "FULLY_CONNECTED"][-1]["outputs"][0]
    found = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(place)[0])
    return np.stack(found)


def operations(content):
    model = unpacked(content)
    return [model.operatorCodes[each.opcodeIndex].builtinCode for each in model.subgraphs[0].operators], model


def test_logits_are_right_on_average(debugger, content, images):
    head = find_head(debugger.calibrated_model)
    wanted = logits_of(debugger.calibrated_model, head, images[:20])
    found = last_logits(content, images[:20])
    np.testing.assert_allclose(found.mean(axis=0), wanted.mean(axis=0), atol=1e-3)


def test_weights_of_the_head_have_16_bits_and_nothing_is_subtracted_before_it(content):
    codes, model = operations(content)
    half = [each for each in model.subgraphs[0].tensors if each.type == schema.TensorType.FLOAT16]
    assert [tuple(each.shape) for each in half] == [(5, 72)]
    assert schema.BuiltinOperator.SUB not in codes


def test_means_are_taken_of_float32(content):
    _, model = operations(content)
    graph = model.subgraphs[0]
    pools = [
        each
        for each in graph.operators
        if model.operatorCodes[each.opcodeIndex].builtinCode == schema.BuiltinOperator.AVERAGE_POOL_2D
    ]
    assert len(pools) == 2
    assert {graph.tensors[index].type for each in pools for index in (each.inputs[0], each.outputs[0])} == {
        schema.TensorType.FLOAT32
    }


def test_a_model_without_a_dense_layer_has_no_head(images):
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3)(inputs))
    model = keras.Model(inputs, [x, x])
    assert find_head(converted(model, smaller=False)) is None


def test_a_head_without_bias_has_one(images):
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3)(inputs))
    model = keras.Model(inputs, [keras.layers.Dense(5, use_bias=False)(x), x])
    content = converted(model, smaller=False)
    head = find_head(content)
    exact = with_exact_head(content, head)
    found = last_logits(with_shift(exact, head, np.arange(5, dtype=np.float32)), images[:2])
    np.testing.assert_allclose(found - last_logits(exact, images[:2]), np.tile(np.arange(5), (2, 1)), atol=1e-4)
    np.testing.assert_allclose(last_logits(exact, images[:2]), last_logits(content, images[:2]), rtol=0.01, atol=0.2)
