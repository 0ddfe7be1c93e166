"""Examination of images: near duplicates, one colour, unusual sizes, and signs of a wrong rotation."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from kzoo.core.progress import track
from kzoo.core.tensors import Tensor
from kzoo.data.duplicates.perceptual_hash import SIDE, near_pairs, one_colour
from kzoo.data.examples import Examined
from kzoo.data.file_column import FileColumn, load
from kzoo.data.image.headers import size_of
from kzoo.data.image.orientation import orientation
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.pipelines import PARALLEL, untuned

SMALL = 32
"""Pixels of the shorter side; no model of the catalog was trained on less."""

OBLONG = 4.0
"""Longer side by shorter side, and how much more oblong than most an image has to be."""

FACTOR = 16.0
"""Pixels of an image, more or less often than the median."""

MOST_LIE = 0.9
"""Share of the images that are all upright, or all lie, from which on the others are thought to be turned."""

CHECKS = ("near duplicates", "images of one colour", "extreme sizes", "EXIF orientation", "sizes that look turned")

Sizes = np.ndarray
"""Width and height, int64 (N, 2)."""

Remarks = list[tuple[int | None, str, str]]


def examine_images(column: np.ndarray) -> Examined:
    """Examines the images of a checked column: an object array (N,) of paths and bytes, or pixels (N, H, W, C)."""
    if not len(column):
        return Examined(checks=CHECKS)
    if column.dtype == object:
        small, turns = _open(column)
        with ThreadPoolExecutor() as pool:
            sizes = np.array(list(pool.map(lambda file: size_of(load(file)), column)), np.int64).reshape(-1, 2)
    else:
        small = np.stack([_shrink(tf.constant(image)).numpy() for image in column])
        sizes, turns = np.tile(column.shape[2:0:-1], (len(column), 1)), np.ones(len(column), np.int64)
    plain = np.flatnonzero(one_colour(small)).tolist()
    remarks: Remarks = [(row, "one colour", _colour(small[row])) for row in plain]
    shown = np.where((turns >= 5)[:, None], sizes[:, ::-1], sizes)
    return Examined([*remarks, *size_remarks(shown), *turn_remarks(shown, turns)], near_pairs(small), CHECKS)


def _shrink(pixels: Tensor) -> Tensor:
    """An image (H, W, C) in 0..255 as uint8 (SIDE, SIDE, C)."""
    return tf.cast(tf.round(tf.image.resize(tf.cast(pixels, tf.float32), (SIDE, SIDE), method="area")), tf.uint8)


def _open(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Small images, upright, uint8 (N, SIDE, SIDE, 3), and EXIF orientations, int64 (N,)."""
    files, preprocessor = FileColumn(column), ImagePreprocessor(size=SIDE, resize="squash")

    def read(index: Tensor) -> tuple[Tensor, Tensor]:
        data = files.read(index)
        is_jpeg = tf.strings.substr(data, 0, 2) == b"\xff\xd8"
        turn = tf.cond(is_jpeg, lambda: orientation(data), lambda: 1)
        return _shrink(preprocessor.decode(data)), turn

    dataset = untuned(tf.data.Dataset.range(len(column)).map(read, num_parallel_calls=PARALLEL))
    found = list(track(dataset.as_numpy_iterator(), "examining images", unit="image", total=len(column)))
    return np.stack([image for image, _ in found]), np.array([turn for _, turn in found], np.int64)


def _colour(image: np.ndarray) -> str:
    red, green, blue = np.broadcast_to(image.mean(axis=(0, 1)).round().astype(int), 3)
    return f"all of it is #{red:02x}{green:02x}{blue:02x} or nearly"


def size_remarks(sizes: Sizes) -> Remarks:
    """Images that are much smaller, larger or more oblong than most."""
    remarks: Remarks = []
    pixels, sides = sizes.prod(axis=1), np.sort(sizes, axis=1)
    oblong = sides[:, 1] / np.maximum(sides[:, 0], 1)
    usual, middle = np.median(pixels), np.median(oblong)
    width, height = np.median(sizes, axis=0).astype(int)
    for row, (wide, high) in enumerate(sizes.tolist()):
        reasons = []
        if sides[row, 0] < SMALL <= np.median(sides[:, 0]):
            reasons.append(f"a side of fewer than {SMALL} pixels")
        elif not usual / FACTOR <= pixels[row] <= usual * FACTOR:
            reasons.append(f"{pixels[row] / usual:.3g} times the pixels of the median")
        if oblong[row] > OBLONG * middle:
            reasons.append("very oblong")
        if reasons:
            detail = f"{wide} x {high} pixels: {', '.join(reasons)}; the median is {width} x {height}"
            remarks.append((row, "extreme size", detail))
    return remarks


def turn_remarks(sizes: Sizes, turns: np.ndarray) -> Remarks:
    """Signs of a wrong rotation: an orientation in EXIF, or a usual size with width and height exchanged.

    Args:
        sizes: width and height as they are shown.
        turns: EXIF orientations, int64 (N,).
    """
    remarks: Remarks = [
        (row, "rotation", f"EXIF orientation {turns[row]}: kzoo turns it upright, other programs may not")
        for row in np.flatnonzero(turns > 1).tolist()
    ]
    lie = sizes[:, 0] > sizes[:, 1]
    stand = sizes[:, 0] < sizes[:, 1]
    for most, others, word in ((lie, stand, "wider than high"), (stand, lie, "higher than wide")):
        if most.mean() >= MOST_LIE:
            usual = Counter(map(tuple, sizes[most].tolist()))
            for row in np.flatnonzero(others & (turns == 1)).tolist():
                wide, high = sizes[row].tolist()
                if usual[high, wide]:
                    share = f"{most.mean():.0%} of the images are {word}"
                    remarks.append((row, "rotation", f"{wide} x {high} pixels, but {share}"))
    return remarks
