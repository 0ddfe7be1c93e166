"""What a walk through a graph, and through layers within layers, finds."""

import keras
import pytest

from kzoo.core.graph.walking import flat_operations, follow, layers_of, makers, meet, operations_below, within

L = keras.layers


@pytest.fixture
def fork():
    """Two dense layers of one input, a third on the first, and all three joined."""
    x = keras.Input((4,), name="x")
    one, two = L.Dense(3, name="one")(x), L.Dense(2, name="two")(x)
    higher = L.Dense(3, name="higher")(one)
    return keras.Model(x, L.Concatenate(name="join")([one, two, higher])), (x, one, two, higher)


def test_a_tensor_follows_from_those_below_it(fork):
    model, (x, one, two, higher) = fork
    assert follow([higher], [one])
    assert not follow([higher], [two])
    assert follow([model.output], [x])
    assert follow([model.output], [one, two])
    assert not follow([model.output], [one])


def test_tensors_meet_in_an_operation_and_not_in_the_input(fork):
    model, (x, one, two, higher) = fork
    assert meet([higher], [one])
    assert not meet([higher], [two])
    assert meet([model.output], [two])
    assert operations_below([x]) == set()
    assert operations_below([higher]) == {id(model.get_layer(name)) for name in ("one", "higher")}


def test_each_tensor_has_its_maker(fork):
    model, (_, one, *_) = fork
    assert {each.name for each in makers(model).values()} == {"x", "one", "two", "higher", "join"}
    assert makers(model)[id(one)].name == "one"


def test_models_within_a_model_are_walked_in_their_place():
    deep = keras.Sequential([keras.Input((4,), name="x"), L.Dense(4, name="deep")], name="inner")
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, L.ReLU(name="last")(deep(L.Dense(4, name="first")(inputs))))
    names = [each.name for each in flat_operations(model) if each.name != "x"]
    assert names == ["first", "deep", "last"]
    assert {each.name for each in layers_of(model)} >= {"first", "inner", "deep", "last"}


class Block(L.Layer):
    """Layers as an attribute, in a list, in a dict, and one twice."""

    def __init__(self):
        super().__init__()
        self.one, self.list = L.Dense(1), [L.Dense(2), L.ReLU()]
        self.dict, self.again = {"norm": L.BatchNormalization()}, self.one


def test_the_layers_inside_a_layer_are_found_wherever_it_holds_them():
    block = Block()
    assert [*within(block)] == [block, block.one, *block.list, block.dict["norm"]]
