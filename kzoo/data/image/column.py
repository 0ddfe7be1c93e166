"""Image columns: images as users have them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kzoo.data.file_column import collect_files, list_files, name_files
from kzoo.data.image.preprocess import SUFFIXES
from kzoo.specs.task import UserData


def collect_images(images: UserData, *, root: Path = Path()) -> np.ndarray:
    """Images as an image column of `Examples`: pixels (N, H, W, C), or an object array of paths and bytes.

    Pixels of several sizes are kept as lossless PNG.

    Args:
        images: pixels (N, H, W, 3), (N, H, W, 1) or (N, H, W); or a list of pixels, paths, encoded images and images
            of Pillow; None or NaN for missing images.
        root: folder of relative paths.

    Raises:
        ValueError: the pixels have another shape, or are floats within 0..1.
        TypeError: they are neither pixels, nor paths, nor bytes.
    """
    if not hasattr(images, "__array__"):
        images = [_of_pillow(image) for image in images]
        if not images:
            return np.empty(0, dtype=object)
        if any(isinstance(image, str | bytes | Path) or np.ndim(image) == 0 for image in images):
            # Pixels among files are encoded as well.
            mixed = [
                _encode(_three(np.asarray(each), index)) if np.ndim(each) else each for index, each in enumerate(images)
            ]
            return _files(mixed, root=root)
        images = [_three(np.asarray(image), index) for index, image in enumerate(images)]
        if len({image.shape for image in images}) > 1:
            return _files([_encode(image) for image in images], root=root)
        images = np.stack(images)
    column = np.asarray(images)
    if column.dtype.kind in "OSU":
        return _files(column.tolist(), root=root)
    if column.ndim == 3:
        _refuse(column.shape, alone=True)
        column = column[..., None]
    if column.ndim != 4 or column.shape[-1] not in (1, 3):
        _refuse(column.shape[1:] if column.ndim == 4 else ())
        raise ValueError(f"{_WANTED} Got {column.shape}.")
    if column.dtype == np.uint8 or not column.size:
        return column
    low, high = np.nanmin(column), np.nanmax(column)
    if column.dtype.kind == "f" and high <= 1.0:
        raise ValueError("Images of floats must be in 0..255. Got values in 0..1: multiply them by 255.")
    if low < 0 or high > 255:
        raise ValueError(f"Images must be in 0..255. Got {low}..{high}.")
    return column.astype(np.float32 if column.dtype.kind == "f" else np.uint8)


_WANTED = "Images must have shape (N, H, W, 3), (N, H, W, 1) or (N, H, W)."


def _refuse(shape: tuple[int, ...], *, alone: bool = False) -> None:
    """Raises for the shape of one image that looks like RGBA, or like channels before rows.

    Args:
        shape: of three dimensions; other shapes are ignored.
        alone: whether it may also be that of several grey images, (N, H, W), where channels first are RGB only.
    """
    if len(shape) != 3:
        return
    grey = f" Grey images of this size: x[..., None], {(*shape, 1)}." if alone else ""
    if shape[-1] == 4:
        raise ValueError(
            f"{_WANTED} Got an image {shape}, which looks like RGBA. Remove the alpha channel: x[..., :3].{grey}"
        )
    if shape[0] == 3 or (shape[0] in (1, 4) and not alone):
        message = "which looks like channels first. Move the channels to the end: np.moveaxis(x, -3, -1)"
        raise ValueError(f"{_WANTED} Got an image {shape}, {message}.{grey}")


def _three(pixels: np.ndarray, index: int) -> np.ndarray:
    """Pixels of one image as (H, W, C)."""
    if pixels.ndim == 2:
        return pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3):
        _refuse(pixels.shape)
        raise ValueError(f"An image must have shape (H, W, 3), (H, W, 1) or (H, W). Got {pixels.shape} in row {index}.")
    return pixels


def _of_pillow(image: UserData) -> UserData:
    """The pixels of an image of Pillow's, upright, RGB or grey; anything else as it is."""
    if "PIL.Image" not in sys.modules or not isinstance(image, sys.modules["PIL.Image"].Image):
        return image
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    return np.asarray(upright if upright.mode in ("L", "RGB") else upright.convert("RGB"))


def read_image_inputs(images: UserData) -> tuple[np.ndarray, list[str]]:
    """An image column and names, of what a user has at hand: a path, a folder, bytes, pixels, or a list of these.

    An array (H, W, 3), (H, W, 1) or (H, W) is one image; (N, H, W) is N grey images.
    """
    images = _of_pillow(list_files(images, SUFFIXES))
    if hasattr(images, "__array__"):
        pixels = np.asarray(images)
        if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in (1, 3)):
            images = [pixels]
    column = collect_images(images)
    return column, name_files(column, "image")


def _files(values: Sequence[object], *, root: Path) -> np.ndarray:
    return collect_files(values, root=root, wanted="An image must be a path or encoded bytes")


def _encode(image: np.ndarray) -> bytes:
    if image.dtype != np.uint8 and not np.array_equal(image, np.round(image)):
        raise ValueError("Images of different sizes must be uint8, or floats that are whole numbers in 0..255.")
    if image.size and (image.min() < 0 or image.max() > 255):
        raise ValueError(f"Images must be in 0..255. Got {image.min()}..{image.max()}.")
    return tf.io.encode_png(image.astype(np.uint8)).numpy()
