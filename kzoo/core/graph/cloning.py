"""New layers like those of a model: on other inputs, under other names, of other classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from kzoo.core.graph.keras_internals import operation_of, place_of
from kzoo.core.graph.walking import layers_of
from kzoo.core.tensors import Tensor


def clone(model: keras.Model, *, inputs: Tensor = None, weights: Sequence[np.ndarray] | None = None) -> keras.Model:
    """New layers like those of a functional model, with the same names and no weight in common.

    Args:
        model: functional.
        inputs: a Keras tensor that replaces its input, perhaps of another shape; None: a new input like its own.
        weights: one array for each weight; None: random ones.
    """
    made = keras.models.clone_model(model, input_tensors=inputs)
    if weights is not None:
        set_weights(made, weights)
    return made


def set_weights(model: keras.Model, weights: Sequence[np.ndarray]) -> None:
    """Gives a model weights, and makes Normalization layers use them: Keras alone does not (3.15)."""
    model.set_weights(list(weights))
    finalize(model)


def finalize(*layers: keras.Operation) -> None:
    """Makes Normalization layers, those of models among them, use the weights that they have."""
    for layer in (each for one in layers for each in (layers_of(one) if isinstance(one, keras.Model) else [one])):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def graft(model: keras.Model, inputs: Tensor, *, prefix: str) -> list[Tensor]:
    """The outputs of a copy of `model` on `inputs`, whose layers' names begin with ``PREFIX.``

    Args:
        model: functional, of one input.
        inputs: Keras tensor that replaces its input.
        prefix: a different one for each model of a graph, so that two of one architecture do not clash.
    """

    def renamed(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        return layer.__class__.from_config({**config, "name": f"{prefix}.{config['name']}"})

    return replay(model, inputs, renew=renamed)


def replay(
    model: keras.Model,
    inputs: Tensor,
    *,
    renew: Callable[[keras.Operation], keras.Operation],
    call: Callable[..., Tensor] | None = None,
) -> list[Tensor]:
    """The outputs of new layers, with the weights of a model's, called as in the model.

    Args:
        model: functional.
        inputs: Keras tensors that replace its inputs, in the same structure.
        renew: from an operation of the model to its replacement.
        call: calls a replacement, its first argument, with the other arguments; None: calls it directly.
    """
    copies: dict[int, keras.Operation] = {}
    results: dict[int, Tensor] = {}

    def copy(operation: keras.Operation) -> keras.Operation:
        if id(operation) not in copies:
            copies[id(operation)] = renew(operation)
        return copies[id(operation)]

    def kept(copied: keras.Operation, *arguments: object, **options: object) -> Tensor:
        results[id(copied)] = call(copied, *arguments, **options) if call else copied(*arguments, **options)
        return results[id(copied)]

    keras.models.clone_model(model, input_tensors=inputs, clone_function=copy, call_function=kept)
    for layer in model.layers:
        if id(layer) in copies and copies[id(layer)].built:
            copies[id(layer)].set_weights(layer.get_weights())
    finalize(*copies.values())
    # Where `inputs` are not input layers, Keras connects the clone's outputs to new inputs (3.15). The output of an
    # operation that is called several times is that of its last call.
    made = [keras.tree.flatten(results[id(copies[id(operation_of(each))])]) for each in model.outputs]
    return [tensors[place_of(each)] for tensors, each in zip(made, model.outputs, strict=True)]
