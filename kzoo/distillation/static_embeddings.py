"""`distill_static`: one vector for each entry of an encoder's vocabulary, in place of the encoder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA

from kzoo.core.graph.calling import compiled
from kzoo.core.progress import track
from kzoo.data.modalities import MODALITIES
from kzoo.data.text.subwords import Subwords
from kzoo.data.text.tokenizers import find_tokenizer
from kzoo.data.text.wordpiece import SPECIAL, read_vocabulary
from kzoo.models.stages import cut_into_stages
from kzoo.models.zoo.text import ngram_bag
from kzoo.results.pretrained import Pretrained
from kzoo.setup.model_source import ModelLike, source_of
from kzoo.specs.card import BackboneSpec
from kzoo.specs.records.pretrained_record import PretrainedRecord

BATCH = 512

RARE = 1e-3
"""Tokens that are more frequent than this count for less (the a of smooth inverse frequency)."""


def distill_static(
    model: ModelLike = "minilm_l6", *, width: int = 256, weights: str | Path | None = "auto"
) -> Pretrained:
    """A text backbone that looks words up, distilled from an encoder: far faster, and in need of no extra.

    Each entry of the vocabulary goes through the encoder once, by itself. Its vector is the mean of its states after
    all blocks, scaled alike (the last alone knows less of single words); principal components are kept, and what is
    frequent counts for less (smooth inverse frequency, https://openreview.net/forum?id=SyK00v5xx; the method is that
    of https://github.com/MinishLab/model2vec, but for the states of all blocks). A text is the mean of its tokens.

    Args:
        model: a text encoder: a name, ``"hf_dir:PATH"``, a card, or an adapted one.
        width: of the embeddings, at most the encoder's.
        weights: as of `kzoo.adapt`.

    Returns:
        A backbone for `kzoo.adapt`, to save, whose vocabulary is found with core TensorFlow operations.

    Raises:
        ValueError: the model is no encoder with a vocabulary, or narrower than `width`.
        OSError: weights are missing.

    Example:
        ``kzoo.adapt(kzoo.distill_static("minilm_l6"), "reviews.csv")``
    """
    started = time.perf_counter()
    source = source_of(model, weights=weights)
    tokenizer = find_tokenizer(source.card.reads) if MODALITIES[source.card.modality].lines else None
    if not isinstance(tokenizer, Subwords):
        raise ValueError(f"Static embeddings are distilled from a text encoder. {source.card.name!r} is not one.")
    if not 1 <= width <= (source.card.width or width):
        raise ValueError(f"width must be in [1, {source.card.width}], the encoder's. Got {width}.")
    entries, ids = read_vocabulary(tokenizer.entries())
    backbone = source.build((max(3, source.card.min_size),))
    states = _states(backbone, _alone(ids, tokenizer, length=backbone.input_shape[1]), at=tokenizer.first is not None)
    vectors = PCA(width, svd_solver="covariance_eigh").fit_transform(states)
    # Vocabularies begin with what is frequent: Zipf's law gives how frequent.
    frequency = 1 / np.arange(1, len(vectors) + 1) / np.sum(1 / np.arange(1, len(vectors) + 1))
    vectors *= (RARE / (RARE + frequency))[:, None]
    static = ngram_bag((None,), buckets=len(vectors) + SPECIAL, width=width)
    table = np.zeros((len(vectors) + SPECIAL, width), np.float32)
    table[SPECIAL:] = vectors / vectors.std()
    static.get_layer("embedding").set_weights([table])
    card = BackboneSpec(
        name=f"static_{source.card.name}",
        constructor="kzoo.models.zoo.text.ngram_bag",
        arguments={"buckets": len(table), "width": width},
        modality="text",
        size=512,
        min_size=4,
        reads={"entries": entries, "lower": tokenizer.lower},
        scripts=source.card.scripts,
        rate=3e-3,
        parameters=table.size,
        width=width,
        licence=source.card.licence,
        paper=source.card.paper,
        source="user",
    )
    record = PretrainedRecord(
        objective="static embeddings",
        teacher=source.card.name,
        teacher_weights=source.weights_name,
        entries=len(vectors),
        seen=source.seen,
        seconds=round(time.perf_counter() - started, 1),
    )
    return Pretrained(card, static, record)


def _alone(ids: Sequence[int], tokenizer: Subwords, *, length: int) -> np.ndarray:
    """Each entry as a text of its own, with what begins and ends a text: int32 (N, length)."""
    before, after = ([end] if end is not None else [] for end in (tokenizer.first, tokenizer.last))
    rows = [[*before, number, *after] for number in ids]
    return np.pad(np.array(rows, np.int32), [(0, 0), (0, length - len(rows[0]))], constant_values=tokenizer.pad)


def _states(backbone: keras.Model, texts: np.ndarray, *, at: int) -> np.ndarray:
    """The mean over all stages of a token's states, each stage centred and of unit deviation: (N, width)."""
    last = [[op.output for op in stage.layers if len(op.output.shape) == 3] for stage in cut_into_stages(backbone)]
    states = keras.Model(backbone.input, [tensors[-1][:, at] for tensors in last if tensors])
    call = compiled(states)
    starts = range(0, len(texts), BATCH)
    parts = [
        [np.asarray(state) for state in call(tf.constant(texts[start : start + BATCH]))]
        for start in track(starts, "embedding the vocabulary", unit="batch", total=len(starts))
    ]
    total = np.zeros(1)
    for of_stage in zip(*parts, strict=True):
        found = np.concatenate(of_stage)
        total = total + (found - found.mean(axis=0)) / found.std()
    return total / len(parts[0])
