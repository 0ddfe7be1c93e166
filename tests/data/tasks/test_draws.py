"""How often the examples of several data sets are drawn."""

import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.tasks.draws import draws_of
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.feed import drawn, ordered

KIND = get_task_kind("several tasks: a regression 1, b regression 1")


def tasks(temperature, *, together=False):
    return kzoo.MultiTask(
        {"a": kzoo.Regression("x.csv", label="a"), "b": kzoo.Regression("x.csv" if together else "y.csv", label="b")},
        temperature=temperature,
    )


def rows(first, second, both=0):
    found = np.full((first + second + both, 2), np.nan, np.float32)
    found[: first + both, 0] = found[first:, 1] = 1
    return found


@pytest.mark.parametrize("temperature", [1, 2, 5, 1e6])
def test_sets_are_drawn_by_a_power_of_their_size(temperature):
    found = draws_of(tasks(temperature), KIND, rows(90, 10))
    if temperature == 1:
        assert found is None
        return
    shares = found[:90].sum() / 100, found[90:].sum() / 100
    wanted = np.array([90.0, 10.0]) ** (1 / temperature)
    np.testing.assert_allclose(shares, wanted / wanted.sum(), rtol=1e-6)


def test_targets_of_one_set_are_drawn_alike():
    assert draws_of(tasks(5, together=True), KIND, rows(90, 10)) is None


def test_what_two_sets_have_is_drawn_for_both():
    found = draws_of(tasks(1e9), KIND, rows(60, 20, both=20))
    assert found[70] == pytest.approx(found[0] + found[-1])


def test_an_epoch_has_as_many_examples_each_as_often_as_it_is_drawn():
    draws = draws_of(tasks(1e9), KIND, rows(90, 10))
    counts = np.zeros(100)
    for epoch in range(40):
        order = drawn(ordered(100, 0, epoch), draws, 0, tf.constant(epoch)).numpy()
        assert order.shape == (100,)
        own = np.bincount(order, minlength=100)
        assert (np.abs(own - draws) < 1).all()
        counts += own
    np.testing.assert_allclose(counts / 40, draws, atol=0.3)
    np.testing.assert_array_equal(
        drawn(ordered(100, 0, 3), draws, 0, tf.constant(3)), drawn(ordered(100, 0, 3), draws, 0, tf.constant(3))
    )


@pytest.mark.parametrize("temperature", [0.5, float("inf"), "2", None])
def test_a_wrong_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match=r"temperature must be a number in \[1, inf\)"):
        tasks(temperature)
