"""Differences are added exactly, in a fixed order, and survive being written."""

import json

import numpy as np
import pytest

from kzoo.training.adapters.merged_differences import MergedDifference, present_differences, restore_differences

RNG = np.random.default_rng(0)


def drawn(*shape):
    return RNG.normal(size=shape).astype(np.float32)


LOW_RANK = MergedDifference(0, ((0, 1, 2), (3,)), False, (drawn(54, 2), drawn(2, 7)))
WHOLE = MergedDifference(1, ((0,), (1,)), False, (drawn(5, 7),))
SERIAL = MergedDifference(2, ((1,), (0,)), True, (drawn(7, 2), drawn(2, 7)))
SERIAL_WHOLE = MergedDifference(3, ((0,), (1,)), True, (drawn(7, 7),))
WEIGHTS = [drawn(3, 3, 6, 7), drawn(5, 7), drawn(7, 5), drawn(5, 7)]


@pytest.mark.parametrize(
    ("difference", "change"),
    [
        (LOW_RANK, lambda w, f: (f[0] @ f[1]).reshape(w.shape)),
        (WHOLE, lambda w, f: f[0]),
        (SERIAL, lambda w, f: (w.T @ f[0] @ f[1]).T),
        (SERIAL_WHOLE, lambda w, f: w @ f[0]),
    ],
)
def test_it_is_what_a_matrix_product_adds(difference, change):
    weight = WEIGHTS[difference.index]
    exact = [factor.astype(np.float64) for factor in difference.factors]
    found = difference.added_to(weight)
    assert (found.dtype, found.shape) == (weight.dtype, weight.shape)
    np.testing.assert_allclose(found, weight + change(weight.astype(np.float64), exact), rtol=1e-6, atol=1e-6)


def test_what_is_written_is_read():
    differences = [LOW_RANK, WHOLE, SERIAL, SERIAL_WHOLE]
    values, arrays = present_differences(differences)
    again = restore_differences(json.loads(json.dumps(values)), arrays)
    for one, other, weight in zip(differences, again, WEIGHTS, strict=True):
        assert (one.index, one.axes, one.serial) == (other.index, other.axes, other.serial)
        np.testing.assert_array_equal(one.added_to(weight), other.added_to(weight))


def test_a_missing_factor_is_an_error():
    values, arrays = present_differences([LOW_RANK, WHOLE])
    with pytest.raises(KeyError, match="difference1_0"):
        restore_differences(values, {name: array for name, array in arrays.items() if "1_" not in name})
