"""Single files for other runtimes: LiteRT for phones, OpenVINO for Intel's processors. A form is a row of a table."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.serving.saved_model import ExportError

Answer = Callable[[np.ndarray], list[np.ndarray]]
"""From one preprocessed example (1, ...) to outputs (1, K) and features (1, width)."""

OUTPUTS = ("outputs", "features")
"""Names of what a file gives."""


@dataclass(frozen=True, kw_only=True)
class FileForm:
    """A form of file.

    Args:
        file: its name.
        quantizations: that it can have, besides none.
        write: from the model, the spec of one preprocessed example, without the batch, a quantization or None,
            preprocessed examples (N, ...) to calibrate it by, and the path, to the file.
        open: from a path to the model in the form's own runtime.
    """

    file: str
    quantizations: tuple[str, ...]
    write: Callable[[keras.Model, tf.TensorSpec, str | None, np.ndarray, Path], None]
    open: Callable[[Path], Answer]


def _function(model: keras.Model, fitted: tf.TensorSpec) -> tf.types.experimental.PolymorphicFunction:
    """The model as a function of one example, of a shape that is known as a whole, with weights as constants.

    LiteRT cannot calibrate a function that reads variables (TensorFlow 2.21).
    """
    spec = tf.TensorSpec((1, *fitted.shape), fitted.dtype, name="input")
    weights = [
        [weight.numpy() for weight in each] for each in (model.trainable_variables, model.non_trainable_variables)
    ]

    def call(inputs: Tensor) -> Mapping[str, Tensor]:
        constants = [[tf.constant(value) for value in each] for each in weights]
        found, _ = model.stateless_call(*constants, inputs, training=False)
        return dict(zip(OUTPUTS, found, strict=True))

    return tf.function(call, input_signature=[spec], autograph=False)


def _write_litert(
    model: keras.Model, fitted: tf.TensorSpec, quantize: str | None, examples: np.ndarray, path: Path
) -> None:
    function = _function(model, fitted).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize == "int8":
        converter.representative_dataset = lambda: ([each[None]] for each in examples)
    # It tells of assets that are written to a folder of its own (TensorFlow 2.21).
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        path.write_bytes(converter.convert())
    # The converter has errors of many kinds for what LiteRT has no operation for.
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"LiteRT cannot hold this model: {first[:300]}. Export it as a SavedModel.") from error
    finally:
        logger.setLevel(level)


def _open_litert(path: Path) -> Answer:
    with warnings.catch_warnings():
        # It tells to move to a package that TensorFlow does not require (2.21).
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner()

    def answer(example: np.ndarray) -> list[np.ndarray]:
        found = runner(input=example)
        return [found[name] for name in OUTPUTS]

    return answer


def _write_openvino(
    model: keras.Model, fitted: tf.TensorSpec, quantize: str | None, examples: np.ndarray, path: Path
) -> None:
    openvino = _openvino()
    converted = openvino.convert_model(_function(model, fitted))
    openvino.save_model(converted, str(path), compress_to_fp16=quantize == "float16")


def _open_openvino(path: Path) -> Answer:
    openvino = _openvino()
    # Its default on some machines is bfloat16 (2026.2).
    hints = {"INFERENCE_PRECISION_HINT": openvino.Type.f32}
    network = openvino.Core().compile_model(str(path), "CPU", hints)
    # It may order outputs otherwise than the function.
    places = [next(n for n, each in enumerate(network.outputs) if name in each.get_names()) for name in OUTPUTS]

    def answer(example: np.ndarray) -> list[np.ndarray]:
        found = network([example])
        return [np.array(found[place]) for place in places]

    return answer


def _openvino() -> ModuleType:
    try:
        import openvino
    except ImportError as error:
        raise ImportError("OpenVINO is missing: pip install 'kzoo[openvino]'") from error
    return openvino


FORMS = {
    "litert": FileForm(
        file="model.tflite",
        quantizations=("dynamic", "float16", "int8"),
        write=_write_litert,
        open=_open_litert,
    ),
    "openvino": FileForm(
        file="model.xml",
        quantizations=("float16",),
        write=_write_openvino,
        open=_open_openvino,
    ),
}
"""By the name that ``export(format=)`` takes."""
