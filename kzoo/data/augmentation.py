"""Augmentation: random change of pictures, for training only, the same again for the same seed.

What is drawn depends on the seed, the view and the example alone, not on the order in which threads run. All is
stateless TensorFlow: keras-cv's layers draw from generators whose state does not come back (0.9.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kzoo.data.image import Preprocessor


@dataclass(frozen=True)
class Preset:
    """How much is changed.

    Args:
        area: least share of the picture that a random crop keeps.
        aspect: largest change of proportions of the crop, a ratio.
        jitter: largest relative change of brightness, contrast and saturation.
        operations: changes of `OPERATIONS` on each picture (RandAugment, arXiv:1909.13719, without its geometry, which
            the crop has).
        mix: share of the batches that are mixed, half by MixUp (arXiv:1710.09412), half by CutMix (arXiv:1905.04899).
    """

    area: float
    aspect: float = 4 / 3
    jitter: float = 0.0
    operations: int = 0
    mix: float = 0.0


PRESETS = {
    "light": Preset(area=0.5),
    "medium": Preset(area=0.35, jitter=0.2),
    "strong": Preset(area=0.25, jitter=0.2, operations=2, mix=0.5),
}


def augment_picture(picture: Any, *, preset: Preset, preprocessor: Preprocessor, seed: Any) -> Any:
    """One picture cropped, resized, mirrored and recoloured.

    Args:
        picture: (H, W, C) in 0..255.
        preset: how much.
        preprocessor: says the size of the result.
        seed: int tensor (2,).

    Returns:
        float32 (S, S, C) in 0..255.
    """
    seeds = tf.unstack(tf.random.split(seed, 5 + preset.operations))
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(picture),
        tf.zeros((1, 0, 4)),
        seed=seeds[0],
        area_range=(preset.area, 1.0),
        aspect_ratio_range=(1 / preset.aspect, preset.aspect),
        use_image_if_no_bounding_boxes=True,
    )
    channels = picture.shape[-1]
    crop = tf.slice(picture, begin, size)
    crop.set_shape((None, None, channels))
    edge = preprocessor.size
    picture = tf.image.resize(tf.cast(crop, tf.float32), (edge, edge), antialias=True)
    picture = tf.image.stateless_random_flip_left_right(picture, seed=seeds[1])
    if preset.jitter:
        low, high = 1 - preset.jitter, 1 + preset.jitter
        picture *= tf.random.stateless_uniform((), seeds[2], low, high)
        picture = tf.image.stateless_random_contrast(picture, low, high, seed=seeds[3])
        picture = _saturate(picture, tf.random.stateless_uniform((), seeds[4], low, high))
    for drawn in seeds[5:]:
        picture = _recolour(tf.clip_by_value(picture, 0.0, 255.0), drawn)
    return tf.clip_by_value(picture, 0.0, 255.0)


def mix(pictures: Any, targets: Any, *, share: float, seed: Any) -> tuple[Any, Any]:
    """A batch mixed with itself in another order, by MixUp or CutMix, or left alone.

    Args:
        pictures: float32 (B, S, S, C).
        targets: float32 (B, outputs).
        share: of batches that are mixed.
        seed: int tensor (2,).
    """
    seeds = tf.unstack(tf.random.split(seed, 6))
    lot = tf.random.stateless_uniform((), seeds[0])
    order = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(pictures)[0]), seeds[1])
    others, other_targets = tf.gather(pictures, order), tf.gather(targets, order)
    # Beta(0.4, 0.4) for MixUp by two gammas; uniform, which is Beta(1, 1), for CutMix.
    gammas = tf.random.stateless_gamma((2,), seeds[2], alpha=tf.constant(0.4)) + 1e-6
    part = gammas[0] / tf.reduce_sum(gammas)
    mask, kept = _box(tf.shape(pictures)[1], seeds[3])

    def mixup() -> tuple[Any, Any]:
        return part * pictures + (1 - part) * others, part * targets + (1 - part) * other_targets

    def cutmix() -> tuple[Any, Any]:
        return tf.where(mask, others, pictures), kept * targets + (1 - kept) * other_targets

    return tf.cond(lot < share / 2, mixup, lambda: tf.cond(lot < share, cutmix, lambda: (pictures, targets)))


def _box(edge: Any, seed: Any) -> tuple[Any, Any]:
    """A random square as a mask (1, S, S, 1), and the share of the picture outside of it."""
    drawn = tf.random.stateless_uniform((3,), seed)
    side = tf.sqrt(drawn[0]) * tf.cast(edge, tf.float32)
    starts = drawn[1:] * (tf.cast(edge, tf.float32) - side)
    along = tf.range(tf.cast(edge, tf.float32))
    rows = (along >= starts[0]) & (along < starts[0] + side)
    columns = (along >= starts[1]) & (along < starts[1] + side)
    mask = (rows[:, None] & columns[None, :])[None, :, :, None]
    return mask, 1 - tf.reduce_mean(tf.cast(mask, tf.float32))


def _saturate(picture: Any, factor: Any) -> Any:
    grey = tf.reduce_mean(picture, axis=-1, keepdims=True)
    return grey + (picture - grey) * factor


def _recolour(picture: Any, seed: Any) -> Any:
    """One of `OPERATIONS`, at a strength drawn from [0, 1)."""
    seeds = tf.unstack(tf.random.split(seed, 2))
    strength = tf.random.stateless_uniform((), seeds[0])
    which = tf.random.stateless_uniform((), seeds[1], 0, len(OPERATIONS), dtype=tf.int32)
    changed = tf.switch_case(which, [lambda change=change: change(picture, strength) for change in OPERATIONS])
    changed.set_shape(picture.shape)
    return changed


def _stretch(picture: Any, strength: Any) -> Any:
    """Autocontrast, blended with the picture."""
    low = tf.reduce_min(picture, axis=(0, 1), keepdims=True)
    high = tf.reduce_max(picture, axis=(0, 1), keepdims=True)
    full = tf.where(high > low, (picture - low) * 255.0 / tf.maximum(high - low, 1.0), picture)
    return picture + strength * (full - picture)


def _posterize(picture: Any, strength: Any) -> Any:
    step = tf.pow(2.0, tf.floor(1 + 4 * strength))
    return tf.floor(picture / step) * step


def _solarize(picture: Any, strength: Any) -> Any:
    return tf.where(picture < 255.0 * (1 - 0.5 * strength), picture, 255.0 - picture)


def _gamma(picture: Any, strength: Any) -> Any:
    return 255.0 * tf.pow(tf.maximum(picture, 0.0) / 255.0, tf.pow(2.0, 2 * strength - 1))


def _colour(picture: Any, strength: Any) -> Any:
    return _saturate(picture, 1.8 * strength + 0.1)


def _contrast(picture: Any, strength: Any) -> Any:
    return tf.image.adjust_contrast(picture, 1.8 * strength + 0.1)


OPERATIONS = (_stretch, _posterize, _solarize, _gamma, _colour, _contrast)
"""Changes of colour that RandAugment draws from."""
