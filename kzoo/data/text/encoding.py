"""Encodings: the bytes of a text file as a string, with a guess where they are not UTF-8."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32 before UTF-16, whose mark is the beginning of its own."""

_PAIRS = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]")
"""Characters of GB2312, the part of GB18030 that nearly all Chinese text is made of."""


def find_encoding(data: bytes) -> str:
    """The encoding of a text: by its mark, UTF-8 where it can be, else ``"gb18030"`` or ``"cp1252"``.

    charset-normalizer 3.5 was measured on such files as well: of one line it takes French for Hungarian (cp1250) and
    Chinese for Korean, so the choice is left to the two encodings that are common.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    # Bytes of another encoding hardly ever form characters of UTF-8: where most do, a few are damaged.
    if sum(letter > "\x7f" for letter in text) - broken > broken:
        return "utf-8"
    return "gb18030" if _is_chinese(data) else "cp1252"


def _is_chinese(data: bytes) -> bool:
    """Whether bytes that are no ASCII are frequent Chinese characters (rows 16 to 55 of GB2312) and punctuation.

    The rows are in the order of pinyin. Korean has its syllables in the first half of them: some must be in the second.
    """
    high = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    leads = [pair[0] for pair in _PAIRS.findall(data)]
    frequent = [lead for lead in leads if 0xB0 <= lead <= 0xD7]
    usual = len(frequent) + sum(lead in (0xA1, 0xA3) for lead in leads)
    late = sum(lead > 0xC8 for lead in frequent)
    return 2 * len(leads) >= 0.9 * high and usual >= 0.85 * len(leads) and late >= max(0.1 * len(frequent), 1)


def decode_text(data: bytes) -> tuple[str, str]:
    """A text without its mark, and its encoding; U+FFFD stands for what is broken."""
    name = find_encoding(data)
    text = data.decode(name, errors="replace")
    return text.removeprefix("\ufeff"), name


def read_text(path: Path, notes: list[str]) -> str:
    """The text of a file. A guessed encoding is added to `notes`."""
    text, name = decode_text(path.read_bytes())
    if note := describe(name):
        notes.append(f"{path.name} {note}")
    return text


def describe(name: str) -> str:
    """A note on an encoding that was guessed; "" for Unicode, which is certain."""
    if name.startswith("utf"):
        return ""
    return f"is not UTF-8. It was read as {name}. Save it as UTF-8 if characters are wrong"


def lines_of(text: str) -> list[str]:
    """The lines of a text, which end at ``\\n`` or ``\\r\\n`` alone: U+2028, U+0085 and the like are part of a line.

    `str.splitlines` ends a line at all of them.
    """
    lines = text.split("\n")
    if lines[-1] == "":
        del lines[-1]
    return [line.removesuffix("\r") for line in lines]
