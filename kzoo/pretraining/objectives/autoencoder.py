"""The denoising autoencoder: an example as it was, from a damaged one (Vincent et al., ICML 2008)."""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.pretraining.objectives.objective import BackboneGraph, Objective, centred, frame, paint


class Autoencoder(Objective):
    """The mean square of what differs from the undamaged example."""

    name, paper = "autoencoder", "https://doi.org/10.1145/1390156.1390294"
    modalities = ("image", "audio")

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """Damaged examples, each in one of the ways of `DAMAGES`; and what they were, in [-1, 1]."""
        rank, count = len(examples.shape), tf.shape(examples)[0]
        images = examples if rank == 4 else 255.0 * examples[..., None]
        seeds = tf.random.stateless_uniform(tf.stack([count, 2]), seed, minval=0, maxval=1 << 30, dtype=tf.int32)
        spec = tf.TensorSpec(images.shape[1:], tf.float32)
        damaged = tf.map_fn(lambda each: damage(*each), (images, seeds), fn_output_signature=spec)
        return damaged if rank == 4 else damaged[..., 0] / 255.0, centred(examples, rank)

    def network(self, body: BackboneGraph) -> keras.Model:
        """An image in [-1, 1]."""
        return keras.Model(body.inputs, paint(body.features, frame(body.inputs), name="painted"))

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """(B,)."""
        return keras.ops.mean((wanted - found) ** 2, axis=(1, 2, 3))


def damage(image: Tensor, seed: Tensor) -> Tensor:
    """One image (H, W, C) in 0..255, damaged in a way and to a degree that the seed, int32 (2,), draws."""
    seeds = tf.unstack(tf.random.split(seed, 3))
    which = tf.random.stateless_uniform((), seeds[0], 0, len(DAMAGES), dtype=tf.int32)
    degree = tf.random.stateless_uniform((), seeds[1], 0.2, 1.0)
    changed = tf.switch_case(which, [lambda way=way: way(image, degree, seeds[2]) for way in DAMAGES])
    changed = tf.clip_by_value(changed, 0.0, 255.0)
    changed.set_shape(image.shape)
    return changed


def noisy(image: Tensor, degree: Tensor, seed: Tensor) -> Tensor:
    """Gaussian noise, of a deviation of up to 100."""
    return image + 100.0 * degree * tf.random.stateless_normal(tf.shape(image), seed)


def blurred(image: Tensor, degree: Tensor, seed: Tensor) -> Tensor:
    """A coarser image, enlarged again: up to eight times."""
    size = tf.shape(image)[:2]
    small = tf.maximum(tf.cast(tf.cast(size, tf.float32) / (1.0 + 7.0 * degree), tf.int32), 1)
    return tf.image.resize(tf.image.resize(image, small, antialias=True), size)


def erased(image: Tensor, degree: Tensor, seed: Tensor) -> Tensor:
    """A box of up to half of the image is grey."""
    shape = tf.cast(tf.shape(image), tf.float32)
    sides = tf.sqrt(0.5 * degree) * shape[:2]
    starts = tf.random.stateless_uniform((2,), seed) * (shape[:2] - sides)
    rows, columns = tf.range(shape[0]), tf.range(shape[1])
    inside = ((rows >= starts[0]) & (rows < starts[0] + sides[0]))[:, None] & (
        (columns >= starts[1]) & (columns < starts[1] + sides[1])
    )[None, :]
    return tf.where(inside[..., None], 127.5, image)


def compressed(image: Tensor, degree: Tensor, seed: Tensor) -> Tensor:
    """The artefacts of JPEG at a low quality, down to 3."""
    quality = tf.cast(tf.round(30.0 - 27.0 * degree), tf.int32)
    pixels = tf.cast(tf.clip_by_value(image, 0.0, 255.0), tf.uint8)
    return tf.cast(tf.image.adjust_jpeg_quality(pixels, quality), tf.float32)


DAMAGES = (noisy, blurred, erased, compressed)
"""Ways in which an image is damaged."""
