"""`align_languages`: the words of a second language among the static embeddings of a first one."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.linear_model import Ridge

from kzoo.core.keywords import suggests_names
from kzoo.data.modalities import MODALITIES
from kzoo.data.text.bilingual.dictionaries import Pairs, read_pairs
from kzoo.data.text.bilingual.segmentation import counts_of, cut, find_words
from kzoo.data.text.scripts import script_shares
from kzoo.data.text.subwords import Subwords
from kzoo.data.text.tokenizers import find_tokenizer
from kzoo.data.text.wordpiece import SPECIAL, Vocabulary
from kzoo.distillation.language_statistics import fit_languages, votes_of
from kzoo.distillation.static_embeddings import distill_static
from kzoo.models.zoo.text import MaskedMean, ngram_bag
from kzoo.results.pretrained import Pretrained
from kzoo.setup.model_source import ModelLike, source_of
from kzoo.specs.card import BackboneSpec
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import UserData

SENSES = 3
"""Translations of each reading of a word that count; those after them are rare senses."""

PENALTY = 0.01
"""Of the squared distance of a word's vector from that of the dictionary, beside the errors of parallel sentences."""

LEAST = 2
"""Parallel sentences that a word without an entry must stand in, to have a vector."""


@dataclass(frozen=True)
class _Known:
    """Static embeddings of the first language: what was distilled, its vocabulary, and a vector for each id."""

    card: BackboneSpec
    vocabulary: Vocabulary
    table: np.ndarray
    seen: Seen

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The mean vector of each text's tokens, float32 (N, width)."""
        return np.asarray(counts_of(cut(self.vocabulary, texts), self.vocabulary.size) @ self.table)


@suggests_names
def align_languages(
    backbone: ModelLike,
    pairs: UserData,
    *,
    texts: UserData = None,
    width: int = 256,
    weights: str | Path | None = "auto",
) -> Pretrained:
    """A text backbone of two languages: what is trained on texts of one answers texts of the other.

    The first language is that of `backbone`, as static embeddings: a text is the mean of the vectors of its words
    (`kzoo.distill_static`). A word of the second language gets the mean vector of its translations; with parallel
    sentences, the vectors with which sentences are as near to their translations as least squares can have them, which
    is distillation of a sentence encoder (arXiv:2004.09813) into a table of words. Chinese and other scripts without
    spaces are cut into the longest words of the dictionary, in the graph of an exported model.

    With `texts`, a word of the second language also learns from the texts that it stands in, and features are centred
    and scaled by language (arXiv:1911.03310), which takes away what all texts of a language have in common. The
    language of a text is that of most of its words. No label is needed for any of it.

    minilm_l6 with CC-CEDICT, a linear probe on SST-2, measured on a fifth of ChnSentiCorp, without one Chinese label:
    balanced accuracy 0.67 by the dictionary alone, 0.78 with the texts of both (`benchmarks/languages.py`).

    None of this is trained when it is adapted, so that both languages stay where they are; the head is.

    Args:
        backbone: a text encoder, as of `kzoo.distill_static`; or static embeddings: what that returned, or
            ``"kzoo_nano_text"``.
        pairs: texts of the second language and their translations into the first: a dictionary, parallel sentences, or
            both. A dict from a word to its translation or a list of them; pairs of texts; or a file, of CC-CEDICT or
            with columns separated by tabs, see `kzoo.data.text.bilingual.dictionaries.read_pairs`. A word of both
            languages keeps its vector of the first.
        texts: unlabelled texts of both languages together, as of `kzoo.pretrain`: best the training texts of the
            tasks: no later test split has any of them.
        width: of the embeddings, where an encoder is distilled.
        weights: as of `kzoo.adapt`.

    Returns:
        A backbone for `kzoo.adapt`, to save, whose words are found with core TensorFlow operations.

    Raises:
        ValueError: there are no pairs; the model has no embeddings of words; `texts` has fewer than 10 texts of a
            language.
        TypeError: the pairs are not texts.
        OSError: a file or weights are missing.

    Example:
        ``kzoo.align_languages("minilm_l6", "cedict_1_0_ts_utf-8_mdbg.txt", texts=[*english, *chinese])``
    """
    started = time.perf_counter()
    found = read_pairs(pairs)
    known = _known_of(backbone, width=width, weights=weights)
    words, vectors, learned = _translate(found, known)
    entries, table = _joined_table(known, words, vectors)
    vocabulary = Vocabulary("\n".join(entries), lower=known.vocabulary.lower, joined=True)
    if learned:
        table[-len(words) :] += _refine(learned, vocabulary, table, known, foreign=len(words))
    network = ngram_bag((None,), buckets=len(table), width=table.shape[1], languages=True)
    network.get_layer("embedding").set_weights([table])
    scripts = set(script_shares(words)) - {"Zyyy"}
    votes = votes_of(entries, foreign=len(words), scripts=scripts, own={_own_script(found)})
    read = fit_languages(network, votes, vocabulary, texts, foreign=len(words))
    card = dataclasses.replace(
        known.card,
        name=f"bilingual_{known.card.name.removeprefix('static_')}",
        constructor="kzoo.models.zoo.text.ngram_bag",
        arguments={"buckets": len(table), "width": table.shape[1], "languages": True},
        reads={"entries": vocabulary.entries, "lower": vocabulary.lower, "joined": True},
        scripts=tuple(dict.fromkeys([*known.card.scripts, *sorted(scripts)])) if known.card.scripts else (),
        parameters=network.count_params(),
        weights=(),
        inside="",
        source="user",
    )
    record = PretrainedRecord(
        objective="alignment of languages",
        teacher=known.card.name,
        entries=len(words),
        examples=len(read.unlabelled) or None,
        paper="https://arxiv.org/abs/2004.09813",
        seen=known.seen | read,
        seconds=round(time.perf_counter() - started, 1),
    )
    return Pretrained(card, network, record)


