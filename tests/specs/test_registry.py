"""The registry: names, near names, and models of the user's own."""

import functools

import pytest

from kzoo.specs import registry
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.keras_applications import CATALOG
from kzoo.specs.registry import cards, get_card, list_models, register


def constructor(input_shape):
    raise NotImplementedError


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTRY", dict(CATALOG))


def test_names_are_sorted_and_match_the_pattern():
    names = list_models("resnet*_v2")
    assert names == sorted(n for n in CATALOG if n.startswith("resnet") and n.endswith("_v2"))
    assert len(names) == 3


@pytest.mark.parametrize(
    ("arguments", "keep"),
    [
        ({"pretrained": True}, lambda card: bool(card.weights) or bool(card.pretrained)),
        ({"modality": "image"}, lambda card: card.modality == "image"),
        ({"modality": "smell"}, lambda card: False),
    ],
)
def test_lists_are_filtered(arguments, keep):
    assert list_models(**arguments) == [name for name, card in sorted(CATALOG.items()) if keep(card)]


def test_a_list_prints_as_a_table_of_cards():
    text = str(list_models("mobilenet_v2_035"))
    assert text.splitlines()[1].split()[:4] == ["mobilenet_v2_035", "224", "0.4", "M"]
    assert text.endswith("1 models")
    assert ">mobilenet_v2_035</td>" in list_models("mobilenet_v2_035")._repr_html_()


@pytest.mark.parametrize(
    ("typed", "meant"), [("resnet5", "'resnet50'"), ("VGG16", "'vgg16'"), ("xceptoin", "xception")]
)
def test_an_unknown_name_suggests_near_ones(typed, meant):
    with pytest.raises(ValueError, match=f"Unknown model '{typed}'. Did you mean .*{meant}.*kzoo.list_models"):
        get_card(typed)


def test_a_name_like_no_other_suggests_nothing():
    with pytest.raises(ValueError, match=r"^Unknown model '!!'\. All names: kzoo\.list_models\(\)\.$"):
        get_card("!!")


def test_a_registered_model_is_found_again():
    card = register("mine", constructor, size=64, scaling="unit")
    assert get_card("mine") is card
    assert "mine" in list_models()
    assert (card.size, card.scaling, card.source) == (64, "unit", "user")
    assert card.constructor.endswith("test_registry.constructor")


def test_cards_are_a_copy():
    cards().clear()
    assert list_models()


@pytest.mark.parametrize("name", ["mine", "resnet50"])
def test_a_name_is_taken_once(name):
    register("mine", constructor)
    with pytest.raises(ValueError, match=f"A model named '{name}' is registered already"):
        register(name, constructor)


def test_unknown_fields_of_a_card_are_named():
    with pytest.raises(ValueError, match=r"Unknown fields \['sise'\]. A card has: .*size"):
        register("mine", constructor, sise=3)


@pytest.mark.parametrize(
    "hidden", [lambda input_shape: None, functools.partial(constructor), type("Maker", (), {"__call__": constructor})()]
)
def test_a_constructor_that_cannot_be_found_again_is_refused(hidden):
    with pytest.raises(ValueError, match="must be a module-level function"):
        register("mine", hidden)
    assert "mine" not in list_models()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scaling": "bgr"}, "scaling of 'x' must be one of caffe, tf, torch, unit, none. Got 'bgr'"),
        ({"size": 32, "min_size": 64}, r"min_size of 'x' must be in \[1, size=32\]. Got 64"),
        ({"min_size": 0}, "min_size of 'x'"),
    ],
)
def test_a_card_checks_itself(fields, message):
    with pytest.raises(ValueError, match=message):
        BackboneSpec("x", "a.b", **fields)


@pytest.mark.parametrize(("size", "nearest"), [(1, 96), (96, 96), (110, 96), (112, 128), (175, 160), (999, 224)])
def test_the_weights_of_the_nearest_resolution_are_taken(size, nearest):
    assert CATALOG["mobilenet_v2_035"].weight_file(size).size == nearest


def test_cards_can_be_compared_and_hashed():
    assert len({CATALOG["vgg16"], CATALOG["vgg19"], get_card("vgg16")}) == 2
