"""The fingerprint of a model: activations are kept under it, and found again by another run or process."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
from collections.abc import Iterator
from importlib.metadata import version

import keras
import numpy as np

from kzoo.core.graph.walking import within


def fingerprint(model: keras.Model) -> str:
    """SHA-256 of all that a model's outputs follow from: its graph, its weights, its code's versions.

    Layers are told apart by their place, not by their name, which differs from one process to the next. Of layers that
    are not Keras's own, the source is part of it.
    """
    digest = hashlib.sha256(_structure(model).encode())
    digest.update(" ".join(version(name) for name in ("keras", "tensorflow")).encode())
    layers = [each for operation in model.operations for each in within(operation)]
    for kind in dict.fromkeys(type(layer) for layer in layers):
        if not kind.__module__.startswith("keras."):
            with contextlib.suppress(OSError, TypeError):
                digest.update(inspect.getsource(kind).encode())
    for weight in model.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()


def _structure(model: keras.Model) -> str:
    """A model's configuration, with layers numbered instead of named."""
    try:
        config = model.get_config()
    except NotImplementedError:
        # A layer that does not tell what it is made from: its activations are known in this process only.
        return f"{os.getpid()} {id(model.operations[0])} {[operation.name for operation in model.operations]}"
    numbers = {name: f"#{number}" for number, name in enumerate(dict.fromkeys(_names(config)))}

    def plain(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {each: plain(inner, each if each in _REFERENCES else key) for each, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner, key) for inner in value]
        return numbers.get(value, value) if isinstance(value, str) and key else value

    return json.dumps(plain(config), sort_keys=True, default=repr)


_REFERENCES = ("name", "keras_history", "input_layers", "output_layers")
"""Where layers are named in a configuration."""


def _names(config: object) -> Iterator[str]:
    """The names of a model and of all layers in it, in the order of its configuration."""
    if isinstance(config, dict):
        if isinstance(config.get("name"), str):
            yield config["name"]
        config = list(config.values())
    if isinstance(config, list | tuple):
        for value in config:
            yield from _names(value)
