"""Languages are aligned: what is trained on texts of one answers texts of the other."""

import numpy as np
import pytest
import tensorflow as tf

import kzoo

GOOD = ["wonderful", "clean", "friendly", "beautiful", "excellent", "perfect", "great", "lovely", "nice", "best"]
BAD = ["terrible", "dirty", "rude", "ugly", "awful", "broken", "poor", "boring", "bad", "worst"]
PLAIN = ["room", "hotel", "film", "breakfast", "the", "was", "and", "very", "city", "people"]

_PAIRS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉天地玄黄宇宙洪荒日月盈昃星宿列张寒来暑往"
CHINESE = [_PAIRS[start : start + 2] for start in range(0, 40, 2)]
CHINESE += list("秋收冬藏闰余成岁律吕")
"""Made up: words of one and of two characters."""

LATIN = [f"zq{number}x" for number in range(30)]

WORDS = [*GOOD, *BAD, *PLAIN]


def dictionary(foreign: list[str]) -> dict[str, str]:
    return dict(zip(foreign, WORDS, strict=True))


def sentences(words: list[str], *, seed: int, joint: str = " ") -> tuple[list[str], list[str]]:
    """Texts of three words with an opinion and four without, and the opinions."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for number in range(60):
        opinions = words[:10] if number % 2 else words[10:20]
        chosen = rng.permutation([*rng.choice(opinions, 3), *rng.choice(words[20:], 4)])
        texts.append(joint.join(chosen))
        labels.append("good" if number % 2 else "bad")
    return texts, labels


@pytest.fixture(scope="module")
def english():
    return sentences(WORDS, seed=0)


@pytest.fixture(scope="module")
def chinese():
    return sentences(CHINESE, seed=1, joint="")


@pytest.fixture(scope="module")
def unlabelled() -> list[str]:
    """Texts of both languages, others than those of the tasks."""
    return [*sentences(WORDS, seed=8)[0], *sentences(CHINESE, seed=9, joint="")[0]]


@pytest.fixture(scope="module")
def bilingual(unlabelled):
    return kzoo.align_languages("kzoo_nano_text", dictionary(CHINESE), texts=unlabelled)


@pytest.fixture(scope="module")
def adapted(bilingual, english):
    return kzoo.adapt(bilingual, kzoo.Classification(english), schedule="linear_probe")


def test_trained_in_one_language_it_answers_in_the_other(adapted, chinese):
    assert np.mean(adapted.predict(chinese[0]).labels == np.array(chinese[1])) > 0.9


def test_a_text_of_the_second_language_is_the_mean_of_its_own_words(adapted):
    outputs = adapted.predict(["甲乙秋", "甲乙, 秋!!! 123 (。)"]).outputs
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-5)


@pytest.mark.slow
def test_of_one_script_as_well(english, unlabelled):
    foreign = sentences(LATIN, seed=2)
    texts = [*unlabelled[:60], *sentences(LATIN, seed=9)[0]]
    backbone = kzoo.align_languages("kzoo_nano_text", dictionary(LATIN), texts=texts)
    adapted = kzoo.adapt(backbone, kzoo.Classification(english), schedule="linear_probe")
    assert np.mean(adapted.predict(foreign[0]).labels == np.array(foreign[1])) > 0.9


@pytest.mark.slow
def test_from_parallel_sentences(english):
    """Words of no dictionary are learned from the sentences that they stand in."""
    foreign, _ = sentences(LATIN, seed=0)
    backbone = kzoo.align_languages("kzoo_nano_text", list(zip(foreign, english[0], strict=True)))
    adapted = kzoo.adapt(backbone, kzoo.Classification(english), schedule="linear_probe")
    texts, labels = sentences(LATIN, seed=3)
    assert np.mean(adapted.predict(texts).labels == np.array(labels)) > 0.9


@pytest.mark.slow
def test_the_default_schedule_leaves_words_where_they_are(bilingual, english):
    before = bilingual.backbone.get_layer("embedding").get_weights()[0].copy()
    adapted = kzoo.adapt(bilingual, kzoo.Classification(english))
    np.testing.assert_array_equal(adapted.backbone.get_layer("embedding").get_weights()[0], before)


@pytest.mark.slow
def test_saved_loaded_and_exported_it_answers_alike(adapted, english, chinese, tmp_path):
    texts = [*english[0][:10], *chinese[0][:10], f"{chinese[0][1]}, {english[0][1]}", "甲", "zzz", "。"]
    wanted = adapted.predict(texts).outputs
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    np.testing.assert_array_equal(again.predict(texts).outputs, wanted)
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served")))
    found = served.signatures["serving_default"](text=tf.constant(texts))["probabilities"]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_texts_that_it_learned_from_are_never_tested_on(bilingual, unlabelled):
    labels = ["good", "bad"] * 60
    with pytest.raises(ValueError, match="The test split is empty"):
        kzoo.plan(bilingual, kzoo.Classification((unlabelled, labels)))


def test_a_backbone_is_saved_and_loaded(bilingual, tmp_path):
    again = kzoo.load(bilingual.save(tmp_path / "backbone"))
    assert again.card == bilingual.card
    assert again.record == bilingual.record


def test_features_are_centred_by_language(bilingual, unlabelled):
    from kzoo.data.text.tokenizers import find_tokenizer

    tokenizer = find_tokenizer(bilingual.card.reads)
    for texts in (unlabelled[:60], unlabelled[60:]):
        ids = tokenizer.ids(tf.constant(texts)).to_tensor(shape=(None, 30))
        features = np.asarray(bilingual.backbone(ids))
        np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-3)
        assert features.std() == pytest.approx(1, abs=1e-2)


def test_a_word_has_the_mean_vector_of_its_translations():
    several = kzoo.align_languages("kzoo_nano_text", {"甲乙": ["hotel", "room"], "丙": "hotel", "丁": "room"})
    table = several.backbone.get_layer("embedding").get_weights()[0][-3:]
    np.testing.assert_allclose(table[0], (table[1] + table[2]) / 2, rtol=1e-5)
    assert several.card.reads["entries"].split("\n")[-3:] == ["甲乙", "丙", "丁"]
    assert several.record.entries == 3


def test_a_word_of_both_languages_keeps_its_vector():
    made = kzoo.align_languages("kzoo_nano_text", {"gift": "poison", "geschenk": "gift"})
    assert made.record.entries == 1
    assert made.card.reads["entries"].endswith("\ngeschenk")


def test_a_word_that_a_translation_quotes_is_no_word_of_both():
    made = kzoo.align_languages("kzoo_nano_text", {"好": "good", "很好": "very good, from 好"})
    assert made.card.reads["entries"].endswith("\n好\n很好")


@pytest.mark.parametrize(
    ("backbone", "pairs", "options", "error", "message"),
    [
        ("kzoo_nano_text", {}, {}, ValueError, "pairs is empty"),
        ("kzoo_nano_text", {"好": ""}, {}, ValueError, "pairs is empty"),
        ("kzoo_nano_text", {"film": "film"}, {}, ValueError, "no word of a second language"),
        ("kzoo_nano_text", 7, {}, TypeError, "Got int"),
        ("kzoo_nano_text", "no/such.tsv", {}, FileNotFoundError, "no dictionary 'no/such.tsv'"),
        ("ngrams", {"好": "good"}, {}, ValueError, "'ngrams' is neither"),
        ("kzoo_nano_image", {"好": "good"}, {}, ValueError, "'kzoo_nano_image' is neither"),
        ("kzoo_nano_text", {"好": "good"}, {"texts": ["好"] * 1}, ValueError, "Got 0 of the first and 1 of the second"),
    ],
)
def test_what_cannot_be_aligned_is_refused(backbone, pairs, options, error, message):
    with pytest.raises(error, match=message):
        kzoo.align_languages(backbone, pairs, **options)
