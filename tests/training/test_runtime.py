"""The runtime that is taken gives what Keras gives, whatever the others do."""

import importlib.util
import logging

import keras
import numpy as np
import pytest

from kzoo.core.graph.costs import model_flops
from kzoo.core.graph.folding import fold
from kzoo.training import runtime
from kzoo.training.runtime import (
    ImpreciseError,
    Runtime,
    agreement,
    difference,
    fastest,
    graph_call,
    has_bfloat16,
    in_bfloat16,
    openvino_runtime,
)

BATCHES = [1, 5, 17, 33]
MANY = 1e9


@pytest.fixture
def pictures():
    return np.random.default_rng(0).uniform(0, 255, (33, 16, 16, 3)).astype(np.float32)


@pytest.fixture
def several(backbone):
    """A model of three outputs, in an order that is not that of its graph."""
    tensors = [layer.output for layer in backbone.layers if isinstance(layer, keras.layers.ReLU)]
    return keras.Model(backbone.input, [tensors[2], tensors[0], tensors[1]])


@pytest.fixture
def without_openvino(monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)


def assert_alike(call, model, pictures):
    for size in BATCHES:
        wanted = keras.tree.flatten(model.predict(pictures[:size], verbose=0))
        found = call(pictures[:size])
        assert [each.shape for each in found] == [each.shape for each in wanted]
        assert difference(found, wanted) < 1e-4


def lines(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "kzoo"]


@pytest.fixture
def equally_fast(monkeypatch):
    """Whichever runtime the machine happens to slow down, none is passed over for its speed."""
    monkeypatch.setattr(runtime, "_seconds", lambda call, sample: 1.0)


def test_the_fastest_runtime_gives_what_keras_gives(several, pictures, caplog, equally_fast):
    caplog.set_level(logging.INFO, "kzoo")
    found = fastest(several, fold=fold, sample=[pictures[:4]], examples=MANY)
    assert_alike(found, several, pictures)
    assert found.name == ("OpenVINO" if importlib.util.find_spec("openvino") else "folded")
    assert lines(caplog) == []


def test_small_work_is_done_by_keras(several, pictures, equally_fast):
    least = int(runtime.SMALL_WORK / model_flops(several))
    found = [fastest(several, fold=fold, sample=[pictures[:4]], examples=least + more).name for more in (0, 1)]
    assert found == ["Keras", "OpenVINO" if importlib.util.find_spec("openvino") else "folded"]


def test_the_folded_graph_gives_what_keras_gives(several, pictures, without_openvino):
    assert_alike(fastest(several, fold=fold, sample=[pictures[:4]], examples=MANY), several, pictures)
    assert_alike(graph_call(fold(several)), several, pictures)


def broken(model):
    raise RuntimeError("no fold today")


def wrong(model):
    """Differs by 1 in 1000, and in the last output alone."""
    *others, last = model.outputs
    return keras.Model(model.input, [*others, keras.layers.Rescaling(1.001)(last)])


def other_shape(model):
    return keras.Model(model.input, keras.layers.Flatten()(model.outputs[0]))


def undefined(model):
    return keras.Model(model.input, [keras.ops.log(-1 - keras.ops.abs(each)) for each in model.outputs])


@pytest.mark.parametrize(
    ("folding", "reason"),
    [
        (broken, "no fold today"),
        (wrong, "its results differ by 1.0e-03"),
        (other_shape, "its outputs have other shapes"),
        (undefined, "differ by nan"),
    ],
)
def test_what_fails_or_differs_is_passed_over_with_one_line(
    several, pictures, without_openvino, caplog, folding, reason
):
    caplog.set_level(logging.INFO, "kzoo")
    call = fastest(several, fold=folding, sample=[pictures[:4]], examples=MANY)
    assert_alike(call, several, pictures)
    (line,) = lines(caplog)
    assert line.startswith(f"folded is not used for {several.name}: ")
    assert reason in line


def test_every_runtime_that_fails_has_its_line(several, pictures, caplog):
    pytest.importorskip("openvino")
    caplog.set_level(logging.INFO, "kzoo")
    assert_alike(fastest(several, fold=broken, sample=[pictures[:4]], examples=MANY), several, pictures)
    assert [line.split(" is not")[0] for line in lines(caplog)] == ["folded", "OpenVINO"]


@pytest.mark.slow
def test_openvino_agrees_and_keeps_the_order_of_outputs(several, pictures):
    pytest.importorskip("openvino")
    assert_alike(openvino_runtime(several), several, pictures)
    assert_alike(openvino_runtime(fold(several)), several, pictures)


def test_openvino_computes_in_float32(pictures):
    """A sum of many numbers tells bfloat16, which keeps 8 bits, from float32."""
    pytest.importorskip("openvino")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(4, 16)(inputs))
    wanted = keras.ops.convert_to_numpy(model(pictures))
    assert difference(openvino_runtime(model)(pictures), [wanted]) < 1e-5


