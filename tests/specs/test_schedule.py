"""Schedules, and the recipes that return them."""

import pytest

from kzoo.specs import recipes
from kzoo.specs.card import BackboneSpec
from kzoo.specs.phases import LinearProbe, Phase
from kzoo.specs.schedule import Schedule

CARD = BackboneSpec("vgg", "keras.applications.VGG16")
GROUPS = ("stem", "stage1", "stage2", "stage3", "head")


def test_augmentation_that_nothing_would_use_is_refused():
    probe = recipes.linear_probe()
    assert probe.with_augmentation("none") == probe
    with pytest.raises(
        ValueError, match=r"augmentation='light' would have no effect: schedule 'linear_probe' is a linear probe"
    ):
        probe.with_augmentation("light")
    with pytest.raises(ValueError, match=r"augmentation must be one of none, light, medium, strong. Got 'heavy'"):
        probe.with_augmentation("heavy")


def test_batches_of_a_probe_stay_as_they_are():
    assert recipes.lp_ft().with_batches_of(3).phases[0] == LinearProbe()
    assert recipes.lp_ft().with_batches_of(3).phases[1].batch_size == 30


def test_one_phase_is_a_schedule():
    assert Schedule(Phase("head")).phases == (Phase("head"),)
    assert Schedule([Phase("head")]) == Schedule(Phase("head"))


@pytest.mark.parametrize("phases", [(), ["head"]])
def test_a_schedule_needs_phases(phases):
    with pytest.raises(ValueError, match=r"A schedule needs at least one kzoo\.Phase"):
        Schedule(phases)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_recipes_fit_any_backbone_and_carry_their_name(name):
    schedule = recipes.RECIPES[name]()
    assert schedule.name == name
    assert all(phase.groups(("stem", "head")) for phase in schedule.phases)


@pytest.mark.parametrize("name", ["linear_probe", "gradual", "lp_ft"])
def test_recipes_begin_with_the_probe(name):
    assert recipes.RECIPES[name]().phases[0] == LinearProbe()


def test_gradual_unfreezes_downwards_at_falling_rates():
    _, first, second = recipes.gradual(epochs=3, learning_rate=1e-3).phases
    assert (first.groups(GROUPS), second.groups(GROUPS)) == (GROUPS[-2:], GROUPS[-3:])
    assert first.learning_rate > second.learning_rate
    assert {first.epochs, second.epochs} == {3}


@pytest.mark.parametrize(("train", "views"), [("last:1", 6), ("*", None)])
def test_recipes_cache_a_few_views_and_see_new_ones_where_nothing_is_cached(train, views):
    assert recipes.lp_ft(train).phases[-1].views == views
    assert recipes.fine_tune(train, views=2).phases[-1].views == 2


def test_auto_sees_a_new_view_in_each_epoch_from_random_weights():
    card = BackboneSpec("own", "kzoo.models.user_models.KeywordCNN", modality="audio", rate=1e-3)
    (phase,) = recipes.auto(card, examples=3000, weights=False).phases
    assert (phase.augmentation, phase.views) == ("light", None)


def test_arguments_of_a_recipe_reach_its_phase():
    phase = recipes.lp_ft("stage*", epochs=3, learning_rate=0.5, augmentation="strong", views=2).phases[-1]
    assert (phase.train, phase.epochs, phase.learning_rate) == (("stage*",), 3, 0.5)
    assert (phase.augmentation, phase.views) == ("strong", 2)


def test_auto_is_the_probe_alone_for_a_few_examples():
    assert recipes.auto(CARD, examples=49, weights=True).phases == recipes.linear_probe().phases


@pytest.mark.parametrize(
    ("examples", "epochs", "views"),
    [(50, 12, 12), (1000, 12, 12), (2000, 12, 6), (4000, 12, 3), (19_999, 12, 3), (20_000, 6, 3)],
)
def test_auto_takes_fewer_views_of_more_examples(examples, epochs, views):
    schedule = recipes.auto(CARD, examples=examples, weights=True)
    assert schedule.name == "auto"
    assert schedule.phases == recipes.lp_ft("last:1", epochs=epochs, views=views).phases
