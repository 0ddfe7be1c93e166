"""Augmentation of images: random changes, in training only, reproducible by their seed.

Random changes depend only on the seed, the view and the example, not on the order of threads. All operations are
stateless: keras-cv's layers draw from generators whose state cannot be restored (0.9.0).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.image.preprocess import ImagePreprocessor, divide


@dataclass(frozen=True)
class ImagePreset:
    """How much is changed.

    Args:
        area: least share of the image that a random crop keeps.
        aspect: largest change of proportions of the crop, a ratio.
        jitter: largest relative change of brightness, contrast and saturation.
        operations: changes of `OPERATIONS` on each image (RandAugment, arXiv:1909.13719, without its geometry, which
            the crop has).
        mix: share of the batches that are mixed, half by MixUp (arXiv:1710.09412), half by CutMix (arXiv:1905.04899).
    """

    area: float
    aspect: float = 4 / 3
    jitter: float = 0.0
    operations: int = 0
    mix: float = 0.0


PRESETS = {
    "light": ImagePreset(area=0.5),
    "medium": ImagePreset(area=0.35, jitter=0.2),
    "strong": ImagePreset(area=0.25, jitter=0.2, operations=2, mix=0.5),
}


def augment_views(image: Tensor, *, preset: ImagePreset, preprocessor: ImagePreprocessor, seeds: Tensor) -> Tensor:
    """Views of one image, cropped, resized, mirrored and recoloured, each from a seed of its own.

    All are cut from the image in one operation, which resizes and mirrors as well.

    Args:
        image: (H, W, C) in 0..255.
        preset: how much.
        preprocessor: its size is that of the results.
        seeds: int tensor (V, 2), V known.

    Returns:
        float32 (V, S, S, C) in 0..255.
    """
    edge = preprocessor.size
    image = shrink(image, edge)
    shape = tf.cast(tf.shape(image), tf.float32)
    boxes = tf.stack([_crop(seed, preset, shape[0], shape[1]) for seed in tf.unstack(seeds)])
    views = tf.image.crop_and_resize(image[None], boxes, tf.zeros(seeds.shape[0], tf.int32), (edge, edge))
    if not (preset.jitter or preset.operations):
        return views
    views = tf.stack([_recolour(*each, preset) for each in zip(tf.unstack(views), tf.unstack(seeds), strict=True)])
    return tf.clip_by_value(views, 0.0, 255.0)


def shrink(image: Tensor, edge: int) -> Tensor:
    """An image (H, W, C) as float32, its sides divided by the integer that brings the shorter near 1.4 * `edge`.

    Each pixel is the mean of those it stands for, so that sampling a crop at single points does not alias.
    """
    shape = tf.shape(image)
    factor = tf.maximum(
        tf.cast(tf.round(tf.cast(tf.minimum(shape[0], shape[1]), tf.float32) / (1.4 * edge)), tf.int32), 1
    )
    image = tf.cast(image, tf.float32)
    return tf.cond(factor > 1, lambda: divide(image[None], tf.stack([factor, factor]))[0], lambda: image)


def _crop(seed: Tensor, preset: ImagePreset, height: Tensor, width: Tensor) -> Tensor:
    """A box (top, left, bottom, right) in shares of the image; left and right are swapped to mirror."""
    drawn = tf.random.stateless_uniform((5,), seed)
    area = height * width * (preset.area + (1 - preset.area) * drawn[0])
    ratio = tf.pow(preset.aspect, 2 * drawn[1] - 1)
    tall, wide = tf.minimum(tf.sqrt(area / ratio), height), tf.minimum(tf.sqrt(area * ratio), width)
    top, left = drawn[2] * (height - tall) / height, drawn[3] * (width - wide) / width
    bottom, right = top + tall / height, left + wide / width
    return tf.where(drawn[4] < 0.5, tf.stack([top, left, bottom, right]), tf.stack([top, right, bottom, left]))


def mix(images: Tensor, targets: Tensor, *, share: float, seed: Tensor) -> tuple[Tensor, Tensor]:
    """A batch mixed with itself in another order, by MixUp or CutMix, or left alone.

    Args:
        images: float32 (B, S, S, C).
        targets: float32 (B, outputs).
        share: of batches that are mixed.
        seed: int tensor (2,).
    """
    seeds = tf.unstack(tf.random.split(seed, 6))
    lot = tf.random.stateless_uniform((), seeds[0])
    order = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(images)[0]), seeds[1])
    others, other_targets = tf.gather(images, order), tf.gather(targets, order)
    # Beta(0.4, 0.4) for MixUp by two gammas; uniform, which is Beta(1, 1), for CutMix.
    gammas = tf.random.stateless_gamma((2,), seeds[2], alpha=tf.constant(0.4)) + 1e-6
    part = gammas[0] / tf.reduce_sum(gammas)
    mask, kept = _box(tf.shape(images)[1], seeds[3])

    def mixup() -> tuple[Tensor, Tensor]:
        return part * images + (1 - part) * others, part * targets + (1 - part) * other_targets

    def cutmix() -> tuple[Tensor, Tensor]:
        return tf.where(mask, others, images), kept * targets + (1 - kept) * other_targets

    return tf.cond(lot < share / 2, mixup, lambda: tf.cond(lot < share, cutmix, lambda: (images, targets)))


def _box(edge: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
    """A random square as a mask (1, S, S, 1), and the share of the image outside of it."""
    drawn = tf.random.stateless_uniform((3,), seed)
    side = tf.sqrt(drawn[0]) * tf.cast(edge, tf.float32)
    starts = drawn[1:] * (tf.cast(edge, tf.float32) - side)
    along = tf.range(tf.cast(edge, tf.float32))
    rows = (along >= starts[0]) & (along < starts[0] + side)
    columns = (along >= starts[1]) & (along < starts[1] + side)
    mask = (rows[:, None] & columns[None, :])[None, :, :, None]
    return mask, 1 - tf.reduce_mean(tf.cast(mask, tf.float32))


def _saturate(image: Tensor, factor: Tensor) -> Tensor:
    grey = tf.reduce_mean(image, axis=-1, keepdims=True)
    return grey + (image - grey) * factor


def _recolour(image: Tensor, seed: Tensor, preset: ImagePreset) -> Tensor:
    """One image (S, S, C) in other light and colours."""
    seeds = tf.unstack(tf.random.split(seed, 3 + preset.operations))
    if preset.jitter:
        low, high = 1 - preset.jitter, 1 + preset.jitter
        image *= tf.random.stateless_uniform((), seeds[0], low, high)
        image = tf.image.stateless_random_contrast(image, low, high, seed=seeds[1])
        image = _saturate(image, tf.random.stateless_uniform((), seeds[2], low, high))
    for drawn in seeds[3:]:
        image = _operate(tf.clip_by_value(image, 0.0, 255.0), drawn)
    return image


def _operate(image: Tensor, seed: Tensor) -> Tensor:
    """One of `OPERATIONS`, at a strength drawn from [0, 1)."""
    seeds = tf.unstack(tf.random.split(seed, 2))
    strength = tf.random.stateless_uniform((), seeds[0])
    which = tf.random.stateless_uniform((), seeds[1], 0, len(OPERATIONS), dtype=tf.int32)
    changed = tf.switch_case(which, [lambda change=change: change(image, strength) for change in OPERATIONS])
    changed.set_shape(image.shape)
    return changed


def _stretch(image: Tensor, strength: Tensor) -> Tensor:
    """Autocontrast, blended with the image."""
    low = tf.reduce_min(image, axis=(0, 1), keepdims=True)
    high = tf.reduce_max(image, axis=(0, 1), keepdims=True)
    full = tf.where(high > low, (image - low) * 255.0 / tf.maximum(high - low, 1.0), image)
    return image + strength * (full - image)


def _posterize(image: Tensor, strength: Tensor) -> Tensor:
    step = tf.pow(2.0, tf.floor(1 + 4 * strength))
    return tf.floor(image / step) * step


def _solarize(image: Tensor, strength: Tensor) -> Tensor:
    return tf.where(image < 255.0 * (1 - 0.5 * strength), image, 255.0 - image)


def _gamma(image: Tensor, strength: Tensor) -> Tensor:
    return 255.0 * tf.pow(tf.maximum(image, 0.0) / 255.0, tf.pow(2.0, 2 * strength - 1))


def _colour(image: Tensor, strength: Tensor) -> Tensor:
    return _saturate(image, 1.8 * strength + 0.1)


def _contrast(image: Tensor, strength: Tensor) -> Tensor:
    return tf.image.adjust_contrast(image, 1.8 * strength + 0.1)


OPERATIONS = (_stretch, _posterize, _solarize, _gamma, _colour, _contrast)
"""Changes of colour that RandAugment draws from."""
