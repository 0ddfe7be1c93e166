"""Classification by the names of classes: a tower with a head that was never trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import keras
import numpy as np

from kzoo.data.modalities import MODALITIES
from kzoo.results.adapted import Adapted
from kzoo.results.inference import normalize
from kzoo.specs.task import Classification

Labels: TypeAlias = Sequence[str] | Mapping[str, object]
"""Names of classes; or for each name inputs of the other tower that describe it, such as texts or recordings."""


def embed_labels(tower: Adapted, labels: Labels, template: str | Sequence[str]) -> np.ndarray:
    """The embedding of each class, of unit length, float32 (classes, width): the mean over what describes it.

    Args:
        tower: that embeds the descriptions.
        labels: see `Labels`.
        template: of texts, in whose ``{}`` a name is put; or several. Not used where descriptions are given.

    Raises:
        ValueError: a description cannot be read, or a template has no ``{}``.
        TypeError: names alone are given, and the tower does not read texts.
    """
    if not isinstance(labels, Mapping):
        if not MODALITIES[tower.preprocessor.modality].lines:
            raise TypeError(
                f"The other input is {tower.preprocessor.modality}, so names of classes say nothing to it. Pass a dict "
                "from each name to examples of it, as {'seven': ['seven_1.wav', 'seven_2.wav']}."
            )
        templates = [template] if isinstance(template, str) else list(template)
        for each in templates:
            if "{}" not in each:
                raise ValueError(f"A template must have '{{}}', where the name of a class goes. Got {each!r}.")
        labels = {label: [each.replace("{}", label) for each in templates] for label in labels}
    rows = []
    for label, described in labels.items():
        asked = tower.inference.ask_outputs(described, width=len(tower.labels))
        if asked.errors:
            raise ValueError(f"What describes {label!r} cannot be read: {asked.reasons}.")
        rows.append(normalize(asked.rows).mean(axis=0))
    return normalize(np.stack(rows))


def classifier(tower: Adapted, names: Sequence[str], embeddings: np.ndarray, *, scale: float, note: str) -> Adapted:
    """A model from the inputs of a tower to probabilities of classes.

    Args:
        tower: that reads the inputs.
        names: of the classes.
        embeddings: of the classes, see `embed_labels`.
        scale: factor of the cosines, which are the logits then.
        note: for the record.
    """
    network = tower.network
    dense = keras.layers.Dense(len(names), use_bias=False, dtype="float32", name="label_embeddings")
    model = keras.Model(network.input, dense(network.output), name=f"{network.name}_by_name")
    dense.set_weights([scale * embeddings.T])
    record = replace(tower.record, notes=[note, *tower.record.notes])
    return replace(tower, kind=Classification.kind, labels=list(names), network=model, record=record)
