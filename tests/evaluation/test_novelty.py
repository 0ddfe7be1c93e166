"""Unusual inputs: distances against NumPy, and the share of usual ones that are called unusual."""

import numpy as np

from kzoo.evaluation.novelty import NEIGHBORS, fit_novelty


def unit(rng, size, centre=3.0, width=16):
    rows = rng.normal(size=(size, width)) + centre
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_distances_are_those_to_the_kth_neighbor():
    rng = np.random.default_rng(0)
    known, asked = unit(rng, 50), unit(rng, 7)
    found = fit_novelty(known, unit(rng, 20)).distances(asked)
    np.testing.assert_allclose(found, np.sort(1 - asked @ known.T, axis=1)[:, NEIGHBORS - 1], atol=1e-6)


def test_about_one_in_a_hundred_usual_inputs_is_unusual_and_others_are():
    rng = np.random.default_rng(1)
    novelty = fit_novelty(unit(rng, 500), unit(rng, 1_000))
    assert novelty.source == "validation"
    assert novelty.is_unusual(unit(rng, 2_000)).mean() < 0.03
    assert novelty.is_unusual(unit(rng, 100, centre=-1.0)).all()


def test_without_validation_training_examples_are_compared_with_each_other():
    rng = np.random.default_rng(2)
    novelty = fit_novelty(unit(rng, 500), np.zeros((0, 16), np.float32))
    assert novelty.source == "training"
    assert 0.001 < novelty.is_unusual(unit(rng, 2_000)).mean() < 0.04


def test_what_could_not_be_read_is_not_called_unusual():
    rng = np.random.default_rng(3)
    novelty = fit_novelty(unit(rng, 3), unit(rng, 5))
    assert novelty.k == 2
    asked = np.full((1, 16), np.nan, np.float32)
    assert np.isnan(novelty.distances(asked)).all()
    assert not novelty.is_unusual(asked).any()
