"""Explanations of texts: the word that decides adds most, at its characters of the text."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr

import kzoo


def of_card(name, **changes):
    card = kzoo.get_card(name)
    return dataclasses.replace(card, arguments={**card.arguments, **changes}, parameters=None)


@pytest.fixture(scope="module")
def solved(text_task):
    """TF-IDF of words and parts of words, solved."""
    return kzoo.adapt(of_card("ngrams", width=4), text_task)


TEXTS = ["a lovely film, number 3", "  An AWFUL film!", "", "这个片很差"]


def test_the_word_that_decides_adds_most(solved):
    found = solved.explain(TEXTS)
    assert [each.label for each in found] == ["good", "bad", None, "bad"]
    assert [max(each.words, key=lambda word: word.contribution).word for each in found if each.error is None] == [
        "lovely",
        "AWFUL",
        "差",
    ]
    for text, each in zip(TEXTS, found, strict=True):
        if each.error is None:
            assert each.text == text
            assert [text[word.start : word.end] for word in each.words] == [word.word for word in each.words]
            assert each.characters.shape == (len(text),)
            sums = [each.characters[word.start : word.end].sum() for word in each.words]
            np.testing.assert_allclose(sums, [word.contribution for word in each.words], atol=1e-5)


def test_words_and_the_bias_sum_to_the_logit(solved):
    for label, sign in (("good", 1), ("bad", -1)):
        found = [each for each in solved.explain(TEXTS, label=label) if each.error is None]
        # Only the bias is the same for all texts.
        np.testing.assert_allclose([each.rest for each in found], found[0].rest, atol=1e-4)
        outputs = solved.predict([each.text for each in found]).outputs
        other = [each for each in solved.explain(TEXTS, label="bad" if sign == 1 else "good") if each.error is None]
        odds = [(one.logit - two.logit) / solved.temperature for one, two in zip(found, other, strict=True)]
        column = outputs[:, list(solved.labels).index(label)]
        np.testing.assert_allclose(1 / (1 + np.exp(-np.array(odds))), column, atol=1e-4)
        for each in found:
            assert each.method == "exact contributions"
            total = sum(word.contribution for word in each.words) + each.rest
            assert total == pytest.approx(each.logit, abs=1e-4)


def test_bad_texts_are_named(solved):
    found = solved.explain(TEXTS)
    assert found[2].error == "empty text"
    assert "empty text" in str(found)
    assert "empty text" in found._repr_html_()


def test_texts_are_printed_and_coloured(solved):
    found = solved.explain(["a <lovely> film", "an awful film"])
    assert "lovely[+" in str(found[0])
    page = found._repr_html_()
    assert "&lt;" in page
    assert "<lovely>" not in page
    assert page.count("<span style=") == sum(len(each.words) for each in found)
    assert "lovely +" in found[0].strongest
    figure = found.plot()
    assert len(figure.axes) == 2
    assert "lovely" in [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(found[0].plot().axes) == 1


def test_a_word_that_occurs_twice_is_listed_once(solved):
    (found,) = solved.explain("lovely, Lovely film")
    first = found.strongest_words(1)[0]
    assert first.word == "lovely"
    twice = [word.contribution for word in found.words if word.word.lower() == "lovely"]
    assert first.contribution == pytest.approx(sum(twice))


def test_other_weights_are_explained_otherwise(solved):
    """The sanity check of arXiv:1810.03292."""
    texts = [f"a {word} film, number {n}, {more}" for n, (word, more) in enumerate(PAIRS)]
    kept = solved.network.get_weights()
    before = contributions(solved, texts)
    rng = np.random.default_rng(0)
    solved.network.set_weights([rng.normal(size=weight.shape) for weight in kept])
    try:
        after = contributions(solved, texts)
    finally:
        solved.network.set_weights(kept)
    assert abs(spearmanr(before, after).statistic) < 0.4


PAIRS = [("lovely", "great and fine"), ("awful", "poor and dull"), ("很好", "fine"), ("dull", "很差")]


def contributions(adapted, texts):
    return [word.contribution for each in adapted.explain(texts, label="good") for word in each.words]


def test_pieces_of_a_vocabulary_and_hidden_layers_are_explained(text_task):
    adapted = kzoo.adapt(
        "kzoo_nano_text",
        text_task,
        schedule=kzoo.Phase("*", epochs=4, learning_rate=1e-2, batch_size=16),
        head=kzoo.Head(hidden=8),
    )
    found = adapted.explain(["a lovely film, number 3", "an awful film, number 4"])
    assert {each.method for each in found} == {"gradient x embedding"}
    assert [each.label for each in found] == ["good", "bad"]
    assert [max(each.words, key=lambda word: word.contribution).word for each in found] == ["lovely", "awful"]


@pytest.mark.slow
def test_an_ensemble_of_texts_is_explained(solved, text_task):
    other = kzoo.adapt(of_card("ngrams", width=8), text_task, seed=solved.record.seed)
    (found,) = kzoo.ensemble([solved, other]).explain("a lovely film")
    assert max(found.words, key=lambda word: word.contribution).word == "lovely"
    assert found.method == "gradient x embedding"
