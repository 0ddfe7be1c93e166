"""Text files of other encodings than UTF-8, and what ends a line."""

import json
import os

import pytest

from kzoo.data.sources.unlabelled import read_unlabelled
from kzoo.data.splits import read
from kzoo.data.text.encoding import decode_text, find_encoding, lines_of
from kzoo.specs.task import Classification

FRENCH = "Résumé très bien, déjà vu à l'hôtel, ça été"
CHINESE = "这部电影很好看,服务太差了再也不来"
FOUND = {
    "UTF-8": (FRENCH, "utf-8", "utf-8"),
    "UTF-8 with a mark": (CHINESE, "utf-8-sig", "utf-8-sig"),
    "Chinese in UTF-8": (CHINESE, "utf-8", "utf-8"),
    "Japanese in UTF-8": ("この映画は面白い", "utf-8", "utf-8"),
    "UTF-16 with a mark": (CHINESE, "utf-16", "utf-16"),
    "UTF-32 with a mark": (FRENCH, "utf-32", "utf-32"),
    "French": (FRENCH, "cp1252", "cp1252"),
    "one word": ("Rosés", "cp1252", "cp1252"),
    "German capitals": ("GRÖSSE ÄÖÜ", "cp1252", "cp1252"),
    "Portuguese": ("ção ções não coração AÇÕES", "cp1252", "cp1252"),
    "Windows quotes": ("I “love” it – it’s great… €5", "cp1252", "cp1252"),
    "Chinese": (CHINESE, "gbk", "gb18030"),
    "two Chinese words": ("很好,正面\n很差,负面", "gbk", "gb18030"),
    "Chinese of GB18030": (CHINESE + "。《正面》", "gb18030", "gb18030"),
}


@pytest.mark.parametrize("name", FOUND)
def test_an_encoding_is_found_and_the_text_is_the_same(name):
    text, written, found = FOUND[name]
    data = text.encode(written)
    assert find_encoding(data) == found
    assert decode_text(data)[0] == text


@pytest.mark.parametrize("encoding", ["euc_kr", "euc_jp", "cp1251", "shift_jis", "big5"])
def test_what_is_not_known_is_not_taken_for_chinese(encoding):
    texts = {"euc_kr": "이 영화는 정말 재미있어요", "cp1251": "ОЧЕНЬ хороший фильм", "big5": "這部電影很好看"}
    assert find_encoding(texts.get(encoding, "この映画は面白い").encode(encoding)) == "cp1252"


def test_damaged_utf_8_stays_utf_8():
    assert decode_text(CHINESE.encode()[:-1]) == (CHINESE[:-1] + "\ufffd", "utf-8")


def test_only_line_feeds_end_a_line():
    assert lines_of("a\u2028b\x85c\x0bd\x1ce\rf\r\ng\n\nh\n") == ["a\u2028b\x85c\x0bd\x1ce\rf", "g", "", "h"]
    assert lines_of("") == []
    assert lines_of("a") == ["a"]


ROWS = [(f"{'très bon' if n % 2 else 'mauvais'} Rosé {n}", "réussi" if n % 2 else "raté") for n in range(30)]


def as_csv(root, encoding):
    (root / "x.csv").write_bytes("\r\n".join(["text,label", *map(",".join, ROWS), ""]).encode(encoding))
    return root / "x.csv"


def as_tsv(root, encoding):
    (root / "x.tsv").write_bytes("\n".join(["text\tlabel", *map("\t".join, ROWS)]).encode(encoding))
    return root / "x.tsv"


def as_lines(root, encoding):
    rows = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in ROWS]
    (root / "x.jsonl").write_bytes("\n".join(rows).encode(encoding))
    return root / "x.jsonl"


def as_pair(root, encoding):
    (root / "train_text.txt").write_bytes("".join(f"{text}\n" for text, _ in ROWS).encode(encoding))
    (root / "train_labels.txt").write_bytes("".join(f"{number % 2}\n" for number in range(30)).encode())
    (root / "mapping.txt").write_bytes("0\traté\r\n1\tréussi\r\n".encode(encoding))
    return root


def as_folder(root, encoding):
    for number, (text, label) in enumerate(ROWS):
        folder = root / os.fsdecode(label.encode(encoding))
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.txt").write_bytes(text.encode(encoding))
    return root


@pytest.mark.parametrize("form", [as_csv, as_tsv, as_lines, as_pair, as_folder])
def test_a_latin_file_gives_its_letters_and_says_so(form, tmp_path):
    splits = read(Classification(form(tmp_path, "cp1252")), "text")
    texts = {*splits.train.columns["text"], *splits.validation.columns["text"], *splits.test.columns["text"]}
    assert texts == {text for text, _ in ROWS}
    assert splits.labels == ["raté", "réussi"]
    assert "is not UTF-8. It was read as cp1252" in str(splits.audit)


@pytest.mark.parametrize("form", [as_csv, as_tsv, as_lines, as_pair])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_without_a_word(form, encoding, tmp_path):
    splits = read(Classification(form(tmp_path, encoding)), "text")
    assert splits.labels == ["raté", "réussi"]
    assert "UTF-8" not in str(splits.audit)


def test_unlabelled_lines_are_read_in_their_encoding(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes("\r\n".join(["été", "hiver\x85", "l'été", "a\x0bb"]).encode("latin-1"))
    examples, audit = read_unlabelled(path, "text")
    assert examples.columns["text"].tolist() == ["été", "hiver…", "l'été", "a\x0bb"]
    assert "x.txt is not UTF-8. It was read as cp1252" in str(audit)


@pytest.mark.parametrize("letter", ["\u2028", "\u2029", "\x85", "\x1c", "\x0c", "\x0b"])
def test_a_line_separator_inside_of_a_text_is_part_of_it(letter, tmp_path):
    rows = [(text.replace(" ", letter, 1), label) for text, label in ROWS]
    escaped = [json.dumps({"text": text, "label": label}, ensure_ascii=letter < "\x20") for text, label in rows]
    (tmp_path / "x.jsonl").write_text("\n".join(escaped), encoding="utf-8", newline="")
    (tmp_path / "train_text.txt").write_text("\n".join(text for text, _ in rows), encoding="utf-8", newline="")
    (tmp_path / "train_labels.txt").write_text("\n".join(label for _, label in rows), encoding="utf-8")
    for data in (tmp_path / "x.jsonl", tmp_path):
        splits = read(Classification(data), "text")
        assert sum(map(len, (splits.train, splits.validation, splits.test))) == 30
        assert set(splits.train.columns["text"]) <= {text for text, _ in rows}
