"""The models of a fusion, found and built as one."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import or_

import keras

from kzoo.core.graph.cloning import graft
from kzoo.data.joint import MemberInput, scaled
from kzoo.models.backbones import Source
from kzoo.models.fusion_layers import cut_fusion, fuse
from kzoo.models.heads import pool
from kzoo.models.stages import Stage
from kzoo.specs.card import BackboneSpec, scope_of
from kzoo.specs.fusion import Fusion
from kzoo.specs.records.seen import Seen


@dataclass(frozen=True)
class FusedSource:
    """Several backbones that are about to be built as one; see `kzoo.models.backbones.Source`.

    Args:
        members: by name.
        fusion: what the user asked for.
    """

    members: dict[str, Source]
    fusion: Fusion
    _built: dict[str, keras.Model] = field(default_factory=dict, repr=False, compare=False)

    @property
    def card(self) -> BackboneSpec:
        """One card for all: the largest of native sizes; images come as they are, in 0..255."""
        cards = [member.card for member in self.members.values()]
        sizes = [card.parameters for card in cards]
        return BackboneSpec(
            name=" + ".join(self.members),
            constructor="",
            size=max(card.size for card in cards),
            min_size=max(card.min_size for card in cards),
            parameters=sum(size or 0 for size in sizes) if all(sizes) else None,
            licence=", ".join(dict.fromkeys(card.licence for card in cards)),
            source=next((card.source for card in cards if card.source == "keras_cv"), "kzoo"),
        )

    @property
    def weights(self) -> None:
        """Each member has its own."""

    @property
    def model(self) -> None:
        """Each member has its own."""

    @property
    def weights_name(self) -> str | None:
        """The name of the weights in a record; None if no member has any."""
        names = [member.weights_name for member in self.members.values()]
        return " + ".join(name or "random" for name in names) if any(names) else None

    @property
    def seen(self) -> Seen:
        """The examples that the weights of any member have seen."""
        return functools.reduce(or_, (member.seen for member in self.members.values()))

    @property
    def channels(self) -> int:
        """Channels of the images that all members take."""
        return next(iter(self.members.values())).channels

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the members."""
        return tuple(note for member in self.members.values() for note in member.notes)

    def check(self, size: int) -> list[str]:
        """Notes on the weights; raises, before any work, where the size does not suit a member or it has none."""
        return [note for member in self.members.values() for note in member.check(size)]

    def for_outputs(self, outputs: int) -> FusedSource:
        """The same: none is sparse."""
        return self

    def with_card(self, card: BackboneSpec) -> FusedSource:
        """The same: the card is that of its members."""
        return self

    def build(self, shape: Sequence[int]) -> keras.Model:
        """The fused backbone, for images (B, S, S, C) in 0..255, to one embedding (B, width)."""
        pixels = keras.Input(tuple(shape), name="pixels")
        embeddings = []
        for name, member in self.members.items():
            self._built[name] = member.build(shape)
            inputs = scaled(MemberInput(scaling=member.card.scaling), pixels, prefix=name)
            (features,) = graft(self._built[name], inputs, prefix=name)
            embeddings.append(pool(features, "avg", name=f"{name}.pool"))
        return keras.Model(pixels, fuse(embeddings, self.fusion.how), name="fusion")

    def stages(self, backbone: keras.Model) -> Sequence[Stage]:
        """The stages of what `build` gave."""
        return cut_fusion(backbone, self._built)


def fused_source(fusion: Fusion, sources: Sequence[Source]) -> FusedSource:
    """Several sources as one.

    Raises:
        ValueError: a member is for something else than images, or they take other channels.
    """
    named: dict[str, Source] = {}
    for source in sources:
        if not source.card.modality_spec.square:
            raise ValueError(f"Backbones for images are fused; {source.card.name!r} is one for {source.card.modality}.")
        name = scope_of(source.card.name)
        numbered = (f"{name}_{number}" if number > 1 else name for number in itertools.count(1))
        named[next(each for each in numbered if each not in named)] = source
    if len({source.channels for source in sources}) > 1:
        raise ValueError(f"All members must take images of as many channels: {', '.join(named)} do not.")
    return FusedSource(named, fusion)
