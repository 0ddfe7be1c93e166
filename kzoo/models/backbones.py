"""Backbones: from a card, a user's model or a file to a functional Keras model without its top."""

from __future__ import annotations

import importlib
import inspect
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kzoo.models.weights import WeightsError, find_weights, is_published, load_weights
from kzoo.specs.backbone import BackboneSpec
from kzoo.specs.registry import get_model


@dataclass(frozen=True)
class Source:
    """A backbone that is about to be built.

    Args:
        card: its card.
        weights: a path, ``"imagenet"``, ``"own"`` for those that a user's constructor puts in, or None for random ones.
        model: the user's own model, which is copied; or None.
    """

    card: BackboneSpec
    weights: str | Path | None
    model: keras.Model | None = None

    @property
    def weights_name(self) -> str | None:
        """What to call the weights in a record."""
        return "own" if self.model is not None and self.weights is None else self.weights and str(self.weights)

    def check(self, size: int) -> None:
        """Raises, before any work, where the size does not suit or the weights are not to be had."""
        fixed = self.model.input_shape[1] if self.model is not None else None
        if fixed not in (None, size):
            raise ValueError(f"{self.card.name!r} takes pictures of {fixed} pixels. Got size={size}.")
        if size < self.card.min_size or size % self.card.multiple:
            multiple = f", a multiple of {self.card.multiple}" if self.card.multiple > 1 else ""
            wanted = f"at least {self.card.min_size} pixels{multiple}"
            raise ValueError(f"size for {self.card.name!r} must be {wanted}. Got {size}.")
        if self.weights == "imagenet":
            find_weights(self.card, size=size)

    def build(self, size: int) -> keras.Model:
        """The backbone for pictures of `size` pixels, with its weights."""
        if self.model is None:
            return build(self.card, size=size, weights=self.weights)
        return copy(self.model, size=size, weights=self.weights)


def resolve(model: Any, *, weights: str | Path | None, cards: Mapping[str, BackboneSpec]) -> Source:
    """Finds out what a user means by `model`.

    Args:
        model: a name among `cards`, a card, a ``keras.Model``, or a path to a ``.keras`` or a weight file.
        weights: ``"auto"``, ``"imagenet"``, a path, or None.
        cards: the registry.
    """
    if isinstance(model, keras.Model):
        return Source(card_of(model), None if weights == "auto" else weights, model)
    if isinstance(model, BackboneSpec):
        return Source(model, _default(model) if weights == "auto" else weights)
    if isinstance(model, str) and model in cards:
        return resolve(cards[model], weights=weights, cards=cards)
    if isinstance(model, str | Path) and str(model).endswith((".keras", ".h5")):
        if not Path(model).is_file():
            raise FileNotFoundError(f"There is no model file {model}.")
        if str(model).endswith(".keras"):
            return resolve(read_model(model), weights=weights, cards=cards)
        return Source(card_of_weights(model, cards.values()), model)
    if isinstance(model, str):
        get_model(model)
    raise TypeError(f"model must be a name, a card, a keras.Model or a path. Got {type(model).__name__}.")


def build(spec: BackboneSpec, *, size: int, weights: str | Path | None) -> keras.Model:
    """The backbone of a card, for pictures (B, size, size, 3).

    Args:
        spec: its card.
        size: input height and width, pixels.
        weights: ``"imagenet"``, a path, or None for random ones.

    Raises:
        WeightsError: the weights are not there or do not fit.
    """
    path = find_weights(spec, size=size) if weights == "imagenet" else None if weights == "own" else weights
    constructor = _resolve(spec.constructor)
    arguments: dict[str, Any] = {"input_shape": (size, size, 3), **spec.arguments}
    if "weights" in inspect.signature(constructor).parameters:
        arguments["weights"] = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = constructor(**arguments)
    model = as_backbone(model)
    if path is not None:
        load_weights(model, path)
        if any(is_published(path, file) for file in spec.weights):
            _match_published(model, spec)
    return model


