"""What kzoo uses of Keras and is not public: one test for each, so that a release that changes it fails here."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.core.graph.keras_internals import (
    attributes_of,
    inputs_of,
    momentum_product,
    operation_of,
    place_of,
    public_attributes_of,
    variable_index,
    variable_path,
)

L = keras.layers
HOME = f"Keras {keras.__version__} is another inside: change kzoo/core/graph/keras_internals.py, function "


class Halves(L.Layer):
    """Two outputs of one call."""

    def call(self, inputs):
        return inputs[:, :2], inputs[:, 2:]


def test_a_tensor_tells_the_operation_that_made_it():
    inputs, dense = keras.Input((4,)), L.Dense(3)
    assert operation_of(dense(inputs)) is dense, HOME + "operation_of"
    assert isinstance(operation_of(inputs), L.InputLayer), HOME + "operation_of"
    assert type(operation_of(inputs + 1.0)).__name__ == "Add", HOME + "operation_of"


def test_a_tensor_tells_its_place_among_the_outputs():
    assert [place_of(each) for each in Halves()(keras.Input((4,)))] == [0, 1], HOME + "place_of"


def test_a_tensor_tells_what_its_own_call_was_given():
    inputs, dense = keras.Input((3,)), L.Dense(3)
    first = dense(inputs)
    second = dense(first)
    assert [each is first for each in inputs_of(second)] == [True], HOME + "inputs_of"
    assert [each is inputs for each in inputs_of(first)] == [True], HOME + "inputs_of"
    assert inputs_of(inputs) == [], HOME + "inputs_of"
    assert len(inputs_of(L.Add()([first, second]))) == 2, HOME + "inputs_of"


def test_a_nested_model_is_one_operation():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(3)])
    assert operation_of(inner(keras.Input((4,)))) is inner, HOME + "operation_of"


def test_a_layer_holds_its_layers_in_its_own_dict_and_keras_locks_lists_only_on_the_way_there():
    layer = L.Bidirectional(L.LSTM(2))
    assert attributes_of(layer)["forward_layer"] is layer.forward_layer, HOME + "attributes_of"
    layer(keras.Input((3, 2)))
    replaced = L.LSTM(2)
    attributes_of(layer)["forward_layer"] = replaced
    assert layer.forward_layer is replaced, HOME + "attributes_of"


def test_what_keras_keeps_for_itself_begins_with_an_underscore():
    found = public_attributes_of(L.MultiHeadAttention(2, 2))
    assert not [name for name in found if name.startswith("_")]
    inner = [
        name for name, value in public_attributes_of(L.Bidirectional(L.LSTM(2))).items() if isinstance(value, L.Layer)
    ]
    assert sorted(inner) == ["backward_layer", "forward_layer"], HOME + "public_attributes_of"


class Spy(keras.optimizers.SGD):
    """Notes the number and the path of each variable that it is given."""

    def build(self, var_list):
        super().build(var_list)
        self.seen = []

    def update_step(self, gradient, variable, learning_rate):
        self.seen.append((variable_index(self, variable), variable_path(self, variable)))
        super().update_step(gradient, variable, learning_rate)


@pytest.mark.parametrize("strategy", [tf.distribute.get_strategy, lambda: tf.distribute.MirroredStrategy(["CPU:0"])])
def test_an_optimizer_knows_the_variable_that_update_step_gets(strategy):
    with strategy().scope():
        inputs = keras.Input((4,))
        model = keras.Model(inputs, L.Dense(2, name="high")(L.Dense(3, name="low")(inputs)))
        model.get_layer("low").trainable = False
        optimizer = Spy(0.1)
        optimizer.build([*model.get_layer("low").variables, *model.get_layer("high").variables])
        model.compile(optimizer, "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    assert set(optimizer.seen) == {(2, "high/kernel"), (3, "high/bias")}, HOME + "variable_index, variable_path"


def test_nadam_keeps_the_product_of_its_momenta_in_one_attribute():
    found = []
    for product in (None, 0.5):
        kernel = keras.Variable(np.ones(3, np.float32))
        nadam = keras.optimizers.Nadam(0.1)
        nadam.build([kernel])
        if product is None:
            nadam.apply([np.ones(3, np.float32)])
        else:
            shared = nadam._u_product
            with momentum_product(nadam, keras.Variable(product)):
                nadam.apply([np.ones(3, np.float32)])
            assert nadam._u_product is shared, HOME + "momentum_product"
            assert float(shared) == 1.0, HOME + "momentum_product"
        found.append(kernel.numpy())
    assert not np.allclose(*found), HOME + "momentum_product"


def test_clone_model_asks_for_each_call_of_a_layer_and_for_operations_too():
    inputs, dense = keras.Input((3,)), L.Dense(3)
    model = keras.Model(inputs, dense(dense(inputs)) + 1.0)
    asked, called = [], []

    def call(operation, *arguments, **options):
        called.append(operation)
        return operation(*arguments, **options)

    keras.models.clone_model(model, clone_function=lambda each: asked.append(each) or each, call_function=call)
    assert [each is dense for each in called] == [True, True, False], HOME + "replay (in cloning.py)"
    assert {id(each) for each in asked} == {id(each) for each in called}, HOME + "replay (in cloning.py)"
