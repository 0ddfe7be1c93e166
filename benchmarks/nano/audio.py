"""How kzoo_nano_audio is made: the digits that four speakers of the Free Spoken Digit Dataset say, with their labels.

Speakers theo and yweweler are kept out of it: they are what it is measured on.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import kzoo
from kzoo.data.splits import read
from kzoo.specs.records.seen import Seen

KEPT_OUT = ("theo", "yweweler")

CARD = dataclasses.replace(kzoo.get_card("kzoo_nano_audio"), inside="")


def task_of(data: Path) -> kzoo.Classification:
    """The digits of four speakers."""
    paths = sorted(path for path in (data / "fsdd").glob("*.wav") if path.stem.split("_")[1] not in KEPT_OUT)
    digits = [path.stem.split("_")[0] for path in paths]
    return kzoo.Classification((paths, digits), audio=True, validation=0.05, test=0.05)


def seen(data: Path) -> Seen:
    """What its weights have seen."""
    return Seen.of(trained=read(task_of(data), "audio").train.digests)


def make(data: Path, seed: int = 0) -> kzoo.Pretrained:
    """Trains it."""
    task = task_of(data)
    made = kzoo.pretrain(
        CARD, task, objective="supervised", steps=1_500, augmentation="strong", probe=task, eval_every=300, seed=seed
    )
    origin = "Free Spoken Digit Dataset (CC BY-SA 4.0), four of six speakers"
    record = dataclasses.replace(made.record, data=origin)
    return kzoo.Pretrained(CARD, made.backbone, record)
