"""KerasHub's networks as plain functional ones: cut, frozen and saved like any other."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import keras

from kzoo.core.graph.cloning import replay
from kzoo.core.graph.keras_internals import attributes_of, public_attributes_of
from kzoo.core.tensors import Tensor
from kzoo.models.files.configs import at_most
from kzoo.models.files.keras_archive import SPARE
from kzoo.models.files.presets import check_preset
from kzoo.models.hub.hub_layers import HubLayer, describe, inner_layers
from kzoo.models.weights import WeightsError


def load(preset: str, *, weights: str | None, extra: str) -> keras.Model:
    """A backbone of KerasHub's.

    Args:
        preset: name of a preset, or a folder of one, or in Hugging Face's form.
        weights: ``"preset"``, or None for random ones.
        extra: of kzoo's, that brings KerasHub.

    Raises:
        ImportError: KerasHub is not installed.
        WeightsError: the preset is not here and cannot be downloaded.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise ImportError(f"{preset!r} needs KerasHub: pip install 'kzoo[{extra}]'") from error
    try:
        local = Path(preset).is_dir()
        with at_most(2 * check_preset(preset) + SPARE) if local else contextlib.nullcontext():
            return keras_hub.models.Backbone.from_preset(preset, load_weights=weights == "preset")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise WeightsError(
            f"The preset {preset!r} of KerasHub could not be read or fetched ({reason}). Without a network, pass its "
            "folder, or one in Hugging Face's format (config.json, model.safetensors, vocabulary)."
        ) from error


def rewire(original: keras.Model, feeds: Mapping[str, Tensor], *, output: str = "", exact_gelu: bool = False) -> Tensor:
    """An output of new layers like those of a model, with their weights, called on other inputs.

    Args:
        original: a functional model.
        feeds: what its inputs of these names get; outputs that need others cannot be asked for. A model of one input
            without a name takes the only one.
        output: name of the output, where there are several.
        exact_gelu: layers with an approximated GELU get the exact one.
    """
    return _rewired(original, feeds, output, lambda layer: clone(layer, exact_gelu=exact_gelu), None)


def rewire_parts(original: keras.Model, feeds: Mapping[str, Tensor], *, output: str = "") -> Tensor:
    """As `rewire`, of a network of KerasHub's whose layers can be saved as its parts alone.

    A layer that holds a list of blocks is replaced by what it calls, so that each block can be a stage.
    """
    network = describe(original)
    places = {layer.name: (number,) for number, layer in enumerate(original.layers)}

    def renew(layer: keras.Layer) -> keras.Layer:
        return HubLayer(network, places[layer.name], name=layer.name) if _is_hubs(layer) else clone(layer)

    def call(layer: keras.Layer, *arguments: Tensor, **options: Tensor) -> Tensor:
        if isinstance(layer, HubLayer) and _opens(layer.inner):
            before = public_attributes_of(layer.inner)
            try:
                return _opened(layer, original.get_layer(layer.name))(*arguments, **options)
            except ValueError:
                # A block that also gives None, as those of DeiT do (0.32), cannot stand in a graph by itself.
                attributes_of(layer.inner).update(before)
        return layer(*arguments, **options)

    return _rewired(original, feeds, output, renew, call)


def _rewired(
    original: keras.Model,
    feeds: Mapping[str, Tensor],
    output: str,
    renew: Callable[[keras.Layer], keras.Layer],
    call: Callable[..., Tensor] | None,
) -> Tensor:
    asked = original.output[output] if isinstance(original.output, Mapping) else original.output
    named = isinstance(original.input, Mapping)
    part = keras.Model({name: original.input[name] for name in feeds} if named else original.input, asked)
    inputs = dict(feeds) if named else next(iter(feeds.values()))
    with warnings.catch_warnings():
        # Of inputs that have other names than those of the original.
        warnings.filterwarnings("ignore", message="When providing `inputs` as a dict")
        return replay(part, inputs, renew=renew, call=call)[0]


def clone(layer: keras.Layer, *, exact_gelu: bool = False) -> keras.Layer:
    """A copy of a layer without its weights; `exact_gelu` replaces an approximated GELU by the exact one."""
    config = layer.get_config()
    if exact_gelu and "activation" in config and "gelu" in str(config["activation"]):
        config["activation"] = "gelu"
    return layer.__class__.from_config(config)


def _is_hubs(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.Layer) and type(layer).__module__.startswith("keras_hub")


def _opened(layer: HubLayer, original: keras.Layer) -> Callable[..., Tensor]:
    """What calls the layers within a layer, each of which is then one of the graph, with the weights of the original's.

    Args:
        layer: a new one, whose parts are replaced.
        original: the one in the network.
    """
    core, sources = layer.inner, inner_layers(original)
    news: dict[int, keras.Layer] = {}
    for number, (mine, source) in enumerate(zip(inner_layers(core), sources, strict=True)):
        name = f"{layer.name}_{source.name}"
        if _is_hubs(source):
            news[id(mine)] = HubLayer(layer.network, (*layer.place, number), name=name)
        else:
            news[id(mine)] = type(source).from_config({**source.get_config(), "name": name})
    fresh = list(news.values())
    for name, value in public_attributes_of(core).items():
        # The layer's own dict: Keras has locked the lists of a layer that is built.
        if isinstance(value, keras.Layer):
            attributes_of(core)[name] = news[id(value)]
        elif isinstance(value, list | tuple):
            attributes_of(core)[name] = [news[id(each)] if isinstance(each, keras.Layer) else each for each in value]

    def call(*arguments: Tensor, **options: Tensor) -> Tensor:
        result = core.call(*arguments, **options)
        for made, source in zip(fresh, sources, strict=True):
            if made.built:
                made.set_weights(source.get_weights())
        return result

    return call


def _opens(layer: keras.Layer) -> bool:
    """Whether a layer has a list of blocks, layers that have several layers with weights themselves."""
    lists = [value for value in public_attributes_of(layer).values() if isinstance(value, list | tuple)]
    found = [each for value in lists for each in value if isinstance(each, keras.Layer)]
    names = [each.name for each in inner_layers(layer)]
    blocks = [each for each in found if sum(bool(inner.weights) for inner in inner_layers(each)) > 1]
    return bool(blocks) and len(set(names)) == len(names)
