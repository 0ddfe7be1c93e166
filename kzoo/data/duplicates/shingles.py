"""Near duplicates among texts: shingles of characters, MinHash for candidates, and their Jaccard index to confirm."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

SHINGLE = 4
"""Characters of a shingle."""

LIKE = 0.8
"""Jaccard index that near duplicates reach: of 100 characters, one word of six letters may be another."""

BANDS, ROWS = 16, 4
"""A pair is compared where all hashes of a band agree: with an index of 0.8, in 9,998 of 10,000 cases."""

CROWD = 20
"""Texts of one band that are all compared with each other; of more, each with the one before it and the first."""

MOST_CHARACTERS = 2_000
"""Of a text, for its shingles."""

_BATCH = 1 << 21


def near_texts(texts: Sequence[str]) -> list[tuple[int, int, float]]:
    """Pairs of texts that are nearly the same: case, punctuation and white space do not count.

    Texts of fewer than 4 letters and digits have none.

    Args:
        texts: N of them.

    Returns:
        First index, second index, and the Jaccard index of their shingles, in [0.8, 1]; the first index is the smaller.

    Reference:
        A. Broder, On the resemblance and containment of documents, 1997.

    Example:
        >>> near_texts(["The room was clean, the staff kind.", "the room was clean; the staff kind!!", "Never again."])
        [(0, 1, 1.0)]
    """
    shingles, signatures = [], []
    for batch in _batches([normalise(text) for text in texts]):
        sets = _shingles(batch)
        signatures.append(_signatures(sets))
        shingles += sets
    if not shingles:
        return []
    # A text without shingles is like no other.
    rows = np.array([row for row, each in enumerate(shingles) if len(each)], np.int64)
    found = []
    for i, j in sorted(_candidates(np.concatenate(signatures)[rows])):
        first, second = shingles[rows[i]], shingles[rows[j]]
        if (index := _jaccard(first, second)) >= LIKE:
            found.append((int(rows[i]), int(rows[j]), index))
    return found


def normalise(text: str) -> str:
    """The letters and digits of a text, in one case and one form of Unicode.

    Example:
        >>> normalise("A ﬁne Room!  5/5")
        'afineroom55'
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]).casefold())


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _shingles(texts: Sequence[str]) -> list[np.ndarray]:
    """The distinct shingles of each text, as hashes uint64."""
    letters = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    count = max(len(letters) - SHINGLE + 1, 0)
    hashes = np.zeros(count, np.uint64)
    for place in range(SHINGLE):
        # Unsigned numbers wrap around, which is the hash.
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + letters[place : place + count]
    hashes ^= hashes >> np.uint64(29)
    ends = np.cumsum([len(text) for text in texts])
    starts = ends - [len(text) for text in texts]
    return [
        np.unique(hashes[start : max(end - SHINGLE + 1, start)])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _signatures(sets: Sequence[np.ndarray]) -> np.ndarray:
    """The smallest of each of BANDS * ROWS hashes over a set, uint32 (N, BANDS * ROWS)."""
    sizes = np.array([len(each) for each in sets])
    signatures = np.zeros((len(sets), BANDS * ROWS), np.uint32)
    full = np.flatnonzero(sizes)
    if not len(full):
        return signatures
    values = np.concatenate([each for each in sets if len(each)])
    starts = np.concatenate([[0], np.cumsum(sizes[full])[:-1]])
    numbers = np.random.default_rng(0).integers(1 << 63, size=(BANDS * ROWS, 2), dtype=np.uint64)
    for place, (factor, shift) in enumerate(numbers):
        mixed = ((values * (factor | np.uint64(1)) + shift) >> np.uint64(32)).astype(np.uint32)
        signatures[full, place] = np.minimum.reduceat(mixed, starts)
    return signatures


def _candidates(signatures: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of rows that agree in all hashes of a band."""
    pairs: set[tuple[int, int]] = set()
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])
        _, marks = np.unique(part, axis=0, return_inverse=True)
        order = np.argsort(marks.ravel(), kind="stable")
        edges = np.flatnonzero(np.diff(marks.ravel()[order])) + 1
        for crowd in np.split(order, edges):
            members = crowd.tolist()
            if len(members) > CROWD:
                pairs.update(itertools.pairwise(members))
                pairs.update((members[0], other) for other in members[2:])
            elif len(members) > 1:
                pairs.update((one, other) for n, one in enumerate(members) for other in members[n + 1 :])
    return pairs


def _jaccard(first: np.ndarray, second: np.ndarray) -> float:
    both = len(np.intersect1d(first, second, assume_unique=True))
    return both / (len(first) + len(second) - both)
