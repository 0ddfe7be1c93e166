"""Outputs that a probe keeps: the same function of features, however these are standardised."""

import keras
import numpy as np

from kzoo.models.heads import Standardize
from kzoo.training.probes.kept_outputs import hide_targets, with_kept_outputs
from kzoo.training.probes.linear_probe import ProbeSolution

RNG = np.random.default_rng(0)


def test_kept_outputs_are_the_same_function():
    layers = [Standardize(), keras.layers.Dense(5)]
    x = RNG.normal(3, 2, (20, 4)).astype(np.float32)
    layers[1](layers[0](x))
    mean, deviation = RNG.normal(size=4).astype(np.float32), RNG.uniform(0.5, 2, 4).astype(np.float32)
    layers[0].set_weights([mean, deviation])
    layers[1].set_weights([RNG.normal(size=(4, 5)), RNG.normal(size=5)])
    before = np.asarray(layers[1](layers[0](x)))
    solution = ProbeSolution(x.mean(axis=0), x.std(axis=0), RNG.normal(size=(4, 5)), RNG.normal(size=5), 1.0, {})
    kept = with_kept_outputs(solution, layers, 2)
    np.testing.assert_allclose(kept.logits(x)[:, :2], before[:, :2], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(kept.logits(x)[:, 2:], solution.logits(x)[:, 2:])
    assert with_kept_outputs(solution, layers, 0) is solution


def test_hidden_targets_are_missing_in_a_copy():
    targets = np.ones((3, 4), np.float32)
    found = hide_targets(targets, 2)
    assert np.isnan(found[:, :2]).all()
    assert (found[:, 2:] == 1).all()
    assert (targets == 1).all()
    assert hide_targets(targets, 0) is targets
