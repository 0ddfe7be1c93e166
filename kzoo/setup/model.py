"""The models of a fusion, found, given their inputs, and built as one."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import or_

import keras
import numpy as np

from kzoo.core.graph.cloning import graft
from kzoo.core.tensors import Tensor
from kzoo.data.joint import MemberInput, scaled, without_scaling
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.parts import find_present, modality_of, part_names, short_name
from kzoo.data.multimodal.preprocess import InputEntry, MultimodalPreprocessor
from kzoo.data.seams import Modality, Preprocessor
from kzoo.models.backbone_source import BackboneSource
from kzoo.models.backbones import Source
from kzoo.models.fusion_layers import cut_fusion, fuse, fuse_parts
from kzoo.models.heads import pool
from kzoo.models.packed_layers import PackedInput
from kzoo.models.stages import Stage
from kzoo.models.taps import find_taps
from kzoo.specs.card import BackboneSpec, scope_of
from kzoo.specs.fusion import Fusion
from kzoo.specs.records.seen import Seen


@dataclass(frozen=True)
class FusedSource:
    """Several backbones that are about to be built as one; see `kzoo.models.backbones.Source`.

    Args:
        members: by name.
        fusion: what the user asked for.
        reads_parts: whether examples have several inputs, or members are not all for images.
        levels: whether a member's embedding has the means of its earlier layers too, see `kzoo.specs.head.Head`; of
            examples of several inputs, because what a head adds by itself would be there without the input.
        preprocessor: of these inputs, once it is fitted.
    """

    members: dict[str, Source]
    fusion: Fusion
    reads_parts: bool = False
    levels: bool = False
    preprocessor: MultimodalPreprocessor | None = None
    _built: dict[str, keras.Model] = field(default_factory=dict, repr=False, compare=False)

    @property
    def card(self) -> BackboneSpec:
        """One card for all: the largest of native sizes; images come as they are, in 0..255."""
        cards = [member.card for member in self.members.values()]
        sizes = [card.parameters for card in cards]
        square = [card for card in cards if card.modality_spec.square] or cards
        return BackboneSpec(
            name=" + ".join(self.members),
            constructor="",
            modality="multimodal" if self.reads_parts else "image",
            size=max(card.size for card in square),
            min_size=max(card.min_size for card in square),
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
        cards = {name: member.card for name, member in self.members.items()}
        sizes = {name: size if card.modality_spec.square else card.size for name, card in cards.items()}
        return [note for name, member in self.members.items() for note in member.check(sizes[name])]

    def for_outputs(self, outputs: int) -> FusedSource:
        """The same: none is sparse."""
        return self

    def with_card(self, card: BackboneSpec) -> FusedSource:
        """The same: the card is that of its members."""
        return self

    def fit(
        self, column: np.ndarray, *, size: int | None, resize: str
    ) -> tuple[FusedSource, MultimodalPreprocessor, list[str]]:
        """The members with the inputs that each reads, the preprocessor of these, and notes.

        A member reads all parts of its own modality, with weights of its own for each; where there are none, those of
        a modality that it can take.

        Args:
            column: of training examples with several inputs.
            size: of images, pixels; None: the largest of the members' own.
            resize: of images.

        Raises:
            ValueError: a member has nothing to read, or nothing reads a part; or `size` is given and has no effect.
        """
        if size is not None and not any(each.card.modality_spec.square for each in self.members.values()):
            raise ValueError(
                f"size= is that of images, and no member of the fusion takes any. Leave it out. Got {size}."
            )
        members, entries, notes = dict[str, Source](), list[InputEntry](), list[str]()
        for name, source in self.members.items():
            own = _parts_for(source, part_names(column))
            for part in own:
                modality, values = MODALITIES[modality_of(part)], column[part]
                values = values[find_present(values)]
                if not len(values):
                    raise ValueError(f"No training example has the input {part!r}. Leave its column out.")
                square = source.card.modality_spec.square
                made, told = modality.fit(
                    source.card,
                    values,
                    size=(size or self.card.size) if square else None,
                    resize=resize,
                    channels=source.channels,
                )
                if square and modality.name == source.card.modality:
                    # Scaling is the member's, so that others can read the same images.
                    made = without_scaling(made)
                new = name if len(own) == 1 else f"{name}_{re.sub(r'[^A-Za-z0-9]+', '_', short_name(part))}"
                numbered = (f"{new}_{number}" if number > 1 else new for number in itertools.count(1))
                new = next(each for each in numbered if each not in members)
                members[new] = source.with_card(modality.tailor(source.card, made)) if modality.tailor else source
                entries = _with_reader(entries, part, made, new)
                notes += [f"{part}: {note}" for note in told]
        if unread := [part for part in part_names(column) if part not in {entry.part for entry in entries}]:
            raise ValueError(
                f"No member of the fusion reads {', '.join(map(repr, unread))}. Add a backbone of that modality, or "
                "name the columns that are inputs, as image=, text=, audio= and row= of the task."
            )
        preprocessor = MultimodalPreprocessor(tuple(entries))
        return replace(self, members=members, preprocessor=preprocessor, _built={}), preprocessor, notes

    def build(self, shape: Sequence[int]) -> keras.Model:
        """The fused backbone, to one embedding (B, width): of images (B, S, S, C) in 0..255, or of packed inputs."""
        if self.preprocessor is not None:
            return self._build_parts(self.preprocessor)
        if self.reads_parts:
            raise ValueError(
                f"The inputs and stages of a fusion of several modalities ({self.card.name}) follow from the task. Use "
                "kzoo.plan(fusion, task), or kzoo.adapt."
            )
        pixels = keras.Input(tuple(shape), name="pixels")
        embeddings = [self._embed(name, pixels, shape) for name in self.members]
        return keras.Model(pixels, fuse(embeddings, self.fusion.how), name="fusion")

    def _build_parts(self, preprocessor: MultimodalPreprocessor) -> keras.Model:
        packed = keras.Input(preprocessor.shape, name="inputs")
        marks = [
            PackedInput(start=preprocessor.mark(part), shape=(1,), name=f"mark{number}")(packed)
            for number, part in enumerate(preprocessor.parts)
        ]
        embeddings, owners = [], []
        for name, entry in ((name, each) for each in preprocessor.entries for name in each.members):
            shape, owner = entry.preprocessor.shape, preprocessor.parts.index(entry.part)
            whole = MODALITIES[entry.preprocessor.modality].lines
            own = PackedInput(
                start=preprocessor.span(entry)[0],
                shape=shape,
                dtype_out="int32" if whole else "float32",
                name=f"{name}.input",
            )
            embedding = self._embed(name, own(packed), shape)
            embeddings.append(keras.layers.Multiply(name=f"{name}.present")([embedding, marks[owner]]))
            owners.append(owner)
        return keras.Model(packed, fuse_parts(embeddings, marks, owners, self.fusion.how), name="fusion")

    def _embed(self, name: str, inputs: Tensor, shape: Sequence[int]) -> Tensor:
        """The embedding of a member, (B, width); beside features of random weights, numbers stand themselves."""
        member = self.members[name]
        built = self._built[name] = member.build(shape)
        scaling = member.card.scaling if member.card.modality_spec.square else "none"
        taps = find_taps(built) if self.levels else []
        whole = keras.Model(built.input, [built.output, *taps]) if taps else built
        features, *maps = graft(whole, scaled(MemberInput(scaling=scaling), inputs, prefix=name), prefix=name)
        pooled = pool(features, "avg", name=f"{name}.pool")
        if maps:
            means = [
                keras.layers.Flatten(name=f"{name}.mean{n}")(
                    keras.layers.AveragePooling2D(each.shape[1:3], name=f"{name}.tap{n}")(each)
                )
                for n, each in enumerate(maps)
            ]
            pooled = keras.layers.Concatenate(name=f"{name}.levels")([*means, pooled])
        if member.weights_name is None and len(shape) == 1 and inputs.dtype == "float32":
            return keras.layers.Concatenate(name=f"{name}.beside")([inputs, pooled])
        return pooled

    def stages(self, backbone: keras.Model) -> Sequence[Stage]:
        """The stages of what `build` gave."""
        return cut_fusion(backbone, self._built)


def fused_source(fusion: Fusion, sources: Sequence[Source]) -> FusedSource:
    """Several sources as one.

    Raises:
        ValueError: members for images take other channels.
    """
    named: dict[str, Source] = {}
    for source in sources:
        name = scope_of(source.card.name)
        numbered = (f"{name}_{number}" if number > 1 else name for number in itertools.count(1))
        named[next(each for each in numbered if each not in named)] = source
    square = [source for source in sources if source.card.modality_spec.square]
    if len({source.channels for source in square}) > 1:
        raise ValueError(f"All members must take images of as many channels: {', '.join(named)} do not.")
    return FusedSource(named, fusion, reads_parts=len(square) < len(sources))


def fit_source(
    source: BackboneSource, modality: Modality, column: np.ndarray, *, size: int | None, resize: str
) -> tuple[BackboneSource, Preprocessor, list[str]]:
    """The source, made for its input; raw examples to this input, as training examples say; and notes.

    Args:
        source: one backbone, or a fusion.
        modality: of the examples.
        column: of the training examples.
        size: of the input; None: the backbone's own.
        resize: of images.
    """
    if isinstance(source, FusedSource) and source.reads_parts:
        return source.fit(column, size=size, resize=resize)
    preprocessor, notes = modality.fit(source.card, column, size=size, resize=resize, channels=source.channels)
    if modality.tailor:
        source = source.with_card(modality.tailor(source.card, preprocessor))
    return source, preprocessor, notes


def _with_reader(entries: Sequence[InputEntry], part: str, preprocessor: Preprocessor, member: str) -> list[InputEntry]:
    """The entries with that of a member: one that is there already, if it is equal, or a new one."""
    for place, entry in enumerate(entries):
        if entry.part == part and entry.preprocessor == preprocessor:
            found = replace(entry, members=(*entry.members, member))
            return [*entries[:place], found, *entries[place + 1 :]]
    return [*entries, InputEntry(part, preprocessor, (member,))]


def _parts_for(source: Source, parts: Sequence[str]) -> list[str]:
    """The parts of an example that a member reads."""
    takes = source.card.modality
    own = [part for part in parts if modality_of(part) == takes]
    own = own or [part for part in parts if takes in MODALITIES[modality_of(part)].feeds]
    if not own:
        raise ValueError(
            f"{source.card.name!r} reads {MODALITIES[takes].noun}s, and the examples have {', '.join(parts)}. "
            f"Name a column with {takes}= of the task, or leave the backbone out."
        )
    return own
