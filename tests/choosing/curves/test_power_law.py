"""A power law is found again, and never promises a negative error or more errors with more labels."""

import numpy as np
import pytest

from kzoo.choosing.curves.power_law import extrapolate

SIZES = np.asarray([10.0, 30.0, 90.0, 270.0])


@pytest.mark.parametrize(("floor", "height", "rate"), [(0.1, 1.0, 0.5), (0.0, 0.7, 0.2), (0.05, 2.0, 1.0)])
def test_a_power_law_is_found_again(floor, height, rate):
    to = np.asarray([370.0, 540.0, 5_000.0])
    found = extrapolate(SIZES, (floor + height * SIZES**-rate)[None], np.ones(4), to=to)
    np.testing.assert_allclose(found[0], floor + height * to**-rate, rtol=1e-6)


def test_a_curve_that_does_not_fall_stays_level():
    errors = np.asarray([[0.3, 0.3, 0.3, 0.3], [0.2, 0.3, 0.2, 0.3]])
    found = extrapolate(SIZES, errors, np.ones(4), to=np.asarray([1_000.0]))
    np.testing.assert_allclose(found[:, 0], [0.3, 0.25])


def test_an_error_is_never_negative():
    errors = np.asarray([[0.9, 0.6, 0.3, 0.01]])
    found = extrapolate(SIZES, errors, np.ones(4), to=np.asarray([300.0, 1e6]))
    assert (found >= 0).all()
    assert found[0, 1] <= found[0, 0]


def test_a_size_that_is_known_better_counts_more():
    errors = np.asarray([[0.5, 0.4, 0.3, 0.4]])
    for place, wanted in ((2, 0.3), (3, 0.4)):
        weights = np.where(np.arange(4) == place, 1e6, 1.0)
        assert extrapolate(SIZES, errors, weights, to=SIZES[place : place + 1])[0, 0] == pytest.approx(wanted, abs=1e-3)
