"""Phases, schedules, and the recipes that return them."""

import pytest

from kzoo.specs import recipes
from kzoo.specs.card import BackboneSpec
from kzoo.specs.schedule import Phase, Schedule, depths_of

CARD = BackboneSpec("vgg", "keras.applications.VGG16")
GROUPS = ("stem", "stage1", "stage2", "stage3", "head")


@pytest.mark.parametrize(
    ("train", "groups"),
    [
        ("head", {"head"}),
        ("stage3", {"stage3"}),
        ("stage*", {"stage1", "stage2", "stage3"}),
        ("stage[12]", {"stage1", "stage2"}),
        ("*", set(GROUPS)),
        ("last:0", {"head"}),
        ("last:1", {"stage3", "head"}),
        ("last:2", {"stage2", "stage3", "head"}),
        ("last:4", set(GROUPS)),
        ("upto:2", {"stage2", "stage3", "head"}),
        ("upto:99", set(GROUPS)),
        (["head", "stem"], {"stem", "head"}),
        (("stage*", "stage3"), {"stage1", "stage2", "stage3"}),
    ],
)
def test_patterns_choose_groups_in_their_order(train, groups):
    assert Phase(train).groups(GROUPS) == tuple(name for name in GROUPS if name in groups)


def test_more_stages_than_there_are_is_an_error_that_names_the_groups():
    with pytest.raises(ValueError, match=r"'last:5' of train wants 5 stages; there are 4. The groups are: stem,"):
        Phase("last:5").groups(GROUPS)


MEMBERS = ("a/stem", "a/stage1", "b/stem", "b/stage1", "b/stage2", "head")


def test_the_highest_stages_of_a_fusion_are_those_of_each_member():
    assert Phase("last:2").groups(MEMBERS) == ("a/stem", "a/stage1", "b/stage1", "b/stage2", "head")
    assert Phase("upto:3").groups(MEMBERS) == MEMBERS
    with pytest.raises(ValueError, match=r"wants 3 stages of 'a'; there are 2"):
        Phase("last:3").groups(MEMBERS)


def test_depth_is_the_distance_to_the_head_within_a_member():
    assert depths_of(MEMBERS) == {"a/stem": 2, "a/stage1": 1, "b/stem": 3, "b/stage1": 2, "b/stage2": 1, "head": 0}
    assert depths_of(GROUPS) == {"stem": 4, "stage1": 3, "stage2": 2, "stage3": 1, "head": 0}


@pytest.mark.parametrize("train", ["stage9", "last:x", "last:", "Head", ("head", "tail")])
def test_a_pattern_that_matches_nothing_names_the_groups(train):
    with pytest.raises(ValueError, match=r"matches no group. The groups are: stem, stage1, stage2, stage3, head"):
        Phase(train).groups(GROUPS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("train", ()),
        ("epochs", 0),
        ("epochs", 1.5),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("optimizer", "adamm"),
        ("batch_size", 0),
        ("warmup", 1.0),
        ("warmup", -0.1),
        ("decay", "linear"),
        ("layer_decay", 0.0),
        ("layer_decay", 1.1),
        ("weight_decay", -1.0),
        ("label_smoothing", 1.0),
        ("label_smoothing", "some"),
        ("patience", 0),
        ("augmentation", "heavy"),
        ("views", 0),
    ],
)
def test_a_value_out_of_range_is_named_with_what_came(field, value):
    with pytest.raises(ValueError, match=rf"^{field} of a phase must be .*\. Got "):
        Phase(**({"train": "head"} | {field: value}))


def test_lbfgs_is_for_the_head_alone():
    with pytest.raises(ValueError, match=r"lbfgs.*train must be 'head'"):
        Phase("*", optimizer="lbfgs")


@pytest.mark.parametrize("idle", [{"augmentation": "light"}, {"views": 3}, {"epochs": 5}, {"label_smoothing": 0.1}])
def test_lbfgs_takes_no_options_of_gradient_steps(idle):
    (name,) = idle
    with pytest.raises(ValueError, match=rf"takes no gradient steps: {name}=.* would do nothing"):
        Phase("head", optimizer="lbfgs", **idle)


def test_augmentation_that_nothing_would_use_is_refused():
    probe = recipes.linear_probe()
    assert probe.with_augmentation("none") == probe
    with pytest.raises(ValueError, match=r"augmentation='light' would do nothing: schedule 'linear_probe' is a probe"):
        probe.with_augmentation("light")
    with pytest.raises(ValueError, match=r"augmentation must be one of none, light, medium, strong. Got 'heavy'"):
        probe.with_augmentation("heavy")


def test_batches_of_a_probe_stay_as_they_are():
    assert recipes.lp_ft().with_batches_of(3).phases[0] == Phase("head", optimizer="lbfgs")
    assert recipes.lp_ft().with_batches_of(3).phases[1].batch_size == 30


def test_phases_are_comparable_values():
    assert Phase("head") == Phase(["head"])
    assert len({Phase("head"), Phase(("head",)), Phase("*")}) == 2


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
    assert recipes.RECIPES[name]().phases[0] == Phase("head", optimizer="lbfgs")


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