def copy(model: keras.Model, *, size: int, weights: str | Path | None) -> keras.Model:
    """A copy of the user's model, so that training leaves the original as it is, as a backbone for `size` pixels."""
    source = as_backbone(model)
    clone = keras.models.clone_model(source, input_tensors=keras.Input((size, size, source.input_shape[-1])))
    clone.set_weights(source.get_weights())
    if weights is not None:
        load_weights(clone, weights)
    return clone


def as_backbone(model: keras.Model) -> keras.Model:
    """`model` as a functional one whose output is features: a classifying top is taken off.

    A top is a last dense layer with a softmax or sigmoid, in itself or after it.

    Raises:
        TypeError: it has several inputs or outputs, or was never called, so that its shapes are not known.
    """
    if not getattr(model, "inputs", None):
        raise TypeError(f"{model.name!r} has no input shape yet: build it, or call it once on a keras.Input.")
    if len(model.inputs) != 1 or not hasattr(model, "operations"):
        raise TypeError(f"A backbone needs one input. {model.name!r} has {len(model.inputs)}.")
    outputs = keras.tree.flatten(model.outputs)
    if len(outputs) != 1:
        raise TypeError(f"A backbone needs one output. {model.name!r} has {len(outputs)}.")
    features = _below_top(model, outputs[0])
    return keras.Model(model.inputs[0], features, name=model.name)


def card_of(model: keras.Model) -> BackboneSpec:
    """The card of a user's own model: pictures come in 0..255, as its input shape says."""
    backbone = as_backbone(model)
    shape = backbone.input_shape
    if len(shape) != 4 or shape[-1] not in (1, 3):
        raise TypeError(f"A picture backbone takes (B, H, W, 3) or (B, H, W, 1). {model.name!r} takes {shape}.")
    if shape[1] != shape[2]:
        raise TypeError(f"Pictures are brought to one square size: {model.name!r} takes {shape}, which is not square.")
    size = shape[1] or 224
    return BackboneSpec(
        name=model.name,
        constructor="",
        size=size,
        min_size=size if shape[1] else 1,
        parameters=backbone.count_params(),
        width=backbone.output_shape[-1],
    )


def read_model(path: str | Path) -> keras.Model:
    """A ``.keras`` file, without running any code that is in it."""
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(f"{path} could not be read as a Keras model: {str(error).splitlines()[0][:300]}") from error


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
        f"{path} holds {found:,} parameters, which fits {names}: say which, as in kzoo.adapt(NAME, task, weights=PATH)."
    )


def _count(path: str | Path) -> int:
    sizes: list[int] = []

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and not name.startswith("optimizer"):
            sizes.append(math.prod(node.shape))

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except OSError as error:
        raise WeightsError(f"{path} could not be read as a weight file: {error}") from error
    return sum(sizes)


def _resolve(path: str) -> Callable[..., keras.Model]:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(f"The constructor {path!r} could not be imported: {error}") from error


def _below_top(model: keras.Model, output: Any) -> Any:
    """The features under a classifying top, or the output itself."""
    if len(output.shape) != 2:
        return output
    last = [operation for operation in model.operations if operation.output is output]
    if not last:
        return output
    top: Any = last[0]
    if isinstance(top, keras.layers.Softmax) or _activation(top) in ("softmax", "sigmoid"):
        if isinstance(top, keras.layers.Dense):
            return top.input
        below = [operation for operation in model.operations if operation.output is top.input]
        if below and isinstance(below[0], keras.layers.Dense):
            return below[0].input
    return output


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _default(card: BackboneSpec) -> str:
    """The weights of a card, unless told otherwise: ImageNet's, or those that the user's own constructor puts in."""
    return "imagenet" if card.weights or card.source != "user" else "own"


def _match_published(model: keras.Model, spec: BackboneSpec) -> None:
    """Makes a model with published weights compute what Keras computes with ``weights="imagenet"``.

    EfficientNet V1 then has one more layer, which divides the normalized pixels by the square root of ImageNet's
    standard deviations, and has no weights (Keras 3.15). It goes into the variance of the normalization before it.
    """
    if spec.constructor.startswith("keras.applications.EfficientNetB"):
        layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
        mean, variance, *rest = layer.get_weights()
        layer.set_weights([mean, variance * np.asarray((0.229, 0.224, 0.225), variance.dtype), *rest])
        layer.finalize_state()
