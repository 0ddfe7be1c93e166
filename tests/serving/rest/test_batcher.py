"""Batching: what waits is answered together, each request gets its own rows, and a bad one stops no other."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from kzoo.serving.rest.batcher import Batcher
from kzoo.serving.rest.request_error import RequestError
from kzoo.serving.rest.signature import Signature

SPEC = tf.TensorSpec((None, None), tf.float32)


class Model:
    """Doubles numbers; the first call waits until it may go on."""

    def __init__(self):
        self.sizes, self.entered, self.go = [], threading.Event(), threading.Event()

    def __call__(self, x):
        self.entered.set()
        assert self.go.wait(10)
        self.sizes.append(int(x.shape[0]))
        if np.isnan(x).any():
            raise tf.errors.InvalidArgumentError(None, None, "not a number")
        return {"doubled": 2 * x}


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def batcher():
    made = Batcher(most=5)
    yield made
    made.close()


def ask(batcher, signature, *requests):
    return [batcher.submit(signature, {"x": np.float32(rows)}) for rows in requests]


def busy(batcher, model, signature):
    """The model is in a call, so that what is asked from now on waits."""
    (first,) = ask(batcher, signature, [[1]])
    assert model.entered.wait(10)
    return first


def test_what_waits_is_answered_together(batcher, model):
    signature = Signature({"x": SPEC}, model)
    first = busy(batcher, model, signature)
    others = ask(batcher, signature, [[2], [3]], [[4]], [[5, 6]], [[7]], [[8], [9]])
    model.go.set()
    found = [each.result(10)["doubled"].tolist() for each in (first, *others)]
    assert found == [[[2]], [[4], [6]], [[8]], [[10, 12]], [[14]], [[16], [18]]]
    # Five examples at most, and no rows of another length.
    assert model.sizes == [1, 4, 1, 2]


def test_a_bad_request_stops_no_other(batcher, model):
    signature = Signature({"x": SPEC}, model)
    busy(batcher, model, signature)
    good, bad, last = ask(batcher, signature, [[2]], [[np.nan]], [[4]])
    model.go.set()
    assert good.result(10)["doubled"].tolist() == [[4]]
    assert last.result(10)["doubled"].tolist() == [[8]]
    with pytest.raises(RequestError, match="not a number"):
        bad.result(10)
    assert model.sizes == [1, 3, 1, 1, 1]


def test_signatures_of_one_example_are_called_one_by_one(batcher, model):
    signature = Signature({"x": tf.TensorSpec((1, 1), tf.float32)}, model)
    busy(batcher, model, signature)
    replies = ask(batcher, signature, [[2]], [[3]])
    model.go.set()
    assert [each.result(10)["doubled"].tolist() for each in replies] == [[[4]], [[6]]]
    assert model.sizes == [1, 1, 1]


def test_a_closed_batcher_takes_no_more(model):
    batcher = Batcher()
    batcher.close()
    with pytest.raises(RequestError, match="stopping") as caught:
        ask(batcher, Signature({"x": SPEC}, model), [[1]])
    assert caught.value.status == 503
