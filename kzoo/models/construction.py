"""Construction: from a card to a functional Keras model without its top, with its weights."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from kzoo.core.storage import NANO
from kzoo.core.tensors import Config
from kzoo.models.user_models import as_backbone
from kzoo.models.weights import find_weights, is_published, load_weights
from kzoo.specs.card import BackboneSpec

MADE = ("own", "preset")
"""Weights that a constructor puts in itself."""


def build(spec: BackboneSpec, *, shape: Sequence[int], weights: str | Path | None) -> keras.Model:
    """The backbone of a card, for images (B, S, S, 3), token ids (B, T), or features of sound (B, steps, values).

    Args:
        spec: its card.
        shape: of the input, without the batch.
        weights: ``"imagenet"``, ``"preset"``, ``"inside"``, a path, or None for random ones.

    Raises:
        WeightsError: the weights are not there or do not fit.
    """
    path = find_weights(spec, size=shape[0]) if weights == "imagenet" else None if weights in MADE else weights
    path = NANO / spec.inside if weights == "inside" else path
    constructor = _resolve(spec.constructor)
    arguments: Config = {"input_shape": tuple(shape), **spec.arguments}
    if "weights" in inspect.signature(constructor).parameters:
        arguments["weights"] = "preset" if weights == "preset" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = constructor(**arguments)
    model = as_backbone(model)
    if path is not None:
        load_weights(model, path)
        if any(is_published(path, file) for file in spec.weights):
            _match_published(model, spec)
    return model


def _resolve(path: str) -> Callable[..., keras.Model]:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(f"The constructor {path!r} could not be imported: {error}") from error


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
