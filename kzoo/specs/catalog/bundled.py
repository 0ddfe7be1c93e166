"""The cards of the backbones that are bundled with kzoo, with their weights: `NANO_CATALOG`.

Files beside the weights, under ``kzoo/nano``, give the training data and time. The scripts are in
``benchmarks/nano``.
"""

from __future__ import annotations

from dataclasses import replace

from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.hub_audio import AUDIO_CATALOG

_CARDS = [
    BackboneSpec(
        name="kzoo_nano_image",
        constructor="kzoo.models.zoo.image.compact_cnn",
        arguments={"widths": [16, 32, 64, 128], "blocks": [2, 3, 5], "expansion": 4, "width": 512},
        size=128,
        scaling="tf",
        parameters=805_488,
        width=512,
        inside="image.npz",
        paper="https://arxiv.org/abs/2104.00298",
        source="kzoo",
    ),
    BackboneSpec(
        name="kzoo_nano_text",
        constructor="kzoo.models.zoo.text.ngram_bag",
        arguments={"buckets": 20_895, "width": 96},
        modality="text",
        size=512,
        min_size=4,
        reads={"inside": "text.txt", "lower": True},
        scripts=("Latn", "Hani"),
        rate=3e-3,
        parameters=2_005_920,
        width=96,
        inside="text.npz",
        paper="https://arxiv.org/abs/1607.01759",
        source="kzoo",
    ),
    replace(AUDIO_CATALOG["keyword_cnn"], name="kzoo_nano_audio", inside="audio.npz"),
]

NANO_CATALOG = {card.name: card for card in _CARDS}
"""Cards by name."""

NANO = {card.modality: card.name for card in _CARDS}
"""Names by modality."""