def _known_of(model: ModelLike, *, width: int, weights: str | Path | None) -> _Known:
    """The static embeddings of a model, which are distilled first where it is an encoder.

    Raises:
        ValueError: it has no table of the vectors of words.
    """
    source = source_of(model, weights=weights)
    tokenizer = find_tokenizer(source.card.reads) if MODALITIES[source.card.modality].lines else None
    if isinstance(tokenizer, Subwords):
        return _known_of(distill_static(model, width=width, weights=weights), width=width, weights="auto")
    refused = ValueError(
        "Languages are aligned in a text encoder or in static embeddings of one language. "
        f"{source.card.name!r} is neither."
    )
    if not isinstance(tokenizer, Vocabulary):
        raise refused
    backbone = source.build((max(4, source.card.min_size),))
    if not isinstance(backbone.layers[-1], MaskedMean):
        raise refused
    (table,) = backbone.get_layer("embedding").get_weights()
    return _Known(source.card, tokenizer, table, source.seen)


def _translate(pairs: Pairs, known: _Known) -> tuple[list[str], np.ndarray, Pairs]:
    """Words of the second language with the vectors of their translations, and the pairs that are sentences."""
    names = find_words([text for text, _ in pairs], lower=known.vocabulary.lower)
    shared = _words_of(pairs, lower=known.vocabulary.lower)
    readings: dict[str, list[Sequence[str]]] = {}
    sentences: Pairs = []
    for name, (text, translations) in zip(names, pairs, strict=True):
        if name is None:
            sentences.append((text, translations))
        elif name not in shared:
            readings.setdefault(name, []).append(translations[:SENSES])
    counts = Counter(
        token
        for row in cut(None, [text for text, _ in sentences], lower=known.vocabulary.lower).to_list()
        for token in set(row)
    )
    learned = {token.decode(): None for token, times in counts.items() if times >= LEAST}
    words = [*readings, *(token for token in learned if token not in shared and token not in readings)]
    if not words:
        raise ValueError("pairs has no word of a second language: all of them stand in the translations as well.")
    return words, _mean_vectors([*readings.values(), *[[]] * (len(words) - len(readings))], known), sentences


def _words_of(pairs: Pairs, *, lower: bool) -> set[str]:
    """Words of the first language in translations; glosses of Chinese quote Chinese words, which are not among them."""
    found = set(cut(None, _translations(pairs), lower=lower).flat_values.numpy().tolist())
    own = _own_script(pairs)
    return {word for word in map(bytes.decode, found) if next(iter(script_shares([word])), own) == own}


def _own_script(pairs: Pairs) -> str:
    """The script of most letters of the translations."""
    return next(iter(script_shares(_translations(pairs))), "")


def _mean_vectors(readings: Sequence[Sequence[Sequence[str]]], known: _Known) -> np.ndarray:
    """For each word, the mean over its readings of the mean vector of their translations, float32 (W, width)."""
    places: dict[str, int] = {}
    rows = [
        (row, places.setdefault(gloss, len(places)), 1 / len(glosses) / len(several))
        for row, several in enumerate(readings)
        for glosses in several
        for gloss in glosses
    ]
    if not rows:
        return np.zeros((len(readings), known.table.shape[1]), np.float32)
    at, of, shares = zip(*rows, strict=True)
    mixed = sparse.csr_matrix((shares, (at, of)), shape=(len(readings), len(places)), dtype=np.float32)
    return np.asarray(mixed @ known.embed(list(places)))


def _joined_table(known: _Known, words: Collection[str], vectors: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Entries and vectors of both languages, those of the second last; its words replace entries that are alike."""
    taken = set(words)
    own = known.vocabulary.entries.split("\n")
    kept = [place for place, entry in enumerate(own) if entry not in taken]
    table = np.concatenate([known.table[:SPECIAL], known.table[SPECIAL:][kept], vectors]).astype(np.float32)
    return [*(own[place] for place in kept), *words], table


def _refine(sentences: Pairs, vocabulary: Vocabulary, table: np.ndarray, known: _Known, *, foreign: int) -> np.ndarray:
    """What to add to the vectors of the second language, so that sentences are near to their translations."""
    counts = counts_of(cut(vocabulary, [text for text, _ in sentences]), vocabulary.size)
    missing = known.embed([translations[0] for _, translations in sentences]) - counts @ table
    # Long sentences say as much of each of their words as short ones.
    lengths = np.sqrt(np.maximum(np.diff(counts.indptr), 1)).astype(np.float32)[:, None]
    rows = counts[:, -foreign:].multiply(lengths).tocsr()
    ridge = Ridge(PENALTY, fit_intercept=False, solver="sparse_cg").fit(rows, missing * lengths)
    return np.asarray(ridge.coef_).T


def _translations(pairs: Pairs) -> list[str]:
    """All texts of the first language, each once."""
    return list(dict.fromkeys(each for _, translations in pairs for each in translations))
