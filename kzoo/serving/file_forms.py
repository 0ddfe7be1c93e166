"""Single files for other runtimes: LiteRT for phones, ONNX, OpenVINO. A form is a row of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import tensorflow as tf

from kzoo.serving.constant_function import OUTPUTS, Answer, constant_function
from kzoo.serving.litert.conversion import open_litert, write_litert
from kzoo.serving.onnx_file import open_onnx, write_onnx


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


def _write_openvino(
    model: keras.Model, fitted: tf.TensorSpec, quantize: str | None, examples: np.ndarray, path: Path
) -> None:
    openvino = _openvino()
    converted = openvino.convert_model(constant_function(model, fitted))
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
        write=write_litert,
        open=open_litert,
    ),
    "onnx": FileForm(file="model.onnx", quantizations=(), write=write_onnx, open=open_onnx),
    "openvino": FileForm(
        file="model.xml",
        quantizations=("float16",),
        write=_write_openvino,
        open=_open_openvino,
    ),
}
"""By the name that ``export(format=)`` takes."""
