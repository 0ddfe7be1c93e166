"""New layers like those of a model: on other inputs, under other names, of other classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kzoo.core.graph.keras_internals import operation_of, place_of
from kzoo.core.graph.walking import layers_of


def clone(model: keras.Model, *, inputs: Any = None, weights: Sequence[Any] | None = None) -> keras.Model:
    """New layers like those of a functional model, with the same names and no weight in common.

    Args:
        model: functional.
        inputs: a Keras tensor in place of its own, of another shape; None: as its own.
        weights: one array for each weight; None: random ones.
    """
    made = keras.models.clone_model(model, input_tensors=inputs)
    if weights is not None:
        set_weights(made, weights)
    return made


def set_weights(model: keras.Model, weights: Sequence[Any]) -> None:
    """Gives a model weights, and makes Normalization layers use them: Keras alone does not (3.15)."""
    model.set_weights(list(weights))
    finalize(model)


def finalize(*layers: Any) -> None:
    """Makes Normalization layers, those of models among them, use the weights that they have."""
    for layer in (each for one in layers for each in (layers_of(one) if isinstance(one, keras.Model) else [one])):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def graft(model: keras.Model, inputs: Any, *, prefix: str) -> list[Any]:
    """The outputs of a copy of `model` on `inputs`, whose layers' names begin with ``PREFIX.``

    Args:
        model: functional, of one input.
        inputs: Keras tensor in its place.
        prefix: another for each model of a graph, so that two of one architecture do not clash.
    """

    def renamed(layer: keras.Layer) -> Any:
        config = layer.get_config()
        return layer.__class__.from_config({**config, "name": f"{prefix}.{config['name']}"})

    return replay(model, inputs, renew=renamed)


def replay(
    model: keras.Model, inputs: Any, *, renew: Callable[[Any], Any], call: Callable[..., Any] | None = None
) -> list[Any]:
    """The outputs of new layers, with the weights of a model's, called as the model calls its own.

    Args:
        model: functional.
        inputs: Keras tensors in place of its own, in the same structure.
        renew: from an operation of the model to what stands in for it.
        call: calls what `renew` gave, with the arguments that come after it; None: simply so.
    """
    copies: dict[int, Any] = {}
    results: dict[int, Any] = {}

    def copy(operation: keras.Operation) -> Any:
        if id(operation) not in copies:
            copies[id(operation)] = renew(operation)
        return copies[id(operation)]

    def kept(copied: Any, *arguments: Any, **options: Any) -> Any:
        results[id(copied)] = call(copied, *arguments, **options) if call else copied(*arguments, **options)
        return results[id(copied)]

    keras.models.clone_model(model, input_tensors=inputs, clone_function=copy, call_function=kept)
    for layer in model.layers:
        if id(layer) in copies and copies[id(layer)].built:
            copies[id(layer)].set_weights(layer.get_weights())
    finalize(*copies.values())
    # The clone's own outputs hang on inputs of its own where it was given what is no input (Keras 3.15). Of an
    # operation that is called several times, the last call makes the output.
    made = [keras.tree.flatten(results[id(copies[id(operation_of(each))])]) for each in model.outputs]
    return [tensors[place_of(each)] for tensors, each in zip(made, model.outputs, strict=True)]
