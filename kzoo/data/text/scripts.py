"""The scripts that texts are written in."""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable

_CODES = {
    **{"LATIN": "Latn", "CYRILLIC": "Cyrl", "GREEK": "Grek", "ARMENIAN": "Armn", "GEORGIAN": "Geor"},
    **{"HEBREW": "Hebr", "ARABIC": "Arab", "SYRIAC": "Syrc", "ETHIOPIC": "Ethi"},
    **{"DEVANAGARI": "Deva", "BENGALI": "Beng", "GURMUKHI": "Guru", "GUJARATI": "Gujr", "ORIYA": "Orya"},
    **{"TAMIL": "Taml", "TELUGU": "Telu", "KANNADA": "Knda", "MALAYALAM": "Mlym", "SINHALA": "Sinh"},
    **{"THAI": "Thai", "LAO": "Laoo", "TIBETAN": "Tibt", "MYANMAR": "Mymr", "KHMER": "Khmr", "MONGOLIAN": "Mong"},
    **{"CJK": "Hani", "HIRAGANA": "Jpan", "KATAKANA": "Jpan", "BOPOMOFO": "Bopo", "HANGUL": "Hang"},
}
"""ISO 15924 codes, by the first word of the Unicode names of a script's letters."""

OTHER = "Zyyy"
"""The code of letters of any other script."""

MOST_TEXTS, MOST_LETTERS = 1_000, 200
"""How many texts are looked at, and how many letters of each."""


def script_shares(texts: Iterable[object]) -> dict[str, float]:
    """The share of letters in each script, by its ISO 15924 code; digits, punctuation and emoji do not count.

    Args:
        texts: strings, UTF-8 bytes, or others, which are left out; the first `MOST_TEXTS` count.

    Returns:
        Shares that sum to 1, the largest first; empty without any letter.

    Example:
        >>> script_shares(["Nice hotel", "酒店很好, 5/5"])
        {'Latn': 0.6923076923076923, 'Hani': 0.3076923076923077}
    """
    counts: Counter[str] = Counter()
    for text in itertools.islice(texts, MOST_TEXTS):
        if isinstance(text, bytes):
            text = text[: 4 * MOST_LETTERS].decode("utf-8", errors="ignore")
        if isinstance(text, str):
            counts.update(map(_script, filter(str.isalpha, text[:MOST_LETTERS])))
    return {script: count / counts.total() for script, count in counts.most_common()}


@functools.lru_cache(maxsize=1 << 16)
def _script(letter: str) -> str:
    word = unicodedata.name(letter, "").partition(" ")[0]
    # Half and full widths of East Asian letters are named after their width.
    if word in ("FULLWIDTH", "HALFWIDTH"):
        word = unicodedata.name(letter).split(" ")[1]
    return _CODES.get(word, OTHER)
