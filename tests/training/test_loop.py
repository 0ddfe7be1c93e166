"""Phases one after the other, on a network of two layers: which weights are in it after a phase that diverged."""

import dataclasses
import functools
import itertools
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.specs.adapters import L2SP, BitFit, LoRA
from kzoo.specs.phases import Phase
from kzoo.specs.schedule import Schedule
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.training.cache import compute
from kzoo.training.feed import Feed, Split
from kzoo.training.loop import train
from kzoo.training.losses import resolve_loss
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


def run(*phases, class_weights=None, held=32, callbacks=(), **options):
    """The results of some phases, and the network."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, activation="tanh", name="hidden")
    head = keras.layers.Dense(2, name="logits")
    x = hidden(inputs)
    model = keras.Model(inputs, head(x), name="two_layers")
    feed = Feed(
        train=split(X[:64], Y[:64]),
        validation=split(X[64 : 64 + held], Y[64 : 64 + held]),
        key=lambda augmentation: {},
        mixes=lambda augmentation: False,
        class_weights=class_weights,
        kind=CLASSIFICATION,
        seed=0,
        **options,
    )
    results = train(
        model,
        groups={"stage1": [hidden], "head": [head]},
        cuts={"stage1": [inputs], "head": [x]},
        feed=feed,
        schedule=Schedule(phases),
        strategy=get_strategy("one"),
        callbacks=callbacks,
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
    with pytest.raises(FloatingPointError, match="Lower the learning_rate") as raised:
        run(WILD)
    assert raised.value.__notes__[0].startswith("while training 'two_layers', phase 1 of 1: Phase(")


def test_patience_ends_a_phase_and_the_runtime_is_named(monkeypatch):
    """A rate at which nothing changes: every epoch after the first is no better."""
    monkeypatch.setattr(compute, "fastest", lambda part, **_: Runtime("abacus", graph_call(part)))
    still = Phase("head", epochs=6, batch_size=32, learning_rate=1e-30, optimizer="sgd", patience=2)
    (result, again), _ = run(still, still)
    assert (len(result.history), result.runtimes) == (3, ("abacus",))
    assert again.runtimes == ()


def test_without_validation_all_epochs_run_and_the_last_weights_are_kept():
    """The weights are those of a phase of which validation keeps the last epoch; nothing is said to be measured."""
    trained = Phase("head", epochs=3, batch_size=32, learning_rate=0.01, patience=1, decay="constant")
    (result,), model = run(trained, held=0)
    assert (result.scores, result.state.sound, len(result.history)) == ({}, True, 3)
    assert not [name for row in result.history for name in row if name.startswith("val_")]
    again, _ = run(trained, held=32)
    assert [row["loss"] for row in result.history] == pytest.approx([row["loss"] for row in again[0].history])
    np.testing.assert_array_equal(result.weights[0], model.get_weights()[0])


def test_without_validation_a_phase_that_diverges_is_not_kept():
    results, _ = run(GOOD, WILD, held=0)
    assert [each.state is None for each in results] == [False, True]
    assert "on validation" not in results[1].diverged


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C as an epoch of the run begins, counted from 0."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch, self.ended = epoch, 0

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt

    def on_train_end(self, logs=None):
        self.ended += 1


def run_until_ctrl_c(*phases, callbacks):
    """As `run`; where Ctrl-C is raised, this test fails, and not the whole of pytest."""
    try:
        return run(*phases, callbacks=callbacks)
    except KeyboardInterrupt:
        pytest.fail("Ctrl-C was raised")


STEADY = Phase("head", epochs=4, batch_size=32, learning_rate=0.1, decay="constant")


def test_ctrl_c_ends_a_phase_with_the_best_weights_so_far(caplog):
    interrupt = Interrupt(1)
    with caplog.at_level(logging.WARNING, "kzoo"):
        (result,), model = run_until_ctrl_c(STEADY, callbacks=[interrupt])
    (whole,), _ = run(STEADY)
    assert (len(result.history), len(whole.history)) == (1, 4)
    assert result.stopped == "Stopped by Ctrl-C in phase 1 of 1, after 1 of 4 epochs"
    assert result.scores["val_loss"] == pytest.approx(loss_of(model.get_weights()), rel=1e-4)
    assert result.scores["val_loss"] == pytest.approx(whole.history[0]["val_loss"], rel=1e-4)
    assert interrupt.ended == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"{result.stopped}: the best weights so far are kept."
    ]
    assert whole.stopped == ""


def test_ctrl_c_in_the_first_epoch_of_a_later_phase_keeps_what_came_before():
    results, _ = run_until_ctrl_c(GOOD, STEADY, callbacks=[Interrupt(2)])
    assert [result.phase for result in results] == [GOOD]
    assert results[0].stopped == "Stopped by Ctrl-C in phase 2 of 2"
    assert loss_of(results[0].weights) == pytest.approx(results[0].scores["val_loss"], rel=1e-4)


@pytest.mark.parametrize("phases", [(STEADY,), (WILD, STEADY)], ids=["the first phase", "after one that diverged"])
def test_ctrl_c_before_anything_was_trained_raises(phases):
    with pytest.raises(KeyboardInterrupt):
        run(*phases, callbacks=[Interrupt(sum(phase.epochs for phase in phases[:-1]))])


def test_a_second_ctrl_c_raises():
    class Again(Interrupt):
        def on_train_end(self, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(STEADY, callbacks=[Again(1)])


def stepped(*, trained, rate, layer_decay=1.0, weight_decay=0.0, label_smoothing=0.0, class_weights=(1.0, 1.0)):
    """The network's weights after one step on all training examples, in NumPy.

    The first step of Nesterov's momentum of 0.9 is 1.9 times that of plain descent.
    """
    hidden, bias, head, offset = run_of_no_steps()
    middle = np.tanh(X[:64] @ hidden + bias)
    odds = np.exp(middle @ head + offset)
    wanted = (1 - label_smoothing) * Y[:64] + label_smoothing / 2
    errors = (odds / odds.sum(axis=1, keepdims=True) - wanted) * (Y[:64] @ np.array(class_weights))[:, None] / 64
    below = errors @ head.T * (1 - middle**2)
    slopes = [X[:64].T @ below, below.sum(axis=0), middle.T @ errors, errors.sum(axis=0)]
    rates = [rate * layer_decay * (trained == "*")] * 2 + [rate] * 2
    decays = [weight_decay, 0, weight_decay, 0]
    return [
        value * (1 - share * decay) - 1.9 * share * slope
        for value, share, decay, slope in zip((hidden, bias, head, offset), rates, decays, slopes, strict=True)
    ]


@functools.cache
def run_of_no_steps():
    """The weights that `run` starts from."""
    still = Phase("head", epochs=1, batch_size=64, learning_rate=1e-30, optimizer="sgd")
    return [weight.astype(np.float64) for weight in run(still)[1].get_weights()]


HEEDED = [
    {},
    {"layer_decay": 0.25},
    {"weight_decay": 0.5},
    {"label_smoothing": 0.4},
    {"class_weights": (3.0, 0.5)},
]


@pytest.mark.parametrize("trained", ["head", "*"], ids=["from held activations", "from the input"])
@pytest.mark.parametrize("options", HEEDED, ids=lambda options: next(iter(options), "plain"))
def test_a_step_heeds_each_option_of_its_phase(trained, options):
    phase = {name: value for name, value in options.items() if name != "class_weights"}
    weights = np.array(options["class_weights"], np.float32) if "class_weights" in options else None
    step = Phase(
        trained, epochs=1, batch_size=64, learning_rate=0.2, optimizer="sgd", warmup=0.0, decay="constant", **phase
    )
    (result,), model = run(step, class_weights=weights)
    assert result.place == ("memory" if trained == "head" else "nowhere")
    for found, wanted in zip(model.get_weights(), stepped(trained=trained, rate=0.2, **options), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_options_of_an_optimizer_reach_it():
    """SGD without momentum, at one step and a constant rate, against the gradient by hand."""
    options = {"momentum": 0.0, "nesterov": False}
    phase = Phase("head", epochs=1, batch_size=64, learning_rate=0.5, optimizer="sgd", warmup=0.0, decay="constant")
    (plain,), _ = run(dataclasses.replace(phase, optimizer_options=options))
    (clipped,), _ = run(dataclasses.replace(phase, optimizer_options={**options, "global_clipnorm": 1e-3}))
    keras.utils.set_random_seed(0)
    hidden, head = keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(2)
    head(hidden(X[:64]))
    pairs = [zip(result.weights[2:], head.get_weights(), strict=True) for result in (plain, clipped)]
    moved = [np.sqrt(sum(((now - start) ** 2).sum() for now, start in pair)) for pair in pairs]
    assert moved[0] > 0.01
    assert moved[1] == pytest.approx(0.5e-3, rel=1e-3)


def test_each_kind_of_optimizer_keeps_its_own_state():
    phases = [dataclasses.replace(GOOD, optimizer=name) for name in ("lion", "nadam", "lion")]
    results, _ = run(*phases)
    assert [result.diverged for result in results] == ["", "", ""]
    assert len(results[0].history) == 2


def test_a_loss_of_the_users_is_what_is_trained():
    """The loss of the reversed targets: what is learned is the contrary."""
    loss = resolve_loss(
        lambda truth, outputs: keras.losses.categorical_crossentropy(1 - truth, outputs, from_logits=True),
        kind=CLASSIFICATION,
        outputs=2,
    )
    phase = dataclasses.replace(GOOD, epochs=20, decay="constant")
    (found,), _ = run(phase, loss=loss, monitor=lambda truth, outputs: float(np.abs(outputs).mean()))
    assert found.scores["val_accuracy"] < 0.4


def test_what_is_monitored_decides_which_epoch_is_kept():
    values = iter([1.0, 3.0, 2.0, 0.0, 2.5])
    seen = []

    def told(truth, outputs):
        seen.append(outputs)
        return next(values)

    (found,), model = run(dataclasses.replace(GOOD, epochs=5, decay="constant"), monitor=told)
    assert [row["val_monitor"] for row in found.history] == [1.0, 3.0, 2.0, 0.0, 2.5]
    assert found.scores["val_monitor"] == 3.0
    np.testing.assert_allclose(model(X[64:]), seen[1], rtol=1e-5, atol=1e-6)


def test_early_stopping_follows_the_monitored_value():
    values = iter([1.0, 3.0, 2.0, 4.0])
    stop = keras.callbacks.EarlyStopping(monitor="val_monitor", patience=1)
    phase = dataclasses.replace(GOOD, epochs=4)
    (found,), _ = run(phase, monitor=lambda truth, outputs: next(values), callbacks=[stop])
    assert [row["val_monitor"] for row in found.history] == [1.0, 3.0, 2.0]


ADAPTED = Phase("*", epochs=3, batch_size=32, learning_rate=0.1, adapter=LoRA(rank=1))


@pytest.mark.parametrize("adapter", [LoRA(rank=1), BitFit(), L2SP(0.1)], ids=lambda adapter: adapter.label)
def test_the_scores_of_an_adapter_are_those_of_the_merged_weights(adapter):
    (result,), model = run(dataclasses.replace(ADAPTED, adapter=adapter))
    start = run(WILD, GOOD)[1].get_weights()
    assert result.scores["val_loss"] == pytest.approx(loss_of(model.get_weights()), rel=1e-5)
    changes = [not np.array_equal(a, b) for a, b in zip(start[:2], model.get_weights()[:2], strict=True)]
    assert changes == {"LoRA": [True, False], "BitFit": [False, True], "L2SP": [True, True]}[type(adapter).__name__]
    change = model.get_weights()[0] - start[0]
    assert np.linalg.matrix_rank(change, tol=1e-5) == {"LoRA": 1, "BitFit": 0, "L2SP": 3}[type(adapter).__name__]
    assert result.all_parameters == 23
    assert result.parameters == {"LoRA": 15, "BitFit": 11, "L2SP": 23}[type(adapter).__name__]


def test_a_strong_penalty_keeps_weights_at_the_start():
    start = run(WILD, GOOD)[1].get_weights()[0]
    far, near = (run(dataclasses.replace(ADAPTED, adapter=L2SP(each)))[1].get_weights()[0] for each in (1e-6, 1e3))
    assert np.abs(near - start).mean() < 0.2 * np.abs(far - start).mean()


def test_phases_with_and_without_an_adapter_follow_each_other():
    whole = Phase("*", epochs=2, batch_size=32, learning_rate=0.01, layer_decay=0.5, weight_decay=0.1)
    both = dataclasses.replace(whole, adapter=LoRA(rank=1))
    results, model = run(GOOD, ADAPTED, whole, both)
    assert results[3].scores["val_loss"] == pytest.approx(loss_of(model.get_weights()), rel=1e-5)
    assert [each.parameters for each in results] == [None, 15, None, 15]
    assert all(row["loss"] > 0.3 for result in results for row in result.history)
    kernels = [result.weights[0] for result in results]
    assert [np.linalg.matrix_rank(b - a, tol=1e-5) for a, b in itertools.pairwise(kernels)] == [1, 3, 1]


def test_the_best_epoch_of_an_adapter_is_kept():
    class Wreck(keras.callbacks.Callback):
        """After the first epoch of the second phase, turns the answers around."""

        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([-9 * weight if epoch == 2 else weight for weight in self.model.get_weights()])

    (_, result), model = run(GOOD, dataclasses.replace(ADAPTED, warmup=0.0, learning_rate=1e-3), callbacks=[Wreck()])
    losses = [row["val_loss"] for row in result.history]
    assert losses[0] < min(losses[1:])
    assert loss_of(model.get_weights()) == pytest.approx(losses[0], rel=1e-5)


def test_after_an_adapter_that_diverged_the_weights_before_it_are_there(alone):
    wild = dataclasses.replace(WILD, train="*", adapter=LoRA(rank=1))
    (_, lost), model = run(GOOD, wild)
    assert lost.diverged
    assert_same(model.get_weights(), alone[1].get_weights())
