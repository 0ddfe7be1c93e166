"""Dictionaries and parallel texts: pairs of a text of one language and its translations into another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from kzoo.data.text.encoding import lines_of, read_text
from kzoo.specs.task import UserData

Pairs: TypeAlias = list[tuple[str, Sequence[str]]]
"""A text and its translations, a pair for each reading of a word."""

_CEDICT = re.compile(r"(\S+) (\S+) \[([^\]]*)\] /(.*)/\s*")
"""A line of CC-CEDICT: traditional, simplified, [pinyin], /glosses/."""

_NO_GLOSS = re.compile(
    r"(CL:|surname |abbr\. (for|of) |see (also )?\S|used in |also (written|pr\.)|Taiwan pr\.|same as |"
    r"((old|archaic|erhua|Japanese|ancient|popular|nonstandard) )*variant of )",
    re.IGNORECASE,
)
"""Glosses that do not translate a word, by their beginning."""

_ASIDES = re.compile(r"\([^)]*\)|\[[^\]]*\]")


def read_pairs(pairs: UserData) -> Pairs:
    """Pairs of a dictionary or of parallel texts, each a text and its translations.

    Args:
        pairs: a dict from a word to its translation, or to a list of them; pairs of two texts; or a file, with a line
            for each: of CC-CEDICT as it is published, or of columns separated by tabs, of which the first is a word or
            a sentence, the last its translations, separated by ``/``, and of four the second another spelling, as in
            simplified, traditional, pinyin, glosses. Lines that begin with ``#`` are left out. Of glosses in a file,
            notes in brackets are left out, and those that refer to other entries.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: they are no pairs of texts.
        ValueError: there are none.
    """
    if isinstance(pairs, str | Path):
        path = Path(pairs).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"There is no dictionary {str(pairs)!r}. Pass a file, a dict or a list of pairs.")
        found = _of_lines(lines_of(read_text(path, [])), path.name)
    elif isinstance(pairs, Mapping):
        found = [_checked(word, translations) for word, translations in pairs.items()]
    elif isinstance(pairs, Iterable):
        found = [_checked(*_two(pair)) for pair in pairs]
    else:
        raise TypeError(f"pairs must be a file, a dict or a list of pairs of texts. Got {type(pairs).__name__}.")
    found = [(text, translations) for text, translations in found if text and translations]
    if not found:
        raise ValueError("pairs is empty: no text has a translation. Pass a dictionary or parallel sentences.")
    return found


def _two(pair: object) -> tuple[object, object]:
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise TypeError(f"Each of pairs must be two texts, (foreign, known). Got {str(pair)[:80]!r}.")
    return pair[0], pair[1]


def _checked(text: object, translations: object) -> tuple[str, Sequence[str]]:
    several = [translations] if isinstance(translations, str) else translations
    if not isinstance(text, str) or not isinstance(several, Sequence) or not all(isinstance(x, str) for x in several):
        raise TypeError(
            f"A pair must be a text and its translation, or a list of translations. "
            f"Got {str(text)[:40]!r}: {str(translations)[:40]!r}."
        )
    return text.strip(), [each.strip() for each in several if each.strip()]


def _of_lines(lines: Sequence[str], name: str) -> Pairs:
    found: Pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        entry = _CEDICT.fullmatch(line)
        columns = [entry[2], entry[1], entry[3], entry[4]] if entry else [part.strip() for part in line.split("\t")]
        if len(columns) < 2:
            raise ValueError(
                f"Line {number} of {name} is no pair: {line[:60]!r}. A line holds a word and its translation, "
                "separated by a tab, or is one of CC-CEDICT."
            )
        glosses = glosses_of(columns[-1])
        spellings = dict.fromkeys(columns[:2] if len(columns) == 4 else columns[:1])
        found += [(spelling, glosses) for spelling in spellings]
    return found


def glosses_of(text: str) -> list[str]:
    """The translations in a field of a dictionary, separated by ``/`` or ``;``, without what is no translation.

    Example:
        >>> glosses_of("hotel; inn (old)/CL:家[jia1]/to stay")
        ['hotel', 'inn', 'stay']
    """
    parts = [part.strip() for part in re.split(r"[/;]", text)]
    plain = [" ".join(_ASIDES.sub(" ", part).split()) for part in parts if not _NO_GLOSS.match(part)]
    return [gloss for gloss in (part.removeprefix("to ").strip(" ,") for part in plain) if gloss]
