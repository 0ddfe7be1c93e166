"""What is served is what was trained; a version is whole or not there."""

import errno
import io
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

import kzoo
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.serving import signatures
from kzoo.serving.saved_model import ExportError, agree

ANSWER = """
import json, sys
sys.modules["kzoo"] = None
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
image = tf.constant([open(path, "rb").read() for path in sys.argv[2:]])
reply = model.signatures["serving_default"](image=image)
print(json.dumps([[x.decode() for x in reply["labels"].numpy()], reply["probabilities"].numpy().tolist()]))
"""


@pytest.fixture(scope="module")
def adapted(folder):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, use_bias=False)(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return kzoo.adapt(keras.Model(inputs, x, name="tiny"), folder, schedule="linear_probe")


@pytest.fixture(scope="module")
def version(adapted, tmp_path_factory):
    return adapted.export(tmp_path_factory.mktemp("served") / "colours")


@pytest.fixture(scope="module")
def served(version):
    return tf.saved_model.load(str(version))


@pytest.fixture(scope="module")
def paths(folder):
    return sorted(folder.rglob("*.png"))[::4]


def test_the_layout_is_tensorflow_servings(version):
    assert version.name == "1"
    assert (version / "saved_model.pb").is_file()
    assert sorted(os.listdir(version.parent)) == ["1"]
    extras = sorted(path.name for path in (version / "assets.extra").iterdir())
    assert extras == ["README.md", "SHA256SUMS", "labels.txt", "tf_serving_warmup_requests"]


def test_every_file_of_a_version_has_its_checksum(version):
    sums = (version / "assets.extra" / "SHA256SUMS").read_text().splitlines()
    named = {line[66:] for line in sums}
    there = {path.relative_to(version).as_posix() for path in version.rglob("*") if path.is_file()}
    assert named == there - {"assets.extra/SHA256SUMS"}
    assert {"saved_model.pb", "variables/variables.index", "assets.extra/README.md"} <= named
    subprocess.run(["sha256sum", "--check", "--status", "assets.extra/SHA256SUMS"], cwd=version, check=True)
    assert [row[1] for row in kzoo.verify(version.parent).rows] == ["exported version"]


def test_labels_are_listed_in_the_order_of_probabilities(version, served, paths):
    assert (version / "assets.extra" / "labels.txt").read_text().splitlines() == ["blue", "green", "red"]
    reply = served.signatures["serving_default"](image=tf.constant([path.read_bytes() for path in paths]))
    names = [["blue", "green", "red"][place] for place in reply["probabilities"].numpy().argmax(axis=1)]
    assert [label.decode() for label in reply["labels"].numpy()] == names
    assert set(names) == {"blue", "green", "red"}


@pytest.mark.slow
def test_versions_count_up(adapted, tmp_path, caplog):
    (tmp_path / "7").mkdir()
    with caplog.at_level("INFO", logger="tensorflow"):
        assert adapted.export(tmp_path).name == "8"
    # Of where it is written aside.
    assert "Assets written" not in caplog.text


def test_bytes_give_what_predict_gives(adapted, served, paths):
    reply = served.signatures["serving_default"](image=tf.constant([path.read_bytes() for path in paths]))
    live = adapted.predict(paths)
    assert [label.decode() for label in reply["labels"].numpy()] == live.labels
    np.testing.assert_allclose(reply["probabilities"], live.outputs, rtol=1e-5, atol=1e-6)


def test_pixels_give_what_their_bytes_give(served, paths):
    encoded = [path.read_bytes() for path in paths]
    pixels = tf.stack([tf.io.decode_png(each) for each in encoded])
    by_bytes = served.signatures["serving_default"](image=tf.constant(encoded))["probabilities"]
    by_uint8 = served.signatures["tensor"](image=pixels)["probabilities"]
    by_float = served.signatures["tensor_float"](image=tf.cast(pixels, tf.float32))["probabilities"]
    np.testing.assert_allclose(by_uint8, by_bytes, rtol=1e-5, atol=1e-6)
    assert np.array_equal(by_uint8, by_float)


def test_features_are_the_embedding(served, paths):
    reply = served.signatures["features"](image=tf.constant([paths[0].read_bytes()]))
    assert reply["features"].shape == (1, 6)


@pytest.fixture
def example(adapted, paths):
    """One image as the preprocessor gives it, (1, 16, 16, 3)."""
    return adapted.inference.loader.fitted(np.array([str(paths[0])], object))[0]


def test_the_numeric_signature_has_known_shapes_and_no_strings(served):
    call = served.signatures["numeric"]
    assert call.structured_input_signature[1]["input"].shape == (1, 16, 16, 3)
    outputs = {name: each.shape.as_list() for name, each in call.structured_outputs.items()}
    assert outputs == {"probabilities": [1, 3], "features": [1, 6]}
    assert tf.string not in {each.dtype for op in call.graph.get_operations() for each in op.outputs}


@pytest.mark.slow
def test_xla_takes_the_numeric_signature(adapted, served, paths, example):
    call = served.signatures["numeric"]
    reply = tf.function(lambda inputs: call(input=inputs), jit_compile=True)(tf.constant(example))
    np.testing.assert_allclose(reply["probabilities"], adapted.predict(paths[:1]).outputs, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_litert_takes_the_numeric_signature(adapted, version, paths, example):
    converter = tf.lite.TFLiteConverter.from_saved_model(str(version), signature_keys=["numeric"])
    runner = tf.lite.Interpreter(model_content=converter.convert()).get_signature_runner("numeric")
    found = runner(input=example)["probabilities"]
    np.testing.assert_allclose(found, adapted.predict(paths[:1]).outputs, rtol=1e-5, atol=1e-6)


def operations(version):
    """The kinds of operations in an exported version's functions."""
    saved = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    return {node.op for function in graph.graph_def.library.function for node in function.node_def}


def test_no_batch_norm_is_left_after_a_convolution(version):
    found = operations(version)
    assert "Conv2D" in found
    assert not {name for name in found if "BatchNorm" in name or name in ("Rsqrt", "Sqrt")}


@pytest.mark.slow
def test_weights_are_written_once(folder, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(64, 3, strides=4, use_bias=False)(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(800, 3, use_bias=False)(x))
    wide = kzoo.adapt(keras.Model(inputs, x, name="wide"), folder, schedule="linear_probe")
    weights = sum(4 * weight.size for weight in wide.network.get_weights())
    version = wide.export(tmp_path / "wide")
    written = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    assert weights > 1_800_000
    assert weights < written < 1.6 * weights


def test_an_empty_batch_gives_an_empty_answer(served):
    reply = served.signatures["serving_default"](image=tf.constant([], tf.string))
    assert reply["probabilities"].shape == (0, 3)


@pytest.mark.slow
def test_a_process_with_tensorflow_alone_answers(adapted, version, paths):
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, str(version), *map(str, paths)], capture_output=True, text=True, check=True
    )
    import json

    labels, probabilities = json.loads(done.stdout.splitlines()[-1])
    assert labels == adapted.predict(paths).labels
    np.testing.assert_allclose(probabilities, adapted.predict(paths).outputs, rtol=1e-5, atol=1e-6)


def test_the_model_card_tells_what_it_reached(version):
    text = (version / "assets.extra" / "README.md").read_text()
    assert "accuracy: 1.000 [" in text
    assert "blue, green, red" in text


def test_warm_up_requests_are_what_tensorflow_serving_reads(version, served):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2", reason="tensorflow-serving-api")
    path = str(version / "assets.extra" / "tf_serving_warmup_requests")
    (record,) = tf.data.TFRecordDataset(path).as_numpy_iterator()
    request = logs.PredictionLog.FromString(record).predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("colours", "serving_default")
    image = tf.constant(tf.make_ndarray(request.inputs["image"]))
    assert served.signatures["serving_default"](image=image)["labels"].shape == (1,)


@pytest.mark.slow
def test_an_export_that_answers_otherwise_is_not_kept(adapted, tmp_path, monkeypatch):
    load = tf.saved_model.load

    def tampered(path):
        loaded = load(path)
        for variable in loaded.signatures["serving_default"].variables:
            if variable.dtype == tf.float32:
                variable.assign(variable + 1.0)
        return loaded

    monkeypatch.setattr(tf.saved_model, "load", tampered)
    with pytest.raises(ExportError, match="not kept"):
        adapted.export(tmp_path / "served")
    assert os.listdir(tmp_path / "served") == []


@pytest.mark.slow
def test_a_full_disk_leaves_no_version_and_no_harm(adapted, tmp_path, monkeypatch):
    adapted.export(tmp_path / "served")

    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        adapted.export(tmp_path / "served")
    assert os.listdir(tmp_path / "served") == ["1"]


FULL = (
    "{{function_node __wrapped__SaveV2_dtypes_5_device_/job:localhost/replica:0/task:0/device:CPU:0}} "
    "variables/variables_temp/part-00000-of-00001.data-00000-of-00001.tempstate1; No space left on device [Op:SaveV2]"
)
"""What TensorFlow 2.21 says on a tmpfs that is full."""


def test_a_disk_that_tensorflow_finds_full_is_told_and_leaves_the_old_versions(adapted, version, tmp_path, monkeypatch):
    shutil.copytree(version, tmp_path / "served" / "1")

    def full(directory, *_):
        (directory / "saved_model.pb").write_bytes(bytes(200_000))
        raise tf.errors.ResourceExhaustedError(None, None, FULL)

    monkeypatch.setattr("kzoo.serving.saved_model._write", full)
    told = r"served/2 could not be written: No space left on device\. Free some space.* 0\.2 MB of it were written"
    with pytest.raises(OSError, match=told) as caught:
        adapted.export(tmp_path / "served")
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path / "served") == ["1"]
    kzoo.verify(tmp_path / "served")


