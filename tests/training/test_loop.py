"""Phases one after the other, on a network of two layers: which weights are in it after a phase that diverged."""

import itertools
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.models.folding import fold
from kzoo.specs.schedule import Phase, Schedule
from kzoo.training import passes
from kzoo.training.feed import Feed, Split
from kzoo.training.loop import train
from kzoo.training.runtime import Runtime, graph_call
from kzoo.training.strategies import get_strategy

RUNS = itertools.count()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 4)).astype(np.float32)
Y = np.eye(2, dtype=np.float32)[(X[:, 0] > 0).astype(int)]

GOOD = Phase("head", epochs=2, batch_size=32, learning_rate=0.1)
WILD = Phase("head", epochs=2, batch_size=32, learning_rate=1e6, optimizer="sgd", warmup=0.0)


def split(x, y):
    # Digests of no other run: nothing is found in the store.
    run = next(RUNS)
    return Split(
        load=lambda index, augmentation, numbers: tf.gather(x, index)[None],
        finish=lambda views, wanted, augmentation, numbers, turn: (tf.reshape(views, (-1, 4)), wanted),
        digests=[f"{run}, {number}" for number in range(len(x))],
        targets=y,
    )


def run(*phases):
    """The results of some phases, and the network."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, activation="tanh", name="hidden")
    head = keras.layers.Dense(2, name="logits")
    x = hidden(inputs)
    model = keras.Model(inputs, head(x), name="two_layers")
    feed = Feed(
        train=split(X[:64], Y[:64]),
        held=split(X[64:], Y[64:]),
        key=lambda augmentation: {},
        mixes=lambda augmentation: False,
        class_weights=None,
        kind="classification",
        seed=0,
    )
    results = train(
        model,
        groups={"stage1": [hidden], "head": [head]},
        cuts={"stage1": [inputs], "head": [x]},
        feed=feed,
        schedule=Schedule(phases),
        fold=fold,
        strategy=get_strategy("one"),
    )
    return results, model


def loss_of(weights):
    """Mean validation loss of the network with these weights, in NumPy."""
    hidden, bias, head, offset = weights
    logits = np.tanh(X[64:] @ hidden + bias) @ head + offset
    return (np.logaddexp(logits[:, 0], logits[:, 1]) - (logits * Y[64:]).sum(axis=1)).mean()


@pytest.fixture(scope="module")
def alone():
    return run(GOOD)


@pytest.fixture(scope="module")
def wild():
    return run(GOOD, WILD)


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_the_scores_are_those_of_the_weights(alone):
    (result,), model = alone
    assert result.scores["val_loss"] == pytest.approx(loss_of(model.get_weights()), rel=1e-4)
    assert not result.diverged


def test_after_a_phase_that_diverged_the_weights_before_it_are_there(alone, wild):
    (good, lost), model = wild
    assert_same(model.get_weights(), alone[1].get_weights())
    assert_same(lost.weights, good.weights)
    assert lost.state is None
    assert not lost.scores["val_loss"] < 100
    assert lost.diverged.endswith("Lower its learning_rate, which was 1e+06.")


def test_a_phase_after_one_that_diverged_is_as_if_that_had_not_been(alone, caplog):
    """Neither its weights nor its optimizer's momentum go on: the same as the phase alone."""
    after = Phase("head", epochs=2, batch_size=32, learning_rate=0.1, optimizer="sgd", warmup=0.0)
    with caplog.at_level(logging.WARNING, "kzoo"):
        results, model = run(WILD, after)
    assert_same(model.get_weights(), run(after)[1].get_weights())
    assert [bool(each.diverged) for each in results] == [True, False]
    (line,) = [record.getMessage() for record in caplog.records if record.name == "kzoo"]
    assert line.startswith("phase 1 of 2: Training diverged in epoch ")


def test_where_all_phases_diverge_there_is_no_model():
    with pytest.raises(FloatingPointError, match="lower the learning_rate") as raised:
        run(WILD)
    assert raised.value.__notes__[0].startswith("while training 'two_layers', phase 1 of 1: Phase(")


def test_patience_ends_a_phase_and_the_runtime_is_named(monkeypatch):
    """A rate at which nothing changes: every epoch after the first is no better."""
    monkeypatch.setattr(passes, "fastest", lambda part, *, fold, sample: Runtime("abacus", graph_call(part)))
    still = Phase("head", epochs=6, batch_size=32, learning_rate=1e-30, optimizer="sgd", patience=2)
    (result, again), _ = run(still, still)
    assert (len(result.history), result.runtimes) == (3, ("abacus",))
    assert again.runtimes == ()
