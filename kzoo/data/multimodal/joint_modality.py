"""The modality of examples of several inputs, made of all other modalities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NoReturn

import numpy as np

from kzoo.core.tensors import Batch
from kzoo.data.multimodal.arrange import arrange_inputs
from kzoo.data.multimodal.column import PartColumns
from kzoo.data.multimodal.described import cut_excerpt, describe_parts, make_thumbnail
from kzoo.data.multimodal.preprocess import MultimodalPreprocessor, restore_entries
from kzoo.data.multimodal.reader import MultimodalReader
from kzoo.data.multimodal.served import sample_parts, serve_parts
from kzoo.data.seams import Modality, Preprocessor
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.modality import MODALITY_SPECS


def make_multimodal(known: Mapping[str, Modality]) -> Modality:
    """The modality of several inputs.

    Args:
        known: all other modalities, by name; those that are registered later too.
    """
    columns = PartColumns(known)

    def sample(
        preprocessor: MultimodalPreprocessor, examples: Sequence[np.void]
    ) -> Mapping[str, tuple[Mapping[str, Batch], np.ndarray]]:
        return sample_parts(preprocessor, examples, known)

    def restorer(name: str) -> Callable[[object], Preprocessor]:
        if name not in known or known[name].choose:
            raise ValueError(f"A part of an example must have a modality of one input. Got {name[:100]!r}.")
        return known[name].restore

    return Modality(
        spec=MODALITY_SPECS["multimodal"],
        noun="example",
        usual=(),
        suffixes=(),
        collect=columns.collect,
        ask=columns.ask,
        check=columns.check,
        fit=_refuse,
        restore=lambda values: restore_entries(values, restorer),
        reader=partial(MultimodalReader, known=known),
        feeds=("multimodal",),
        shape=lambda card, size, channels: (size,),
        serve=partial(serve_parts, known=known),
        sample=sample,
        choose=columns.choose,
        arrange=partial(arrange_inputs, known),
        files=columns.find_paths,
        repeats=True,
        presets=True,
        thumbnail=partial(make_thumbnail, known),
        excerpt=partial(cut_excerpt, known),
        attributes=partial(describe_parts, known),
    )


def _refuse(card: BackboneSpec, *rest: object, **more: object) -> NoReturn:
    raise ValueError(
        f"A model of several inputs is made from a kzoo.Fusion, with a backbone for each. Got {card.name!r}, which is "
        "adapted already, or reads one input. kzoo.verdict and kzoo.distill do not build such models."
    )
