"""Retrieval both ways, with contents that several pairs share."""

import numpy as np
import pytest

from kzoo.results.alignment.retrieval import Found, measure_retrieval

ROWS = np.eye(3, dtype=np.float32)


def test_each_finds_its_partner():
    found = measure_retrieval(("photo", "caption"), (ROWS, ROWS), (np.arange(3), np.arange(3)))
    assert found["photo", "caption"].recall(1).value == 1
    assert found["caption", "photo"].median_rank == 1
    assert found["photo", "caption"].chance_of(1) == pytest.approx(1 / 3)
    assert "recall@5" in str(found)
    assert "<table" in found._repr_html_()


def test_equal_contents_are_one_candidate_and_one_query():
    # Two captions of one photograph: the photograph is asked once, and both captions are right.
    photos, captions = ROWS[[0, 0, 1]], ROWS[[1, 0, 2]]
    found = measure_retrieval(("photo", "caption"), (photos, captions), (np.array([0, 0, 1]), np.arange(3)))
    by_photo, by_caption = found["photo", "caption"], found["caption", "photo"]
    assert (len(by_photo.ranks), by_photo.candidates) == (2, 3)
    assert (len(by_caption.ranks), by_caption.candidates) == (3, 2)
    # The first photograph has a right caption first; the second has its own last, beside one that is as far.
    assert by_photo.ranks.tolist() == [1, 3]
    assert by_photo.chance_of(1) == pytest.approx((2 / 3 + 1 / 3) / 2)


def test_what_was_found_prints_a_row_each():
    found = Found(["a dog"], [["1.jpg", "2.jpg"]], np.array([[0.5, 0.25]]), np.array([[3, 1]]), ("caption", "photo"))
    assert len(found) == 1
    assert str(found).splitlines()[0].split() == ["caption", "rank", "photo", "similarity"]
    assert "0.250" in str(found)
    assert "<table" in found._repr_html_()
