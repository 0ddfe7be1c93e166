"""`BackboneSpec`, the card of a backbone: all that kzoo knows of it, as a printable, comparable value."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from kzoo.core.tables import Table
from kzoo.specs.catalog.modality import MODALITY_SPECS, ModalitySpec

Arguments: TypeAlias = Mapping[str, Any]
"""Keyword arguments of a constructor, which only the constructor types."""

SCALINGS = ("caffe", "tf", "torch", "unit", "none")
"""How a backbone wants its pixels, given values in 0..255:

- ``caffe``: RGB to BGR, then the ImageNet mean subtracted.
- ``tf``: to [-1, 1].
- ``torch``: to [0, 1], then the ImageNet mean subtracted and divided by its standard deviation.
- ``unit``: to [0, 1].
- ``none``: as they are, because the model scales them itself.
"""


@dataclass(frozen=True)
class WeightFile:
    """One published file of pretrained weights, without the classification top.

    Args:
        name: file name under ``$KERAS_HOME/models``.
        url: where Keras downloads it from.
        digest: the MD5, or SHA-256 (64 digits), that Keras publishes for it, or None where it publishes none.
        size: input height and width in pixels that the weights were trained at.
    """

    name: str
    url: str
    digest: str | None = None
    size: int | None = None


def scope_of(name: str) -> str:
    """A name as a Keras model may have it: those of several models together have blanks and signs in them.

    Example:
        >>> scope_of("resnet50 + mobilenet_v2_035")
        'resnet50_mobilenet_v2_035'
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).lstrip("_-")


