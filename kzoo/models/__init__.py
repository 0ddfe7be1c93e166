"""From a card to a Keras model: backbones, weights, stages, heads, assembly."""
