"""Plain models: a backbone of any kind as a `keras.Model`, with or without a head, to be trained by one's own code."""

from __future__ import annotations

import logging
from pathlib import Path

import keras

from kzoo.core.graph.cloning import graft
from kzoo.core.graph.walking import layers_of
from kzoo.data.image.preprocess import scaling_layers
from kzoo.data.modalities import shape_of
from kzoo.models.assembly import assemble
from kzoo.models.heads import pool
from kzoo.setup.arguments import as_size, check_head
from kzoo.setup.model_source import ModelLike, source_of
from kzoo.specs.card import scope_of
from kzoo.specs.head import Head, as_head
from kzoo.specs.records.seen import remember

LOG = logging.getLogger("kzoo")


def create_model(
    name: ModelLike,
    *,
    weights: str | Path | None = "auto",
    num_classes: int | None = None,
    size: int | None = None,
    head: Head | None = None,
    scaling: str | None = None,
) -> keras.Model:
    """A plain functional ``keras.Model``: compile it, fit it and save it as any other.

    Its input is, by the modality of the backbone:

    - image: raw pixels, float32 (B, size, size, 3) in 0..255; they are scaled inside of the model;
    - text: token ids, int32 (B, size), of the backbone's own tokenizer;
    - audio: features, float32 (B, steps, values), of the backbone's own front end;
    - row: numbers, float32 (B, size).

    A saved ``.keras`` file loads after ``import kzoo``; one with layers of KerasHub or keras-cv after that package is
    imported as well.

    Args:
        name: a model, as for `kzoo.adapt`.
        weights: ``"imagenet"``, a path, or None for random ones; ``"auto"``: the published ones for a name, its own for
            a model.
        num_classes: number of logits; None or 0: no head, and the output are features.
        size: height and width of the images, pixels; length of the texts, tokens; of the recordings, samples. None: the
            card's native size.
        head: of the classifier. None: average pooling, dropout 0.2 and a dense layer, whose weights are random.
        scaling: of the pixels of a ``keras.Model`` of yours, see `kzoo.adapt`.

    Returns:
        From that input to logits (B, num_classes), or to features averaged over space or time (B, width), float32.

    Raises:
        ValueError: the model is unknown, or an argument cannot be used.
        OSError: weights are missing.

    Example:
        >>> model = create_model("mobilenet_v2_035", weights=None, num_classes=5, size=96)
        >>> model.input_shape, model.output_shape
        ((None, 96, 96, 3), (None, 5))
    """
    wrong = isinstance(num_classes, bool) or not isinstance(num_classes, int | None) or (num_classes or 0) < 0
    if wrong:
        raise ValueError(f"num_classes must be an int in [0, inf), or None. Got {num_classes!r}.")
    if head is not None and not num_classes:
        raise ValueError("head= needs num_classes=, the number of its outputs. Got none.")
    head = None if head is None else as_head(head)
    if head is not None and head.classical:
        raise ValueError(
            f"Head(kind={head.kind!r}) is solved on data: use kzoo.adapt(..., head={head.kind!r}), whose `network` "
            "is a plain model."
        )
    source = source_of(name, weights=weights, scaling=scaling)
    card = source.card
    side = as_size(size) or card.size
    for note in source.check(side):
        LOG.warning(note)
    shape = shape_of(card, side, channels=source.channels)
    backbone = _scaled(source.build(shape), scaling=card.scaling, name=scope_of(card.name))
    if num_classes:
        asked = (head or Head()).for_examples(0)
        assembled = assemble(backbone, head=asked, outputs=num_classes)
        check_head(asked, backbone, assembled)
        outputs = assembled.model.output
    else:
        outputs = pool(backbone.output, "avg")
    model = keras.Model(backbone.input, outputs, name=scope_of(card.name))
    remember(layers_of(model), source.seen)
    return model


def _scaled(backbone: keras.Model, *, scaling: str, name: str) -> keras.Model:
    """The backbone for pixels in 0..255, as one graph; or itself where it takes its input as it is."""
    layers = scaling_layers(scaling)
    if not layers:
        return backbone
    pixels = keras.Input(backbone.input_shape[1:], name="pixels")
    x = pixels
    for layer in layers:
        x = layer(x)
    (features,) = graft(backbone, x, prefix=name)
    return keras.Model(pixels, features, name=name)
