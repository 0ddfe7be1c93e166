"""The cards of backbones for sound: `AUDIO_CATALOG`.

`keyword_cnn` needs nothing but training. KerasHub's encoders are built by KerasHub (extra ``audio``), which fetches
their presets; widths and rates are those of their published configurations.
"""

from __future__ import annotations

from typing import Any

from kzoo.specs.backbone import BackboneSpec


def _whisper(key: str, *, width: int, mels: int = 80) -> BackboneSpec:
    return _hub(
        f"whisper_{key}",
        "whisper",
        width=width,
        seconds=30,
        reads={"kind": "whisper", "rate": 16_000, "frame": 400, "hop": 160, "mels": mels, "low": 0.0, "high": 8_000.0},
        paper="https://arxiv.org/abs/2212.04356",
        licence="MIT",
    )


def _hub(name: str, kind: str, *, seconds: int, **more: Any) -> BackboneSpec:
    return BackboneSpec(
        name=name,
        constructor=f"kzoo.models.audio.{kind}",
        arguments={"preset": name},
        modality="audio",
        size=seconds * 16_000,
        min_size=3_200,
        rate=5e-5,
        source="keras_hub",
        **more,
    )


_CARDS = [
    BackboneSpec(
        name="keyword_cnn",
        constructor="kzoo.models.audio.keyword_cnn",
        arguments={"width": 96, "blocks": 5},
        modality="audio",
        size=160_000,
        min_size=1_600,
        reads={"kind": "log_mel", "rate": 16_000, "frame": 400, "hop": 160, "mels": 40},
        rate=3e-3,
        parameters=57_024,
        width=96,
        paper="https://arxiv.org/abs/1711.07128",
        source="kzoo",
    ),
    *(
        _whisper(key, width=width, mels=mels)
        for key, width, mels in (
            ("tiny_en", 384, 80),
            ("tiny_multi", 384, 80),
            ("base_en", 512, 80),
            ("base_multi", 512, 80),
            ("small_en", 768, 80),
            ("small_multi", 768, 80),
            ("medium_en", 1024, 80),
            ("medium_multi", 1024, 80),
            ("large_multi", 1280, 80),
            ("large_multi_v2", 1280, 80),
        )
    ),
    *(
        _hub(
            f"moonshine_{key}_en",
            "moonshine",
            width=width,
            seconds=60,
            reads={"kind": "wave", "rate": 16_000},
            paper="https://arxiv.org/abs/2410.15608",
            licence="MIT",
        )
        for key, width in (("tiny", 288), ("base", 416))
    ),
]

AUDIO_CATALOG = {card.name: card for card in _CARDS}
"""Cards by name."""
