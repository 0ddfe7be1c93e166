"""A modality from outside: rows of a table, from `register_modality` to an exported model."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.arrays.column import collect_numbers
from kzoo.data.modalities import MODALITIES, register_modality
from kzoo.specs import registry
from kzoo.specs.catalog.modality import MODALITY_SPECS

NAMES = ["height", "width", "mass", "age"]


def rows_network(input_shape, weights=None):
    inputs = keras.Input(input_shape)
    x = keras.layers.Dense(16, activation="relu", name="stage1")(inputs)
    return keras.Model(inputs, keras.layers.Dense(8, activation="relu", name="stage2")(x), name="rows")


@pytest.fixture(scope="module")
def rows():
    """The modality, and a backbone for it."""
    tables = [MODALITIES, MODALITY_SPECS, registry._REGISTRY]
    copies = [each.copy() for each in tables]
    register_modality("sensor", noun="row", unit="values", wide=True)
    kzoo.register("rows_network", rows_network, modality="sensor", size=4, min_size=4)
    yield MODALITIES["sensor"]
    for each, copy in zip(tables, copies, strict=True):
        each.clear()
        each.update(copy)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    classes = np.arange(90) % 3
    values = rng.normal(size=(90, 4)) + np.eye(3, 4)[classes] * 8
    frame = pd.DataFrame(values * [1, 1_000, 1e-3, 1], columns=NAMES)
    frame.insert(2, "label", np.array(["a", "b", "c"])[classes])
    frame.loc[5, "mass"] = np.nan
    return frame


@pytest.fixture(scope="module")
def adapted(rows, table, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "table.csv"
    table.to_csv(path, index=False)
    schedule = [kzoo.Phase("*", epochs=12, learning_rate=1e-2)]
    return kzoo.adapt("rows_network", kzoo.Classification(path), schedule=schedule, weights=None)


def test_rows_are_adapted_measured_and_predicted(adapted, table):
    assert adapted.evaluate()["accuracy"] > 0.8
    assert adapted.splits().audit.set_aside[0][1] == "numbers that are missing or not finite"
    found = adapted.predict(table[NAMES].to_numpy())
    assert found.names[7] == "row 7"
    assert found.errors == {"row 5": "numbers that are missing or not finite"}
    right = [one == other for one, other in zip(found.labels, table["label"], strict=True)]
    assert np.mean(right) > 0.8
    assert adapted.predict(table[NAMES].to_numpy()[0]).labels == found.labels[:1]
    with pytest.raises(ValueError, match=r"must be a sensor of 4 numbers. Got shape \(3,\)"):
        adapted.predict(np.zeros((2, 3)))
    with pytest.raises(TypeError, match="cannot be drawn"):
        adapted.plot_batch()


def test_rows_are_saved_and_served_as_they_are_predicted(adapted, table, tmp_path):
    values = table[NAMES].to_numpy(np.float32)
    wanted = adapted.predict(values).outputs
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    assert np.array_equal(again.predict(values).outputs, wanted, equal_nan=True)
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served"))).signatures
    found = served["serving_default"](sensor=tf.constant(values))
    np.testing.assert_allclose(found["probabilities"].numpy(), wanted, atol=1e-5)
    assert [index for index, error in enumerate(found["errors"].numpy()) if error] == [5]
    assert served["features"](sensor=tf.constant(values[:2]))["features"].shape == (2, 8)


def test_what_the_modality_does_not_have_is_refused(rows, table):
    task = kzoo.Classification((table[NAMES].to_numpy(), list(table["label"])))
    with pytest.raises(ValueError, match="There is no augmentation 'light' of rows"):
        kzoo.adapt("rows_network", task, augmentation="light")
    with pytest.raises(ValueError, match="resize is for images; the data are rows"):
        kzoo.adapt("rows_network", task, resize="pad")
    with pytest.raises(ValueError, match="must be at most 4 values"):
        kzoo.adapt("rows_network", task, size=5, weights=None)
    with pytest.raises(ValueError, match="Examples must be arrays of numbers"):
        collect_numbers([("a", 1)])


@pytest.mark.parametrize(
    ("name", "parts", "message"),
    [
        ("sensor", {}, "A modality named 'sensor' is registered already"),
        ("labels", {}, "an identifier and not an argument of a task. Got 'labels'"),
        ("two words", {}, "must be an identifier"),
        ("point", {"fit": print}, "Pass restore= too"),
        ("point", {"colect": print}, "no part 'colect'. Did you mean 'collect'?"),
    ],
)
def test_a_modality_is_refused(rows, name, parts, message):
    before = set(MODALITIES)
    with pytest.raises((ValueError, TypeError), match=message.replace("?", r"\?")):
        register_modality(name, **parts)
    assert set(MODALITIES) == before == set(MODALITY_SPECS)


def test_a_card_is_of_a_registered_modality(rows):
    assert kzoo.get_card("rows_network").modality == "sensor"
    assert "at most 4 values" in str(kzoo.get_card("rows_network"))
    with pytest.raises(
        ValueError, match=r"must be one of image, text, audio, row, series, multimodal, sensor\. Got 'rows'"
    ):
        kzoo.BackboneSpec("x", "a.b", modality="rows")
