"""The cards of audio backbones: `AUDIO_CATALOG`.

`keyword_cnn` needs nothing but training. KerasHub's encoders are built by KerasHub (extra ``audio``), which fetches
their presets; widths and rates are those of their published configurations.
"""

from __future__ import annotations

from kzoo.specs.card import Arguments, BackboneSpec

_LISTENING = {"kind": "whisper", "rate": 16_000, "frame": 400, "hop": 160, "mels": 80, "low": 0.0, "high": 8_000.0}


def _hub(family: str, key: str, *, width: int, paper: str, reads: Arguments) -> BackboneSpec:
    """The card of a preset of KerasHub's."""
    return BackboneSpec(
        name=f"{family}_{key}",
        constructor=f"kzoo.models.zoo.audio.{family}",
        arguments={"preset": f"{family}_{key}"},
        modality="audio",
        size=30 * 16_000,
        min_size=3_200,
        reads=reads,
        rate=5e-5,
        width=width,
        licence="MIT",
        paper="https://arxiv.org/abs/" + paper,
        source="keras_hub",
    )


_CARDS = [
    BackboneSpec(
        name="keyword_cnn",
        constructor="kzoo.models.zoo.audio.keyword_cnn",
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
        _hub("whisper", key, width=width, paper="2212.04356", reads=_LISTENING)
        for key, width in (
            ("tiny_en", 384),
            ("tiny_multi", 384),
            ("base_en", 512),
            ("base_multi", 512),
            ("small_en", 768),
            ("small_multi", 768),
            ("medium_en", 1024),
            ("medium_multi", 1024),
            ("large_multi", 1280),
            ("large_multi_v2", 1280),
        )
    ),
    *(
        _hub("moonshine", key, width=width, paper="2410.15608", reads={"kind": "waveform", "rate": 16_000})
        for key, width in (("tiny_en", 288), ("base_en", 416))
    ),
]

AUDIO_CATALOG = {card.name: card for card in _CARDS}
"""Cards by name."""
