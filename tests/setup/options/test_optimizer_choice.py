"""Optimizers as users give them become plain values that make the same optimizer again."""

import json

import keras
import pytest

from kzoo.setup.options.optimizer_choice import describe_optimizer, with_described_optimizer
from kzoo.specs.phases import OPTIMIZERS
from kzoo.specs.training_options import OptimizerChoice, TrainingOptions
from kzoo.training.optimizers import build_optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_name_is_the_keras_optimizer_of_that_name(name):
    assert describe_optimizer(name) == OptimizerChoice(name)
    given = keras.optimizers.get(name)
    choice = describe_optimizer(given)
    assert choice.name == name
    assert choice.learning_rate == {"sgd": 0.01}.get(name, 0.001)
    made = build_optimizer(name, [keras.Variable([1.0])], choice.options).get_config()
    apart = {"name", "learning_rate", "weight_decay"}
    wanted = {key: value for key, value in given.get_config().items() if key not in apart}
    assert {key: made[key] for key in wanted} == wanted


def test_arguments_are_kept_as_plain_values():
    choice = describe_optimizer(keras.optimizers.AdamW(0.25, weight_decay=0.5, beta_1=0.75, clipnorm=2.0))
    assert choice == OptimizerChoice("adamw", (("beta_1", 0.75), ("clipnorm", 2.0)), 0.25, 0.5)
    assert json.loads(json.dumps(choice.options)) == [["beta_1", 0.75], ["clipnorm", 2.0]]


def test_plain_sgd_is_not_the_one_with_momentum():
    assert dict(describe_optimizer(keras.optimizers.SGD(0.1)).options) == {"momentum": 0.0, "nesterov": False}


@pytest.mark.parametrize(
    ("optimizer", "error", "message"),
    [
        ("adamm", ValueError, r"optimizer must be one of adam, .* Got 'adamm'\. Did you mean 'adam"),
        ("lbfgs", ValueError, r"Got 'lbfgs'\. The solver of a probe is kzoo\.LinearProbe\(\)"),
        (0.1, TypeError, r"optimizer must be one of .*, or a Keras optimizer\. Got 0\.1"),
        (keras.optimizers.Adam, TypeError, r"or a Keras optimizer"),
        (keras.optimizers.Muon(), ValueError, r"The optimizer Muon is not supported"),
        (keras.optimizers.Adam(use_ema=True), ValueError, r"Adam\(use_ema=\.\.\.\) is not supported here"),
        (
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10)),
            ValueError,
            r"The learning_rate of Adam must be a float: kzoo sets the rate of each step itself",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(optimizer, error, message):
    with pytest.raises(error, match=message):
        describe_optimizer(optimizer)


class Unknown(keras.optimizers.SGD):
    """A class that Keras does not know."""


@keras.saving.register_keras_serializable(package="kzoo_tests")
class Signs(keras.optimizers.Optimizer):
    """Steps of the sign of the gradient, a user's own."""

    def __init__(self, learning_rate=0.1, *, strength=1.0, **options):
        super().__init__(learning_rate, **options)
        self.strength = strength

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, learning_rate * self.strength * keras.ops.sign(gradient))

    def get_config(self):
        return super().get_config() | {"strength": self.strength}


def test_a_registered_class_is_used_with_rates_by_group():
    choice = describe_optimizer(Signs(0.5, strength=3.0))
    assert choice == OptimizerChoice("kzoo_tests>Signs", (("strength", 3.0),), 0.5)
    variables = [keras.Variable([1.0], name=name) for name in ("low", "high")]
    optimizer = build_optimizer(choice.name, variables, choice.options)
    optimizer.learning_rate = 0.5
    optimizer.set_groups({variables[0].path: 0.5}, decays={})
    optimizer.apply([keras.ops.ones(1)] * 2, variables)
    assert [float(each[0]) for each in variables] == [0.25, -0.5]
    with pytest.raises(ValueError, match=r"The optimizer Unknown is not supported.*register"):
        describe_optimizer(Unknown())


def test_options_are_described_once():
    options = with_described_optimizer(TrainingOptions(optimizer="lion"))
    assert options.optimizer == OptimizerChoice("lion")
    assert with_described_optimizer(options) is options
    assert with_described_optimizer(TrainingOptions()).optimizer is None