@pytest.mark.parametrize("path", ["", None])
def test_a_path_that_is_none_is_told(adapted, path):
    for verb in ("export", "save"):
        with pytest.raises((TypeError, ValueError), match=f"{verb} needs the path of a directory"):
            getattr(adapted, verb)(path)


@pytest.mark.slow
def test_a_version_is_numbered_through_a_link(adapted, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "served").symlink_to("real")
    assert adapted.export(tmp_path / "served") == tmp_path / "served" / "1"
    assert os.listdir(tmp_path / "real") == ["1"]
    assert sorted(os.listdir(tmp_path)) == ["real", "served"]


def test_a_file_in_the_place_of_versions_is_told(adapted, tmp_path):
    (tmp_path / "served").write_text("")
    with pytest.raises(OSError, match="served could not be written: File exists"):
        adapted.export(tmp_path / "served")


KILLED = """
import os, signal, sys
import kzoo
from kzoo.serving import saved_model
adapted = kzoo.load(sys.argv[1])
saved_model._compare = lambda *args, **options: os.kill(os.getpid(), signal.SIGKILL)
adapted.export(sys.argv[2])
"""


@pytest.mark.slow
def test_a_killed_export_leaves_no_version_and_the_next_one_sweeps(adapted, tmp_path):
    saved = adapted.save(tmp_path / "saved")
    done = subprocess.run([sys.executable, "-c", KILLED, str(saved), str(tmp_path / "served")], check=False)
    assert done.returncode == -9
    assert not [path for path in (tmp_path / "served").iterdir() if path.name.isdigit()]
    assert adapted.export(tmp_path / "served").name == "1"
    assert os.listdir(tmp_path / "served") == ["1"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["multi_label", "regression"])
