"""Backbones: from a name, a card, a user's model or a file to features."""

import keras
import numpy as np
import pytest

import kzoo
from kzoo.models.backbones import Source, resolve
from kzoo.models.construction import build
from kzoo.models.files.keras_archive import open_archive
from kzoo.models.user_models import as_backbone, card_of, copy
from kzoo.models.weights import WeightsError
from kzoo.specs import registry
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.keras_applications import CATALOG

LAYERS = keras.layers
PICTURES = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype(np.float32)


def with_top(backbone, *top):
    x = LAYERS.GlobalAveragePooling2D()(backbone.output)
    for layer in top:
        x = layer(x)
    return keras.Model(backbone.input, x)


TOPS = {
    "softmax": ([LAYERS.Dense(7, activation="softmax")], 12),
    "sigmoid": ([LAYERS.Dense(7, activation="sigmoid")], 12),
    "softmax after": ([LAYERS.Dense(7), LAYERS.Softmax()], 12),
    "activation after": ([LAYERS.Dense(7), LAYERS.Activation("softmax")], 12),
    "hidden": ([LAYERS.Dense(5, activation="relu"), LAYERS.Dense(7, activation="softmax")], 5),
    "none": ([LAYERS.Dense(7)], 7),
    "features": ([], 12),
}


@pytest.mark.parametrize("name", TOPS)
def test_a_classifying_top_is_taken_off(name, backbone):
    top, width = TOPS[name]
    model = with_top(backbone, *(type(layer).from_config(layer.get_config()) for layer in top))
    assert as_backbone(model).output_shape == (None, width)
    assert card_of(model).width == width


def test_a_top_of_a_published_model_is_taken_off():
    model = keras.applications.MobileNet(weights=None, alpha=0.25, input_shape=(32, 32, 3), classes=10)
    assert as_backbone(model).count_params() == CATALOG["mobilenet_v1_025"].parameters


def test_a_feature_map_is_kept(backbone):
    np.testing.assert_array_equal(as_backbone(backbone)(PICTURES), backbone(PICTURES))


def test_a_sequential_model_is_a_backbone():
    model = keras.Sequential([keras.Input((16, 16, 3)), LAYERS.Conv2D(4, 3), LAYERS.ReLU()], name="row")
    np.testing.assert_array_equal(copy(model, size=16, weights=None)(PICTURES), model(PICTURES))


def test_training_a_copy_leaves_the_original(backbone):
    before = [weight.copy() for weight in backbone.get_weights()]
    clone = copy(backbone, size=16, weights=None)
    np.testing.assert_array_equal(clone(PICTURES), backbone(PICTURES))
    clone.compile("sgd", "mse")
    clone.fit(PICTURES, np.ones((4, 2, 2, 12)), verbose=0)
    clone.trainable = False
    assert not np.array_equal(clone.get_weights()[0], before[0])
    assert all(np.array_equal(one, other) for one, other in zip(before, backbone.get_weights(), strict=True))
    assert all(layer.trainable for layer in backbone.layers)


def normalized(axis):
    norm = LAYERS.Normalization(axis=axis)
    norm.adapt(PICTURES)
    inputs = keras.Input((16, 16, 3))
    return keras.Model(inputs, LAYERS.Conv2D(4, 3)(norm(inputs)))


def nested():
    inside = keras.Sequential([keras.Input((16, 16, 3)), LAYERS.Conv2D(4, 3), LAYERS.BatchNormalization()])
    inputs = keras.Input((16, 16, 3))
    return keras.Model(inputs, LAYERS.ReLU()(inside(inputs / 255.0)))


MODELS = {"normalized": lambda: normalized(-1), "normalized as a whole": lambda: normalized(None), "nested": nested}


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_computes_what_the_original_does(name):
    model = MODELS[name]()
    np.testing.assert_allclose(copy(model, size=16, weights=None)(PICTURES), model(PICTURES), rtol=1e-5, atol=1e-5)


