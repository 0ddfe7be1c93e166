"""The cards of backbones for rows of a table: `ROW_CATALOG`. They have no weights: columns differ from table to table.

`kzoo.adapt` trains them from random weights, or from those of `kzoo.pretrain` on rows without labels.
"""

from __future__ import annotations

from kzoo.specs.card import Arguments, BackboneSpec


def _rows(name: str, *, paper: str, rate: float, arguments: Arguments) -> BackboneSpec:
    return BackboneSpec(
        name=name,
        constructor=f"kzoo.models.zoo.row.{name}",
        arguments={"categories": [], **arguments},
        modality="row",
        size=4_000,
        min_size=1,
        rate=rate,
        width=int(arguments["width"]),
        paper=f"https://arxiv.org/abs/{paper}",
        source="kzoo",
    )


_CARDS = [
    _rows(
        "row_mlp",
        paper="2203.05556",
        rate=1e-3,
        arguments={"width": 256, "depth": 3, "frequencies": 16, "sigma": 0.1, "dropout": 0.1},
    ),
    _rows(
        "row_resnet",
        paper="2106.11959",
        rate=1e-3,
        arguments={"width": 192, "blocks": 3, "frequencies": 16, "sigma": 0.1, "dropout": 0.1},
    ),
    _rows(
        "row_ft_transformer",
        paper="2106.11959",
        rate=1e-3,
        arguments={"width": 64, "blocks": 3, "heads": 4, "dropout": 0.1},
    ),
]

ROW_CATALOG = {card.name: card for card in _CARDS}
"""Cards by name."""
