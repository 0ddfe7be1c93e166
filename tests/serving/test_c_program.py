"""An exported model answers in a program that has neither Python nor Keras: TensorFlow's own C library."""

import os
import shutil
import subprocess
from pathlib import Path

import keras
import pytest
import tensorflow as tf

import kzoo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The C program, built against the library inside TensorFlow's wheel."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler")
    library = Path(tf.sysconfig.get_lib())
    target = tmp_path_factory.mktemp("c") / "answer"
    source = Path(__file__).with_name("answer.c")
    libraries = [str(library / "libtensorflow_cc.so.2"), str(library / "libtensorflow_framework.so.2")]
    include = f"-I{tf.sysconfig.get_include()}"
    command = [compiler, str(source), "-o", str(target), include, *libraries, f"-Wl,-rpath,{library}"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return target


def endpoints(version: Path, output: str) -> tuple[str, str]:
    """Names of the tensors that take the image and give an output, as `saved_model_cli show` prints them."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    signature = model.meta_graphs[0].signature_def["serving_default"]
    return signature.inputs["image"].name, signature.outputs[output].name


def test_a_c_program_gives_the_same_label(program, folder, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    adapted = kzoo.adapt(keras.Model(inputs, x, name="tiny"), folder, schedule="linear_probe")
    version = adapted.export(tmp_path / "served")
    picture = tmp_path / "image.jpg"
    png = tf.io.decode_png((folder / "green" / "green3.png").read_bytes())
    picture.write_bytes(tf.io.encode_jpeg(png).numpy())
    environment = {"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3"}

    def answer(path: Path, output: str) -> str:
        command = [str(program), str(version), str(path), *endpoints(version, output)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.strip()

    assert answer(picture, "labels") == adapted.predict(picture).labels[0] == "green"
    assert answer(picture, "errors") == ""
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(picture.read_bytes()[:40])
    assert (answer(damaged, "labels"), answer(damaged, "errors")) == ("", "damaged")
