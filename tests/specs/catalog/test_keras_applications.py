"""Every card of the catalogue against the model that it describes."""

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import kzoo
from kzoo.models.stages import cut_into_stages
from kzoo.specs.catalog.keras_applications import CATALOG as EVERY
from kzoo.specs.catalog.keras_applications import _by_name

CATALOG = {name: card for name, card in EVERY.items() if card.modality == "image"}
OTHERS = {name: card for name, card in EVERY.items() if name not in CATALOG}

KERAS = [name for name, card in CATALOG.items() if card.source == "keras"]
FAST = {
    *("mobilenet_v1_025", "mobilenet_v2_035", "mobilenet_v3_small_075"),
    *("resnet50", "vgg16", "xception"),
    *("efficientnet_b0", "efficientnet_v2_b0", "convnext_tiny"),
    *("cv_resnet18", "cv_yolo_v8_xs", "cv_mobilenet_v3_small", "cv_vgg16"),
}
"""Rows that build quickly, one or two of a family."""


FAMILIES = sorted({card.paper: name for name, card in reversed(CATALOG.items()) if card.source == "keras"}.values())
"""The first row of each paper: names and hashes of files follow one pattern within a family."""


SMALLEST = {
    min((card.parameters, name) for name, card in CATALOG.items() if (card.source, card.paper) == family)[1]
    for family in {(card.source, card.paper) for card in CATALOG.values()}
}
"""The smallest row of each family."""


def rows(names):
    marks = dict.fromkeys(SMALLEST, pytest.mark.slow) | dict.fromkeys(FAST, ())
    return [pytest.param(name, marks=marks.get(name, pytest.mark.exhaustive)) for name in names]


def build(card, size):
    module, _, function = card.constructor.rpartition(".")
    weights = {"weights": None} if card.source == "keras" else {}
    constructor = getattr(importlib.import_module(module), function)
    return constructor(**card.arguments, **weights, input_shape=(size, size, 3))


@pytest.fixture
def free_memory():
    yield
    keras.backend.clear_session()  # collects garbage as well, as of Keras 3.15


@pytest.mark.usefixtures("free_memory")
@pytest.mark.parametrize("name", rows(CATALOG))
def test_card_describes_model(name):
    card = CATALOG[name]
    model = build(card, max(card.min_size, 64))
    assert len(model.outputs) == 1
    batch, height, width, channels = model.outputs[0].shape
    assert (batch, channels) == (None, card.width)
    assert min(height, width) >= 1
    assert model.count_params() == card.parameters
    scales = any(isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization) for layer in model.layers[:5])
    assert scales == (card.scaling == "none")
    stages = cut_into_stages(model)
    assert [stage.name for stage in stages] == ["stem", *(f"stage{n}" for n in range(1, len(stages)))]
    assert len(stages) >= 3
    assert [id(layer) for stage in stages for layer in stage.layers] == [id(layer) for layer in model.operations]
    assert sum(stage.parameters for stage in stages) == card.parameters
    assert all(stage.parameters for stage in stages)


@pytest.mark.usefixtures("free_memory")
@pytest.mark.parametrize("name", [name for name in sorted(FAST) if CATALOG[name].min_size < 32])
def test_the_smallest_size_builds(name):
    card = CATALOG[name]
    assert build(card, card.min_size).outputs[0].shape[-1] == card.width


@pytest.mark.usefixtures("free_memory")
@pytest.mark.parametrize("name", rows(name for name, card in CATALOG.items() if card.min_size > 1))
def test_nothing_smaller_than_min_size_builds(name):
    with pytest.raises(ValueError, match=r"(?i)size|shape|at least"):
        build(CATALOG[name], CATALOG[name].min_size - 1)


def scaled(images, scaling):
    """NumPy oracle of `kzoo.specs.card.SCALINGS`."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return {
        "caffe": images[..., ::-1] - [103.939, 116.779, 123.68],
        "tf": images / 127.5 - 1,
        "torch": (images / 255 - mean) / deviation,
        "unit": images / 255,
        "none": images,
    }[scaling]


def keras_modules(constructor):
    """Public modules with the constructor's `preprocess_input`; that of MobileNetV3 does not hold its constructors."""
    modules = dict(inspect.getmembers(keras.applications, inspect.ismodule))
    holding = [module for module in modules.values() if hasattr(module, constructor)]
    prefixes = [name for name in modules if constructor.lower().startswith(name.replace("_", ""))]
    return holding or [modules[max(prefixes, key=len)]]


@pytest.mark.parametrize("name", KERAS)
def test_scaling_is_that_of_keras(name):
    modules = keras_modules(CATALOG[name].constructor.rpartition(".")[2])
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype("float32")
    assert modules
    for module in modules:
        np.testing.assert_allclose(
            module.preprocess_input(images.copy()), scaled(images, CATALOG[name].scaling), rtol=1e-5, atol=1e-4
        )


