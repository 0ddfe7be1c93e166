"""`Pretrained`: a backbone with weights of its own, which goes wherever a model goes."""

from __future__ import annotations

import dataclasses
import json
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import keras

from kzoo.core import figures
from kzoo.core.graph.cloning import clone
from kzoo.core.graph.walking import layers_of
from kzoo.core.storage import DamagedError
from kzoo.core.tables import Table
from kzoo.models.backbones import Source
from kzoo.results.files.saving import read, write
from kzoo.specs.card import BackboneSpec
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.records.seen import Seen, remember
from kzoo.specs.registry import refuse_taken, register

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OPEN = "kzoo.results.pretrained.open_backbone"
"""The constructor of registered backbones."""

_OPEN: ContextVar[tuple[Path, ...]] = ContextVar("folders that are being opened", default=())


@dataclass(frozen=True, repr=False)
class Pretrained:
    """A backbone that `kzoo.adapt` takes as its model, or the folder that it is saved in.

    Args:
        card: what it is, and how raw examples become its input.
        backbone: functional, from that input to features.
        record: how it was made.
    """

    card: BackboneSpec
    backbone: keras.Model
    record: PretrainedRecord

    def __post_init__(self) -> None:
        remember(layers_of(self.backbone), self.seen)

    @property
    def seen(self) -> Seen:
        """The examples that its weights have seen: none of them is tested on when it is adapted."""
        return self.record.seen

    def save(self, directory: str | Path) -> Path:
        """Writes card, weights and checksums to `directory`, whole or not at all.

        Raises:
            FileExistsError: what is there is no saved model.
        """
        values = {"card": self.card, "record": self.record.as_plain()}
        return write(directory, network=self.backbone, values=values, description=describe(self.card, self.record))

    def register(self, name: str, directory: str | Path) -> BackboneSpec:
        """Saves it to `directory`, and adds it to the registry of this process: `name` goes wherever a model goes.

        Returns:
            The card of that name.

        Raises:
            ValueError: the name is taken.
            FileExistsError: what is in the directory is no saved model.
        """
        refuse_taken(name)
        arguments = {"folder": str(self.save(directory).absolute()), "channels": self.backbone.input_shape[-1]}
        fields = vars(self.card) | {"arguments": arguments, "source": "pretrained", "inside": ""}
        del fields["name"], fields["constructor"]
        return register(name, OPEN, **fields)

    def plot(self) -> Figure:
        """Loss and probe over the steps of its pretraining, as a matplotlib figure (extra ``viz``).

        Raises:
            ValueError: it was not made in steps that were watched.
        """
        if self.record.course is None:
            raise ValueError(f"{self.card.name} was made by {self.record.objective}, which has no training curve.")
        return figures.course(self.record.course, title=self.card.name)

    def summary(self) -> Table:
        """Its model and how it was pretrained."""
        rows = [
            ("modality", self.card.modality),
            ("parameters", f"{self.backbone.count_params():,}"),
            ("width", self.card.width),
            *((name.replace("_", " "), _short(value)) for name, value in self.record.rows()),
        ]
        return Table(("", ""), rows, title=f"{self.card.name}, pretrained")

    def __str__(self) -> str:
        return str(self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def own_card(backbone: keras.Model, card: BackboneSpec, *, name: str, size: int) -> BackboneSpec:
    """The card of what was made of a card's backbone, at a size."""
    return dataclasses.replace(
        card,
        name=name,
        weights=(),
        inside="",
        size=max(size, card.min_size) if card.modality_spec.square else card.size,
        width=backbone.output_shape[-1],
        parameters=backbone.count_params(),
    )


def load_pretrained(directory: str | Path) -> Pretrained:
    """A backbone that `Pretrained.save` wrote. No code runs that is in the files.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: it holds an adapted model.
        DamagedError: a file is missing, changed or foreign, or a newer kzoo wrote it.
    """
    values = read(directory)
    if "head" in values:
        raise ValueError(f"{directory} contains an adapted model, not a backbone. Adapt kzoo.load({str(directory)!r}).")
    return Pretrained(values["card"], values["network"], values["record"])


def open_backbone(
    input_shape: tuple[int, ...], *, folder: str, channels: int, weights: str | None = None
) -> keras.Model:
    """The constructor of a registered `Pretrained`: for inputs of a shape, without its weights where there are none.

    Raises:
        DamagedError: what is in the folder is to be opened from that folder itself.
    """
    place = Path(folder).resolve()
    if place in _OPEN.get():
        raise DamagedError(f"{folder} names itself as the folder of its own backbone. Save or copy it again.")
    opened = _OPEN.set((*_OPEN.get(), place))
    try:
        found = load_pretrained(folder)
        model = found.backbone if weights else clone(found.backbone)
        return Source(found.card, None, model).build(input_shape)
    finally:
        _OPEN.reset(opened)


def seen_by(card: BackboneSpec) -> Seen:
    """The examples that the weights of a registered `Pretrained` have seen."""
    return load_pretrained(card.arguments["folder"]).seen if card.constructor == OPEN else Seen()


def describe(card: BackboneSpec, record: PretrainedRecord) -> str:
    """A model card: what it is, what it was trained on and for how long, and what it reached, as Markdown."""
    rows = [("modality", card.modality), ("parameters", card.parameters), ("width", card.width)]
    rows += record.rows()
    lines = [f"| {name.replace('_', ' ')} | {_short(value)} |" for name, value in rows]
    course = record.course or ()
    columns = [name for name in ("step", "loss", "probe") if course and name in course[-1]]
    table = [
        "| " + " | ".join("" if row.get(name) is None else f"{row[name]:.4g}" for name in columns) + " |"
        for row in course
    ]
    if table:
        table = ["", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", *table]
    use = f"kzoo {version('kzoo')} wrote it. `kzoo.adapt(FOLDER, task)` adapts it."
    return "\n".join([f"# {card.name}", "", use, "", "| | |", "|---|---|", *lines, *table, ""])


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)[:80]
