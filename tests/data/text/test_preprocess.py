"""Texts as people have them, and how they become token ids."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from kzoo.data.splits import read
from kzoo.data.text import cleaning
from kzoo.data.text.column import MOST_CHARACTERS, check_texts, collect_texts, read_text_inputs
from kzoo.data.text.preprocess import TEXT_PRESETS, TextPreprocessor, TextReader, augment_text, measure_texts
from kzoo.data.text.tokenizers import HashingTokenizer, restore
from kzoo.specs.task import Classification

BAD = {
    "none": (None, "no text"),
    "nan": (float("nan"), "no text"),
    "missing": (pd.NA, "no text"),
    "no time": (pd.NaT, "no text"),
    "a number": (3, "not a text, but int '3'"),
    "a fraction": (2.5, "not a text, but float '2.5'"),
    "a truth": (True, "not a text, but bool"),
    "a list": (["a", "b"], "not a text, but list"),
    "a dict": ({"text": "a"}, "not a text, but dict"),
    "empty": ("", "empty text"),
    "spaces": ("  \t\r\n ", "empty text"),
    "a mark": ("\ufeff", "empty text"),
    "no width": ("\u200b\u200b", "empty text"),
    "nulls": ("\0\0", "empty text"),
    "controls": ("\x01\x02", "empty text"),
    "empty bytes": (b"", "empty text"),
    "ideographic spaces": ("\u3000", "empty text"),
    "a mark in bytes": (b"\xef\xbb\xbf", "empty text"),
}

ODD = {
    "latin bytes": (b"caf\xe9 noir", "café noir"),
    "broken bytes": (b"caf\xc3\xa9 n\xffoir \xc3\xa9", "café n\ufffdoir é"),
    "half a pair": ("good \ud83d day", "good ? day"),
    "a mark in front": ("\ufeffgood", "good"),
    "a null inside": ("go\0od", "go od"),
    "bytes": ("schön".encode(), "schön"),
    "5 MB": ("long " * 1_000_000, ("long " * 1_000_000)[:MOST_CHARACTERS]),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_text_is_set_aside_with_a_reason(name):
    value, reason = BAD[name]
    checked = check_texts(collect_texts(["good", value, "bad"]))
    assert list(checked.reasons) == [1]
    assert checked.reasons[1].startswith(reason)


@pytest.mark.parametrize("name", BAD)
def test_it_is_named_by_its_row_and_stops_nothing_unless_strict(name):
    texts = [f"text {'good' if n % 2 else 'bad'} {n}" for n in range(20)] + [BAD[name][0]]
    frame = pd.DataFrame({"text": pd.Series(texts, dtype=object), "label": [n % 2 for n in range(21)]})
    splits = read(Classification(frame), "text")
    ((shown, reason),) = splits.audit.set_aside
    assert shown.startswith("row 22: ")
    assert reason.startswith(BAD[name][1])
    with pytest.raises(ValueError, match="1 examples cannot be used"):
        read(Classification(frame, strict=True), "text")


@pytest.mark.parametrize("name", ODD)
def test_odd_texts_are_mended(name):
    value, mended = ODD[name]
    checked = check_texts(collect_texts([value]))
    assert checked.column.tolist() == [mended]
    assert not checked.reasons


def test_what_was_mended_is_counted():
    checked = check_texts(collect_texts(["\ufffd", "x" * (MOST_CHARACTERS + 1), "a\ufffdb", b"\xe9t\xe9"]))
    assert checked.notes == [
        "1 texts: each is not UTF-8. It was read as cp1252. Save it as UTF-8 if characters are wrong",
        "2 texts have invalid characters, which are replaced",
        "1 texts are longer than 20,000 characters and are cut",
    ]


ROWS = [(f"{'good' if n % 2 else 'bad'} film, number {n}", "ab"[n % 2]) for n in range(30)]


def as_csv(root):
    (root / "x.csv").write_text("label,review\n" + "".join(f'{y},"{x}"\n' for x, y in ROWS), encoding="utf-8-sig")
    return root / "x.csv"


def as_tsv(root):
    (root / "x.tsv").write_text("".join(f"{x}\t{y}\n" for x, y in ROWS))
    return root / "x.tsv"


def as_lines(root):
    (root / "x.jsonl").write_text("".join(json.dumps({"text": x, "label": y}) + "\n" for x, y in ROWS))
    return root / "x.jsonl"


def as_parquet(root):
    pd.DataFrame(ROWS, columns=["text", "label"]).to_parquet(root / "x.parquet")
    return root / "x.parquet"


def as_folder(root):
    for number, (text, label) in enumerate(ROWS):
        (root / label).mkdir(exist_ok=True)
        (root / label / f"{number:02}.txt").write_text(text)
    return root


def as_pairs(root):
    parts = {"train": ROWS[:20], "val": ROWS[20:25], "test": ROWS[25:]}
    for name, rows in parts.items():
        (root / f"{name}_text.txt").write_text("".join(f"{x}\n" for x, _ in rows))
        (root / f"{name}_labels.txt").write_text("".join(f"{'ab'.index(y)}\n" for _, y in rows))
    (root / "mapping.txt").write_text("0\ta\n1\tb\n")
    return root


FORMS = {
    "csv": as_csv,
    "tsv without a header": as_tsv,
    "jsonl": as_lines,
    "parquet": as_parquet,
    "folder": as_folder,
    "pairs": as_pairs,
    "arrays": lambda root: ([x for x, _ in ROWS], [y for _, y in ROWS]),
    "frame": lambda root: pd.DataFrame(ROWS, columns=["sentence", "label"]),
    "tf.data": lambda root: tf.data.Dataset.from_tensor_slices(tuple(map(list, zip(*ROWS, strict=True)))),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_all_texts_with_their_labels(form, tmp_path):
    splits = read(Classification(FORMS[form](tmp_path)), "text")
    assert splits.labels == ["a", "b"]
    found = [
        (text, splits.labels[target])
        for part in (splits.train, splits.validation, splits.test)
        for text, target in zip(part.columns["text"], part.targets, strict=True)
    ]
    assert sorted(found) == sorted(ROWS)


def test_the_columns_that_were_found_are_said(tmp_path):
    assert (
        "Texts from column 'review', labels from column 'label'"
        in read(Classification(as_csv(tmp_path)), "text").audit.notes
    )


def test_chinese_is_cut_into_characters_and_their_runs():
    hashed = HashingTokenizer(1 << 20, (1, 2))
    ids = hashed.ids(tf.constant(["房间很好, good"]))
    assert ids.row_lengths().numpy().tolist() == [6 + 5]
    assert len(set(hashed.ids(tf.constant(["好好"])).values.numpy())) == 2


def test_case_means_nothing_in_any_script():
    ids = HashingTokenizer(1 << 20).ids(tf.constant(["GROẞ Ärger ЖИЗНЬ", "groß ärger жизнь"]))
    np.testing.assert_array_equal(ids[0], ids[1])


def test_ids_are_cut_and_padded():
    preprocessor = TextPreprocessor(4, HashingTokenizer(100))
    ids = preprocessor.tokenize(tf.constant(["a", "a b c d e f", ""])).numpy()
    assert ids.shape == (3, 4)
    assert ids.dtype == np.int32
    assert (ids > 0).sum(axis=1).tolist() == [1, 4, 0]
    assert ids[0, 0] == ids[1, 0]


def test_a_preprocessor_comes_back_from_its_values():
    hashed = HashingTokenizer(50, (1, 2), (3,))
    assert restore({"buckets": 50, "ngrams": [1, 2], "pieces": [3]}) == hashed


def test_the_length_holds_most_texts_whole():
    column = collect_texts(["a " * n for n in range(1, 101)])
    assert measure_texts(column, HashingTokenizer(100), most=512) == (96, 0.0)
    assert measure_texts(column, HashingTokenizer(100), most=50)[0] == 50


@pytest.mark.parametrize("preset", TEXT_PRESETS.values())
def test_augmented_texts_lose_and_swap_words_and_come_again(preset):
    text = " ".join(f"w{n}" for n in range(200))
    changed = augment_text(tf.constant(text), preset=preset, seed=tf.constant([1, 2])).numpy().decode().split()
    again = augment_text(tf.constant(text), preset=preset, seed=tf.constant([1, 2])).numpy().decode().split()
    assert changed == again
    assert set(changed) < set(text.split())
    assert abs(1 - len(changed) / 200 - preset.delete) < 0.08
    assert (changed != sorted(changed, key=lambda word: int(word[1:]))) == (preset.swap > 0)


def test_one_word_always_stays():
    for seed in range(20):
        kept = augment_text(tf.constant("好"), preset=TEXT_PRESETS["strong"], seed=tf.constant([seed, 0]))
        assert kept.numpy().decode() == "好"


def test_versions_follow_from_content_not_from_place():
    texts, preprocessor = collect_texts(["a b c d e f g h", "x y z"]), TextPreprocessor(8, HashingTokenizer(1000))
    one = TextReader(texts, preprocessor, digests=["ab" * 32, "cd" * 32], seed=3)
    other = TextReader(texts[::-1], preprocessor, digests=["cd" * 32, "ab" * 32], seed=3)
    np.testing.assert_array_equal(one.load(0, "strong", [0, 1, 2]), other.load(1, "strong", [0, 1, 2]))


CLEANED = [
    "a film",
    "\ufeff  padded\t\n",
    "\0in\0side\0",
    "房间很大" * 6_000,
    "x" * 90_000,
    "\u200b\u00a0",
    "",
    "\U0001f600" * 21_000,
    "  " + "y" * 20_001,
]


def test_an_exported_model_cleans_texts_as_training_does():
    checked = check_texts(collect_texts(CLEANED))
    texts, errors = cleaning.clean(tf.constant(CLEANED))
    assert [text.decode() for text in texts.numpy()] == list(checked.column)
    assert [bool(error) for error in errors.numpy()] == [index in checked.reasons for index in range(len(CLEANED))]


def test_broken_characters_are_replaced_alike():
    broken = [b"a\xff\xfeb", b"\xed\xa0\x80x", b"\xf0\x9f\x98z", b"end\xe6\x88"]
    texts, _ = cleaning.clean(tf.constant(broken))
    assert [text.decode() for text in texts.numpy()] == [text.decode("utf-8", errors="replace") for text in broken]


@pytest.mark.parametrize("value", [np.zeros(3), np.arange(3), np.array(5), 5, {"a": 1}, None])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(TypeError, match="A text model takes a text or a list of texts"):
        read_text_inputs(value)


def test_an_array_of_one_text_is_one_text():
    assert read_text_inputs(np.array("a film"))[0].tolist() == ["a film"]
