"""Near duplicates among small images: a hash of 64 bits finds candidates, and a comparison of pixels confirms them.

Figures are of TrashNet: 2,527 images, 3.2 million pairs; and copies of 500 of them: as a JPEG of quality 50, cropped by
2% of two sides or of all four, resized to 90%, and all of these at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

SIDE = 32
"""Height and width of the small images."""

RADIUS = 14
"""Bits in which the hashes of near duplicates differ, at most.

TrashNet: copies differ in at most 12; so do 471 of its own pairs, and 1,358 in at most 14.
"""

ROUGH, LIKE, DETAILED = 0.8, 0.94, 0.7
"""Correlations that near duplicates reach: as they lie, laid over each other, and of the details alone.

TrashNet: at least 0.85, 0.944 and 0.75 for what was made. 40 of its own pairs pass as well: about 35 show one
object twice, the others things that look alike.
"""

BLUR = 4.0
"""Pixels: standard deviation of the Gaussian that is taken away from an image so that details are left."""

FLAT = 2.0
"""Standard deviation, of 255, under which an image has one colour. TrashNet: at least 6."""

MOST = 50
"""Candidates that are compared with an image, the nearest ones."""

_BLOCK = 1 << 22
_PAIRS = 512


def near_pairs(images: np.ndarray, *, like: float = LIKE, detailed: float = DETAILED) -> list[tuple[int, int, float]]:
    """Pairs of near duplicates.

    Finds copies that were encoded again, resized, or cropped by a few percent of a side; not those that are rotated,
    mirrored, or cropped by more. Images of one colour have none.

    Args:
        images: uint8 (N, 32, 32, C), of images upright, resized without keeping their proportions.
        like: correlation of near duplicates, laid over each other.
        detailed: correlation of their details.

    Returns:
        First index, second index, and a correlation in [`like`, 1]; the first index is the smaller one.
    """
    rows = np.flatnonzero(~one_colour(images))
    hashes = hash_images(images[rows])
    found = []
    for pairs in close_pairs(hashes, radius=RADIUS):
        for start in range(0, len(pairs), _PAIRS):
            part = rows[pairs[start : start + _PAIRS]]
            scores = similarity(images[part[:, 0]], images[part[:, 1]], like=like, detailed=detailed)
            found += [(int(i), int(j), float(s)) for (i, j), s in zip(part, scores, strict=True) if s > 0]
    return found


def one_colour(images: np.ndarray) -> np.ndarray:
    """Whether images (N, H, W, C) have one colour, bool (N,)."""
    return np.array([image.std(axis=(0, 1)).max() < FLAT for image in images], bool)


def hash_images(images: np.ndarray) -> np.ndarray:
    """Hashes of images (N, H, W, C), uint64 (N,), by the lowest 8 x 8 frequencies of a cosine transform.

    A bit says whether a frequency is above the median of all; the image's mean does not count (pHash, Zauner 2010).
    """
    hashes = np.zeros(len(images), np.uint64)
    for start in range(0, len(images), _PAIRS):
        grey = images[start : start + _PAIRS].astype(np.float32).mean(axis=-1)
        low = dctn(grey, axes=(1, 2), norm="ortho")[:, :8, :8].reshape(len(grey), 64)[:, 1:]
        bits = low > np.median(low, axis=1, keepdims=True)
        hashes[start : start + _PAIRS] = np.packbits(bits, axis=1).view(np.uint64).ravel()
    return hashes


def close_pairs(hashes: np.ndarray, *, radius: int) -> Iterator[np.ndarray]:
    """Pairs of hashes, uint64 (N,), that differ in at most `radius` bits: arrays int64 (P, 2), first index first.

    Of one index, at most `MOST` pairs with later ones: those that differ least. 100,000 hashes take 40 s on one core.
    """
    start = 0
    while start < len(hashes) - 1:
        stop = min(start + max(_BLOCK // (len(hashes) - start), 1), len(hashes))
        apart = np.bitwise_count(hashes[start:stop, None] ^ hashes[None, start:])
        # Only later ones: each pair once, and none with itself.
        apart[np.tri(stop - start, len(hashes) - start, dtype=bool)] = 255
        if crowded := np.flatnonzero((apart <= radius).sum(axis=1) > MOST).tolist():
            for row in crowded:
                apart[row, np.argpartition(apart[row], MOST)[MOST:]] = 255
        pairs = np.argwhere(apart <= radius)
        if len(pairs):
            yield pairs + start
        start = stop


def similarity(first: np.ndarray, second: np.ndarray, *, like: float, detailed: float) -> np.ndarray:
    """Correlation of pairs of images, (P, H, W, C) each, float64 (P,); 0 where they are no near duplicates.

    It must be high as the images lie, then laid over each other, and also of the details alone: on a plain background,
    the light from one side alone makes different images alike.
    """
    first, second = first.astype(np.float32), second.astype(np.float32)
    scores = np.zeros(len(first))
    places = np.flatnonzero(_correlation(first, second) >= ROUGH)
    if len(places):
        scores[places] = aligned_correlation(first[places], second[places])
        places = places[scores[places] >= like]
    if len(places):
        details = aligned_correlation(_details(first[places]), _details(second[places]))
        scores[places[details < detailed]] = 0
    scores[scores < like] = 0
    return scores


def aligned_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation of pairs of images, float32 (P, H, W, C) each, once the first is moved and scaled; float64 (P,).

    The second is regressed on the first and its derivatives, which stand for small moves and changes of size along both
    axes (a step of the registration of Lucas and Kanade, 1981).
    """
    height, width = first.shape[1:3]
    down, along = np.gradient(first, axis=(1, 2))
    y, x = np.linspace(-1, 1, height)[:, None, None], np.linspace(-1, 1, width)[:, None]
    parts = [np.ones_like(first), first, along, down, x * along, y * down]
    given = np.stack([part.reshape(len(first), -1) for part in parts], axis=-1).astype(np.float64)
    wanted = second.reshape(len(second), -1, 1).astype(np.float64)
    turned = given.transpose(0, 2, 1)
    weights = np.linalg.solve(turned @ given + 1e-3 * np.eye(len(parts)), turned @ wanted)
    left = ((wanted - given @ weights) ** 2).sum(axis=(1, 2))
    total = ((wanted - wanted.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    return np.sqrt(np.maximum(1 - left / np.maximum(total, 1e-9), 0))


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    one, other = (each.reshape(len(each), -1) for each in (first, second))
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    size = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return (one * other).sum(axis=1) / np.maximum(size, 1e-9)


def _details(images: np.ndarray) -> np.ndarray:
    return images - gaussian_filter(images, (0, BLUR, BLUR, 0))
