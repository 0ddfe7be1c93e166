"""``.keras`` files: honest ones are opened, hostile ones are refused before Keras sees them."""

import base64
import io
import json
import marshal
import os
import stat
import zipfile

import h5py
import keras
import numpy as np
import pytest

from kzoo.models.files.keras_archive import check_archive, open_archive


def archive(path, config=None, *, weights=None, extra=()):
    """A ``.keras`` file of a small model, with another configuration, other weights or more members."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])
    plain = io.BytesIO()
    honest = path.with_name("honest.keras")
    model.save(honest)
    with zipfile.ZipFile(honest) as source, zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json" and config is not None:
                content = config if isinstance(config, bytes) else json.dumps(config).encode()
            if name == "model.weights.h5" and weights is not None:
                content = weights
            target.writestr(name, content)
        for info, content in extra:
            target.writestr(info, content)
    path.write_bytes(plain.getvalue())
    return path


def layer(kind, /, module="keras.layers", **config):
    """A serialized layer."""
    return {"module": module, "class_name": kind, "config": {"name": "layer", **config}, "registered_name": None}


def sequential(*layers):
    """The configuration of a model of some layers after an input of 4 numbers."""
    first = layer("InputLayer", batch_shape=[None, 4], dtype="float32", name="input")
    inner = {"name": "model", "trainable": True, "layers": [first, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": inner, "registered_name": None}


def dense(**changes):
    """A serialized dense layer."""
    return layer("Dense", **{"units": 2, **changes})


CODE = compile("open('marker', 'w').write('ran')", "code", "exec")
LAMBDA = {
    "class_name": "__lambda__",
    "config": {"value": [base64.b64encode(marshal.dumps(CODE)).decode(), None, None]},
}
FUNCTION = {"class_name": "function", "config": "run", "registered_name": "run", "module": "planted"}


def named(module, name):
    return {"class_name": "function", "config": name, "registered_name": name, "module": module}


def nested(**changes):
    return sequential({**sequential(dense()), **changes})


def numbers(dtype):
    return {"class_name": "__numpy__", "config": {"value": 1, "dtype": dtype}}


CONFIGS = {
    "lambda": (sequential(layer("Lambda", function=LAMBDA)), "Lambda"),
    "lambda in a model in a model": (nested() | {"build_config": LAMBDA}, "__lambda__"),
    "lambda within a wrapper": (sequential(layer("TimeDistributed", layer=layer("Lambda", function=LAMBDA))), "Lambda"),
    "lambda as an activation": (sequential(dense(activation=LAMBDA)), "__lambda__"),
    "class of a module here": (sequential(layer("Evil", module="planted")), "planted.Evil"),
    "function of a module here": (sequential(dense(activation=FUNCTION)), "planted.run"),
    "function of the system": (sequential(dense(activation=named("os", "system"))), "os.system"),
    "function of Keras that fetches": (sequential(dense(activation=named("keras.utils", "get_file"))), "get_file"),
    "function of Keras that loads": (
        sequential(dense(kernel_initializer=named("keras.saving", "load_model"))),
        "load_",
    ),
    "torch": (sequential(layer("TorchModuleWrapper", module_="x")), "TorchModuleWrapper"),
    "jax": (sequential(layer("JaxLayer", call_fn=FUNCTION)), "JaxLayer|planted"),
    "flax": (sequential(layer("FlaxLayer", module_=FUNCTION)), "FlaxLayer|planted"),
    "saved model": (sequential(layer("TFSMLayer", filepath_="/tmp")), "TFSMLayer"),
    "saved model by path": (sequential(layer("TFSMLayer", filepath="/tmp")), "TFSMLayer|filepath"),
    "vocabulary of strings": (sequential(layer("StringLookup", vocabulary="/etc/passwd")), "vocabulary='/etc/passwd'"),
    "vocabulary of texts": (sequential(layer("TextVectorization", vocabulary="/etc/passwd")), "vocabulary"),
    "vocabulary of numbers": (sequential(layer("IntegerLookup", vocabulary="/etc/passwd")), "vocabulary"),
    "vocabulary within a model": (nested(config={"layers": [layer("StringLookup", vocabulary="x")]}), "vocabulary"),
    "safe mode off": (nested(config={"safe_mode": False, "layers": []}), "safe mode"),
    "type": (sequential(dense(x={"class_name": "__typespec__", "config": [], "spec_name": "Evil"})), "__typespec__"),
    "registered elsewhere": (
        sequential({**dense(), "module": "planted", "registered_name": "planted>Evil"}),
        "planted",
    ),
    "compiled with a function": (nested(compile_config={"loss": FUNCTION}), "planted.run"),
    "callback": (sequential(layer("CSVLogger", module="keras.callbacks", filename="marker")), "CSVLogger"),
    "private module of Keras": (sequential(layer("H5IOStore", module="keras.src.saving.saving_lib")), "H5IOStore"),
    "module of Keras not imported": (sequential(layer("X", module="keras.src.planted")), "keras.src.planted.X"),
    "operation that calls": (sequential(layer("Map", module="keras.src.ops.core", f=FUNCTION)), "Map|planted"),
    "no model": (dense(), "must contain a model"),
    "no object": ([1, 2], "class_name"),
    "a billion units": (sequential({**dense(units=10**9), "build_config": {"input_shape": [None, 4]}}), "parameters"),
    "wide output": (sequential(layer("RepeatVector", n=10**9)), "numbers an example"),
    "wide mel filters": (sequential(layer("MelSpectrogram", fft_length=1 << 30, num_mel_bins=1 << 12)), "fft_length"),
    "wide dtype": (sequential(dense(x=numbers("V9999999999"))), "dtype of a tensor"),
    "deep": (b'{"a":' * 200 + b"1" + b"}" * 200, "nested"),
    "deeper": (b"[" * 1_000_000, "nested"),
    "not JSON": (b"{", "not valid JSON"),
    "space": (b" " * (80 << 20), "more than 16 times"),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_hostile_configuration_is_refused(planted, refused, kind):
    config, match = CONFIGS[kind]
    path = archive(planted / "m.keras", config)
    with refused(ValueError, rf"m\.keras could not be read as a Keras model: .*({match})"):
        open_archive(path)


def _info(name, mode=0o600):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


MEMBERS = {
    "above": ("../marker", b"x", "'../marker'"),
    "within assets": ("assets/../../marker", b"x", "assets/"),
    "absolute": ("/tmp/marker", b"x", "'/tmp/marker'"),
    "foreign": ("marker", b"x", "'marker'"),
    "link": (_info("assets/vocabulary", stat.S_IFLNK | 0o777), b"/etc/passwd", "no plain file"),
    "assets of nobody": ("assets/x", b"x", "no layer that uses them"),
    "bomb": ("assets/x", bytes(80 << 20), "more than 16 times"),
}


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_hostile_member_is_refused(planted, refused, kind):
    info, content, match = MEMBERS[kind]
    path = archive(planted / "m.keras", extra=[(info, content)])
    with refused(ValueError, match):
        open_archive(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(planted, refused):
    path = archive(planted / "m.keras", extra=[("config.json", json.dumps(sequential()))])
    with refused(ValueError, "each once"):
        open_archive(path)


def test_weights_that_are_far_larger_than_the_file_are_refused(planted, refused):
    with h5py.File(planted / "w.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", (1 << 15, 1 << 15), "f4", chunks=(1024, 1024), compression="gzip")
    weights = (planted / "w.h5").read_bytes()
    path = archive(planted / "m.keras", sequential(dense(units=1 << 15)), weights=weights)
    with refused(ValueError, r"declares 4,294,967,296: more than 16"):
        open_archive(path)


def test_weights_in_another_file_are_refused(planted, refused):
    with h5py.File(planted / "w.h5", "w") as file:
        file["layers/dense/vars/0"] = h5py.ExternalLink("secret.h5", "/x")
    path = archive(planted / "m.keras", weights=(planted / "w.h5").read_bytes())
    with refused(ValueError, "link to another place"):
        open_archive(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="must be a file"):
        open_archive(tmp_path / "m.keras")


@keras.saving.register_keras_serializable(package="kzoo_tests")
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


@keras.saving.register_keras_serializable(package="kzoo_tests")
def thrice(inputs):
    return 3 * inputs


def _plain():
    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization()])


def _operations():
    inputs = keras.Input((8, 8, 3))
    x = keras.ops.mean(inputs / 127.5 - 1.0, axis=(1, 2))[:, :2]
    return keras.Model(inputs, keras.layers.Dense(2, activation=keras.ops.silu)(x))


def _own():
    return keras.Sequential([keras.Input((4,)), Twice(), keras.layers.Dense(2, activation=thrice)])


def _compiled():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, kernel_regularizer="l2")])
    inner.compile("adam", "mse", metrics=["accuracy", keras.metrics.AUC()])
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dropout(0.1, seed=3)])
    model.compile(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)), "mse")
    return model


def _recurrent():
    cell = keras.layers.RNN(keras.layers.GRUCell(3))
    return keras.Sequential(
        [keras.Input((5, 4)), keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True)), cell]
    )


def _words():
    lookup = keras.layers.StringLookup(vocabulary=["a", "b"])
    return keras.Sequential([keras.Input((3,), dtype="string"), lookup, keras.layers.Embedding(3, 2)])


def _half():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, dtype="mixed_bfloat16")])


HONEST = (_plain, _operations, _own, _compiled, _recurrent, _words, _half)


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@pytest.mark.parametrize("make", HONEST, ids=lambda make: make.__name__)
def test_an_honest_file_is_opened(tmp_path, make):
    model = make()
    model.save(tmp_path / "m.keras")
    opened = open_archive(tmp_path / "m.keras")
    for ours, theirs in zip(opened.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [layer.name for layer in opened.layers] == [layer.name for layer in model.layers]


def test_weights_are_counted(tmp_path):
    assert check_archive(archive(tmp_path / "m.keras")) == 4 * 2 + 2
