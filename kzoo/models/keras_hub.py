"""KerasHub's encoders as functional models of one input: cut, frozen and saved like any other."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from kzoo.models.files.configs import at_most
from kzoo.models.files.keras_archive import SPARE
from kzoo.models.files.presets import check_preset
from kzoo.models.weights import WeightsError


def load(preset: str, *, weights: Any, extra: str) -> Any:
    """A backbone of KerasHub's.

    Args:
        preset: name of a preset, or a folder of one, or in Hugging Face's form.
        weights: ``"preset"``, or None for random ones.
        extra: of kzoo's, that brings KerasHub.

    Raises:
        ImportError: KerasHub is not installed.
        WeightsError: the preset is neither here nor to be had.
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
            f"The preset {preset!r} of KerasHub could not be read or fetched ({reason}). Without a network: bring its "
            "folder, or one in Hugging Face's form (config.json, model.safetensors, vocabulary)."
        ) from error


def rewire(original: keras.Model, feeds: Mapping[str, Any], *, output: str, exact_gelu: bool = False) -> Any:
    """An output of new layers like those of a model, with their weights, called on other inputs.

    Args:
        original: a functional model.
        feeds: what its inputs of these names get; outputs that need others cannot be asked for.
        output: its name.
        exact_gelu: layers with an approximated GELU get the exact one.
    """
    asked = original.output[output] if isinstance(original.output, Mapping) else original.output
    part = keras.Model({name: original.input[name] for name in feeds}, asked)
    made: dict[str, Any] = {}
    wanted = next(each.name for each in part.operations if any(t is asked for t in keras.tree.flatten(each.output)))

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        made[layer.name] = layer(*arguments, **options)
        return made[layer.name]

    copied = keras.models.clone_model(
        part,
        input_tensors=dict(feeds),
        clone_function=lambda layer: clone(layer, exact_gelu=exact_gelu),
        call_function=call,
    )
    copied.set_weights(part.get_weights())
    return made[wanted]


def clone(layer: Any, *, exact_gelu: bool = False) -> Any:
    """A new layer like another, but for an approximated GELU where the exact one is asked for."""
    config = layer.get_config()
    if exact_gelu and "activation" in config and "gelu" in str(config["activation"]):
        config["activation"] = "gelu"
    return layer.__class__.from_config(config)