def test_a_model_without_a_size_is_copied_for_any():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, LAYERS.Conv2D(4, 3, strides=2)(inputs))
    assert copy(model, size=20, weights=None).input_shape == (None, 20, 20, 3)
    assert card_of(model).size == 224


def test_a_saved_model_is_read(backbone, tmp_path):
    backbone.save(tmp_path / "m.keras")
    source = resolve(tmp_path / "m.keras", weights="auto", cards={})
    np.testing.assert_array_equal(source.build((16, 16, 3))(PICTURES), backbone(PICTURES))
    assert source.card.size == 16
    assert source.weights_name == "own"


def test_weights_are_put_into_a_users_model(backbone, tmp_path):
    other = copy(backbone, size=16, weights=None)
    other.set_weights([weight + 1 for weight in other.get_weights()])
    other.save_weights(tmp_path / "w.weights.h5")
    built = resolve(backbone, weights=tmp_path / "w.weights.h5", cards={}).build((16, 16, 3))
    np.testing.assert_array_equal(built(PICTURES), other(PICTURES))


def test_code_in_a_model_file_does_not_run(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 3)), LAYERS.Lambda(lambda x: x * 2)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"m\.keras could not be read as a Keras model: .*[Ll]ambda"):
        open_archive(tmp_path / "m.keras")


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04 cut"])
def test_a_damaged_model_file_is_named(tmp_path, content):
    (tmp_path / "m.keras").write_bytes(content)
    with pytest.raises(ValueError, match=r"m\.keras could not be read as a Keras model"):
        resolve(str(tmp_path / "m.keras"), weights="auto", cards={})


def make(input_shape):
    inputs = keras.Input(input_shape)
    keras.utils.set_random_seed(3)
    return keras.Model(inputs, LAYERS.BatchNormalization()(LAYERS.Conv2D(4, 3, strides=2)(inputs)))


@pytest.fixture
def own(monkeypatch):
    """A registered model of 128 parameters."""
    monkeypatch.setattr(registry, "_REGISTRY", dict(CATALOG))
    return registry.register("own", make, size=16, min_size=8, multiple=4, parameters=128, scaling="tf")


def test_a_registered_model_is_built_with_its_own_weights(own):
    source = resolve("own", weights="auto", cards=registry.cards())
    assert source.weights_name == "own"
    np.testing.assert_array_equal(source.build((16, 16, 3))(PICTURES), make((16, 16, 3))(PICTURES))
    assert resolve(own, weights="auto", cards={}) == source


@pytest.mark.parametrize("trained", [False, True])
def test_a_weight_file_tells_its_model_by_its_parameters(own, tmp_path, trained):
    model = make((16, 16, 3))
    if trained:
        model.compile("adam", "mse")
        model.fit(PICTURES, np.ones((4, 7, 7, 4)), verbose=0)
    model.save_weights(tmp_path / "w.weights.h5")
    source = resolve(tmp_path / "w.weights.h5", weights="auto", cards=registry.cards())
    assert source.card is own
    np.testing.assert_array_equal(source.build((16, 16, 3))(PICTURES), model(PICTURES))


@pytest.mark.parametrize(("names", "told"), [([], "no model of the catalog"), (["a", "b"], "a, b")])
def test_a_weight_file_of_none_or_two_models_asks_which(tmp_path, names, told):
    make((16, 16, 3)).save_weights(tmp_path / "w.weights.h5")
    cards = {name: BackboneSpec(name, "a.b", parameters=128) for name in names}
    with pytest.raises(WeightsError, match=f"has 128 parameters, which fit {told}. Name the model"):
        resolve(tmp_path / "w.weights.h5", weights="auto", cards=cards)


def test_a_file_that_holds_no_weights_is_named(tmp_path):
    (tmp_path / "w.h5").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match=r"w\.h5 could not be read as a weight file"):
        resolve(tmp_path / "w.h5", weights="auto", cards={})


