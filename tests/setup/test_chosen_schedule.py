"""The schedule of a run: named or given, with the options of the run."""

import pytest

from kzoo.setup.chosen_schedule import choose_schedule
from kzoo.specs.head import Head
from kzoo.specs.phases import LinearProbe, Phase
from kzoo.specs.recipes import lp_ft
from kzoo.specs.schedule import Schedule
from kzoo.specs.training_options import TrainingOptions


def choose(head=Head(), replicas=1, **options):  # noqa: B008
    return choose_schedule(TrainingOptions(**options), head, lp_ft, replicas=replicas)


def test_a_phase_and_a_list_of_phases_are_schedules():
    phases = [LinearProbe(), Phase("*")]
    assert choose(schedule=phases)[1] == Schedule(phases)
    assert choose(schedule=phases[1])[1] == Schedule(phases[1])


@pytest.mark.parametrize("schedule", [[], ["lp_ft"], [Phase("*"), "lp_ft"], "lp-ft", None, 3])
def test_anything_else_is_refused(schedule):
    with pytest.raises(ValueError, match=r"schedule must be 'auto', .* or a kzoo.Schedule.* a list of phases\. Got "):
        choose(schedule=schedule)


def test_batches_of_a_recipe_follow_the_replicas_and_chosen_ones_do_not():
    def sizes(**options):
        return [found.phases[-1].batch_size for found in choose(replicas=3, **options)]

    assert sizes() == [32, 30]
    assert sizes(batch_size=16) == [16, 16]
    assert sizes(schedule=Phase("*", batch_size=20)) == [20, 20]


def test_options_change_what_was_chosen():
    _, found = choose(epochs=2, augmentation="strong")
    assert (found.phases[1].epochs, found.phases[1].augmentation) == (2, "strong")
    assert not found.phases[0].takes_steps


def test_the_probe_of_a_head_that_is_not_linear_takes_steps():
    _, found = choose(head=Head(hidden=8), schedule="linear_probe", epochs=2)
    assert (found.phases[0].optimizer, found.phases[0].epochs) == ("adam", 2)
