"""Objectives of one's own."""

import keras
import pytest

import kzoo
from kzoo.pretraining.objectives import objective_registry
from kzoo.pretraining.objectives.objective import Objective


@pytest.fixture(autouse=True)
def own_objectives(monkeypatch):
    monkeypatch.setattr(objective_registry, "OBJECTIVES", dict(objective_registry.OBJECTIVES))


class Colour(Objective):
    """Tells the mean of the pixels of an image."""

    name = "colour"

    def ask(self, examples, targets, seed):
        return examples, keras.ops.mean(keras.ops.cast(examples, "float32"), axis=(1, 2)) / 255

    def network(self, body):
        return keras.Model(body.inputs, keras.layers.Dense(3, dtype="float32")(body.pooled))

    def loss(self, wanted, found):
        return keras.losses.mean_squared_error(wanted, found)


def test_a_registered_objective_is_pretrained_for(arrays, backbone):
    kzoo.register_objective(Colour)
    made = kzoo.pretrain(backbone, arrays[0], objective="colour", steps=2, batch_size=8)
    assert made.record.objective == "colour"
    assert made.record.paper == ""


class Nameless(Objective):
    paper = ""


class Taken(Objective):
    name = "simclr"


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        (Nameless, ValueError, "Nameless must have a name"),
        (Taken, ValueError, "An objective named 'simclr' is registered already"),
        (dict, TypeError, "must be a subclass of Objective"),
        (Colour(), TypeError, "must be a subclass of Objective"),
    ],
)
def test_what_is_no_objective_is_refused(objective, error, message):
    with pytest.raises(error, match=message):
        kzoo.register_objective(objective)