def test_a_model_of_two_inputs_runs(backbone, pictures):
    inputs = [keras.Input((4, 4, 8)), keras.Input((3,))]
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(3, 3)(inputs[0]))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x) + inputs[1])
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(17, *each.shape[1:])).astype(np.float32) for each in inputs]
    call = fastest(model, fold=fold, sample=[array[:4] for array in arrays], examples=MANY)
    assert difference(call(*arrays), [model.predict(arrays, verbose=0)]) < 1e-4


def test_the_difference_is_relative_to_each_output():
    one, other = np.array([1.0, 100.0]), np.array([1.5, 100.0])
    assert difference([one, one], [one, other]) == pytest.approx(0.005)
    assert difference([np.zeros(2)], [np.zeros(2)]) == 0
    with pytest.raises(ValueError, match="other shapes"):
        difference([one], [one[:1]])


def test_a_runtime_has_its_name(several, pictures, without_openvino, equally_fast, caplog):
    assert fastest(several, fold=fold, sample=[pictures[:4]], examples=MANY).name == "folded"
    assert fastest(several, fold=broken, sample=[pictures[:4]], examples=MANY).name == "Keras"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING


def test_an_error_of_many_lines_is_one_line(several, pictures, without_openvino, caplog):
    def wordy(model):
        raise RuntimeError("\n".join(["the first line", *["more"] * 100]))

    fastest(several, fold=wordy, sample=[pictures[:4]], examples=MANY)
    assert lines(caplog) == [f"folded is not used for {several.name}: RuntimeError: the first line"]


def test_one_that_is_merely_slower_is_no_warning(several, pictures, without_openvino, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "kzoo")
    times = iter([4.0, 1.0])
    monkeypatch.setattr(runtime, "_seconds", lambda call, sample: next(times))
    assert fastest(several, fold=fold, sample=[pictures[:4]], examples=MANY).name == "Keras"
    (record,) = caplog.records
    assert (record.levelno, "4.0 times slower" in record.getMessage()) == (logging.INFO, True)


def scaled_by(factors):
    """A runtime whose half gives activations multiplied by `factors`, (C,)."""
    exact = Runtime("exact", lambda inputs: [inputs])
    return Runtime("exact", exact.call, lambda: lambda inputs: [inputs * np.asarray(factors, np.float32)])


def test_bfloat16_is_used_where_features_of_a_sample_agree():
    sample = np.ones((3, 2, 2, 2), np.float32)
    found = in_bfloat16(scaled_by([1.0, 1.1]), sample=[sample])
    assert found.name == "exact bfloat16"
    np.testing.assert_allclose(found(sample)[0], sample * [1.0, 1.1], rtol=1e-6)


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        (scaled_by([1.0, 1.6]), "a cosine of 0.97"),
        (scaled_by([1.0, np.nan]), "a cosine of nan"),
        (scaled_by([1.0, np.inf]), "a cosine of nan"),
        (Runtime("folded", lambda inputs: [inputs]), "folded has none"),
    ],
)
def test_bfloat16_that_differs_or_is_not_there_is_refused(runtime, reason):
    with pytest.raises(ImpreciseError, match=reason):
        in_bfloat16(runtime, sample=[np.ones((3, 2, 2, 2), np.float32)])


def test_one_example_that_disagrees_is_enough():
    wanted = np.ones((2, 4, 3))
    found = wanted.copy()
    found[1, :, 2] = 0
    assert agreement([wanted, found], [wanted, wanted]) == pytest.approx(np.sqrt(2 / 3))
    assert agreement([np.zeros((2, 3))], [np.zeros((2, 3))]) == 1
    assert agreement([np.zeros((2, 3))], [np.ones((2, 3))]) == 0


def test_openvino_in_bfloat16_is_near(several, pictures):
    if not has_bfloat16():
        pytest.skip("no OpenVINO, or no units for bfloat16")
    exact = openvino_runtime(several)
    found = in_bfloat16(exact, sample=[pictures])
    assert found.name == "OpenVINO bfloat16"
    assert 1e-4 < difference(found(pictures), exact(pictures)) < 0.05


def test_units_for_bfloat16_are_read_off_the_flags(tmp_path, monkeypatch):
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(runtime, "Path", lambda path: info)
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(runtime.tf.config, "list_physical_devices", lambda kind: [])
    has_bfloat16.cache_clear()
    assert not has_bfloat16()
    for flags, found in (("avx512f amx_int8", False), ("avx512f avx512_bf16", True), ("amx_bf16 sse", True)):
        info.write_text(f"model name: amx_bf16\nflags\t\t: fpu {flags}\n")
        has_bfloat16.cache_clear()
        assert has_bfloat16() is found
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    has_bfloat16.cache_clear()
    assert not has_bfloat16()
    has_bfloat16.cache_clear()
