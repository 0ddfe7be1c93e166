"""`BackboneSource`: what every backbone offers before it is built, whether it is one or a fusion of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import keras

from kzoo.models.stages import Stage
from kzoo.specs.card import BackboneSpec
from kzoo.specs.records.seen import Seen


class BackboneSource(Protocol):
    """A backbone before it is built: `kzoo.models.backbones.Source`, or `kzoo.setup.model.FusedSource` for a fusion."""

    @property
    def card(self) -> BackboneSpec:
        """The card; that of a fusion stands for all members."""
        ...

    @property
    def weights(self) -> str | Path | None:
        """The weights that `build` loads; None for random ones, for those of `model`, and for a fusion."""
        ...

    @property
    def model(self) -> keras.Model | None:
        """The user's own model, or None."""
        ...

    @property
    def weights_name(self) -> str | None:
        """The name of the weights in a record; None for random ones."""
        ...

    @property
    def seen(self) -> Seen:
        """The examples that the weights have seen."""
        ...

    @property
    def channels(self) -> int:
        """Channels of the images that it takes."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the backbone, for a reader."""
        ...

    def check(self, size: int, /) -> list[str]:
        """Notes on the weights; raises, before any work, if the size does not suit or they are not available."""
        ...

    def for_outputs(self, outputs: int, /) -> BackboneSource:
        """The same source, at least as wide as the outputs if its table is solved as a linear model."""
        ...

    def with_card(self, card: BackboneSpec, /) -> BackboneSource:
        """The same source of another card: of one for the columns of a table."""
        ...

    def build(self, shape: Sequence[int], /) -> keras.Model:
        """The functional backbone, with its weights.

        Args:
            shape: of the input, without the batch: (S, S, C) for images, (T,) for token ids, (steps, values) for audio.

        Returns:
            From the input (B, *shape) to a map (B, h, w, width), states (B, t, width) or an embedding (B, width).
        """
        ...

    def stages(self, backbone: keras.Model, /) -> Sequence[Stage]:
        """The stages of a backbone that `build` returned, from the input to the output."""
        ...
