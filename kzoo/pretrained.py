"""Pretrained: a backbone with weights of one's own making, a value that goes wherever a model goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from kzoo.saving import read, write
from kzoo.specs.backbone import BackboneSpec
from kzoo.tables import Table


@dataclass(frozen=True, repr=False)
class Pretrained:
    """A backbone that `kzoo.adapt` takes as its model, or the folder that it is saved in.

    Args:
        card: what it is, and how raw examples become its input.
        backbone: functional, from that input to features.
        record: how it was made, as plain values.
    """

    card: BackboneSpec
    backbone: keras.Model
    record: Mapping[str, Any]

    def save(self, directory: str | Path) -> Path:
        """Writes card, weights and checksums to `directory`, whole or not at all.

        Raises:
            FileExistsError: what is there is no saved model.
        """
        return write(directory, network=self.backbone, values={"card": self.card, "record": self.record})

    def summary(self) -> Table:
        """What it is and how it was made."""
        rows = [
            ("modality", self.card.modality),
            ("parameters", f"{self.backbone.count_params():,}"),
            ("width", self.card.width),
            *((name.replace("_", " "), _short(value)) for name, value in self.record.items()),
        ]
        return Table(("", ""), rows, title=f"{self.card.name}, pretrained")

    def __str__(self) -> str:
        return str(self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def load_pretrained(directory: str | Path) -> Pretrained:
    """A backbone that `Pretrained.save` wrote. No code runs that is in the files.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: it holds an adapted model.
        DamagedError: a file is missing, changed or foreign, or a newer kzoo wrote it.
    """
    values = read(directory)
    if "head" in values:
        raise ValueError(f"{directory} holds an adapted model, not a backbone: adapt kzoo.load({str(directory)!r}).")
    return Pretrained(values["card"], values["network"], values["record"])


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)[:80]
