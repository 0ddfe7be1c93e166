"""Parts of KerasHub's networks as layers that can be saved one by one.

KerasHub saves networks whole: the configurations of single layers lack arguments or name some that there are not (0.32:
those of DeiT, MiT, Swin, ViT). So a part is saved as the configuration of its network and its place in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import keras

from kzoo.core.graph.keras_internals import public_attributes_of
from kzoo.core.tensors import Config, Shape, Tensor

_POOL: dict[str, dict[tuple[int, ...], keras.Layer]] = {}
"""Parts of the network made last that nobody has taken, so that a model of many parts makes its network once."""


@keras.saving.register_keras_serializable(package="kzoo")
class HubLayer(keras.layers.Layer):
    """A part of a network of KerasHub's.

    Args:
        network: configuration of the network, as JSON.
        path: number of the layer in it, and of one within that: names are not the same each time.
    """

    def __init__(self, network: str, path: Sequence[int], **options: object) -> None:
        inner = _take(network, tuple(path))
        super().__init__(**{"name": inner.name, "dtype": inner.dtype_policy, **options})
        self.network, self.place = network, tuple(path)
        self.inner = inner

    def build(self, input_shape: Shape) -> None:
        """Makes the weights of the layer where its network has not."""
        if not self.inner.built:
            self.inner.build(input_shape)

    def call(self, inputs: Tensor, position_embeddings: Tensor | None = None, **options: Tensor) -> Tensor:
        """Outputs of the layer; `position_embeddings` are tensors that DINOv3's layers take."""
        if position_embeddings is not None:
            options["position_embeddings"] = position_embeddings
        return self.inner(inputs, **options)

    def get_config(self) -> Config:
        """Arguments of the layer."""
        # As an object, and not as text, so that it is checked like all that a file names.
        network = json.loads(self.network)
        return super().get_config() | {"network": network, "path": list(self.place)}

    @classmethod
    def from_config(cls, config: Config) -> HubLayer:
        """The layer of a configuration."""
        return cls(**{**config, "network": json.dumps(config["network"])})


def describe(network: keras.Model) -> str:
    """The configuration of a network of KerasHub's, as JSON."""
    return json.dumps(keras.saving.serialize_keras_object(network) | {"build_config": None})


def parts_of(network: keras.Model) -> dict[tuple[int, ...], keras.Layer]:
    """The layers of a network, and those that they have themselves, by their path."""
    found: dict[tuple[int, ...], keras.Layer] = {}
    for number, layer in enumerate(network.layers):
        found[(number,)] = layer
        found |= {(number, place): inner for place, inner in enumerate(inner_layers(layer))}
    return found


def inner_layers(layer: keras.Layer) -> list[keras.Layer]:
    """The layers that are attributes of a layer, or in a list that is."""
    values = [value if isinstance(value, list | tuple) else (value,) for value in public_attributes_of(layer).values()]
    found = {id(each): each for value in values for each in value if isinstance(each, keras.Layer)}
    return list(found.values())


def _take(network: str, path: tuple[int, ...]) -> keras.Layer:
    """A new layer of a network, which nobody else has."""
    if path not in _POOL.get(network, {}):
        _POOL.clear()
        _POOL[network] = parts_of(keras.saving.deserialize_keras_object(json.loads(network)))
    return _POOL[network].pop(path)
