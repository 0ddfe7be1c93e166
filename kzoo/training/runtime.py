"""Runtimes: the fastest way to run a frozen model on this machine with the results of Keras."""

from __future__ import annotations

import functools
import importlib.util
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.training.trunk import compiled

TOLERANCE = 1e-4
"""Largest difference from the Keras model that is accepted, relative to the largest output."""

MOST_SLOWER = 3.0
"""How many times as long as the runtime before it a runtime may take on the sample."""

LOG = logging.getLogger("kzoo")

Call = Callable[..., list[np.ndarray]]


@dataclass(frozen=True)
class Runtime:
    """A way to run a frozen model.

    Args:
        name: ``"OpenVINO"``, ``"folded"`` (the folded model as a TensorFlow graph) or ``"Keras"`` (the model itself).
        call: a function of the inputs that returns a list of arrays.
    """

    name: str
    call: Call

    def __call__(self, *inputs: Any) -> list[np.ndarray]:
        """The outputs for some inputs."""
        return self.call(*inputs)


def fastest(model: keras.Model, *, fold: Callable[[keras.Model], keras.Model], sample: Sequence[Any]) -> Runtime:
    """The model's outputs by the fastest runtime that agrees with Keras on a sample.

    OpenVINO in float32 (extra ``openvino``; on CPU), else the folded model as a TensorFlow graph, else the model
    itself. What fails, differs or is much slower is passed over, with one line in the log ``kzoo``: a warning where
    it fails or differs.

    Args:
        model: frozen.
        fold: from a model to one that gives the same with fewer operations.
        sample: some examples, (B, ...) for each input, on which runtimes are compared.

    Returns:
        What to call, and its name.
    """
    plain = Runtime("Keras", graph_call(model))
    if not any(len(w.shape) > 1 for x in model.layers if not isinstance(x, keras.layers.Embedding) for w in x.weights):
        # It only looks things up: there is nothing that another runtime could do faster.
        return plain
    wanted, best = plain(*sample), plain
    fold_once = functools.cache(lambda: fold(model))
    makers: dict[str, Callable[[], Call]] = {"folded": lambda: graph_call(fold_once())}
    if len(sample) == 1 and importlib.util.find_spec("openvino") and not tf.config.list_logical_devices("GPU"):
        makers["OpenVINO"] = lambda: openvino_call(fold_once())
    for name, make in makers.items():
        try:
            found = Runtime(name, make())
            error = difference(found(*sample), wanted)
            # Not by a hair: which one is taken should not depend on what else the machine does.
            slower = _seconds(found, sample) / _seconds(best, sample)
        except Exception as failure:
            LOG.warning("%s is not used for %s: %s", name, model.name, _in_short(failure))
            continue
        if not error <= TOLERANCE:
            LOG.warning("%s is not used for %s: its results differ by %.1e", name, model.name, error)
        elif slower > MOST_SLOWER:
            LOG.info("%s is not used for %s: it is %.1f times slower", name, model.name, slower)
        else:
            best = found
    return best


def _seconds(call: Call, sample: Sequence[Any]) -> float:
    """The least of three times."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        call(*sample)
        times.append(time.perf_counter() - started)
    return min(times)


def _in_short(failure: Exception) -> str:
    """An error in one line: those of TensorFlow and OpenVINO have a hundred."""
    lines = str(failure).strip().splitlines() or [""]
    return f"{type(failure).__name__}: {lines[0][:200]}"


def fold_safely(fold: Callable[..., keras.Model], model: keras.Model, *, live: bool = False) -> keras.Model:
    """The folded model; the model itself, with one line in the log, where that fails."""
    try:
        return fold(model, live=live)
    except Exception as failure:
        LOG.warning("%s is used without folding: %s", model.name, _in_short(failure))
        return model


def openvino_call(model: keras.Model) -> Call:
    """A model run by OpenVINO on the CPU, in float32: its default on some machines is bfloat16 (2026.2).

    Raises:
        ImportError: it is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise ImportError("OpenVINO is missing: pip install 'kzoo[openvino]'") from error
    # OpenVINO knows no Keras 3 model; it reads a TensorFlow function, whose outputs it keeps in their order.
    converted = openvino.convert_model(compiled(model))
    network = openvino.Core().compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    places = range(len(network.outputs))
    return _in_parts(lambda inputs: [found[place] for found in [network([inputs])] for place in places], size=4)


def graph_call(model: keras.Model) -> Call:
    """A model as a TensorFlow graph."""
    call = compiled(model)
    return _in_parts(lambda *inputs: [output.numpy() for output in call(*map(tf.convert_to_tensor, inputs))], size=16)


def _in_parts(call: Call, *, size: int) -> Call:
    """A call that takes a large batch a few examples at a time: their activations stay in the processor's cache."""

    def whole(*inputs: Any) -> list[np.ndarray]:
        arrays = [np.asarray(each) for each in inputs]
        starts = range(0, len(arrays[0]), size)
        parts = [call(*(array[start : start + size] for array in arrays)) for start in starts]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    return whole


def difference(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> float:
    """The largest difference over all outputs, relative to the largest value of each."""
    if [each.shape for each in found] != [each.shape for each in wanted]:
        raise ValueError("its outputs have other shapes")
    pairs = zip(found, wanted, strict=True)
    return max(float(np.abs(one - other).max() / (np.abs(other).max() + 1e-30)) for one, other in pairs)
