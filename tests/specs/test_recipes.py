"""Recipes of one's own."""

import pytest

import kzoo
from kzoo.setup.chosen_schedule import choose_schedule
from kzoo.specs import recipes
from kzoo.specs.head import Head
from kzoo.specs.training_options import TrainingOptions


@pytest.fixture(autouse=True)
def own_recipes(monkeypatch):
    monkeypatch.setattr(recipes, "RECIPES", dict(recipes.RECIPES))


def last_stage():
    return kzoo.Schedule((kzoo.Phase("last:1", epochs=2),), name="last_stage")


def test_a_registered_recipe_goes_by_its_name(monkeypatch):
    monkeypatch.setattr("kzoo.setup.chosen_schedule.RECIPES", recipes.RECIPES)
    kzoo.register_recipe("last_stage", last_stage)
    options = TrainingOptions(schedule="last_stage")
    assert choose_schedule(options, Head(), recipes.linear_probe, replicas=1)[0] == last_stage()


@pytest.mark.parametrize("name", ["auto", "lp_ft"])
def test_a_name_is_taken_once(name):
    with pytest.raises(ValueError, match=f"A recipe named '{name}' is registered already"):
        kzoo.register_recipe(name, last_stage)


def test_a_recipe_returns_a_schedule():
    with pytest.raises(TypeError, match="'broken' returns a list"):
        kzoo.register_recipe("broken", list)
    assert "broken" not in recipes.RECIPES
