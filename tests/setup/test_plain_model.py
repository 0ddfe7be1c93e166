"""Plain models: what they take and give, and that their files load."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import kzoo

RNG = np.random.default_rng(0)
PIXELS = RNG.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)


def test_pixels_are_scaled_inside():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    own = keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=2)(inputs), name="own")
    features = kzoo.create_model(own, scaling="tf")(PIXELS)
    expected = np.mean(own(PIXELS / 127.5 - 1), axis=(1, 2))
    np.testing.assert_allclose(features, expected, atol=1e-5)


@pytest.mark.parametrize("classes", [None, 0])
def test_without_classes_the_output_is_features(classes, backbone):
    model = kzoo.create_model(backbone, num_classes=classes)
    assert (model.input_shape, model.output_shape) == ((None, 16, 16, 3), (None, 12))


def test_with_classes_there_is_the_default_head(backbone):
    model = kzoo.create_model(backbone, num_classes=5)
    assert model.output_shape == (None, 5)
    names = [layer.name for layer in model.layers]
    assert names[-4:] == ["head_avg", "head_standard", "head_dropout", "head_logits"]
    assert model.layers[-1].activation is keras.activations.linear


def test_it_is_a_copy_that_ones_own_code_trains(backbone):
    before = [weight.copy() for weight in backbone.get_weights()]
    model = kzoo.create_model(backbone, num_classes=2, scaling="unit")
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(PIXELS[:, :16, :16], np.asarray([0, 1]), verbose=0)
    assert all(np.array_equal(one, other) for one, other in zip(before, backbone.get_weights(), strict=True))


def test_its_stages_are_those_of_the_backbone(backbone):
    names = [row[0] for row in kzoo.stages(backbone).rows]
    assert [row[0] for row in kzoo.stages(kzoo.create_model(backbone, scaling="tf")).rows] == names


@pytest.mark.parametrize(
    ("name", "size", "shape", "dtype"),
    [
        ("ngrams", 16, (None, 16), "int32"),
        ("kzoo_nano_audio", 16_000, (None, 101, 40), "float32"),
        ("kzoo_nano_image", 64, (None, 64, 64, 3), "float32"),
    ],
)
def test_every_modality_has_its_input(name, size, shape, dtype):
    model = kzoo.create_model(name, num_classes=2, size=size, weights=None)
    assert (model.input_shape, model.input.dtype) == (shape, dtype)
    assert model.output_shape == (None, 2)


@pytest.mark.slow
def test_the_weights_of_a_name_are_taken_unless_told_otherwise():
    made, again = kzoo.create_model("kzoo_nano_image", size=64), kzoo.create_model("kzoo_nano_image", size=64)
    pixels = RNG.uniform(0, 255, (1, 64, 64, 3))
    np.testing.assert_array_equal(made(pixels), again(pixels))
    assert not np.allclose(made(pixels), kzoo.create_model("kzoo_nano_image", size=64, weights=None)(pixels))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": -1}, r"num_classes must be an int in \[0, inf\), or None\. Got -1"),
        ({"num_classes": 2.0}, "Got 2.0"),
        ({"num_classes": True}, "Got True"),
        ({"head": kzoo.Head()}, "head= needs num_classes="),
        ({"size": 20}, "takes 16 pixels. Got size=20"),
        ({"size": (16, 17)}, "size must be"),
    ],
)
def test_what_cannot_be_made_says_why(arguments, message, backbone):
    with pytest.raises(ValueError, match=message):
        kzoo.create_model(backbone, **arguments)


SAVE = """
import sys
import keras, kzoo, numpy as np
model = kzoo.create_model("kzoo_nano_image", num_classes=3, size=64)
model.save(sys.argv[1])
np.save(sys.argv[2], model(np.full((1, 64, 64, 3), 100.0)))
"""

LOAD = """
import sys
import kzoo
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
np.testing.assert_allclose(model(np.full((1, 64, 64, 3), 100.0)), np.load(sys.argv[2]), rtol=1e-5)
"""


@pytest.mark.slow
def test_its_file_loads_in_a_fresh_process(tmp_path):
    files = [str(tmp_path / "model.keras"), str(tmp_path / "answers.npy")]
    for code in (SAVE, LOAD):
        done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
