"""Options change the phases that take gradient steps, and nothing else."""

import numpy as np
import pytest

from kzoo.specs.phases import LinearProbe, Phase
from kzoo.specs.recipes import gradual, linear_probe, lp_ft
from kzoo.specs.records.task_record import OptionsRecord
from kzoo.specs.schedule import Schedule
from kzoo.specs.training_options import OptimizerChoice, TrainingOptions, name_of


def test_epochs_batch_size_and_rate_change_the_phases_of_steps_alone():
    made = TrainingOptions(epochs=3, batch_size=np.int64(8), learning_rate=1).change(gradual())
    assert made.phases[0] == LinearProbe()
    assert [(each.epochs, each.batch_size, each.learning_rate) for each in made.phases[1:]] == [(3, 8, 1.0)] * 2
    assert [each.train for each in made.phases] == [each.train for each in gradual().phases]
    assert made.name == "gradual"


def test_without_options_a_schedule_is_what_it_was():
    assert TrainingOptions().change(lp_ft()) == lp_ft()
    assert TrainingOptions().change(linear_probe()) == linear_probe()


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"epochs": 3, "learning_rate": 0.1}, r"epochs=3, learning_rate=0\.1"),
        ({"optimizer": OptimizerChoice("sgd")}, "optimizer"),
        ({"loss": "mse"}, "loss"),
    ],
)
def test_options_that_a_probe_has_no_use_for_are_refused(options, shown):
    with pytest.raises(ValueError, match=rf"^{shown} would have no effect: schedule 'linear_probe' is a linear probe"):
        TrainingOptions(**options).change(linear_probe())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("learning_rate", "1e-3", r"learning_rate must be a float in \(0, inf\)\. Got '1e-3'\. Pass a number, without"),
        ("learning_rate", 0.0, r"a float in \(0, inf\)\. Got 0\.0\.$"),
        ("learning_rate", float("nan"), r"Got nan"),
        ("learning_rate", True, r"Got True"),
        ("epochs", "3", r"epochs must be an int in \[1, inf\)\. Got '3'\. Pass a number"),
        ("epochs", 0, r"Got 0"),
        ("epochs", 2.0, r"Got 2\.0"),
        ("batch_size", False, r"batch_size must be an int in \[1, inf\)\. Got False"),
    ],
)
def test_types_and_ranges_are_checked(name, value, message):
    with pytest.raises(ValueError, match=message):
        TrainingOptions(**{name: value})
    with pytest.raises(ValueError, match=rf"^{name} of a phase must be"):
        Phase("head", **{name: value})


def test_an_optimizer_brings_its_rate_unless_one_is_given():
    choice = OptimizerChoice("lion", (("beta_2", 0.9),), learning_rate=0.5, weight_decay=0.25)
    phase = TrainingOptions(optimizer=choice).change(lp_ft()).phases[1]
    found = (phase.optimizer, phase.optimizer_options, phase.learning_rate, phase.weight_decay)
    assert found == ("lion", (("beta_2", 0.9),), 0.5, 0.25)
    assert TrainingOptions(optimizer=choice, learning_rate=0.1).change(lp_ft()).phases[1].learning_rate == 0.1


@pytest.mark.parametrize(("own", "name", "decay"), [(None, "adamw", 0.004), (0.02, "adamw", 0.02), (None, "sgd", 0.0)])
def test_a_name_leaves_the_rate_and_the_weight_decay_of_the_phase(own, name, decay):
    schedule = Schedule(Phase("*", weight_decay=own, learning_rate=0.3))
    (phase,) = TrainingOptions(optimizer=OptimizerChoice(name)).change(schedule).phases
    assert (phase.optimizer, phase.weight_decay, phase.learning_rate) == (name, decay, 0.3)


def test_what_the_record_says_is_plain():
    def cost(truth, outputs):
        return truth

    assert TrainingOptions(loss=cost, metrics=[cost, "mae"]).record() == OptionsRecord(
        loss="cost", metrics=["cost", "mae"]
    )
    assert TrainingOptions().record() == OptionsRecord()
    assert name_of("mse") == "mse"


def test_precisions_that_need_scaled_losses_are_refused():
    assert TrainingOptions(precision="mixed_bfloat16").record().precision == "mixed_bfloat16"
    with pytest.raises(ValueError, match=r"precision must be one of float32, mixed_bfloat16, or None\. Got 'mixed_fl"):
        TrainingOptions(precision="mixed_float16")
