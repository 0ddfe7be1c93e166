"""Projections that are solved in closed form."""

import numpy as np
import pytest

from kzoo.alignment.projections import Features, Projection, _Solver, align_features
from kzoo.results.alignment.similarity import best_ranks


def features(count: int, *, seed: int, noise: float = 0.1, wide: int = 30) -> Features:
    """Both sides are linear maps of the same five causes, and noise."""
    maps = np.random.default_rng(0)
    first, second = maps.normal(size=(5, wide)), maps.normal(size=(5, 20)) * 100
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(count, 5))
    sides = causes @ first, causes @ second + 7
    noisy = [(each + noise * each.std() * rng.normal(size=each.shape)).astype(np.float32) for each in sides]
    return Features((noisy[0], noisy[1]), (np.arange(count), np.arange(count)))


def ranks(projections: tuple[Projection, Projection], data: Features) -> np.ndarray:
    first, second = (project(each) for project, each in zip(projections, data.sides, strict=True))
    return best_ranks(first @ second.T, np.eye(len(first), dtype=bool))


@pytest.mark.parametrize("fixed", [0, 1, None])
def test_pairs_find_each_other(fixed: int | None):
    found = align_features(features(200, seed=1), features(40, seed=2), width=16, fixed=fixed, seed=0)
    assert fixed in (None, found.fixed)
    assert np.median(ranks(found.projections, features(100, seed=3))) == 1
    assert {project.kernel.shape[1] for project in found.projections} == {16}


def test_what_chose_is_not_what_was_solved_on():
    train, validation = features(60, seed=1), features(30, seed=2)
    found = align_features(train, validation, width=8, fixed=1, seed=0)
    alone = _Solver.of(train, fixed=1).solve(found.penalty, found.smoothing, width=8)
    both = _Solver.of(train + validation, fixed=1).solve(found.penalty, found.smoothing, width=8)
    for mine, expected in ((found.projections, alone), (found.refitted, both)):
        assert mine[0].kernel == pytest.approx(expected[0].kernel, abs=1e-5)


def test_embeddings_have_unit_length_and_float32():
    found = align_features(features(50, seed=1), features(20, seed=2), width=8, fixed=None, seed=0)
    rows = found.projections[0](features(5, seed=3).sides[0])
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert found.projections[0].kernel.dtype == np.float32


def test_more_features_than_pairs_have_the_same_solution():
    # The same problem through the Gram matrix of examples and through that of features.
    data = features(60, seed=1, wide=30)
    wide = Features((np.concatenate([data.sides[0]] * 3, axis=1), data.sides[1]), data.contents)
    some = _Solver.of(data, fixed=1).solve(1.0, 1.0, width=10)[0]
    same = _Solver.of(wide, fixed=1).solve(3.0, 1.0, width=10)[0]
    assert some(data.sides[0]) == pytest.approx(same(wide.sides[0]), abs=1e-4)


def test_it_is_ridge_regression_where_nothing_is_whitened():
    data = features(60, seed=1)
    fixed, free = (each.astype(np.float64) for each in (data.sides[1], data.sides[0]))
    mapped, whitened = _Solver.of(data, fixed=1).solve(0.5, np.inf, width=20)
    inputs = (free - free.mean(0)) / free.std(0)
    targets = ((fixed - fixed.mean(0)) / fixed.std()) @ whitened.kernel
    expected = np.linalg.solve(inputs.T @ inputs + 0.5 * 60 * np.eye(30), inputs.T @ targets)
    assert mapped.kernel == pytest.approx(expected, rel=0.02, abs=1e-2)


def test_a_feature_that_never_changes_does_no_harm():
    data = features(60, seed=1)
    flat = np.concatenate([data.sides[0], np.full((60, 2), 3.0, np.float32)], axis=1)
    found = _Solver.of(Features((flat, data.sides[1]), data.contents), fixed=1).solve(1.0, 1.0, width=5)[0]
    assert np.isfinite(found(flat)).all()


def test_noise_gets_a_higher_penalty():
    def penalty(noise: float) -> float:
        data = [features(80, seed=seed, noise=noise) for seed in (1, 2)]
        return align_features(*data, width=16, fixed=1, seed=0).penalty

    assert penalty(1.0) > penalty(0.01)
