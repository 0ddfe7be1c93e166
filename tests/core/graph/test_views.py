"""The mean over several views of each example."""

import keras
import numpy as np
import pytest

from kzoo.core.graph.views import mean_over_views


@pytest.fixture(scope="module")
def net():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs), name="net")


def test_it_answers_the_mean_of_the_answers_to_each_view(net):
    views = np.random.default_rng(0).normal(size=(5, 2, 4)).astype(np.float32)
    found = mean_over_views(net, 2)
    wanted = (net(views[:, 0]) + net(views[:, 1])) / 2
    np.testing.assert_allclose(found(views), wanted, rtol=1e-5)
    assert found.name == "net"


def test_each_of_several_outputs_is_a_mean(net):
    both = keras.Model(net.input, [net.output, 2 * net.output])
    first, second = mean_over_views(both, 2)(np.ones((3, 2, 4), np.float32))
    np.testing.assert_allclose(second, 2 * first, rtol=1e-6)


def test_of_one_view_it_is_the_model_itself(net):
    assert mean_over_views(net, 1) is net