def test_other_tasks_are_served(adapted, arrays, tmp_path, kind):
    x, y = arrays
    if kind == "multi_label":
        task = kzoo.MultiLabel((x, np.stack([y == 0, y != 2], axis=1).astype(int)), labels=["red", "warm"])
    else:
        task = kzoo.Regression((x, 10.0 * y))
    other = kzoo.adapt(adapted, task, schedule="linear_probe")
    loaded = tf.saved_model.load(str(other.export(tmp_path / kind)))
    reply = loaded.signatures["tensor"](image=tf.constant(x[:6]))
    live = other.predict(x[:6])
    np.testing.assert_allclose(reply["values" if kind == "regression" else "probabilities"], live.outputs, rtol=1e-4)
    said = (
        [tuple(filter(None, text.decode().split(","))) for text in reply["labels"].numpy()]
        if "labels" in reply
        else None
    )
    assert said == (live.labels if kind == "multi_label" else None)


@pytest.mark.parametrize(
    "scaling", ["caffe", *(pytest.param(each, marks=pytest.mark.slow) for each in ("torch", "tf", "unit"))]
)
@pytest.mark.slow
def test_every_scaling_is_served_as_it_was_trained(arrays, tmp_path, scaling):
    name = f"scaled_{scaling}"
    kzoo.register(name, tiny, size=16, min_size=16, scaling=scaling)
    adapted = kzoo.adapt(name, kzoo.Classification(arrays), schedule="linear_probe")
    loaded = tf.saved_model.load(str(adapted.export(tmp_path / name)))
    reply = loaded.signatures["tensor"](image=tf.constant(arrays[0][:6]))
    np.testing.assert_allclose(reply["probabilities"], adapted.predict(arrays[0][:6]).outputs, rtol=1e-4, atol=1e-6)
    adapted.model.save(tmp_path / "plain.keras")
    plain = keras.models.load_model(tmp_path / "plain.keras")
    np.testing.assert_allclose(plain.predict(arrays[0][:6], verbose=0), reply["probabilities"], rtol=1e-4, atol=1e-6)


def tiny(input_shape):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Conv2D(6, 3, strides=2, activation="relu")(inputs), name="tiny")


