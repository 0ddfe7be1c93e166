"""Explanations of texts: what each word adds to a logit, as arrays, coloured words and bars."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from kzoo.core import figures
from kzoo.data.text.column import check_texts, collect_texts
from kzoo.data.text.preprocess import TextPreprocessor
from kzoo.data.text.spans import spread, token_spans, word_spans
from kzoo.results.explanation.subject import Subject
from kzoo.results.explanation.token_saliency import make_token_saliency

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOR, AGAINST = (213, 94, 0), (0, 114, 178)
"""Red, green and blue of words that speak for an output, and of those against it, which are underlined as well."""

BARS = 12
"""Words of a text in a figure, at most."""

NAMED = 3
"""Words of a text in a table."""


@dataclass(frozen=True)
class WordContribution:
    """What a word adds to a logit.

    Args:
        word: as the text has it.
        start, end: its characters in the text.
        contribution: above 0 it speaks for the output, below 0 against it.
    """

    word: str
    start: int
    end: int
    contribution: float


@dataclass(frozen=True, eq=False, repr=False)
class TextExplanation:
    """Which words of a text speak for an output.

    Args:
        name: of the input.
        label: the output that is explained.
        output: its probability, or its value.
        method: ``"exact contributions"`` of a linear model; else ``"gradient x embedding"``.
        text: the text.
        words: in their order; words beyond the length that the network reads add 0.
        characters: what each character adds, float32 (len(text),): tokens and n-grams are spread evenly over theirs.
        logit: of the output.
        rest: the logit without what the words add; of a linear model this is the bias.
    """

    name: str
    label: str
    output: float
    method: str
    text: str
    words: Sequence[WordContribution]
    characters: np.ndarray
    logit: float
    rest: float
    error: str | None = None

    def strongest_words(self, count: int) -> list[WordContribution]:
        """The words with the largest sums over all the places where they occur, for or against; a word counts once."""
        sums: dict[str, float] = {}
        places: dict[str, WordContribution] = {}
        for each in self.words:
            key = each.word.lower()
            sums[key] = sums.get(key, 0.0) + each.contribution
            places.setdefault(key, each)
        order = sorted((key for key in sums if sums[key]), key=lambda key: -abs(sums[key]))[:count]
        return [WordContribution(places[key].word, places[key].start, places[key].end, sums[key]) for key in order]

    @property
    def strongest(self) -> str:
        """The words that add or take most, with how much."""
        return ", ".join(f"{each.word} {each.contribution:+.2f}" for each in self.strongest_words(NAMED)) or "no word"

    @property
    def marked(self) -> str:
        """The text, with what each word adds behind those that add a tenth of the largest or more."""
        least = 0.1 * max((abs(each.contribution) for each in self.words), default=0.0)
        parts, done = [], 0
        for each in self.words:
            if each.contribution and abs(each.contribution) >= least:
                parts.append(f"{self.text[done : each.end]}[{each.contribution:+.2f}]")
                done = each.end
        return "".join([*parts, self.text[done:]])

    def thumbnail(self) -> None:
        """A text has none."""

    def plot(self) -> Figure:
        """The words that add or take most, as a matplotlib figure of bars (extra ``viz``)."""
        return draw_texts([self])

    def __str__(self) -> str:
        return f"{self.label} {self.output:.3f}, {self.method}: {self.marked}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = f"<b>{html.escape(self.label)} {self.output:.3f}</b>, {self.method}"
        return f"<p>{head}</p><p>{self._coloured()}</p>"

    def _coloured(self) -> str:
        """The text as HTML, its words on grounds of a colour as strong as what they add."""
        largest = max((abs(each.contribution) for each in self.words), default=0.0) or 1.0
        parts, done = [], 0
        for each in self.words:
            share = each.contribution / largest
            red, green, blue = FOR if share > 0 else AGAINST
            style = f"background: rgba({red}, {green}, {blue}, {abs(share) * 0.75:.2f})"
            style += "; text-decoration: underline dotted" if share < -0.1 else ""
            word = html.escape(self.text[each.start : each.end])
            parts += [html.escape(self.text[done : each.start])]
            parts += [f'<span style="{style}" title="{each.contribution:+.3f}">{word}</span>']
            done = each.end
        return "".join([*parts, html.escape(self.text[done:])])


@figures.styled
def draw_texts(explanations: Sequence[TextExplanation]) -> Figure:
    """The words of each text that add or take most, as bars."""
    most = max(len(each.strongest_words(BARS)) for each in explanations)
    figure, axes = figures.panels(len(explanations), width=4.2, height=0.9 + 0.24 * max(most, 3), across=2)
    for axis in axes[len(explanations) :]:
        axis.axis("off")
    for axis, each in zip(axes, explanations, strict=False):
        words = each.strongest_words(BARS)[::-1]
        sizes = [word.contribution for word in words]
        colours = [figures.ORANGE if size > 0 else figures.BLUE for size in sizes]
        bars = axis.barh(range(len(words)), sizes, color=colours)
        for bar, size in zip(bars, sizes, strict=True):
            bar.set_hatch("" if size > 0 else "///")
        axis.set_yticks(range(len(words)), [word.word for word in words])
        axis.axvline(0, color=figures.GREY, linewidth=0.8)
        axis.grid(False, axis="y")
        axis.set_title(f"{each.name[:44]}\n{each.label} {each.output:.3g}", fontsize=9)
        axis.set_xlabel("added to the logit")
    return figure


def explain_texts(subject: Subject) -> Callable[[np.ndarray, np.ndarray, Sequence[str]], list[TextExplanation]]:
    """From values of a column, token ids of each, int32 (B, size), and names to explanations."""
    contribute = make_token_saliency(subject)
    preprocessor = cast(TextPreprocessor, subject.preprocessor)

    def explain(values: np.ndarray, examples: np.ndarray, names: Sequence[str]) -> list[TextExplanation]:
        found = contribute(examples)
        texts = check_texts(collect_texts(values)).column
        made = []
        for place, (value, text) in enumerate(zip(values, texts, strict=True)):
            words, spans = word_spans(text), token_spans(preprocessor, text)
            characters = spread(found.values[place], spans, text=text, words=words)
            # Spaces around a text are not read.
            start = max(value.find(text), 0) if isinstance(value, str) else 0
            whole = value if isinstance(value, str) and value[start : start + len(text)] == text else text
            start = start if whole is value else 0
            logit = float(found.logits[place])
            label, output = found.answers[place]
            made.append(
                TextExplanation(
                    *(names[place], label, output, found.method, whole),
                    words=[_word(whole, start + a, start + b, characters[a:b]) for a, b in words],
                    characters=np.pad(characters, (start, len(whole) - start - len(text))),
                    logit=logit,
                    rest=logit - float(characters.sum(dtype=np.float64)),
                )
            )
        return made

    return explain


def _word(text: str, start: int, end: int, characters: np.ndarray) -> WordContribution:
    return WordContribution(text[start:end], start, end, float(characters.sum(dtype=np.float64)))
