"""Modalities as cards see them: what can be said of a kind of input without Keras, a row each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StartBudget:
    """How long ``schedule="auto"`` trains a network from random weights.

    Args:
        examples: seen in all epochs together, within these bounds.
        least: epochs.
        most: epochs.
        patience: epochs that are no better on validation, after which it ends.
    """

    examples: int
    least: int
    most: int
    patience: int = 5


@dataclass(frozen=True, kw_only=True)
class ModalitySpec:
    """What a card has to know of a modality; how its examples are read stands in `kzoo.data.modalities.Modality`.

    Args:
        name: as ``"image"``.
        unit: unit of `kzoo.BackboneSpec.size`, in the plural.
        square: whether the size is height and width of every example, as for images. Such inputs are scaled and
            resized, and several backbones can share them.
        size_is_input: whether the size is the first dimension of the backbone's input, as for images and tokens. For
            features computed from a recording it is not.
        start_augmentation: for random weights with ``schedule="auto"``.
        start: how long ``schedule="auto"`` trains random weights.
        student_augmentation: for the training of students.
        first_model: choice of ``model="auto"`` if its weights are available; "": the bundled one.
        untrained_model: choice of ``model="auto"`` where neither was trained on the scripts of the data; "": the
            bundled one.
    """

    name: str
    unit: str
    square: bool = False
    size_is_input: bool = True
    start_augmentation: str = "none"
    start: StartBudget = StartBudget(examples=60_000, least=5, most=40)
    student_augmentation: str = "light"
    first_model: str = ""
    untrained_model: str = ""


MODALITY_SPECS = {
    each.name: each
    for each in (
        ModalitySpec(name="image", unit="pixels", square=True, first_model="mobilenet_v2_100"),
        ModalitySpec(
            name="text",
            unit="tokens",
            student_augmentation="none",
            first_model="minilm_l6",
            untrained_model="ngrams",
        ),
        ModalitySpec(name="audio", unit="samples", size_is_input=False, start_augmentation="light"),
        ModalitySpec(
            name="row",
            unit="columns",
            size_is_input=False,
            student_augmentation="none",
            untrained_model="row_mlp",
            start=StartBudget(examples=200_000, least=20, most=100, patience=15),
        ),
        ModalitySpec(
            name="series",
            unit="steps",
            student_augmentation="none",
            untrained_model="series_gru",
            start=StartBudget(examples=60_000, least=20, most=200, patience=20),
        ),
        ModalitySpec(
            name="multimodal",
            unit="numbers",
            size_is_input=False,
            start_augmentation="light",
            student_augmentation="none",
        ),
    )
}
"""By name. `kzoo.register_modality` adds one."""