def test_a_bad_item_is_marked_and_stops_no_other(adapted, served, paths):
    good = [path.read_bytes() for path in paths[:2]]
    bad = [b"", b"hello", good[0][:60], b"\xff\xd8\xff"]
    serve, embed = served.signatures["serving_default"], served.signatures["features"]
    reply, alone = serve(image=tf.constant([good[0], *bad, good[1]])), serve(image=tf.constant(good))
    errors = [text.decode() for text in reply["errors"].numpy()]
    assert errors == ["", "empty file", "not a jpeg, png, gif, bmp or webp image", "damaged", errors[4], ""]
    assert errors[4] in ("damaged", "cut off within its header")
    assert np.array_equal(reply["probabilities"].numpy()[[0, 5]], alone["probabilities"])
    assert reply["labels"].numpy()[[0, 5]].tolist() == alone["labels"].numpy().tolist()
    assert reply["labels"].numpy()[1:5].tolist() == [b""] * 4
    assert np.isnan(reply["probabilities"].numpy()[1:5]).all()
    features = embed(image=tf.constant([good[0], *bad, good[1]]))
    assert np.isnan(features["features"].numpy()).all(axis=1).tolist() == [False, True, True, True, True, False]
    said = adapted.predict([good[0], *bad, good[1]])
    assert all(said.errors[f"image {place}"].startswith(errors[place]) for place in (1, 2, 3))


def test_a_batch_of_bad_items_and_a_pixel_that_is_not_finite(served):
    assert served.signatures["serving_default"](image=tf.constant([b"x", b"y"]))["labels"].numpy().tolist() == [b""] * 2
    pixels = np.full((1, 16, 16, 3), np.nan, np.float32)
    assert served.signatures["tensor_float"](image=tf.constant(pixels))["labels"].numpy().tolist() == [b""]


def test_cmyk_and_bombs_are_refused_before_they_are_decoded(served):
    cmyk, header = io.BytesIO(), struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    Image.new("CMYK", (20, 20)).save(cmyk, "JPEG")
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + checksum
    errors = served.signatures["serving_default"](image=tf.constant([cmyk.getvalue(), bomb]))["errors"].numpy()
    assert errors[0].startswith(b"CMYK")
    assert errors[1].startswith(b"too large: 30000 x 30000 pixels")


@pytest.mark.slow
def test_an_export_whose_labels_are_swapped_is_not_kept(adapted, tmp_path, monkeypatch):
    named = signatures.named
    swapped = [adapted.labels[place] for place in (1, 0, 2)]
    monkeypatch.setattr(signatures, "named", lambda outputs, labels, **options: named(outputs, swapped, **options))
    with pytest.raises(ExportError, match="gives different labels from"):
        adapted.export(tmp_path / "swapped")
    assert os.listdir(tmp_path / "swapped") == []


@pytest.mark.slow
def test_an_export_with_another_scaling_is_not_kept(adapted, tmp_path, monkeypatch):
    adapted.predict(adapted.splits().test.columns["image"][0])
    monkeypatch.setattr(ImagePreprocessor, "scale", lambda self, pictures: pictures / 2.0)
    with pytest.raises(ExportError, match="from Adapted"):
        adapted.export(tmp_path / "scaled")


def test_labels_may_differ_where_probabilities_are_equal():
    assert agree(np.array([b"a", b"b"], object), [{"a"}, {"a", "b"}])
    assert not agree(np.array([b"a", b"b"], object), [{"a"}, {"a"}])
    assert not agree(np.array([b"a"], object), [{"a"}, {"a"}])


@pytest.mark.parametrize(("found", "same"), [(1.0009, True), (1.0011, False), (np.nan, False)])
def test_numbers_may_differ_by_a_thousandth(found, same):
    assert agree(np.array([[found, 0.5]]), np.array([[1.0, 0.5]])) == same


def test_predict_gives_bit_for_bit_what_evaluate_measures(adapted, paths, arrays):
    column = np.empty(len(paths), dtype=object)
    column[:] = [str(path) for path in paths]
    assert np.array_equal(adapted.predict(paths).outputs, adapted.inference.outputs(column))
    assert np.array_equal(adapted.predict(paths[3]).outputs[0], adapted.inference.outputs(column)[3])
    assert np.array_equal(adapted.predict(arrays[0]).outputs, adapted.inference.outputs(arrays[0]))
    assert np.array_equal(adapted.embed(paths), adapted.inference.embeddings(column))


def test_the_network_sees_batches_of_one_size(adapted, paths, monkeypatch):
    call, sizes = adapted.inference.predict, []
    monkeypatch.setitem(adapted.inference.__dict__, "predict", lambda batch: sizes.append(len(batch)) or call(batch))
    adapted.predict(paths[0])
    adapted.predict(paths)
    adapted.evaluate()
    assert set(sizes) == {adapted.inference.batch_size}


def test_predict_builds_no_pipeline(adapted, paths, monkeypatch):
    monkeypatch.delattr(tf.data, "Dataset")
    assert len(adapted.predict(paths[0])) == 1


def test_what_has_vanished_is_named(adapted, paths, tmp_path):
    said = adapted.predict([paths[0], tmp_path / "gone.png", paths[1]])
    assert said.errors == {str(tmp_path / "gone.png"): "could not be read (No such file or directory)"}
    assert [label is None for label in said.labels] == [False, True, False]
