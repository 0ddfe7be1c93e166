"""Characters are joined to the longest entries, from left to right, at each place of each text."""

import numpy as np
import pytest
import tensorflow as tf

from kzoo.data.text.joining import LONGEST_WORD, longest_word
from kzoo.data.text.wordpiece import Vocabulary

ENTRIES = ["酒店", "酒", "店", "不错", "不", "错", "酒店很好", "很", "好", "ok", "room", "##s", "。", "吗"]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary("\n".join(ENTRIES), joined=True)


def words(vocabulary: Vocabulary, text: str) -> list[str]:
    names = ["[PAD]", "[UNK]", *vocabulary.entries.split("\n")]
    return [names[number] for number in vocabulary.ids(tf.constant([text])).to_list()[0]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("酒店不错", ["酒店", "不错"]),
        ("酒店很好吗", ["酒店很好", "吗"]),
        ("酒店很 不错", ["酒店", "很", "不错"]),
        ("酒。店", ["酒", "。", "店"]),
        ("酒rooms店", ["酒", "room", "##s", "店"]),
        ("店不错酒", ["店", "不错", "酒"]),
        ("酒店鱼错", ["酒店", "[UNK]", "错"]),
        ("OK酒店", ["ok", "酒店"]),
        ("", []),
    ],
)
def test_the_longest_entry_is_taken(vocabulary, text, wanted):
    assert words(vocabulary, text) == wanted


def test_words_do_not_reach_beyond_their_text(vocabulary):
    texts = ["酒", "店", "", "酒店不", "错", "room"]
    found = vocabulary.ids(tf.constant(texts)).to_list()
    assert found == [vocabulary.ids(tf.constant([text])).to_list()[0] for text in texts]


def test_it_is_the_greedy_loop_whatever_the_text(vocabulary):
    rng = np.random.default_rng(0)
    known = set(ENTRIES)
    texts = ["".join(rng.choice(list("酒店不错很好。吗"), rng.integers(1, 40))) for _ in range(50)]
    for text, row in zip(texts, vocabulary.ids(tf.constant(texts)).to_list(), strict=True):
        place, wanted = 0, []
        while place < len(text):
            size = next(size for size in (4, 3, 2, 1) if size == 1 or text[place : place + size] in known)
            wanted.append(ENTRIES.index(text[place : place + size]) + 2)
            place += size
        assert row == wanted


def test_the_longest_word_is_that_of_the_entries():
    assert longest_word("\n".join(ENTRIES)) == 4
    assert longest_word("room\n##房间里") == 1
    assert longest_word("字" * 20) == LONGEST_WORD
