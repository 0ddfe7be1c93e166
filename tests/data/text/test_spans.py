"""Tokens of texts find their characters."""

import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.joint import JointTextPreprocessor
from kzoo.data.text.preprocess import TextPreprocessor
from kzoo.data.text.spans import spread, token_spans, word_spans
from kzoo.data.text.tokenizers import HashingTokenizer, find_tokenizer
from kzoo.data.text.words import split_words

TEXTS = [
    "It's a LOVELY film, isn't it?",
    "  İstanbul 很好看!! naïve café…\u3000再见\tok\u00a0x",
    "a",
    "ΟΔΥΣΣΕΥ ĳ straße 😀😀 e\u0301t\u200be",
]
RNG = np.random.default_rng(0)
LETTERS = [*"abc xyz ,.!é\u0301İß很好สวัส\u200b\u3000\t\n😀'-_1²½"]
RANDOM = ["".join(RNG.choice(LETTERS, RNG.integers(1, 60))) for _ in range(12)]


@pytest.mark.parametrize("texts", [TEXTS, RANDOM], ids=["chosen", "random"])
def test_words_are_those_that_texts_are_split_into(texts):
    for text in texts:
        wanted = [word.decode() for word in split_words(tf.constant([text])).to_list()[0]]
        words = [text[start:end] for start, end in word_spans(text)]
        assert [tf.strings.lower(word, encoding="utf-8").numpy().decode() for word in words] == wanted


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("texts", [TEXTS, RANDOM], ids=["chosen", "random"])
def test_hashes_are_those_of_their_characters(texts, blocks):
    """What a token stands for, hashed by itself, is the token."""
    tokenizer = HashingTokenizer(1 << 20, ngrams=(1, 2, 3), pieces=(2, 4), blocks=blocks)
    for text in texts:
        ids = tokenizer.ids(tf.constant([text])).to_list()[0]
        spans = token_spans(TextPreprocessor(len(ids) + 3, tokenizer), text)
        assert spans[len(ids) :].tolist() == [[0, 0]] * 3
        assert (spans[: len(ids), 1] > spans[: len(ids), 0]).all()
        words = word_spans(text)
        count = sum(max(len(words) - length, 0) for length in range(3))
        alone = tokenizer.ids(tf.constant([text[start:end] for start, end in spans[:count]])).to_list()
        assert [place for place in range(count) if ids[place] not in alone[place]] == []


def test_runs_of_words_and_letters_have_their_spans():
    text = "Ab cd"
    tokenizer = HashingTokenizer(1 << 16, ngrams=(1, 2), pieces=(2, 3))
    found = [text[start:end] for start, end in token_spans(TextPreprocessor(16, tokenizer), text)]
    # <a ab b> and <ab ab>, then the same of the second word.
    assert found == ["Ab", "cd", "Ab cd", *("A", "Ab", "b", "Ab", "Ab"), *("c", "cd", "d", "cd", "cd"), *[""] * 3]


def test_pieces_of_words_share_the_span_of_their_word():
    tokenizer = find_tokenizer(kzoo.get_card("kzoo_nano_text").reads)
    for text in [*TEXTS, "Unflinchingly bleak", *RANDOM[:4]]:
        ids = tokenizer.ids(tf.constant([text])).to_list()[0]
        spans = token_spans(TextPreprocessor(len(ids) + 1, tokenizer), text)
        by_word = [tokenizer.ids(tf.constant([text[start:end]])).to_list()[0] for start, end in word_spans(text)]
        wanted = [span for span, row in zip(word_spans(text), by_word, strict=True) for _ in row]
        # An accent alone has no token: it belongs to the next word.
        assert spans[: len(ids), 1].tolist() == [end for _, end in wanted]
        starts = np.array([start for start, _ in wanted], np.int32)
        assert (spans[: len(ids), 0] <= starts).all()
        if "\u0301" not in text and "\u0e31" not in text:
            np.testing.assert_array_equal(spans[: len(ids), 0], starts)


class Joined:
    """A tokenizer with a first and a last id, and one id for two certain words together."""

    first, last, pad = 1, 2, 0

    def ids(self, texts):
        rows = []
        for text in texts.numpy():
            words = [word.decode() for word in split_words(tf.constant([text])).to_list()[0]]
            body, place = [], 0
            while place < len(words):
                both = words[place : place + 2] == ["酒", "店"]
                body.append(7 if both else 10 + sum(map(ord, words[place])))
                place += 1 + both
            rows.append([1, *body, 2])
        return tf.ragged.constant(rows)


def test_a_token_of_several_words_has_the_span_of_all():
    spans = token_spans(TextPreprocessor(8, Joined()), "a 酒店 b")
    assert spans.tolist() == [[0, 0], [0, 1], [2, 4], [5, 6], *[[0, 0]] * 4]


def test_a_text_is_cut_where_the_network_stops_reading():
    tokenizer = HashingTokenizer(1 << 16)
    assert token_spans(TextPreprocessor(2, tokenizer), "a b c").tolist() == [[0, 1], [2, 3]]
    joint = JointTextPreprocessor((TextPreprocessor(2, tokenizer), TextPreprocessor(3, tokenizer)))
    assert token_spans(joint, "a b").tolist() == [[0, 1], [2, 3], [0, 1], [2, 3], [0, 0]]


def test_contributions_are_spread_over_the_characters_of_words_and_none_is_lost():
    text = "ab c"
    spans = np.array([[0, 2], [0, 4], [0, 0]], np.int32)
    found = spread(np.array([2.0, 3.0, 9.0]), spans, text=text, words=word_spans(text))
    np.testing.assert_allclose(found, [2.0, 2.0, 0.0, 1.0])
