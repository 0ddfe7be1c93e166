"""A model that answers by the mean over several views of each example."""

from __future__ import annotations

import keras


def mean_over_views(model: keras.Model, views: int) -> keras.Model:
    """A model of all views of an example, whose outputs are the means of those of each view.

    Args:
        model: of one input (B, ...), with one or several outputs (B, K).
        views: of each example; 1 gives the model itself.

    Returns:
        From (B, views, ...) to outputs (B, K).
    """
    if views == 1:
        return model
    shape = model.input_shape[1:]
    inputs = keras.Input((views, *shape), dtype=model.input.dtype, name="views")
    outputs = model(keras.ops.reshape(inputs, (-1, *shape)))
    means = [
        keras.ops.mean(keras.ops.reshape(each, (-1, views, *each.shape[1:])), axis=1)
        for each in keras.tree.flatten(outputs)
    ]
    return keras.Model(inputs, keras.tree.pack_sequence_as(outputs, means), name=model.name)
