"""Modalities as cards see them: what can be said of a kind of input without Keras, a row each."""

from __future__ import annotations

from dataclasses import dataclass


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
    )
}
"""By name. `kzoo.register_modality` adds one."""