@dataclass(frozen=True, repr=False)
class BackboneSpec:
    """The card of a backbone: all that has to be known before it is built. It prints as a table of its fields.

    Args:
        name: the name that a user types.
        constructor: dotted path of a function that returns a ``keras.Model``: from images (B, S, S, 3) float32 to a
            feature map (B, s, s, width); from token ids (B, T) int32, or features of sound (B, steps, values) float32,
            to features (B, width) or such a map.
        arguments: keyword arguments of the constructor, apart from the input shape and the weights.
        modality: ``"image"``, ``"text"``, ``"audio"``, ``"row"``, ``"series"``, or the name of a registered one.
        size: native input: height and width in pixels, or the longest text in tokens; or the longest
            recording in samples.
        min_size: smallest input that the constructor accepts, in the same unit.
        multiple: the input must be a multiple of it, in the same unit.
        reads: how raw text becomes its input, see `kzoo.data.text.tokenizers.find_tokenizer`; or raw sound, the
            fields of `kzoo.data.audio.spectrogram.FrontEnd` (of a backbone for images: how it is to hear); or of rows,
            once there are some, ``columns``, the fields of `kzoo.data.row.columns.RowColumn`; or of series likewise,
            the fields of `kzoo.data.series.preprocess.SeriesPreprocessor`.
        scripts: the scripts that it was trained on, by ISO 15924, as ``"Latn"`` or ``"Hani"``; none: any.
        rate: peak learning rate at which its own weights are tuned; None: by its size.
        scaling: one of `SCALINGS`.
        parameters: parameters of the backbone without its top, moving statistics included.
        width: channels of the embedding after global average pooling.
        top1: ImageNet top-1 accuracy in [0, 1] as published by Keras, or None.
        top5: ImageNet top-5 accuracy in [0, 1] as published by Keras, or None.
        weights: the files of ImageNet weights that exist.
        inside: name of the file of its weights inside of kzoo itself, under ``kzoo/nano``; "" for none.
        licence: SPDX name.
        paper: address of the paper.
        source: ``"keras"``, ``"keras_cv"``, ``"keras_hub"``, ``"kzoo"``, ``"user"`` or ``"pretrained"``.

    Example:
        >>> card = BackboneSpec("small_cnn", "my_package.small_cnn", size=96, scaling="unit", licence="MIT")
        >>> card.modality, card.size, card.pretrained
        ('image', 96, '')
        >>> BackboneSpec("small_cnn", "my_package.small_cnn", scaling="0..1")
        Traceback (most recent call last):
        ...
        ValueError: scaling of 'small_cnn' must be one of caffe, tf, torch, unit, none. Got '0..1'.
    """

    name: str
    constructor: str
    arguments: Arguments = field(default_factory=dict, hash=False)
    modality: str = "image"
    size: int = 224
    min_size: int = 32
    multiple: int = 1
    scaling: str = "none"
    reads: Arguments = field(default_factory=dict, hash=False)
    scripts: tuple[str, ...] = ()
    rate: float | None = None
    parameters: int | None = None
    width: int | None = None
    top1: float | None = None
    top5: float | None = None
    weights: tuple[WeightFile, ...] = ()
    inside: str = ""
    licence: str = "Apache-2.0"
    paper: str = ""
    source: str = "user"

    def __post_init__(self) -> None:
        if self.modality not in MODALITY_SPECS:
            raise ValueError(
                f"modality of {self.name!r} must be one of {', '.join(MODALITY_SPECS)}. Got {self.modality!r}."
            )
        if self.scaling not in SCALINGS:
            raise ValueError(f"scaling of {self.name!r} must be one of {', '.join(SCALINGS)}. Got {self.scaling!r}.")
        if not 1 <= self.min_size <= self.size:
            raise ValueError(f"min_size of {self.name!r} must be in [1, size={self.size}]. Got {self.min_size}.")

    @property
    def modality_spec(self) -> ModalitySpec:
        """Properties of its modality."""
        return MODALITY_SPECS[self.modality]

    @property
    def pretrained(self) -> str:
        """The name of its weights: ``"imagenet"``, ``"preset"``, ``"inside"``, or "" where there are none."""
        if self.inside:
            return "inside"
        return "imagenet" if self.weights else "preset" if self.source in ("keras_hub", "pretrained") else ""

    @property
    def is_sparse(self) -> bool:
        """Whether it is linear in counts of hashed tokens, which a `kzoo.LinearProbe` is solved on as they are."""
        return bool(self.reads.get("blocks"))

    def table(self) -> Table:
        """The fields that say something, one a row."""
        of = self.modality_spec
        native = f"{self.size:,} x {self.size:,}" if of.square else f"at most {self.size:,}"
        multiple = f", a multiple of {self.multiple}" if self.multiple > 1 else ""
        fields = {
            "modality": self.modality,
            "input": f"{native} {of.unit}, at least {self.min_size:,}{multiple}",
            "scaling": self.scaling if of.square else "",
            "scripts": ", ".join(self.scripts),
            "parameters": "" if self.parameters is None else f"{self.parameters:,}",
            "width": "" if self.width is None else f"{self.width:,}",
            "top-1": "" if self.top1 is None else f"{self.top1:.3f}",
            "top-5": "" if self.top5 is None else f"{self.top5:.3f}",
            "weights": self.pretrained or ("own" if self.source == "user" else "none: train it from the start"),
            "constructor": self.constructor if self.source == "user" else "",
            "licence": self.licence,
            "paper": self.paper,
            "source": self.source,
        }
        return Table(("field", "value"), [row for row in fields.items() if row[1]], title=self.name)

    def __repr__(self) -> str:
        return str(self.table())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def weight_file(self, size: int) -> WeightFile | None:
        """The file whose resolution is nearest to `size` on a log scale (the larger of two), or None.

        Example:
            >>> files = tuple(WeightFile(f"{size}.h5", "", size=size) for size in (96, 128, 224))
            >>> BackboneSpec("cnn", "my_package.cnn", weights=files).weight_file(150).size
            128
        """
        if not self.weights:
            return None
        return min(self.weights, key=lambda f: (abs(math.log((f.size or self.size) / size)), -(f.size or self.size)))
