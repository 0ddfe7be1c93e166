"""Probes of several inputs: a head for all of them, and one for each that is alone, in one."""

import numpy as np
import pytest

from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.probes.linear_probe import solve
from kzoo.training.probes.part_probes import FeatureParts, solve_parts


def make(parts=2, count=240, *, missing=True, seed=0):
    """Features of each part that tell a bit of the class, some missing; targets; weights."""
    rng = np.random.default_rng(seed)
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, count)]
    owners = np.repeat(np.arange(parts), 4)
    features = rng.normal(size=(count, len(owners)), scale=2.0) + 5.0
    for part in range(parts):
        features[:, 4 * part : 4 * part + 3] += targets
    marks = np.ones((count, parts))
    if missing:
        lost = rng.random((count, parts)) < 0.3
        lost[lost.all(axis=1), 0] = False
        marks[lost] = 0
    rows = np.concatenate([features * marks[:, owners], marks], axis=1).astype(np.float32)
    return FeatureParts(owners, parts), (rows, targets, rng.uniform(0.5, 1.5, count).astype(np.float32))


KIND = get_task_kind("classification")


@pytest.mark.parametrize("parts", [2, 3])
def test_one_head_answers_as_those_of_which_it_is_made(parts):
    layout, train = make(parts)
    _, held = make(parts, seed=1)
    found = solve_parts(train, held[:2], layout=layout, kind=KIND)
    logits = found.joined.logits(layout.expand(held[0]))
    there = held[0][:, layout.width :] > 0
    single = there.sum(axis=1) == 1
    np.testing.assert_allclose(logits[~single], found.whole.logits(held[0])[~single], atol=1e-4)
    for part in range(parts):
        own = single & there[:, part]
        assert own.any()
        wanted = found.alone[part].logits(held[0][own][:, np.flatnonzero(layout.owners == part)])
        np.testing.assert_allclose(logits[own], wanted, atol=1e-4)


def test_an_input_alone_is_answered_as_by_a_probe_of_it_alone():
    layout, train = make(missing=False)
    _, held = make(missing=False, seed=1)
    found = solve_parts(train, held[:2], layout=layout, kind=KIND)
    alone = solve((train[0][:, :4], *train[1:]), (held[0][:, :4], held[1]), kind=KIND)
    assert found.alone[0].strength == alone.strength
    np.testing.assert_allclose(found.alone[0].kernel, alone.kernel, atol=1e-3)
    # All inputs are answered as if none was ever missing.
    whole = solve((train[0], *train[1:]), (held[0], held[1]), kind=KIND)
    np.testing.assert_allclose(found.whole.kernel, whole.kernel, atol=1e-3)


def test_the_penalties_of_a_solution_give_it_again():
    layout, train = make(3)
    _, held = make(3, seed=1)
    found = solve_parts(train, held[:2], layout=layout, kind=KIND)
    again = solve_parts(train, None, layout=layout, kind=KIND, strengths=found.strengths, each=True)
    np.testing.assert_allclose(again.joined.kernel, found.joined.kernel, atol=1e-2)


def test_two_inputs_of_three_are_left_at_least():
    layout, train = make(3, missing=False)
    fewer, places = layout.lessen(train[0], seed=0)
    marks = fewer[:, layout.width :]
    assert len(fewer) == len(train[0])
    assert set(marks.sum(axis=1)) == {2.0, 3.0}
    np.testing.assert_array_equal(fewer[:, : layout.width], train[0][places, : layout.width] * marks[:, layout.owners])


def test_two_inputs_are_not_lessened():
    layout, train = make(missing=False)
    assert len(layout.lessen(train[0], seed=0)[0]) == 0


def test_an_input_that_no_example_has_gives_nothing():
    layout, (rows, targets, weights) = make(missing=False)
    rows = rows.copy()
    rows[:, 4:8], rows[:, 9] = 0, 0
    found = solve_parts((rows, targets, weights), None, layout=layout, kind=KIND)
    assert found.alone[1] is None
    assert np.isfinite(found.joined.logits(layout.expand(rows))).all()
