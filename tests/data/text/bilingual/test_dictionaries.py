"""Dictionaries as users have them: dicts, pairs, and files of CC-CEDICT's form."""

import pytest

from kzoo.data.text.bilingual.dictionaries import glosses_of, read_pairs

CEDICT = """# CC-CEDICT
酒店 酒店 [jiu3 dian4] /wine shop/hotel/restaurant/
房間 房间 [fang2 jian1] /room/CL:間|间[jian1],個|个[ge4]/
放下 放下 [fang4 xia4] /to lay down; to put down/to let go of (sth)/
佈 布 [bu4] /variant of 布[bu4]/
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cedict_ts.u8", CEDICT),
        (
            "cedict.tsv",
            "酒店\t酒店\tjiu3 dian4\twine shop/hotel/restaurant\n房间\t房間\tfang2 jian1\troom/CL:間|间[jian1]\n"
            "放下\t放下\tfang4 xia4\tto lay down; to put down/to let go of (sth)\n",
        ),
    ],
)
def test_files_of_cc_cedict(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert sorted(read_pairs(tmp_path / name)) == sorted(
        [
            ("酒店", ["wine shop", "hotel", "restaurant"]),
            ("房间", ["room"]),
            ("房間", ["room"]),
            ("放下", ["lay down", "put down", "let go of"]),
        ]
    )


def test_two_columns(tmp_path):
    (tmp_path / "words.tsv").write_text("hotel\tHaus/Hotel\n\nroom\tZimmer\n", encoding="utf-8")
    assert read_pairs(str(tmp_path / "words.tsv")) == [("hotel", ["Haus", "Hotel"]), ("room", ["Zimmer"])]


def test_dicts_and_pairs():
    assert read_pairs({"好": ["good", " "], "店": "shop", "空": ""}) == [("好", ["good"]), ("店", ["shop"])]
    assert read_pairs([("酒店很好", "a good hotel")]) == [("酒店很好", ["a good hotel"])]


@pytest.mark.parametrize(
    "gloss",
    ["CL:家[jia1]", "variant of 布[bu4]", "old variant of 布", "surname Wang", "see 房間", "abbr. for 北京", "(coll.)"],
)
def test_what_is_no_translation_is_left_out(gloss):
    assert glosses_of(f"{gloss}/hotel") == ["hotel"]


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ([], ValueError, "pairs is empty"),
        (["好"], TypeError, r"\(foreign, known\)\. Got '好'"),
        ([("好", 1)], TypeError, "Got '好': '1'"),
        ({1: "one"}, TypeError, "Got '1': 'one'"),
        (None, TypeError, "Got NoneType"),
    ],
)
def test_what_is_no_dictionary_is_refused(pairs, error, message):
    with pytest.raises(error, match=message):
        read_pairs(pairs)


def test_a_line_that_is_no_pair_is_named(tmp_path):
    (tmp_path / "words.tsv").write_text("a\tb\nhotel\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"Line 2 of words\.tsv is no pair: 'hotel'"):
        read_pairs(tmp_path / "words.tsv")
