"""What texts show: near duplicates, other scripts, and unusual lengths."""

from __future__ import annotations

from collections import Counter

import numpy as np

from kzoo.data.duplicates.shingles import near_texts
from kzoo.data.examples import Examined
from kzoo.data.text.scripts import script_shares

FEW_LETTERS = 5
"""Letters, below which the script of a text says nothing."""

KANA = 0.1
"""Share of kana from which on a text is Japanese, although most of its letters may be Chinese characters."""

MOST = 0.9
"""Share of the texts in one script from which on the others stand out."""

RARE = 0.01
"""Share of the texts in a script, below which it is not named among several."""

LONG, SHORT = 20.0, 20.0
"""How many times as long, or as short, as the median a text has to be to stand out."""

LEAST, USUAL = 500, 20
"""Characters: a text is not long below the first; texts are not too short where the median is below the second."""

CHECKS = ("near duplicates", "other scripts", "extreme lengths")

Remarks = list[tuple[int | None, str, str]]


def examine_texts(column: np.ndarray) -> Examined:
    """What the texts of a checked column show, an object array (N,) of strings."""
    texts = [str(text) for text in column]
    return Examined([*_scripts(texts), *_lengths(texts)], near_texts(texts), CHECKS)


def main_script(text: str) -> str:
    """The script that most letters of a text are in, by its ISO 15924 code; "" where it has too few of them.

    Example:
        >>> main_script("The room was fine"), main_script("酒店很好，服务也好"), main_script("5/5")
        ('Latn', 'Hani', '')
    """
    if sum(map(str.isalpha, text[: 10 * FEW_LETTERS])) < FEW_LETTERS:
        return ""
    shares = script_shares([text])
    return "Jpan" if shares.get("Jpan", 0) >= KANA else next(iter(shares))


def _scripts(texts: list[str]) -> Remarks:
    scripts = [main_script(text) for text in texts]
    counts = Counter(script for script in scripts if script)
    if len(counts) < 2:
        return []
    usual, most = counts.most_common(1)[0]
    share = most / counts.total()
    if share >= MOST:
        alike = {usual, "", "Hani"} if usual == "Jpan" else {usual, ""}
        detail = f"most letters are {{}}; {share:.1%} of the texts are in {usual}"
        return [(row, "other script", detail.format(each)) for row, each in enumerate(scripts) if each not in alike]
    shares = [f"{count / counts.total():.0%} {script}" for script, count in counts.most_common()]
    named = shares[: max(2, sum(count >= RARE * counts.total() for count in counts.values()))]
    return [(None, "mixed scripts", f"texts by their main script: {', '.join(named)}")]


def _lengths(texts: list[str]) -> Remarks:
    sizes = np.array([len(text) for text in texts])
    median = float(np.median(sizes)) if len(sizes) else 0.0
    long = (sizes > LONG * median) & (sizes > LEAST)
    short = (sizes * SHORT < median) & (median >= USUAL)
    detail = f"{{:,}} characters; the median is {median:,.0f}"
    return [(row, "extreme length", detail.format(sizes[row])) for row in np.flatnonzero(long | short).tolist()]