@pytest.mark.parametrize(
    ("size", "message"),
    [(4, "must be at least 8 pixels, a multiple of 4. Got 4"), (18, "a multiple of 4. Got 18"), (0, "Got 0")],
)
def test_a_size_that_does_not_suit_is_refused(own, size, message):
    with pytest.raises(ValueError, match=f"size for 'own' {'must' if size else '.*'}.*{message.removeprefix('must')}"):
        Source(own, None).check(size)
    Source(own, None).check(12)


def test_a_model_of_one_size_takes_no_other(backbone):
    source = resolve(backbone, weights="auto", cards={})
    source.check(16)
    with pytest.raises(ValueError, match=r"'tiny' takes 16 pixels\. Got size=32"):
        source.check(32)


def two_inputs():
    first, second = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    return keras.Model([first, second], LAYERS.Add()([first, second]))


def two_outputs():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, [LAYERS.ReLU()(inputs), LAYERS.Conv2D(2, 1)(inputs)])


def of_shape(*shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, LAYERS.Dense(2)(inputs), name="net")


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inside = LAYERS.Dense(2)

    def call(self, inputs):
        return self.inside(inputs)


def called():
    model = Subclassed()
    model(PICTURES)
    return model


@pytest.mark.parametrize(
    ("make_model", "message"),
    [
        (two_inputs, r"A backbone needs one input\. .* has 2"),
        (two_outputs, r"A backbone needs one output\. .* has 2"),
        (Subclassed, r"'subclassed.*' is a subclass of keras.Model.*Pass a functional"),
        (lambda: keras.Sequential([LAYERS.Dense(2)]), "has no input shape yet. Begin"),
        (called, "(?i)functional"),
        (lambda: of_shape(10), r"takes \(B, H, W, 3\) or .* 'net' takes \(None, 10\)"),
        (lambda: of_shape(8, 8, 4), r"'net' takes \(None, 8, 8, 4\)"),
        (lambda: of_shape(8, 6, 3), "which is not square"),
        (lambda: 3, "model must be a name, a card, a keras.Model or a path. Got int"),
    ],
)
def test_what_is_no_backbone_says_why(make_model, message):
    with pytest.raises(TypeError, match=message):
        resolve(make_model(), weights="auto", cards={})


def test_an_unknown_name_suggests_near_ones():
    with pytest.raises(ValueError, match=r"Unknown model 'resnet5'\. Did you mean 'resnet50'"):
        resolve("resnet5", weights="auto", cards=CATALOG)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r"There is no model file gone\.keras"):
        resolve("gone.keras", weights="auto", cards=CATALOG)


def test_a_constructor_that_is_gone_is_named():
    with pytest.raises(ImportError, match=r"The constructor 'os\.gone' could not be imported"):
        build(BackboneSpec("x", "os.gone"), shape=(32, 32, 3), weights=None)


def test_a_name_is_built_at_any_size():
    source = resolve("mobilenet_v1_025", weights=None, cards=CATALOG)
    model = source.build((64, 64, 3))
    assert model.input_shape == (None, 64, 64, 3)
    assert model.count_params() == source.card.parameters
    assert source.weights_name is None


def test_published_weights_are_asked_for_by_default():
    assert resolve("vgg16", weights="auto", cards=CATALOG).weights_name == "imagenet"


def test_a_model_that_ends_in_another_is_adapted():
    """The output of the inner model is a tensor of its own graph."""
    inner_inputs = keras.Input((8, 8, 3))
    inner = keras.Model(inner_inputs, keras.layers.Conv2D(4, 3)(inner_inputs), name="inner")
    inputs = keras.Input((8, 8, 3))
    outer = keras.Model(inputs, inner(keras.layers.Rescaling(1 / 255)(inputs)), name="outer")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)
    adapted = kzoo.adapt(outer, (pixels, np.arange(40) % 2), schedule="linear_probe", verbose=0)
    wanted = keras.ops.convert_to_numpy(outer(pixels[:2].astype(np.float32)))
    np.testing.assert_allclose(adapted.backbone(pixels[:2].astype(np.float32)), wanted, atol=1e-5)
    assert adapted.embed(pixels[:2]).shape == (2, 4)
