"""Models that users bring: their card, a copy of them, and the backbone in them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import h5py
import keras

from kzoo.core.graph.cloning import clone, finalize, set_weights
from kzoo.core.graph.walking import makers
from kzoo.core.tensors import Tensor
from kzoo.models.files.arrays import check_h5
from kzoo.models.weights import WeightsError, load_weights
from kzoo.specs.card import BackboneSpec


def card_of(model: keras.Model) -> BackboneSpec:
    """The card of a user's own model, as its input shape says; the scaling of its pixels is not found out here."""
    backbone = as_backbone(model)
    shape = backbone.input_shape
    if len(shape) != 4 or shape[-1] not in (1, 3):
        raise TypeError(
            f"An image backbone takes (B, H, W, 3) or (B, H, W, 1). {model.name!r} takes {shape}. For a text model, "
            "register its constructor: kzoo.register(NAME, constructor, modality='text', reads=...)."
        )
    if shape[1] != shape[2]:
        raise TypeError(f"Images are resized to squares. {model.name!r} takes {shape}, which is not square.")
    size = shape[1] or 224
    return BackboneSpec(
        name=model.name,
        constructor="",
        size=size,
        min_size=size if shape[1] else 1,
        parameters=backbone.count_params(),
        width=backbone.output_shape[-1],
    )


def copy(model: keras.Model, *, size: int, weights: str | Path | None) -> keras.Model:
    """A copy of the user's model, so that training leaves the original as it is, for `size` pixels, tokens or steps."""
    source = as_backbone(model)
    last = source.input_shape[-1]
    shape = {4: (size, size, last), 3: (size, last)}.get(len(source.input_shape), (size,))
    made = clone(source, inputs=keras.Input(shape, dtype=source.input.dtype), weights=source.get_weights())
    if weights is not None:
        load_weights(made, weights)
        finalize(made)
    return made


def rebuild(model: keras.Model, fresh: keras.Model, *, weights: str | Path | None) -> keras.Model:
    """`fresh`, of the same constructor for inputs of another size, with the weights of `model`, or of a file."""
    set_weights(fresh, model.get_weights())
    if weights is not None:
        load_weights(fresh, weights)
        finalize(fresh)
    return fresh


def renew(model: keras.Model) -> keras.Model:
    """The same layers with new random weights; what Normalization layers know of the data stays."""
    made = clone(model)
    for ours, theirs in zip(made.layers, model.layers, strict=True):
        if isinstance(ours, keras.layers.Normalization):
            ours.set_weights(theirs.get_weights())
    finalize(made)
    return made


def as_backbone(model: keras.Model) -> keras.Model:
    """`model` as a functional one whose output is features: a classifying top is taken off.

    Raises:
        TypeError: it has several inputs or outputs, or is not functional, so that its graph is not known.
    """
    if isinstance(model, keras.Sequential) and model.built:
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if not hasattr(model, "operations"):
        if isinstance(model, keras.Sequential):
            raise TypeError(f"{model.name!r} has no input shape yet. Begin the Sequential model with a keras.Input.")
        raise TypeError(
            f"{model.name!r} is a subclass of keras.Model, so its layers cannot be listed in order. Pass a functional "
            "model, such as keras.Model(x, model(x)) with x = keras.Input((224, 224, 3))."
        )
    if len(model.inputs) != 1:
        raise TypeError(f"A backbone needs one input. {model.name!r} has {len(model.inputs)}.")
    outputs = keras.tree.flatten(model.outputs)
    if len(outputs) != 1:
        raise TypeError(f"A backbone needs one output. {model.name!r} has {len(outputs)}.")
    features = _below_top(model, outputs[0])
    found = keras.Model(model.inputs[0], features, name=model.name)
    if isinstance(found.operations[-1], keras.Model):
        # The output of a model inside of another is a tensor of its own graph, by which nobody finds it here.
        features = keras.layers.Identity(name="features")(features)
        return keras.Model(model.inputs[0], features, name=model.name)
    return found


def card_of_weights(path: str | Path, cards: Iterable[BackboneSpec]) -> BackboneSpec:
    """The card among `cards` whose number of parameters is that of a weight file.

    Raises:
        WeightsError: none, or more than one.
    """
    found = _count(path)
    fitting = [card for card in cards if card.parameters == found]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(card.name for card in fitting) or "no model of the catalog"
    raise WeightsError(
        f"{path} has {found:,} parameters, which fit {names}. Name the model: kzoo.adapt(NAME, task, weights=PATH)."
    )


def _count(path: str | Path) -> int:
    sizes: list[int] = []

    def visit(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and not name.startswith("optimizer"):
            sizes.append(math.prod(node.shape))

    try:
        check_h5(path, stored=Path(path).stat().st_size, name=str(path))
        with h5py.File(path) as file:
            file.visititems(visit)
    except (ValueError, OSError) as error:
        raise WeightsError(f"{path} could not be read as a weight file: {error}") from error
    return sum(sizes)


def _below_top(model: keras.Model, output: Tensor) -> Tensor:
    """The features under a classifying top, or the output itself.

    A top is a dense layer or a 1x1 convolution with a softmax or sigmoid, in it or after it, and the dropout below.
    """
    made_by = makers(model)
    passed = (keras.layers.Softmax, keras.layers.Activation, keras.layers.Flatten, keras.layers.Reshape)
    tensor, classifies = output, False
    while len(output.shape) == 2:
        maker = made_by.get(id(tensor))
        if maker is None:
            break
        classifies |= isinstance(maker, keras.layers.Softmax) or _activation(maker) in ("softmax", "sigmoid")
        if isinstance(maker, keras.layers.Dense | keras.layers.Conv2D) and classifies:
            if getattr(maker, "kernel_size", (1, 1)) != (1, 1):
                break
            tensor = maker.input
            while isinstance(made_by.get(id(tensor)), keras.layers.Dropout):
                tensor = made_by[id(tensor)].input
            return tensor
        if not isinstance(maker, (*passed, keras.layers.Dropout)):
            break
        tensor = maker.input
    return output


def _activation(layer: keras.Layer) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")
