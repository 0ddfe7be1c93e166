"""Scaling of a user's own model: that of keras.applications is recognised, others are asked about."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.models.backbones import resolve
from kzoo.models.pixel_scaling import scales_itself
from kzoo.setup.model_source import source_of
from kzoo.specs.catalog.keras_applications import CATALOG
from kzoo.specs.fusion import Fusion

APPLICATIONS, LAYERS = keras.applications, keras.layers


@pytest.fixture(scope="module")
def mobilenet():
    return APPLICATIONS.MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, weights=None, name="mine")


def with_top():
    return APPLICATIONS.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=7)


def pooled(mobilenet):
    return keras.Model(mobilenet.input, LAYERS.Dense(5)(LAYERS.GlobalAveragePooling2D()(mobilenet.output)))


def nested(mobilenet):
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, LAYERS.Dense(5)(LAYERS.Dense(9)(LAYERS.Flatten()(mobilenet(inputs)))))


def sequence(mobilenet):
    return keras.Sequential([keras.Input((32, 32, 3)), LAYERS.RandomFlip(), mobilenet, LAYERS.GlobalMaxPooling2D()])


NOTE = "The model was recognised as mobilenet_v2_035. Its pixels are scaled as 'tf'."


@pytest.mark.parametrize("make", [lambda own: own, pooled, nested, sequence], ids=["plain", "pooled", "nested", "list"])
def test_a_network_of_the_catalog_is_recognised(mobilenet, make):
    source = resolve(make(mobilenet), weights="auto", cards=CATALOG)
    assert (source.card.scaling, source.notes) == ("tf", (NOTE,))


def test_a_network_with_its_top_is_recognised_and_a_free_size_is_the_native_one():
    assert resolve(with_top(), weights="auto", cards=CATALOG).notes == (NOTE,)
    free = APPLICATIONS.MobileNet((None, None, 3), alpha=0.25, include_top=False, weights=None)
    card = resolve(free, weights="auto", cards=CATALOG).card
    assert (card.scaling, card.size, card.min_size) == ("tf", 224, 32)


@pytest.mark.slow
def test_an_object_answers_as_its_name_does_bit_for_bit(mobilenet):
    named = resolve("mobilenet_v2_035", weights=None, cards=CATALOG)
    brought = resolve(mobilenet, weights="auto", cards=CATALOG)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    answers = []
    for source in (named, brought):
        network = source.build((32, 32, 3))
        network.set_weights(mobilenet.get_weights())
        answers.append(np.asarray(network(ImagePreprocessor(32, source.card.scaling).scale(pixels))))
    np.testing.assert_array_equal(answers[1], answers[0])
    published = np.asarray(mobilenet(APPLICATIONS.mobilenet_v2.preprocess_input(pixels.copy())))
    np.testing.assert_allclose(answers[1] / published.max(), published / published.max(), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "name", "scaling"),
    [
        (APPLICATIONS.ResNet50, "resnet50", "caffe"),
        (APPLICATIONS.DenseNet121, "densenet121", "torch"),
        (APPLICATIONS.NASNetMobile, "nasnet_mobile", "tf"),
        (APPLICATIONS.VGG16, "vgg16", "caffe"),
        (APPLICATIONS.ResNet50V2, "resnet50_v2", "tf"),
    ],
)
def test_other_families_are_recognised(make, name, scaling):
    model = make(weights=None, include_top=False, input_shape=(224, 224, 3))
    note = f"The model was recognised as {name}. Its pixels are scaled as {scaling!r}."
    assert resolve(model, weights="auto", cards=CATALOG).notes == (note,)


def test_a_model_that_scales_its_pixels_is_left_alone():
    model = APPLICATIONS.MobileNetV3Small((32, 32, 3), alpha=0.75, include_top=False, weights=None)
    source = resolve(model, weights="auto", cards=CATALOG)
    assert (source.card.scaling, source.notes) == ("none", ())


def test_what_comes_before_a_network_counts(mobilenet):
    inputs = keras.Input((32, 32, 3))
    for x in (LAYERS.Rescaling(1 / 255)(inputs), APPLICATIONS.mobilenet_v2.preprocess_input(inputs)):
        model = keras.Model(inputs, mobilenet(x))
        assert scales_itself(model)
        assert resolve(model, weights="auto", cards=CATALOG).card.scaling == "none"


def own():
    return keras.Sequential([keras.Input((8, 8, 3)), LAYERS.Conv2D(2, 3)], name="own")


def test_pixels_of_an_unknown_network_are_asked_about():
    asked = resolve(own(), weights="auto", cards=CATALOG)
    assert asked.card.scaling == "none"
    assert asked.notes == ("own receives pixels in 0..255. Pass scaling= if it was trained on another range.",)
    told = source_of(own(), weights="auto", scaling="torch")
    assert (told.card.scaling, told.notes) == ("torch", ())


def test_the_same_number_of_parameters_is_not_enough():
    other = keras.Sequential([keras.Input((32, 32, 3)), LAYERS.Conv2D(2, 3)])
    card = replace(CATALOG["mobilenet_v2_035"], parameters=other.count_params())
    assert resolve(other, weights="auto", cards={card.name: card}).card.scaling == "none"


def test_what_a_user_says_goes_before_what_is_recognised(mobilenet):
    source = source_of(mobilenet, weights="auto", scaling="unit")
    assert source.card.scaling == "unit"
    assert source.notes == ("mobilenet_v2_035 expects pixels scaled as 'tf'. The given scaling='unit' is used.",)


def test_a_card_has_its_own_scaling():
    assert source_of("mobilenet_v2_035", weights=None, scaling="tf").card.scaling == "tf"
    with pytest.raises(ValueError, match=r"'mobilenet_v2_035' expects pixels scaled as 'tf'\. .* Got 'unit'"):
        source_of("mobilenet_v2_035", weights=None, scaling="unit")
    with pytest.raises(ValueError, match=r"scaling must be one of .*, or None\. Got 'imagenet'"):
        source_of("mobilenet_v2_035", weights=None, scaling="imagenet")
    with pytest.raises(ValueError, match="the members of a fusion have their own"):
        source_of(Fusion(["vgg16", "vgg19"]), weights=None, scaling="caffe")


def test_members_of_a_fusion_are_recognised(mobilenet):
    fused = source_of(Fusion([mobilenet, own()]), weights="auto")
    assert fused.notes == (NOTE, "own receives pixels in 0..255. Pass scaling= if it was trained on another range.")
    assert [member.card.scaling for member in fused.members.values()] == ["tf", "none"]
