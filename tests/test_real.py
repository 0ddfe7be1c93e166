"""Real weights on real images: what the README says, again."""

import json
import os
import subprocess
import sys

import pytest
from scipy.stats import binomtest

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def home(shared, tmp_path_factory):
    """A writable copy of Keras's folder: Keras falls back to another one, without a word, where it cannot write."""
    import shutil

    target = tmp_path_factory.mktemp("keras_home")
    shutil.copytree(shared / "keras_home", target, dirs_exist_ok=True)
    return target


@pytest.fixture(scope="module")
def run(shared, home, tmp_path_factory):
    """The command of the README, on trashnet."""
    target = tmp_path_factory.mktemp("real")
    command = [sys.executable, "-m", "kzoo.cli.main", "adapt", "mobilenet_v2_035", str(shared / "data" / "trashnet")]
    done = subprocess.run(
        [*command, "--export", str(target / "served"), "--save", str(target / "saved"), "--json"],
        env={**os.environ, "KERAS_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), target, done.stderr


def test_trashnet_reaches_88_percent(run):
    result, _, _ = run
    accuracy = result["test"]["metrics"]["accuracy"]
    print(accuracy, [(phase["seconds"], phase["scores"]) for phase in result["phases"]])
    assert accuracy["value"] >= 0.88
    size = result["test"]["size"]
    wilson = binomtest(round(accuracy["value"] * size), size).proportion_ci(method="wilson")
    assert (accuracy["low"], accuracy["high"]) == pytest.approx((wilson.low, wilson.high))


def test_fine_tuning_beats_the_probe_and_is_kept(run):
    phases = run[0]["phases"]
    assert run[0]["kept"] == 1
    assert phases[1]["scores"]["val_accuracy"] > phases[0]["scores"]["val_accuracy"]


def test_contradicting_labels_of_trashnet_are_set_aside(run):
    assert run[0]["set_aside"] == 6
    assert any("the same image is labelled glass and metal" in note for note in run[0]["notes"])


def test_nothing_of_tensorflows_chatter_is_shown(run):
    for word in ("oneDNN", "cuda", "absl", "retracing", "Warning"):
        assert word not in run[2]


def test_a_file_of_8_bits_has_a_third_of_the_size_and_costs_a_point(run, tmp_path):
    import kzoo

    adapted = kzoo.load(run[1] / "saved")
    # A point was measured; another processor may round otherwise, in two images of 252.
    costs = {"exact": (None, 0.0), "small": ("int8", 0.02)}
    files = {
        name: adapted.export(tmp_path / name, format="litert", quantize=quantize, tolerance=tolerance) / "model.tflite"
        for name, (quantize, tolerance) in costs.items()
    }
    assert files["small"].stat().st_size <= files["exact"].stat().st_size / 3


ANSWER = """
import json, pathlib, sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
image = tf.constant([pathlib.Path(path).read_bytes() for path in sys.argv[2:]])
print(json.dumps([label.decode() for label in model.signatures["serving_default"](image=image)["labels"].numpy()]))
"""


def test_what_was_exported_predicts_the_same_with_tensorflow_alone(run, shared):
    import kzoo

    _, target, _ = run
    paths = sorted((shared / "data" / "trashnet").rglob("*.jpg"))[::60]
    live = kzoo.load(target / "saved").predict(paths).labels
    command = [sys.executable, "-c", ANSWER, str(target / "served" / "1"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == live


def test_imagenet_weights_are_keras_own(shared, home):
    """The backbone that kzoo builds gives what Keras's own constructor gives with weights='imagenet'."""
    code = (
        "import keras, numpy as np; from kzoo.models.backbones import build; from kzoo.specs.registry import get_card;"
        "x = np.random.default_rng(0).uniform(-1, 1, (2, 224, 224, 3)).astype('float32');"
        "a = build(get_card('mobilenet_v2_035'), shape=(224, 224, 3), weights='imagenet')(x, training=False);"
        "b = keras.applications.MobileNetV2(alpha=0.35, include_top=False, input_shape=(224, 224, 3));"
        "print(np.array_equal(a, b(x, training=False)))"
    )
    env = {**os.environ, "KERAS_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("True")
