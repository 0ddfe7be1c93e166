"""Near duplicates among texts, against all pairs of sets of shingles."""

import functools
import itertools
import re

import numpy as np
import pytest

from kzoo.data.duplicates import shingles
from kzoo.data.duplicates.shingles import near_texts, normalise

WORDS = re.findall("[a-z]+", "the room was clean staff kind breakfast cold near old harbour with fine view quiet bay")


def sentences(count, seed=0, words=14):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, words)) for _ in range(count)]


def jaccard(first, second):
    one, other = parts_of(first), parts_of(second)
    return len(one & other) / len(one | other)


@functools.cache
def parts_of(text):
    letters = normalise(text)
    return {letters[n : n + 4] for n in range(len(letters) - 3)}


def test_pairs_are_those_of_all_pairs_of_sets():
    texts = sentences(80, words=40)
    rng = np.random.default_rng(1)
    for text in texts[:30]:
        words = text.split()
        words[rng.integers(len(words))] = "lovely"
        texts.append(" ".join(words))
    wanted = {(i, j) for i, j in itertools.combinations(range(110), 2) if jaccard(texts[i], texts[j]) >= 0.8}
    found = {(i, j): index for i, j, index in near_texts(texts)}
    assert len(wanted) > 20
    assert found.keys() == wanted
    for (i, j), index in found.items():
        assert index == pytest.approx(jaccard(texts[i], texts[j]))


def test_batches_change_nothing(monkeypatch):
    texts = [*sentences(20), *sentences(20)]
    whole = near_texts(texts)
    assert [(i, j) for i, j, _ in whole] == [(n, n + 20) for n in range(20)]
    monkeypatch.setattr(shingles, "_BATCH", 50)
    assert near_texts(texts) == whole


def test_scripts_without_spaces():
    one = "酒店位置很好，离地铁站不远，房间干净，服务员态度也非常好，下次还会再来住。"
    other = "早餐一般，没有什么可以吃的东西，房间的隔音也不太好。"
    assert near_texts([one, one.replace("，", ","), other]) == [(0, 1, 1.0)]


@pytest.mark.parametrize("texts", [[], [""], ["", "", "!?", "ok", "OK"], ["a" * 5_000]])
def test_short_and_empty_texts_have_none(texts):
    assert near_texts(texts) == []


def test_a_crowd_is_connected_without_all_its_pairs(monkeypatch):
    monkeypatch.setattr(shingles, "CROWD", 3)
    found = near_texts(["the room was clean and the staff kind" + "!" * n for n in range(50)])
    assert len(found) < 2 * 50
    assert {row for pair in found for row in pair[:2]} == set(range(50))
