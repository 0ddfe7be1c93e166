"""Stages: a backbone cut into consecutive parts, from its graph."""

import keras
import numpy as np
import pytest

from kzoo.core.graph.walking import weights_of
from kzoo.models.stages import cut_into_stages
from kzoo.models.user_models import as_backbone

SHAPE = (64, 64, 3)


def small_net(*layers, shape=(16, 16, 3)):
    inputs = x = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x, name="net")


def transformer():
    inputs = keras.Input((16, 8))
    x = inputs
    for _ in range(2):
        y = keras.layers.LayerNormalization()(x)
        x = keras.layers.Add()([x, keras.layers.MultiHeadAttention(2, 4)(y, y)])
        x = keras.layers.Add()([x, keras.layers.Dense(8)(keras.layers.LayerNormalization()(x))])
    return keras.Model(inputs, x)


def nested():
    conv = keras.layers.Conv2D
    inside = keras.Sequential([keras.Input((16, 16, 3)), conv(4, 3, strides=2), conv(8, 3, strides=2)])
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, conv(8, 1)(inside(conv(3, 3, strides=2, padding="same")(inputs))))


def sequential():
    conv = keras.layers.Conv2D
    layers = conv(4, 3, strides=2), keras.layers.BatchNormalization(), conv(8, 3, strides=2), conv(8, 1)
    return as_backbone(keras.Sequential([keras.Input((16, 16, 3)), *layers]))


def dense():
    return small_net(*(keras.layers.Dense(units, activation="relu") for units in (8, 8, 4)), shape=(5,))


def weightless():
    return small_net(keras.layers.Rescaling(2.0), keras.layers.MaxPooling2D(2))


def shared():
    """A convolution that is called twice, on two sizes."""
    inputs = keras.Input((16, 16, 3))
    conv = keras.layers.Conv2D(3, 3, strides=2, padding="same")
    return keras.Model(inputs, conv(conv(inputs)))


def keras_model(name, **arguments):
    return lambda: getattr(keras.applications, name)(weights=None, include_top=False, input_shape=SHAPE, **arguments)


MODELS = {
    "mobilenet_v2_035": keras_model("MobileNetV2", alpha=0.35),
    "resnet50": keras_model("ResNet50"),
    "efficientnet_b0": keras_model("EfficientNetB0"),
    "vgg16": keras_model("VGG16"),
    "sequential": sequential,
    "nested": nested,
    "dense": dense,
    "transformer": transformer,
    "weightless": weightless,
    "shared": shared,
}
BUILT = {}


def model_of(name):
    if name not in BUILT:
        keras.utils.set_random_seed(0)
        BUILT[name] = MODELS[name]()
    return BUILT[name]


@pytest.fixture(scope="module", autouse=True)
def free_memory():
    yield
    BUILT.clear()


@pytest.mark.parametrize("name", MODELS)
def test_stages_cover_the_graph_once_and_in_order(name):
    model = model_of(name)
    stages = cut_into_stages(model)
    assert [id(layer) for stage in stages for layer in stage.layers] == [id(layer) for layer in model.operations]
    assert [stage.name for stage in stages] == ["stem", *(f"stage{n}" for n in range(1, len(stages)))]
    assert sum(stage.parameters for stage in stages) == model.count_params()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "weightless"])
def test_every_stage_has_weights(name):
    assert all(stage.parameters for stage in cut_into_stages(model_of(name)))


@pytest.mark.parametrize("name", MODELS)
def test_below_and_above_a_cut_make_the_whole(name):
    model = model_of(name)
    picture = np.random.default_rng(0).uniform(0, 1, (1, *model.input_shape[1:])).astype(np.float32)
    stages = cut_into_stages(model)
    cut = list(stages[len(stages) // 2].cut)
    whole = keras.Model(model.input, [cut, model.output])
    crossing, expected = whole(picture)
    above = keras.Model(cut, model.output)
    np.testing.assert_allclose(above(crossing), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_cut_leaves_no_weights_of_the_stages_below(name):
    model = model_of(name)
    stages = cut_into_stages(model)
    for number in {len(stages) - 1, len(stages) // 2}:
        above = keras.Model(list(stages[number].cut), model.output)
        expected = sum(stage.parameters for stage in stages[number:])
        assert above.count_params() == expected


@pytest.mark.parametrize(
    ("name", "heights"),
    [
        ("mobilenet_v2_035", [64, 32, 16, 8, 4]),
        ("resnet50", [64, 16, 16, 8, 4]),
        ("efficientnet_b0", [64, 32, 16, 8, 4]),
        ("vgg16", [64, 32, 16, 8, 4]),
        ("sequential", [16, 7]),
    ],
)
def test_a_stage_begins_where_pictures_shrink(name, heights):
    assert len(cut_into_stages(model_of(name))) == len(heights)


def test_squeeze_and_excite_stays_inside_its_stage():
    blocks = {}
    for stage in cut_into_stages(model_of("efficientnet_b0")):
        for layer in stage.layers:
            block, _, part = layer.name.partition("_se_")
            if part:
                blocks.setdefault(block, set()).add(stage.name)
    assert len(blocks) == 16
    assert all(len(stages) == 1 for stages in blocks.values())


def test_a_transformer_has_a_stage_for_each_block():
    stages = cut_into_stages(model_of("transformer"))
    first = [type(stage.layers[0]).__name__ for stage in stages]
    assert first == ["InputLayer", "MultiHeadAttention", "MultiHeadAttention"]


def test_a_model_of_one_size_has_a_stage_for_each_weighted_layer():
    stages = cut_into_stages(model_of("dense"))
    assert len(stages) == 3
    assert all(sum(bool(weights_of(layer)) for layer in stage.layers) == 1 for stage in stages)


@pytest.mark.parametrize("name", ["weightless", "shared"])
def test_what_cannot_be_cut_is_one_stage(name):
    (stage,) = cut_into_stages(model_of(name))
    assert stage.name == "stem"


def test_cuts_are_narrow():
    stages = cut_into_stages(model_of("mobilenet_v2_035"))
    sizes = [sum(int(np.prod(tensor.shape[1:])) for tensor in stage.cut) for stage in stages]
    assert sizes[0] == 64 * 64 * 3
    assert all(size <= 32 * 32 * 16 for size in sizes[1:])
