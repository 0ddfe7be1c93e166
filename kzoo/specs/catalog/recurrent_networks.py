"""The cards of recurrent and temporal networks for series, texts and recordings: `RECURRENT_CATALOG`.

They come without weights: `kzoo.adapt` trains them from random ones, or from those of `kzoo.pretrain` on data without
labels.
"""

from __future__ import annotations

from typing import Any

from kzoo.specs.card import Arguments, BackboneSpec

_GRU, _LSTM, _TCN = "1406.1078", "1503.04069", "1803.01271"


def _card(name: str, constructor: str, *, modality: str, paper: str, arguments: Arguments, **more: Any) -> BackboneSpec:
    return BackboneSpec(
        name=name,
        constructor=f"kzoo.models.zoo.recurrent.{constructor}",
        arguments=arguments,
        modality=modality,
        rate=1e-3,
        width=int(arguments["width"]),
        paper=f"https://arxiv.org/abs/{paper}",
        source="kzoo",
        **more,
    )


_STEPS = {"modality": "series", "size": 1_024, "min_size": 1}

_CARDS = [
    _card(
        "series_gru",
        "series_recurrent",
        paper=_GRU,
        arguments={"cell": "gru", "width": 128, "blocks": 2, "dropout": 0.1},
        **_STEPS,
    ),
    _card(
        "series_lstm",
        "series_recurrent",
        paper=_LSTM,
        arguments={"cell": "lstm", "width": 128, "blocks": 2, "dropout": 0.1},
        **_STEPS,
    ),
    _card(
        "series_tcn",
        "series_tcn",
        paper=_TCN,
        arguments={"width": 128, "blocks": 5, "kernel": 3, "dropout": 0.1},
        **_STEPS,
    ),
    _card(
        "text_gru",
        "text_recurrent",
        modality="text",
        paper=_GRU,
        arguments={"buckets": 1 << 15, "cell": "gru", "width": 128, "blocks": 1, "dropout": 0.2},
        reads={"buckets": 1 << 15},
        size=512,
        min_size=4,
    ),
    _card(
        "audio_gru",
        "audio_recurrent",
        modality="audio",
        paper=_GRU,
        arguments={"cell": "gru", "width": 128, "blocks": 2, "stride": 2, "dropout": 0.1},
        reads={"kind": "log_mel", "rate": 16_000, "frame": 400, "hop": 160, "mels": 40},
        size=160_000,
        min_size=1_600,
    ),
]

RECURRENT_CATALOG = {card.name: card for card in _CARDS}
"""Cards by name."""
