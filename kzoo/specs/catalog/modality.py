"""Modalities as cards see them: what can be said of a kind of input without Keras, a row each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ModalitySpec:
    """What a card has to know of a modality; how its examples are read stands in `kzoo.data.modalities.Modality`.

    Args:
        name: as ``"image"``.
        unit: what `kzoo.BackboneSpec.size` counts, in the plural.
        square: whether that is height and width of an image: of every example, not only of the longest. Images are
            scaled, resized and taken by several backbones at once.
        size_is_input: whether the first dimension of the backbone's input is as large, as that of images and tokens;
            of features that are computed from a recording it is not.
        start_augmentation: what ``schedule="auto"`` trains random weights with.
        student_augmentation: what a student imitates its teacher with.
        first_model: what ``model="auto"`` takes if its weights are available; "": the bundled one.
        untrained_model: what it takes where neither was trained on the scripts of the data; "": the bundled one.
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
