"""Statistics of two languages: which tokens tell them apart, and the mean and deviation of the features of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import keras
import numpy as np
from scipy import sparse

from kzoo.data.sources.unlabelled import read_unlabelled
from kzoo.data.text.bilingual.segmentation import counts_of, cut
from kzoo.data.text.scripts import script_shares
from kzoo.data.text.wordpiece import SPECIAL, Vocabulary
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import UserData

LEAST_TEXTS = 10
"""Texts of a language whose mean says something."""

ROUNDS = 2
"""Rounds of smoothing."""

PRIOR = 2.0
"""Texts that a word's translation counts for."""


def votes_of(entries: Sequence[str], *, foreign: int, scripts: Collection[str], own: Collection[str]) -> np.ndarray:
    """What each id says of the language of its text, float32 (V,): -1 the first, 1 the second, 0 neither.

    Args:
        entries: of the vocabulary; the last `foreign` are those of the second language.
        foreign: how many these are.
        scripts: of the second language, by ISO 15924.
        own: those of the first.
    """
    votes = np.zeros(SPECIAL + len(entries), np.float32)
    for place, entry in enumerate(entries[: len(entries) - foreign], SPECIAL):
        script = next(iter(script_shares([entry])), "")
        votes[place] = 1 if script in scripts and script not in own else -1 if script else 0
    votes[-foreign:] = 1
    return votes


def fit_languages(
    network: keras.Model, votes: np.ndarray, vocabulary: Vocabulary, texts: UserData, *, foreign: int
) -> Seen:
    """Adapts a network to unlabelled texts: words of the second language are smoothed, both languages standardised.

    Args:
        network: of `kzoo.models.zoo.text.ngram_bag`, with two languages; its weights are set.
        votes: see `votes_of`.
        vocabulary: how texts are cut.
        texts: unlabelled texts of both languages; None: features stay as they are.
        foreign: the number of words of the second language, which stand last.

    Returns:
        The texts that were read.

    Raises:
        ValueError: there are too few of one language.
    """
    (table,) = network.get_layer("embedding").get_weights()
    means, deviations = np.zeros((2, table.shape[1]), np.float32), np.ones((2, 1), np.float32)
    sides: list[sparse.csr_matrix] = []
    seen = Seen()
    if texts is not None:
        examples, _ = read_unlabelled(texts, "text")
        seen = Seen.of(unlabelled=examples.digests)
        shares = counts_of(cut(vocabulary, list(examples.columns["text"])), len(table))
        second = np.asarray(shares @ votes) > 0
        sides = [shares[~second], own_words(shares[second], votes)]
        numbers = [side.shape[0] for side in sides]
        if min(numbers) < LEAST_TEXTS:
            raise ValueError(
                f"texts must have at least {LEAST_TEXTS} texts of each language, to centre both. Got {numbers[0]} of "
                f"the first and {numbers[1]} of the second."
            )
        table[-foreign:] = smooth(sides[1], table, foreign=foreign)
    for side, of in enumerate(sides):
        features = np.asarray(of @ table)
        means[side] = features.mean(axis=0)
        deviations[side] = (features - means[side]).std() + 1e-6
    network.get_layer("embedding").set_weights([table])
    network.get_layer("languages").set_weights([votes, means, deviations])
    return seen


def own_words(shares: sparse.csr_matrix, votes: np.ndarray) -> sparse.csr_matrix:
    """The shares of the words of the second language alone in its texts, as `LanguageMean` counts them."""
    own = shares @ sparse.diags((votes > 0).astype(np.float32))
    totals = np.asarray(own.sum(axis=1)).ravel()
    return sparse.csr_matrix(sparse.diags((1 / np.maximum(totals, 1e-9)).astype(np.float32)) @ own)


def smooth(shares: sparse.csr_matrix, table: np.ndarray, *, foreign: int) -> np.ndarray:
    """Vectors of the second language, float32 (foreign, width), of words that know the texts that they stand in.

    A word's translation says what it may mean; the texts that it stands in say what it means there, and what is meant
    by words whose translations say little. So its vector is mixed with the mean of those texts, the more the more there
    are. Two rounds of it are a diffusion from words over texts to words.

    Args:
        shares: of each id in each text of the second language, float32 (N, V).
        table: vectors of all ids, float32 (V, width).
        foreign: the number of words of the second language, which stand last.
    """
    first, own = table[-foreign:], shares[:, -foreign:].tocsc()
    frequency = np.asarray((own > 0).sum(axis=0), np.float32).T
    uses = np.asarray(own.sum(axis=0)).T
    trust = frequency / (frequency + PRIOR)
    vectors = first
    for _ in range(ROUNDS):
        features = np.asarray(shares[:, :-foreign] @ table[:-foreign]) + np.asarray(own @ vectors)
        found = np.asarray(own.T @ (features - features.mean(axis=0))) / np.maximum(uses, 1e-9)
        # Means of texts are shorter than words. Both are used in one table.
        found *= _size(first, uses) / max(_size(found, uses), 1e-9)
        vectors = trust * found + (1 - trust) * first
    return vectors.astype(np.float32)


def _size(vectors: np.ndarray, uses: np.ndarray) -> float:
    """The root mean square of vectors, each as often as it is used."""
    return float(np.sqrt(np.sum(uses * vectors**2) / max(float(uses.sum()), 1e-9) / vectors.shape[1]))
