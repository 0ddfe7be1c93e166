"""Words and pieces: cut as WordPiece cuts them, whatever the text."""

import numpy as np
import pytest
import tensorflow as tf

from kzoo.data.text.wordpiece import MOST, SPECIAL, UNKNOWN, Vocabulary, read_vocabulary

ENTRIES = ["the", "film", "##s", "un", "##film", "##ic", "a", "##b", "房", "间", "!", "##ing", "f", "##i"]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary("\n".join(ENTRIES))


def pieces(vocabulary: Vocabulary, text: str) -> list[str]:
    names = ["[PAD]", "[UNK]", *vocabulary.entries.split("\n")]
    return [names[number] for number in vocabulary.ids(tf.constant([text])).to_list()[0]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the film", ["the", "film"]),
        ("The FILMS!", ["the", "film", "##s", "!"]),
        ("unfilmic", ["un", "##film", "##ic"]),
        ("filming", ["film", "##ing"]),
        ("fi", ["f", "##i"]),
        ("fílm", ["film"]),
        ("fi\u0301lm", ["film"]),
        ("the\u00a0film\u2003the", ["the", "film", "the"]),
        ("房间film", ["房", "间", "film"]),
        ("x", ["[UNK]"]),
        ("ab" * 3, ["a", "##b", "[UNK]", "##b", "[UNK]", "##b"]),
        ("", []),
        ("   ", []),
        ("a" + "b" * 50, ["a", *["##b"] * (MOST - 1)]),
    ],
)
def test_words_are_cut_into_the_longest_pieces(vocabulary, text, wanted):
    assert pieces(vocabulary, text) == wanted


def test_a_batch_is_each_of_its_texts(vocabulary):
    texts = ["the film", "", "unfilmic xx the", "a"]
    together = vocabulary.ids(tf.constant(texts)).to_list()
    assert together == [vocabulary.ids(tf.constant([text])).to_list()[0] for text in texts]


def test_cased_vocabularies_stay_cased():
    cased = Vocabulary("The\nthe", lower=False)
    assert pieces(cased, "The the THE") == ["The", "the", "[UNK]", "[UNK]", "[UNK]"]


def test_the_share_of_unknown_tokens(vocabulary):
    ids = vocabulary.ids(tf.constant(["the x", "the", "xyz", ""]))
    np.testing.assert_allclose(vocabulary.unknown(ids), [0.5, 0, 1, 0])


def test_it_agrees_with_word_piece():
    keras_hub = pytest.importorskip("keras_hub")
    letters = "thefilmsuncabg!"
    entries = [
        *ENTRIES,
        *(sorted(set(letters) - set(ENTRIES))),
        *(f"##{each}" for each in letters if each not in "sbi!"),
    ]
    theirs = keras_hub.tokenizers.WordPieceTokenizer(
        ["[PAD]", "[UNK]", *entries], lowercase=True, strip_accents=True, split_on_cjk=True
    )
    vocabulary = Vocabulary("\n".join(entries))
    rng = np.random.default_rng(0)
    parts = ["the", "film", "s", "un", "ic", "a", "b", "房", "!", "ing", " ", " ", "É", "i", "?"]
    texts = ["".join(rng.choice(parts, 12)) for _ in range(200)]
    ours = vocabulary.ids(tf.constant(texts)).to_list()
    wanted = [np.asarray(each).tolist() for each in theirs.tokenize(texts)]
    # Where a word cannot be cut whole, theirs gives it up; ours keeps the pieces that it knows.
    both = [pair for pair in zip(ours, wanted, strict=True) if not any(UNKNOWN in ids for ids in pair)]
    assert len(both) > 50
    assert [mine for mine, _ in both] == [other for _, other in both]


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        (["[PAD]", "[CLS]", "the", "##s", "!", "[unused1]", "##"], {"the": 2, "##s": 3, "!": 4, "s": 3}),
        (["<s>", "▁the", "s", "ing", "▁", "好"], {"the": 1, "##s": 2, "##ing": 3, "##好": 5, "好": 5, "s": 2}),
        (["<s>", "Ġthe", "s", "Ġ", "Ã©t", "Ġå¥½"], {"the": 1, "##s": 2, "##ét": 4, "好": 5, "s": 2}),
    ],
    ids=["WordPiece", "SentencePiece", "bytes"],
)
def test_vocabularies_of_encoders_are_read(entries, wanted):
    found, ids = read_vocabulary(dict(enumerate(entries)))
    made = dict(zip(found.split("\n"), ids, strict=True))
    assert made == wanted


def test_ids_begin_after_the_special_ones(vocabulary):
    assert vocabulary.ids(tf.constant(["the"])).to_list() == [[SPECIAL]]
