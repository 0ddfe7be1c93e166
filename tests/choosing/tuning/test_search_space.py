"""The configurations around the default recipe."""

import pytest

from kzoo.choosing.tuning.search_space import space_around
from kzoo.specs.phases import LinearProbe, Phase
from kzoo.specs.recipes import auto, linear_probe
from kzoo.specs.registry import get_card
from kzoo.specs.schedule import Schedule

GROUPS = ["stem", "stage1", "stage2", "stage3", "stage4", "head"]


@pytest.mark.parametrize("name", ["mobilenet_v2_035", "kzoo_nano_text", "keyword_cnn"])
@pytest.mark.parametrize("examples", [200, 2_000])
@pytest.mark.parametrize("weights", [True, False])
def test_the_default_recipe_is_one_of_them(name, examples, weights):
    card = get_card(name)
    default = auto(card, examples=examples, weights=weights)
    space = space_around(default, GROUPS, presets=True)
    params = space.default_params
    assert params
    assert space.settings(params)["schedule"].phases == default.phases
    assert set(params) == {*space.choices, "learning_rate"}


def test_a_probe_alone_is_compared_with_tuning():
    space = space_around(linear_probe(), GROUPS, presets=True)
    assert space.default_params == {}
    assert space.settings({}) == {}
    assert space.depths == ("head", "last:1", "last:2", "last:3")


def test_without_a_probe_everything_trains():
    space = space_around(Schedule([Phase("*", epochs=5)]), GROUPS, presets=True)
    assert space.depths == ("*",)
    assert space.choices["epochs"] == (2, 5, 10)


def test_few_stages_are_not_all_unfrozen():
    space = space_around(auto(get_card("mobilenet_v2_035"), examples=200, weights=True), GROUPS[-3:], presets=True)
    assert space.depths == ("head", "last:1")


def test_data_without_augmentations_get_none():
    default = auto(get_card("mobilenet_v2_035"), examples=200, weights=True).with_augmentation("none")
    space = space_around(default, GROUPS, presets=False)
    assert space.choices["augmentation"] == ("none",)
    assert space.default_params["augmentation"] == "none"


def test_settings_are_those_of_the_configuration():
    default = auto(get_card("mobilenet_v2_035"), examples=200, weights=True)
    space = space_around(default, GROUPS, presets=True)
    params = {**space.default_params, "train": "last:2", "epochs": 24, "learning_rate": 1e-4, "dropout": 0.5}
    found = space.settings(params)
    probe, phase = found["schedule"].phases
    assert isinstance(probe, LinearProbe)
    assert (phase.train, phase.epochs, phase.learning_rate) == (("last:2",), 24, 1e-4)
    assert (found["head"].dropout, found["head"].hidden) == (0.5, 0)
    # A head that is not linear cannot be solved.
    first, _ = space.settings({**params, "hidden": 256})["schedule"].phases
    assert isinstance(first, Phase)
