"""Losses and ranks of pairs, beside what the definition says."""

import numpy as np
import pytest

from kzoo.results.alignment.similarity import best_ranks, best_scale, contrastive_loss, matches_of, numbers_of


def test_equal_contents_have_one_number():
    assert numbers_of(["b", "a", "b"]).tolist() == [1, 0, 1]


def test_pairs_with_a_common_content_match():
    found = matches_of(np.array([0, 1, 1]), np.array([5, 6, 7]))
    assert found.tolist() == [[True, False, False], [False, True, True], [False, True, True]]


def test_the_loss_is_the_cross_entropy_of_both_directions():
    rng = np.random.default_rng(0)
    cosines = rng.uniform(-1, 1, (4, 4))

    def entropy(logits: np.ndarray) -> float:
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return float(-np.log(np.diag(shares)).mean())

    expected = (entropy(7 * cosines) + entropy(7 * cosines.T)) / 2
    assert contrastive_loss(cosines, np.eye(4, dtype=bool), 7) == pytest.approx(expected)


def test_any_of_several_partners_will_do():
    cosines = np.array([[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
    matches = matches_of(np.array([0, 0, 1]), np.array([0, 1, 2]))
    assert contrastive_loss(cosines, matches, 50) == pytest.approx(0, abs=1e-6)
    assert contrastive_loss(cosines, np.eye(3, dtype=bool), 50) > 0.4


def test_the_best_scale_is_small_where_similarities_say_nothing():
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, (50, 50))
    sure = noise * 0.1 + np.eye(50)
    assert best_scale(noise, np.eye(50, dtype=bool))[1] == 2
    assert best_scale(sure, np.eye(50, dtype=bool))[1] > 10


def test_candidates_as_near_as_the_right_one_count_as_nearer():
    cosines = np.array([[0.5, 0.5, 0.1], [0.9, 0.2, 0.3]])
    matches = np.array([[True, False, False], [False, True, True]])
    assert best_ranks(cosines, matches).tolist() == [2, 2]
