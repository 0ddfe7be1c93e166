"""What is measured of texts, for the slices of a report."""

import numpy as np

from kzoo.data.text.described import EXCERPT, describe_texts, text_excerpt


def test_length_and_script_are_measured():
    found = describe_texts(np.array(["a film", "酒店很好 ok", "123"], dtype=object))
    assert found["characters"].tolist() == [6, 7, 3]
    assert found["script"].tolist() == ["Latn", "Hani", ""]


def test_the_excerpt_is_the_beginning():
    assert text_excerpt("酒店") == ("text/plain", "酒店".encode())
    shown = text_excerpt("x" * 1_000)[1].decode()
    assert (len(shown), shown[-4:]) == (EXCERPT, "x...")
