"""Checks of images: every file is opened once, hashed and decoded before it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from kzoo.core.progress import track
from kzoo.core.tensors import Tensor
from kzoo.data.examples import CheckedColumn
from kzoo.data.file_column import FileColumn, load, stamp
from kzoo.data.image.headers import trouble
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.pipelines import PARALLEL, untuned


def check_images(column: np.ndarray) -> CheckedColumn:
    """Opens every image of a column: an object array (N,) of paths and bytes, or pixels (N, H, W, C)."""
    if column.dtype != object:
        digests = [hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest() for image in column]
        return CheckedColumn(column, digests, check_pixels(column))
    digests, reasons, stamps = _check_headers(column)
    good = [index for index in range(len(column)) if index not in reasons]
    decodable = set(_decodable(column, good))
    for index in good:
        if index not in decodable:
            reasons[index] = _why(column[index])
    return CheckedColumn(column, digests, reasons, stamps=stamps)


def check_pixels(pixels: np.ndarray) -> dict[int, str]:
    """Why some images (N, H, W, C) cannot be used, by index."""
    if not np.issubdtype(pixels.dtype, np.floating):
        return {}
    return {index: "pixels that are not finite" for index, image in enumerate(pixels) if not np.isfinite(image).all()}


def open_image(image: str | bytes) -> tuple[bytes, str | None]:
    """The content of a path, or the content itself, and why it cannot be used, as far as its header tells."""
    try:
        data = load(image)
    except (OSError, ValueError, MemoryError) as error:
        return b"", f"could not be read ({getattr(error, 'strerror', None) or repr(error)})"
    return data, trouble(data)


def describe_damage(error: Exception) -> str:
    """An error of decoding, in one line."""
    text = (str(getattr(error, "message", error)) or repr(error)).splitlines()[0]
    return f"damaged: {text.split('} ', 1)[-1][:80]}"


def _check_headers(column: np.ndarray) -> tuple[list[str], dict[int, str], list[tuple[int, ...]]]:
    def check(image: str | bytes) -> tuple[str, str | None, tuple[int, ...]]:
        try:
            seen = stamp(image)
        except (OSError, ValueError):
            seen = ()
        data, reason = open_image(image)
        unread = not data and reason != "empty file"
        return "" if unread else hashlib.sha256(data).hexdigest(), reason, seen

    with ThreadPoolExecutor() as pool:
        found = list(track(pool.map(check, column), "reading files", unit="file", total=len(column)))
    reasons = {index: reason for index, (_, reason, _) in enumerate(found) if reason}
    return [digest for digest, _, _ in found], reasons, [seen for _, _, seen in found]


def _decodable(column: np.ndarray, indices: Sequence[int]) -> list[int]:
    """The indices whose image TensorFlow can decode."""
    if not indices:
        return []
    preprocessor = ImagePreprocessor(size=1)

    files = FileColumn(column)

    def attempt(index: Tensor) -> tuple[Tensor, Tensor]:
        # The size is given out as well: TensorFlow prunes a decoding that nobody looks at.
        return index, tf.size(preprocessor.decode(files.read(index)))

    dataset = tf.data.Dataset.from_tensor_slices(np.asarray(indices, np.int64))
    dataset = untuned(dataset.map(attempt, num_parallel_calls=PARALLEL, deterministic=False).ignore_errors())
    decoded = track(dataset.as_numpy_iterator(), "decoding images", unit="image", total=len(indices))
    return [int(index) for index, _ in decoded]


def _why(image: str | bytes) -> str:
    try:
        ImagePreprocessor(size=1).decode(tf.constant(load(image)))
    except Exception as error:
        return describe_damage(error)
    return "could not be decoded in the pipeline"
