"""What texts show."""

import numpy as np
import pytest

from kzoo.data.text.examine import examine_texts, main_script

ENGLISH = [f"The room on floor {number} had a {word} view" for number, word in enumerate("abcdefghijklmnopqrst")]
ENGLISH = [f"{text} of the {word * 9}" for text, word in zip(ENGLISH, "abcdefghijklmnopqrst", strict=True)]


def column(*texts):
    return np.array(texts, dtype=object)


def test_usual_texts_show_nothing():
    found = examine_texts(column(*ENGLISH))
    assert (found.remarks, found.pairs) == ([], [])
    assert found.checks == ("near duplicates", "other scripts", "extreme lengths")


def test_near_duplicates():
    assert [pair[:2] for pair in examine_texts(column(*ENGLISH, ENGLISH[3].upper() + "!")).pairs] == [(3, 20)]


def test_another_script():
    found = examine_texts(column(*ENGLISH, "Номер был чистый, вид хороший", "5/5 or 4/5"))
    assert found.remarks == [(20, "other script", "most letters are Cyrl; 95.2% of the texts are in Latn")]


def test_several_scripts_are_one_remark():
    found = examine_texts(column(*ENGLISH[:10], *[f"酒店的位置很好，房间干净{'好' * n}" for n in range(6)]))
    assert found.remarks == [(None, "mixed scripts", "texts by their main script: 62% Latn, 38% Hani")]


def test_japanese_has_texts_of_chinese_characters_alone():
    kana = [f"この部屋はとても{'良' * n}かったです" for n in range(19)]
    assert examine_texts(column(*kana, "最高品質保証商品")).remarks == []
    assert [each[0] for each in examine_texts(column(*kana, "The room was fine")).remarks] == [19]


@pytest.mark.parametrize(
    ("text", "said"),
    [("good " * 400, "2,000 characters; the median is 50"), ("ok", "2 characters; the median is 49")],
    ids=["long", "short"],
)
def test_extreme_lengths(text, said):
    assert examine_texts(column(*ENGLISH, text)).remarks == [(20, "extreme length", said)]


def test_main_script():
    texts = ("", "5/5 !!", "日本語のテキスト", "中文文本内容")
    assert list(map(main_script, texts)) == ["", "", "Jpan", "Hani"]
