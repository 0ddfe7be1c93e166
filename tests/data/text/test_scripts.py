"""Scripts of texts."""

import pytest

from kzoo.data.text.scripts import MOST_TEXTS, OTHER, script_shares


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Köln, 5 Sterne 😀", "Latn"),
        ("酒店很好!", "Hani"),
        ("отель", "Cyrl"),
        ("ホテル", "Jpan"),
        ("호텔", "Hang"),
        ("ｈｏｔｅｌ", "Latn"),
        ("ﾎﾃﾙ", "Jpan"),
        ("فندق", "Arab"),
        ("ᏣᎳᎩ", OTHER),
        ("酒店".encode(), "Hani"),
    ],
)
def test_a_script_has_its_code(text, script):
    assert script_shares([text]) == {script: 1.0}


def test_what_has_no_letters_counts_nothing():
    assert script_shares(["12 !?", None, float("nan"), "", b"\xff"]) == {}


def test_shares_are_of_letters_the_largest_first():
    shares = script_shares(["отель", "abc"])
    assert list(shares) == ["Cyrl", "Latn"]
    assert shares["Latn"] == 3 / 8


def test_only_the_first_texts_are_looked_at():
    assert script_shares(["a"] * MOST_TEXTS + ["я" * 100_000]) == {"Latn": 1.0}
