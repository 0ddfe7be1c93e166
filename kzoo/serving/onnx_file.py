"""A model as an ONNX file, which many runtimes read, and ONNX Runtime, which answers by it."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import tensorflow as tf

from kzoo.serving.constant_function import OUTPUTS, Answer, constant_function
from kzoo.serving.saved_model import ExportError

OPSET = 17
"""Version of ONNX's operations: the newest that tf2onnx 1.17 and runtimes since 2022 know."""


def write_onnx(
    model: keras.Model, fitted: tf.TensorSpec, quantize: str | None, examples: np.ndarray, path: Path
) -> None:
    """Writes a file; arguments as of `kzoo.serving.file_forms.FileForm`.

    Raises:
        ExportError: ONNX has no operation for a part of the model.
        ImportError: the extra is not installed.
    """
    tf2onnx = _modules()[0]
    function = constant_function(model, fitted)
    # It tells of each step, and of each operation that it does not know before it raises.
    logger, kept = logging.getLogger("tf2onnx"), logging.getLogger("tf2onnx").level
    logger.setLevel(logging.CRITICAL)
    try:
        tf2onnx.convert.from_function(
            function, input_signature=function.input_signature, opset=OPSET, output_path=str(path)
        )
        # It leaves operations in that it does not know (tf2onnx 1.17): no runtime opens such a file.
        open_onnx(path)
    # The converter has errors of many kinds.
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"ONNX cannot hold this model: {first[:300]}. Export it as a SavedModel.") from error
    finally:
        logger.setLevel(kept)


def open_onnx(path: Path) -> Answer:
    """A function that runs the file."""
    session = _modules()[1].InferenceSession(str(path), providers=["CPUExecutionProvider"])
    # Its outputs are in an order of its own.
    return lambda example: session.run(list(OUTPUTS), {"input": example})


def _modules() -> tuple[ModuleType, ModuleType]:
    try:
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise ImportError("tf2onnx or onnxruntime is missing: pip install 'kzoo[onnx]'") from error
    return tf2onnx, onnxruntime
