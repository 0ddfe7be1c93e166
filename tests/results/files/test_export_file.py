"""One file for another runtime: described, measured, refused where it costs too much, and never half there."""

import json

import keras
import numpy as np
import pytest

import kzoo
from kzoo.core.intervals import Metric
from kzoo.results.files import export_file as file
from kzoo.serving.file_forms import FORMS
from kzoo.serving.saved_model import ExportError

SIZE = 8


def made(task, **options):
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    net = keras.Model(inputs, keras.layers.BatchNormalization()(x), name="net")
    return kzoo.adapt(net, task, schedule="linear_probe", scaling="unit", verbose=0, **options)


def pixels(size=90):
    rng = np.random.default_rng(0)
    classes = np.arange(size) % 2
    values = rng.integers(0, 180, (size, SIZE, SIZE, 3)) + 20 * classes[:, None, None, None]
    return values.astype(np.uint8), classes


@pytest.fixture(scope="module")
def adapted():
    return made(kzoo.Classification(pixels(), labels=["dark", "bright"], validation=0.2, test=0.3))


@pytest.fixture(scope="module")
def version(adapted, tmp_path_factory):
    return adapted.export(tmp_path_factory.mktemp("litert"), format="litert")


def test_the_file_answers_as_predict(adapted, version):
    assert version.name == "1"
    answer = FORMS["litert"].open(version / "model.tflite")
    images = adapted.splits().test.columns["image"][:5]
    wanted = adapted.predict(images, tta=False).outputs
    found = np.concatenate([answer(image[None].astype(np.float32))[0] for image in images])
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_what_lies_beside_it_says_how_to_call_it(adapted, version):
    assert (version / "labels.txt").read_text() == "dark\nbright\n"
    described = json.loads((version / "model.json").read_text())
    assert described["input"] == {"name": "input", "shape": [1, SIZE, SIZE, 3], "dtype": "float32"}
    assert described["labels"] == ["dark", "bright"]
    assert described["preprocessor"]["size"] == SIZE
    assert described["cost"]["size"] == len(adapted.splits().test)
    assert abs(described["cost"]["change"]["value"]) < 0.01
    card = (version / "README.md").read_text()
    assert "`model.tflite`, quantization: none" in card
    assert "ms an example on this machine; accuracy +0.000" in card
    assert "Signatures" not in card


def test_it_is_verified(version):
    assert "exported version" in str(kzoo.verify(version))
    assert "exported version" in str(kzoo.verify(version.parent))


def test_another_version_and_form_stand_beside_it(adapted, version):
    other = adapted.export(version.parent, format="openvino", quantize="float16", tolerance=0.2)
    assert other.name == "2"
    assert {"model.xml", "model.bin", "model.json"} <= {path.name for path in other.iterdir()}


@pytest.mark.slow
def test_a_quantized_file_is_smaller_and_says_what_it_costs(adapted, version, tmp_path):
    smaller = adapted.export(tmp_path / "int8", format="litert", quantize="int8", tolerance=0.2)
    described = json.loads((smaller / "model.json").read_text())
    assert described["quantize"] == "int8"
    assert abs(described["cost"]["change"]["value"]) <= 0.2


def test_what_costs_too_much_is_refused_and_leaves_nothing(adapted, tmp_path, monkeypatch):
    cost = file.FileCost(1_000, 1.0, "accuracy", Metric(-0.03, -0.05, -0.01), 300, "test")
    monkeypatch.setattr(file, "_cost", lambda *args, **options: cost)
    with pytest.raises(ExportError, match=r"worse than the model by more than tolerance=0\.01: .*-0\.030 .*300 test"):
        adapted.export(tmp_path / "out", format="litert", quantize="dynamic")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_answers_otherwise_is_not_kept(adapted, tmp_path, monkeypatch):
    real = FORMS["litert"].open

    def wrong(path):
        answer = real(path)
        return lambda example: [each + 0.1 for each in answer(example)]

    monkeypatch.setitem(FORMS, "litert", file.dataclasses.replace(FORMS["litert"], open=wrong))
    with pytest.raises(ExportError, match="litert file gives different outputs from the model"):
        adapted.export(tmp_path / "out", format="litert")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "tflite"}, "format must be 'saved_model' or one of 'litert', 'onnx', 'openvino'. Got 'tflite'"),
        ({"quantize": "int8"}, "format must be"),
        ({"format": "openvino", "quantize": "int8"}, "must be None or one of 'float16'. Got 'int8'"),
        ({"format": "onnx", "quantize": "int8"}, "quantize of 'onnx' must be None. Got 'int8'"),
        ({"format": "litert", "tolerance": 2}, r"tolerance must be a number in \[0, 1\]. Got 2"),
    ],
)
def test_bad_arguments_are_refused(adapted, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        adapted.export(tmp_path, **options)


@pytest.mark.slow
def test_texts_and_recordings_and_values_have_files_too(tmp_path):
    texts = [f"{word} {number}" for number in range(20) for word in ("good", "bad")]
    adapted = kzoo.adapt("text_cnn", kzoo.Classification((texts, [0, 1] * 20), text="text"), epochs=1, verbose=0)
    described = json.loads((adapted.export(tmp_path / "text", format="litert") / "model.json").read_text())
    assert described["input"]["dtype"] == "int32"
    images, _ = pixels()
    values = images.mean(axis=(1, 2, 3))
    adapted = made(kzoo.Regression((images, values)))
    assert "mean absolute error" in (adapted.export(tmp_path / "values", format="litert") / "README.md").read_text()
