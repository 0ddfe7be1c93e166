"""The adversarial objective: images that are real from those that a generator makes (DCGAN, arXiv:1511.06434).

The discriminator's features are what is kept.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.pretraining.objectives.objective import BackboneGraph, Objective

NOISE = 64
"""Numbers that an image is made of."""

RATE = 1e-3
"""Of the generator."""


class Adversarial(Objective):
    """The non-saturating loss (arXiv:1406.2661), with real labels of 0.9 (arXiv:1606.03498)."""

    name, paper = "gan", "https://arxiv.org/abs/1511.06434"
    modalities = ("image",)

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """Real images, and the noise that as many are made of; and that the former are real."""
        count = tf.shape(examples)[0]
        return (examples, tf.random.stateless_normal(tf.stack([count, NOISE]), seed)), tf.ones((count, 1))

    def network(self, body: BackboneGraph) -> keras.Model:
        """A discriminator of one logit, that trains against a generator of its own."""
        x = keras.layers.Dropout(0.2, name="drop")(body.pooled)
        judge = keras.Model(body.inputs, keras.layers.Dense(1, dtype="float32", name="real")(x))
        return AdversarialModel(judge, generator(body.inputs.shape[1:]))

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """(B,): the discriminator's, of what is real (1) or made (0), and logits."""
        return keras.losses.binary_crossentropy(0.9 * wanted, found, from_logits=True)


def generator(shape: tuple[int, int, int]) -> keras.Model:
    """From noise (B, NOISE) to images in 0..255."""
    height, width, channels = shape
    x = noise = keras.Input((NOISE,), name="noise")
    rows, columns, wide = -(-height // 8), -(-width // 8), 64
    x = keras.layers.Dense(rows * columns * wide, name="ground")(x)
    x = keras.layers.Reshape((rows, columns, wide))(x)
    for _ in range(3):
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
        wide //= 2
        x = keras.layers.Conv2DTranspose(wide, 4, strides=2, padding="same")(x)
    x = keras.layers.Conv2D(channels, 3, padding="same", activation="tanh", dtype="float32")(keras.layers.ReLU()(x))
    x = keras.layers.Cropping2D(((0, 8 * rows - height), (0, 8 * columns - width)))(x)
    return keras.Model(noise, keras.layers.Rescaling(127.5, offset=127.5, dtype="float32")(x), name="generator")


class AdversarialModel(keras.Model):
    """A discriminator and a generator, each trained a step at a time.

    Args:
        judge: from images to logits (B, 1).
        maker: from noise to images.
    """

    def __init__(self, judge: keras.Model, maker: keras.Model) -> None:
        super().__init__()
        self.judge, self.maker = judge, maker
        optimizer = keras.optimizers.Adam(RATE, beta_1=0.5)
        # What `compile` does for the other one: gradients of half precision would be lost.
        half = keras.config.dtype_policy().name == "mixed_float16"
        self.optimizers = [keras.mixed_precision.LossScaleOptimizer(optimizer) if half else optimizer]
        self.optimizers[0].build(maker.trainable_variables)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """The discriminator's logits of real images (B, H, W, C), which noise (B, NOISE) comes with."""
        return self.judge(inputs[0], training=training)

    def train_step(self, data: Tensor) -> dict[str, Tensor]:
        """A step of the discriminator, then one of the generator."""
        (real, noise), ones = data
        made = self.maker(noise, training=True)
        with tf.GradientTape() as tape:
            # Each in a batch of its own: BatchNorm would tell them apart by the mixture otherwise.
            both = tf.concat([self.judge(made, training=True), self.judge(real, training=True)], axis=0)
            wanted = tf.concat([0.0 * ones, ones], axis=0)
            loss = tf.reduce_mean(self.compute_loss(y=wanted, y_pred=both))
            scaled = self.optimizer.scale_loss(loss)
        variables = self.judge.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        with tf.GradientTape() as tape:
            said = self.judge(self.maker(noise, training=True), training=True)
            fooled = tf.reduce_mean(keras.losses.binary_crossentropy(ones, said, from_logits=True))
            scaled = self.optimizers[0].scale_loss(fooled)
        variables = self.maker.trainable_variables
        self.optimizers[0].apply(tape.gradient(scaled, variables), variables)
        return {"loss": loss, "generator_loss": fooled}