DOWNLOAD = """
import email.message, io, json, os, sys, urllib.request, urllib.response
import keras
from kzoo.specs.catalog.keras_applications import CATALOG

def urlopen(url, *args, **kwargs):
    asked.append(url)
    return urllib.response.addinfourl(io.BytesIO(b"not weights"), email.message.Message(), url)

urllib.request.urlopen = urlopen
models = os.path.join(os.environ["KERAS_HOME"], "models")
for name in {names!r}:
    card = CATALOG[name]
    constructor = getattr(keras.applications, card.constructor.rpartition(".")[2])
    for file in card.weights:
        asked = []
        try:
            constructor(**card.arguments, weights="imagenet", input_shape=(file.size, file.size, 3))
        except Exception as error:
            message = str(error)
        saved = os.listdir(models)
        for path in saved:
            os.remove(os.path.join(models, path))
        print("\\nROW " + json.dumps([name, asked, saved, message]))
        keras.backend.clear_session()
"""
"""Keras reads KERAS_HOME once, when it is imported: hence a process of its own. Junk arrives instead of weights, so
that Keras complains about the hash that it expected."""


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(
            ["mobilenet_v1_025", "mobilenet_v3_small_minimal_100", "vgg16"], id="small", marks=pytest.mark.slow
        ),
        pytest.param(FAMILIES, id="families", marks=pytest.mark.exhaustive),
    ],
)
def test_weight_files_are_those_that_keras_asks_for(names, tmp_path):
    root = str(Path(kzoo.__file__).parents[1])
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3"}
    code = DOWNLOAD.format(names=names)
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found = [json.loads(row) for row in re.findall(r"^ROW (.*)$", run.stdout, re.MULTILINE)]
    files = [(name, file) for name in names for file in CATALOG[name].weights]
    assert len(found) == len(files)
    for (name, file), (model, urls, saved, message) in zip(files, found, strict=True):
        assert (model, urls, saved) == (name, [file.url], [file.name])
        expected = re.search(r"file hash does not match the provided value of (\w+)", message)
        assert file.digest == (expected[1] if expected else None), message


def test_names_are_sorted_and_lower_snake():
    assert list(EVERY) == sorted(EVERY)
    for name, card in EVERY.items():
        assert name == card.name
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9.]+)*", name)
        assert name.startswith("cv_") == (card.source == "keras_cv")


def test_a_name_taken_twice_raises():
    with pytest.raises(ValueError, match="Two backbones are named 'vgg16'"):
        _by_name([CATALOG["vgg16"], CATALOG["vgg16"]])


def test_no_two_cards_build_the_same_model():
    built = {json.dumps([card.constructor, card.arguments, card.inside], sort_keys=True) for card in EVERY.values()}
    assert len(built) == len(EVERY)


@pytest.mark.parametrize("name", CATALOG)
def test_card_is_complete(name):
    card = CATALOG[name]
    assert card.source in ("keras", "keras_cv") or card.inside
    assert card.paper.startswith("https://")
    assert card.licence in ("Apache-2.0", "BSD-3-Clause", "CC-BY-4.0", "MIT")
    assert card.top5 is None or card.top1 < card.top5 < 1


@pytest.mark.parametrize("name", [name for name, card in CATALOG.items() if card.source == "keras"])
def test_a_card_of_keras_has_published_weights_and_what_they_reach(name):
    card = CATALOG[name]
    assert 0.4 < card.top1 < 0.9
    assert card.weights[-1].size == card.size
    assert card.weights[-1] == card.weight_file(card.size)


@pytest.mark.parametrize("name", [name for name, card in CATALOG.items() if card.source != "keras"])
def test_a_card_of_others_names_no_weights_of_keras(name):
    card = CATALOG[name]
    assert (card.weights, card.top1) == ((), None)


@pytest.mark.parametrize("name", OTHERS)
def test_a_card_of_another_modality_is_complete(name):
    card = OTHERS[name]
    assert card.source in ("kzoo", "keras_hub")
    # The columns of rows and the features of series come with the data.
    assert bool(card.reads) == (card.modality not in ("row", "series"))
    assert card.rate > 0
    assert card.width > 0
    assert card.paper.startswith("https://")
    assert bool(card.pretrained) == (card.source == "keras_hub" or bool(card.inside))


def test_every_constructor_of_keras_is_covered():
    constructors = {name for name, _ in inspect.getmembers(keras.applications, callable)}
    assert constructors == {CATALOG[name].constructor.rpartition(".")[2] for name in KERAS}
