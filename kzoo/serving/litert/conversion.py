"""A model as a LiteRT file, and what opens it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kzoo.serving.constant_function import OUTPUTS, Answer, constant_function
from kzoo.serving.litert.compact import packed, unpacked
from kzoo.serving.litert.interpreter import interpreter_of, quiet_converter
from kzoo.serving.litert.quantization import calibrated, in_8_bits
from kzoo.serving.litert.rounded_weights import rounded_weights
from kzoo.serving.saved_model import ExportError


def write_litert(
    model: keras.Model, fitted: tf.TensorSpec, quantize: str | None, examples: np.ndarray, path: Path
) -> None:
    """Writes a file; arguments as of `kzoo.serving.file_forms.FileForm`.

    Raises:
        ExportError: LiteRT has no operation for a part of the model.
    """
    with rounded_weights(model, examples) if quantize == "int8" else contextlib.nullcontext():
        function = constant_function(model, fitted).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    with quiet_converter():
        try:
            converted = calibrated(converter, examples) if quantize == "int8" else converter.convert()
        # The converter has errors of many kinds for what LiteRT has no operation for.
        except Exception as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ExportError(f"LiteRT cannot hold this model: {first[:300]}. Export it as a SavedModel.") from error
        content = in_8_bits(converted, examples) if quantize == "int8" else converted
    path.write_bytes(packed(unpacked(content)))


def open_litert(path: Path) -> Answer:
    """A function that runs the file."""
    runner = interpreter_of(path.read_bytes()).get_signature_runner()

    def answer(example: np.ndarray) -> list[np.ndarray]:
        found = runner(input=example)
        return [found[name] for name in OUTPUTS]

    return answer
