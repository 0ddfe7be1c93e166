"""Augmentation: random change of pictures, for training only, the same again for the same seed.

What is drawn depends on the seed, the view and the example alone, not on the order in which threads run.
"""

from __future__ import annotations

from collections.abc import Callable
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
        operations: RandAugment operations on each picture (arXiv:1909.13719).
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
    seeds = tf.random.split(seed, 5)
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
        if channels == 3:
            grey = tf.reduce_mean(picture, axis=-1, keepdims=True)
            picture = grey + (picture - grey) * tf.random.stateless_uniform((), seeds[4], low, high)
        picture = tf.clip_by_value(picture, 0.0, 255.0)
    return picture


def batch_augmenter(preset: Preset, *, seed: int, mixable: bool) -> Callable[[Any, Any, Any], tuple[Any, Any]] | None:
    """What changes whole batches: RandAugment, MixUp and CutMix, by keras-cv, whose layers are the fast ones.

    Args:
        preset: how much.
        seed: decides what is drawn; the batches must come in a fixed order.
        mixable: whether targets may be mixed, float32 (B, outputs).

    Returns:
        A function of the number of the batch, its pictures (B, S, S, 3) in 0..255 and its targets, or None where the
        preset changes nothing.
    """
    if not preset.operations:
        return None
    import keras_cv

    draw = keras_cv.layers.RandAugment(
        value_range=(0, 255), augmentations_per_image=preset.operations, magnitude=0.4, geometric=False, seed=seed
    )
    mixers = (keras_cv.layers.MixUp(alpha=0.4, seed=seed + 1), keras_cv.layers.CutMix(alpha=1.0, seed=seed + 2))

    def change(number: Any, pictures: Any, targets: Any) -> tuple[Any, Any]:
        pictures = draw(pictures, training=True)
        if mixable and preset.mix:
            lot = tf.random.stateless_uniform((), (seed, tf.cast(number, tf.int32)))
            for mixer, below in zip(mixers, (preset.mix / 2, preset.mix), strict=True):
                here = (lot >= below - preset.mix / 2) & (lot < below)
                pair = (pictures, targets)
                pictures, targets = tf.cond(here, lambda m=mixer, p=pair: _mixed(m, *p), lambda p=pair: p)
        return tf.clip_by_value(pictures, 0.0, 255.0), targets

    return change


def _mixed(mixer: Any, pictures: Any, targets: Any) -> tuple[Any, Any]:
    outputs = mixer({"images": pictures, "labels": targets}, training=True)
    return outputs["images"], outputs["labels"]
