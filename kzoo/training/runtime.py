"""Runtimes: the fastest way to run a frozen model on this machine with the results of Keras, or nearly so.

In bfloat16, processors with units for it compute several times as fast. One with AMX, on images of 224 pixels, against
`tf.function`: MobileNetV2 0.35 by OpenVINO in float32 3.5 times as fast, in bfloat16 4.7 times; ResNet50 1.6 and 7.6
times (``benchmarks/feature_throughput.py``).
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.calling import compiled
from kzoo.core.graph.costs import model_flops
from kzoo.core.tensors import Tensor

TOLERANCE = 1e-4
"""Largest difference from the Keras model that is accepted, relative to the largest output."""

SMALL_WORK = 1e10
"""FLOPs up to which Keras runs everything: another runtime takes longer to build than it saves.

It is a count, not a time, so that the choice does not depend on the load of the machine.
"""

MOST_SLOWER = 3.0
"""How many times as long as the runtime before it a runtime may take on the sample."""

LEAST_COSINE = 0.98
"""Least cosine of pooled outputs in bfloat16 and exact ones, of each example of a sample, for bfloat16 to be used."""

FLAGS = {"amx_bf16", "avx512_bf16"}
"""What Linux calls units for bfloat16."""

LOG = logging.getLogger("kzoo")

Call = Callable[..., list[np.ndarray]]


@dataclass(frozen=True)
class Runtime:
    """A way to run a frozen model.

    Args:
        name: ``"OpenVINO"``, ``"folded"`` (the folded model as a TensorFlow graph) or ``"Keras"`` (the model itself).
        call: a function of the inputs that returns a list of arrays.
        halve: makes the same call in bfloat16; None: there is none.
    """

    name: str
    call: Call
    halve: Callable[[], Call] | None = None

    def __call__(self, *inputs: Tensor) -> list[np.ndarray]:
        """The outputs for some inputs."""
        return self.call(*inputs)


def fastest(
    model: keras.Model, *, fold: Callable[[keras.Model], keras.Model], sample: Sequence[Tensor], examples: float
) -> Runtime:
    """The fastest runtime whose outputs agree with those of Keras on a sample.

    OpenVINO in float32 (extra ``openvino``; on CPU), or else the folded model as a TensorFlow graph, or else the model
    itself, which also does small work (`SMALL_WORK`). A runtime that fails, differs or is much slower is not used. The
    log ``kzoo`` has one line about it: a warning if it fails or differs.

    Args:
        model: a frozen model.
        fold: returns a model with the same outputs and fewer operations.
        sample: a few examples for the comparison, (B, ...) for each input.
        examples: how many examples the runtime will be used for.
    """
    plain = Runtime("Keras", graph_call(model))
    if model_flops(model) * examples < SMALL_WORK:
        return plain
    wanted, best = plain(*sample), plain
    fold_once = functools.cache(lambda: fold(model))
    makers: dict[str, Callable[[], Runtime]] = {"folded": lambda: Runtime("folded", graph_call(fold_once()))}
    if len(sample) == 1 and importlib.util.find_spec("openvino") and not tf.config.list_logical_devices("GPU"):
        makers["OpenVINO"] = lambda: openvino_runtime(fold_once())
    for name, make in makers.items():
        try:
            found = make()
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


def _seconds(call: Call, sample: Sequence[Tensor]) -> float:
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


class ImpreciseError(ArithmeticError):
    """A trunk that cannot be computed in bfloat16, or whose outputs are not nearly the same then."""


@functools.cache
def has_bfloat16() -> bool:
    """Whether this machine's processor has units for bfloat16, and OpenVINO is there to use them."""
    if not importlib.util.find_spec("openvino") or tf.config.list_physical_devices("GPU"):
        return False
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return any(FLAGS & set(line.split()) for line in lines if line.startswith("flags"))


def in_bfloat16(exact: Runtime, *, sample: Sequence[Tensor]) -> Runtime:
    """A runtime in bfloat16, where on a sample its outputs are finite and nearly those of an exact one.

    Args:
        exact: as `fastest` gives it.
        sample: some examples, (B, ...) for each input.

    Raises:
        ImpreciseError: there is none, or its outputs differ.
    """
    if exact.halve is None:
        raise ImpreciseError(f"{exact.name} has none")
    found = Runtime(f"{exact.name} bfloat16", exact.halve())
    cosine = agreement(found(*sample), exact(*sample))
    if not cosine >= LEAST_COSINE:
        raise ImpreciseError(f"its features have a cosine of {cosine:.3f} with exact ones")
    return found


def agreement(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> float:
    """The least cosine of two lists of outputs (B, ..., C), pooled to (B, C); NaN where one found is not finite.

    Example:
        >>> agreement([np.array([[3.0, 4.0]])], [np.array([[6.0, 8.0]])])
        1.0
    """
    least = 1.0
    for one, other in zip(found, wanted, strict=True):
        if not np.isfinite(one).all():
            return float("nan")
        a, b = (each.reshape(len(each), -1, each.shape[-1]).mean(axis=1, dtype=np.float64) for each in (one, other))
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        # Of no activations at all, the same is none.
        cosines = np.where(lengths > 0, (a * b).sum(axis=1) / np.maximum(lengths, 1e-300), (a == b).all(axis=1))
        least = min(least, float(cosines.min()))
    return least


def openvino_runtime(model: keras.Model) -> Runtime:
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

    def make(precision: openvino.Type, size: int) -> Call:
        network = openvino.Core().compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": precision})
        used = network.get_property("INFERENCE_PRECISION_HINT")
        if used != precision:
            raise ImpreciseError(f"OpenVINO computes in {used.get_type_name()} here")
        places = range(len(network.outputs))
        return _in_parts(lambda inputs: [found[place] for found in [network([inputs])] for place in places], size=size)

    return Runtime("OpenVINO", make(openvino.Type.f32, 4), lambda: make(openvino.Type.bf16, 8))


def graph_call(model: keras.Model) -> Call:
    """A model as a TensorFlow graph."""
    call = compiled(model)
    return _in_parts(lambda *inputs: [output.numpy() for output in call(*map(tf.convert_to_tensor, inputs))], size=16)


def _in_parts(call: Call, *, size: int) -> Call:
    """A call that takes a large batch a few examples at a time: their activations stay in the processor's cache."""

    def whole(*inputs: Tensor) -> list[np.ndarray]:
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
