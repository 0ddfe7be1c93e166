"""Images as an exported model takes them: encoded, or as pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Batch
from kzoo.data.file_column import load
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.seams import ServedInput


def serve_images(preprocessor: ImagePreprocessor) -> ServedInput:
    """Encoded images, string (B,); ``tensor``: pixels, uint8 (B, H, W, C); ``tensor_float``: float32 in 0..255."""
    pixels = (None, None, None, preprocessor.channels)
    return ServedInput(
        batch=tf.TensorSpec((None,), tf.string, name="image"),
        read_one=preprocessor.read,
        tensors={
            "tensor": (tf.TensorSpec(pixels, tf.uint8, name="image"), preprocessor.fit),
            "tensor_float": (tf.TensorSpec(pixels, tf.float32, name="image"), preprocessor.fit),
        },
        described=(
            "- `serving_default`: `image`, encoded images (jpeg, png, gif, bmp, webp), string (B,)",
            "- `tensor`, `tensor_float`: `image`, pixels in 0..255, uint8 or float32 (B, H, W, C)",
            "- `features`: `image`, encoded images; returns `features`, the embedding",
        ),
    )


def sample_images(
    preprocessor: ImagePreprocessor, examples: Sequence[str | bytes | np.ndarray]
) -> dict[str, tuple[Batch, Batch]]:
    """Inputs of each signature by name, and the same inputs for `Adapted.predict`.

    Args:
        preprocessor: the model's.
        examples: paths, encoded images and pixels; noise where there are none.
    """
    files = [load(_encoded(example)) for example in examples] or generate_images(preprocessor.size)
    one = replace(preprocessor, tta=False)
    pixels = np.stack([np.round(one.fit(one.decode(file))).astype(np.uint8) for file in files])
    samples = {"serving_default": files, "features": files, "tensor": pixels, "tensor_float": pixels}
    return {name: (inputs, inputs) for name, inputs in samples.items()}


def _encoded(example: str | bytes | np.ndarray) -> str | bytes:
    """Pixels as PNG; files as they are."""
    if isinstance(example, np.ndarray):
        return tf.io.encode_png(np.clip(np.round(example), 0, 255).astype(np.uint8)).numpy()
    return example


def generate_images(size: int, *, count: int = 6) -> list[bytes]:
    """Images to check an export with where there are no real ones, the same each time.

    Returns:
        Noise of several shapes and colours, as JPEG and PNG.
    """
    rng = np.random.default_rng(0)
    shapes = [(size, size), (size * 2 // 3 + 1, size), (size, size // 2 + 1)]
    images = []
    for number in range(count):
        pixels = rng.integers(0, 156, (*shapes[number % len(shapes)], 3), dtype=np.uint8)
        pixels[..., number // 2 % 3] += 100
        encode = tf.io.encode_jpeg if number % 2 == 0 else tf.io.encode_png
        images.append(encode(pixels).numpy())
    return images
