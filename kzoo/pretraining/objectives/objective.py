"""The base of all objectives: inputs and targets made from examples, a network, a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import keras

from kzoo.core.tensors import Shape, Tensor


@dataclass(frozen=True)
class BackboneGraph:
    """A backbone as an objective sees it, in Keras tensors of one graph.

    Args:
        inputs: examples as they are before scaling: pixels in 0..255 (B, S, S, C), features of sound in 0..1 (B, steps,
            values), or token ids (B, T).
        features: the backbone's output.
        pooled: the same as one vector an example, (B, width).
        states: of an encoder or a recurrent network, the states of its tokens or steps, (B, T, width); else None.
    """

    inputs: Tensor
    features: Tensor
    pooled: Tensor
    states: Tensor | None = None


@dataclass(frozen=True)
class Objective:
    """The base of all objectives; those of one network and one loss say how it asks, answers and judges.

    Args:
        outputs: number of labels, for those that have some; else 0.
        vocabulary: number of tokens, for text; else 0.
        mask: id of the token that stands for one that is to be guessed; None where there is none.
        pad: id of padding.
        marks: whether the last value of each step says whether the step is there.
        categories: of rows, the number of categories of each of the last columns.
    """

    outputs: int = 0
    vocabulary: int = 0
    mask: int | None = None
    pad: int = 0
    categories: tuple[int, ...] = ()
    marks: bool = False

    name: ClassVar[str]
    paper: ClassVar[str]
    modalities: ClassVar[tuple[str, ...]] = ()
    """Names of those that it is for; none: all."""
    views: ClassVar[int] = 1
    augmentation: ClassVar[str] = "light"
    labelled: ClassVar[bool] = False

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and targets of the network, made by tf.data; the same for the same seed.

        Args:
            examples: (B * views, ...), all views of an example, then of the next.
            targets: (B, outputs); of no labels (B, 0).
            seed: int32 (2,).
        """
        raise NotImplementedError

    def network(self, body: BackboneGraph) -> keras.Model:
        """From what `ask` gives to what `loss` judges."""
        raise NotImplementedError

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """How far off the answers are, a scalar or one number an example."""
        raise NotImplementedError


@dataclass(frozen=True)
class TwoViews(Objective):
    """Two strongly augmented views of each example, of which nothing else is wanted than that they go together."""

    views: ClassVar[int] = 2
    augmentation: ClassVar[str] = "strong"

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """All views; a target that nobody looks at."""
        return examples, keras.ops.zeros((keras.ops.shape(examples)[0], 1))


def centred(examples: Tensor, modality_rank: int) -> Tensor:
    """Pixels in 0..255 (rank 4), or features of sound in 0..1 (rank 3, with an axis of channels added), in [-1, 1]."""
    examples = keras.ops.cast(examples, "float32")
    return examples / 127.5 - 1.0 if modality_rank == 4 else 2.0 * examples[..., None] - 1.0


def paint(features: Tensor, shape: tuple[int, int, int], *, name: str) -> Tensor:
    """An image (B, H, W, C), float32, of a map (B, h, w, width), by one hidden layer and a shuffle of pixels.

    Each place of the map paints its own patch, as in SimMIM (arXiv:2111.09886): a light decoder leaves the work to the
    backbone.
    """
    if len(features.shape) == 2:
        features = keras.layers.Reshape((1, 1, features.shape[-1]), name=f"{name}_map")(features)
    if len(features.shape) != 4:
        raise ValueError(f"A decoder needs features (B, h, w, C) or (B, C). The backbone gives {features.shape}.")
    height, width, channels = shape
    rows, columns = -(-height // features.shape[1]), -(-width // features.shape[2])
    x = keras.layers.Conv2D(256, 3, padding="same", activation="gelu", name=f"{name}_hidden")(features)
    x = keras.layers.Conv2D(rows * columns * channels, 1, dtype="float32", name=f"{name}_patches")(x)
    return PatchesToImage(rows, columns, shape, name=name, dtype="float32")(x)


@keras.saving.register_keras_serializable(package="kzoo", name="Unfold")
class PatchesToImage(keras.layers.Layer):
    """Patches (B, h, w, rows * columns * C) side by side as an image (B, H, W, C); what is beyond it is cut off."""

    def __init__(self, rows: int, columns: int, shape: tuple[int, int, int], **options: object) -> None:
        super().__init__(**options)
        self.rows, self.columns, self.image = rows, columns, tuple(shape)

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        ops, (height, width, channels) = keras.ops, self.image
        down, across = inputs.shape[1], inputs.shape[2]
        x = ops.reshape(inputs, (-1, down, across, self.rows, self.columns, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, down * self.rows, across * self.columns, channels))[:, :height, :width]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, H, W, C)."""
        return (input_shape[0], *self.image)


def project(pooled: Tensor, *, hidden: int, width: int) -> Tensor:
    """An MLP on the pooled features, (B, width), which takes up what the loss needs and transfer does not."""
    x = keras.layers.Dense(hidden, use_bias=False, name="projection_hidden")(pooled)
    x = keras.layers.BatchNormalization(momentum=0.9, name="projection_normal")(x)
    x = keras.layers.ReLU(name="projection_relu")(x)
    return keras.layers.Dense(width, dtype="float32", name="projection")(x)


def frame(inputs: Tensor) -> tuple[int, int, int]:
    """The shape of an image, or of the features of sound as one of one channel."""
    height, width, channels = (*inputs.shape[1:], 1)[:3]
    return height, width, channels
