"""Several tasks as one kind: sums over the tasks, and nothing of a target that is missing."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

import kzoo
from kzoo.task_kinds.kind_names import join_labels, own_labels
from kzoo.task_kinds.kind_registry import get_task_kind, kind_of
from kzoo.training.probes.linear_probe import solve
from kzoo.training.selection import constant_losses, judge
from kzoo.training.temperature import scaled, sharpness

NAME = "several tasks: kind classification 3, price regression 1 x 0.5, tags multi_label 2"
LABELS = ["kind: boot", "kind: shoe", "kind: sock", "price: value", "tags: old", "tags: new"]
RNG = np.random.default_rng(0)
SIZE = 40
CLASSES = np.arange(SIZE) % 3
ROWS = np.concatenate([np.eye(3)[CLASSES], RNG.normal(size=(SIZE, 1)), RNG.integers(0, 2, (SIZE, 2))], axis=1).astype(
    np.float32
)
ROWS[5:15, :3] = np.nan
ROWS[10:20, 3] = np.nan
ROWS[12:30, 4:] = np.nan
LOGITS = RNG.normal(size=ROWS.shape).astype(np.float32)


@pytest.fixture(scope="module")
def kind():
    return get_task_kind(NAME)


def test_the_name_tells_the_tasks(kind):
    assert kind.name == NAME
    assert [(p.name, p.kind.name, p.start, p.stop, p.weight) for p in kind.parts] == [
        ("kind", "classification", 0, 3, 1.0),
        ("price", "regression", 3, 4, 0.5),
        ("tags", "multi_label", 4, 6, 1.0),
    ]
    tasks = {"a": kzoo.Classification("x", label="a"), "b": kzoo.Regression("x", label="b")}
    found = kind_of(kzoo.MultiTask(tasks, weights={"b": 3}), {"a": ["x", "y"], "b": ["value"]})
    assert found.name == "several tasks: a classification 2, b regression 1 x 3.0"
    assert kind_of(tasks["a"], {}) is get_task_kind("classification")
    assert get_task_kind("several tasks: a classification 2 x 1e-05, b regression 1").parts[0].weight == 1e-5


@pytest.mark.parametrize("name", ["several tasks: ", "several tasks: a regression", "several tasks: a regression 0"])
def test_a_damaged_name_is_refused(name):
    with pytest.raises(ValueError, match="must be named as 'price regression 1'"):
        get_task_kind(name)


def test_labels_are_told_by_their_task(kind):
    assert join_labels({"kind": ["boot", "shoe", "sock"], "price": ["value"], "tags": ["old", "new"]}) == LABELS
    assert [own_labels(LABELS, part) for part in kind.parts] == [["boot", "shoe", "sock"], ["value"], ["old", "new"]]


def test_the_loss_is_the_sum_over_the_targets_that_are_there(kind):
    wanted = np.zeros(SIZE)
    for part in kind.parts:
        known = ~np.isnan(ROWS[:, part.start])
        own = part.kind.example_losses(
            LOGITS[:, part.start : part.stop], np.nan_to_num(ROWS[:, part.start : part.stop])
        )
        wanted += np.where(known, part.weight * own / part.kind.guess_loss(part.outputs), 0)
    np.testing.assert_allclose(kind.example_losses(LOGITS, ROWS), wanted, rtol=1e-6)
    np.testing.assert_allclose(kind.loss(0.0).call(ROWS, LOGITS), wanted, rtol=1e-5)
    assert kind.guess_loss(6) == 2.5


def test_a_missing_target_has_no_gradient(kind):
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = kind.loss(0.1)(tf.constant(ROWS), logits)
    slope = tape.gradient(loss, logits).numpy()
    assert np.isfinite(slope).all()
    assert np.array_equal(slope == 0, np.isnan(ROWS))


def test_the_best_constant_is_of_the_targets_that_are_there(kind):
    rows = ROWS.copy()
    weights = np.ones(SIZE)
    losses = constant_losses(kind, rows, train=rows, weights=weights)
    assert np.isfinite(losses).all()
    assert losses.mean() < kind.example_losses(np.zeros_like(rows), rows).mean()


def test_a_task_without_a_target_leaves_the_probe_of_the_others(kind):
    features, weights = RNG.normal(size=(SIZE, 3)).astype(np.float32), np.ones(SIZE, np.float32)
    first, second = kind.parts[:2]
    rows = ROWS.copy()
    rows[:, second.start : second.stop] = np.nan
    found = solve((features, rows, weights), None, kind=kind)
    assert np.isfinite(found.kernel).all()
    assert (second.of(found.kernel) == 0).all()
    assert first.of(found.kernel).any()


def test_the_probe_of_each_task_is_that_of_the_task_alone(kind):
    features = np.concatenate(
        [np.nan_to_num(ROWS) + RNG.normal(0, 0.5, ROWS.shape), RNG.normal(size=(SIZE, 2))], axis=1
    )
    features, weights = features.astype(np.float32), np.ones(SIZE, np.float32)
    held = features[::2], ROWS[::2]
    together = solve((features, ROWS, weights), held, kind=kind)
    assert np.isfinite(list(together.scores.values())).all()
    for number, part in enumerate(kind.parts):
        known, asked = part.known(ROWS), part.known(held[1])
        own = features[known], part.of(ROWS)[known], weights[known]
        alone = solve(own, (held[0][asked], part.of(held[1])[asked]), kind=part.kind)
        assert together.strength[number] == alone.strength
        np.testing.assert_allclose(part.of(together.logits(features)), alone.logits(features), atol=1e-4)
    again = solve((features, ROWS, weights), None, kind=kind, strengths=[together.strength])
    assert again.strength == together.strength
    # Without a penalty for each, all tasks have the same.
    kernel, bias = kind.probe(6)(features, ROWS, weights, 1.0, 1e-5)
    assert (kernel.shape, bias.shape) == ((8, 6), (6,))


def test_each_task_has_its_own_temperature_on_validation(kind):
    logits = LOGITS.copy()
    logits[:, :3] = 9 * np.nan_to_num(ROWS[:, :3]) + LOGITS[:, :3]
    found = scaled(logits, ROWS, kind=kind)
    for part in kind.parts:
        known = part.known(ROWS)
        factor = sharpness(part.of(logits)[known], part.of(ROWS)[known], kind=part.kind)
        np.testing.assert_allclose(part.of(found), factor * part.of(logits), rtol=1e-6)
    np.testing.assert_array_equal(found[:, 3], logits[:, 3])
    state = judge(kind, logits, ROWS, constant=constant_losses(kind, ROWS, train=ROWS, weights=np.ones(SIZE)))
    assert state.sound
    assert len(state.losses) == SIZE


def test_states_are_compared_by_the_sum_of_the_losses_alone(kind):
    assert kind.example_hits(LOGITS, ROWS) is None


def test_outputs_are_those_of_each_task(kind):
    mean, deviation = [0, 0, 0, 10.0, 0, 0], [1, 1, 1, 2.0, 1, 1]
    layer = kind.output_layer((mean, deviation))
    found = np.asarray(layer(LOGITS))
    np.testing.assert_allclose(found[:, :3], softmax(LOGITS[:, :3], axis=1), rtol=1e-5)
    np.testing.assert_allclose(found[:, 3], 10 + 2 * LOGITS[:, 3], rtol=1e-5)
    np.testing.assert_allclose(found[:, 4:], 1 / (1 + np.exp(-LOGITS[:, 4:])), rtol=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    np.testing.assert_array_equal(again(LOGITS), found)
    np.testing.assert_allclose(kind.outputs_of(LOGITS)[:, :3], found[:, :3], rtol=1e-5)
    twice = kind.mean_of([LOGITS, LOGITS])
    np.testing.assert_allclose(np.asarray(kind.output_layer(None)(twice)), kind.output_layer(None)(LOGITS), rtol=1e-5)


def test_metrics_are_those_of_each_task_on_the_examples_that_have_its_target(kind):
    outputs = kind.outputs_of(LOGITS)
    found = kind.metrics(outputs, ROWS)
    assert list(found) == list(kind.metric_names)
    for part in kind.parts:
        known = part.known(ROWS)
        truth = CLASSES[known] if part.name == "kind" else part.of(ROWS)[known]
        for name, metric in part.kind.metrics(part.of(outputs)[known], truth).items():
            assert found[f"{part.name} {name}"] == metric
    scores = kind.example_scores(outputs, ROWS)
    assert scores[:5].tolist() == (outputs[:5, :3].argmax(axis=1) == CLASSES[:5]).tolist()
    assert scores.mean() == pytest.approx(found["kind accuracy"].value)
    table = kind.by_label(outputs, ROWS, LABELS)
    assert [row[0] for row in table.rows] == [
        "kind: boot",
        "kind: shoe",
        "kind: sock",
        "price: value",
        "tags: old",
        "tags: new",
    ]
    counts = kind.label_counts(ROWS, 6)
    assert counts.tolist() == [*np.nansum(ROWS[:, :3], axis=0), 30, *np.nansum(ROWS[:, 4:], axis=0)]
    assert [row[-1] for row in table.rows] == counts.tolist()
    assert kind.merit(np.nan_to_num(ROWS), ROWS) > kind.merit(outputs, ROWS)
    assert len(kind.plot(outputs, ROWS, LABELS).axes) == 3


def test_a_task_without_test_examples_has_no_metrics(kind):
    rows = ROWS.copy()
    rows[:, 3] = np.nan
    found = kind.metrics(kind.outputs_of(LOGITS), rows)
    assert [name for name in found if name.startswith("price")] == []
    assert "kind accuracy" in found


def test_targets_are_named_and_a_missing_one_is_left_out(kind):
    named = kind.name_targets(np.asarray([[0, 1, 0, 2.5, 1, 1], [np.nan] * 3 + [1, 0, 0]]), LABELS)
    assert named == [("kind: shoe", "price: 2.5", "tags: old, new"), ("price: 1", "tags: ")]


def test_served_answers_are_named_after_their_task(kind):
    outputs = kind.outputs_of(LOGITS)
    found = {name: value.numpy() for name, value in kind.serve(tf.constant(outputs), LABELS).items()}
    assert sorted(found) == ["kind_labels", "kind_probabilities", "price_values", "tags_labels", "tags_probabilities"]
    wanted = kind.served(outputs, LABELS, 1e-3)
    assert sorted(wanted) == sorted(found)
    assert all(one.decode() in right for one, right in zip(found["kind_labels"], wanted["kind_labels"], strict=True))
    np.testing.assert_array_equal(found["price_values"], outputs[:, 3:4])


def test_the_distance_to_oneself_is_nothing(kind):
    np.testing.assert_allclose(kind.distance(LOGITS, LOGITS, 2.0), 0, atol=1e-6)
    assert float(np.mean(kind.distance(LOGITS, LOGITS[::-1].copy(), 2.0))) > 0.1


def test_targets_of_outputs_are_rows(kind):
    found = kind.targets_of(kind.outputs_of(LOGITS))
    assert found.shape == LOGITS.shape
    assert found[:, :3].sum(axis=1).tolist() == [1] * SIZE
    truth, outputs = kind.sample(6)
    assert truth.shape == outputs.shape
    assert np.isfinite(truth).all()


def test_weights_by_uncertainty_are_the_inverse_of_the_losses(kind):
    name = NAME.replace("several tasks:", "several tasks by uncertainty:")
    by_uncertainty = get_task_kind(name)
    assert by_uncertainty.name == name
    assert by_uncertainty.weighing == "uncertainty"
    assert not kind.weighing
    tasks = {"a": kzoo.Classification("x", label="a"), "b": kzoo.Regression("x", label="b")}
    found = kind_of(kzoo.MultiTask(tasks, weights="uncertainty"), {"a": ["x", "y"], "b": ["value"]})
    assert found.name == "several tasks by uncertainty: a classification 2, b regression 1"
    loss, equal = by_uncertainty.loss(0.0), kind.loss(0.0)
    np.testing.assert_array_equal(loss.call(ROWS, LOGITS), equal.call(ROWS, LOGITS))
    for each in (loss, equal):
        each.balance(LOGITS, ROWS)
    np.testing.assert_array_equal(equal.factors, np.ones(3))
    losses = []
    for part in kind.parts:
        known = part.known(ROWS)
        own = part.kind.example_losses(part.of(LOGITS)[known], part.of(ROWS)[known]).mean()
        losses.append(own / part.kind.guess_loss(part.outputs))
    wanted = 1 / np.asarray(losses)
    np.testing.assert_allclose(loss.factors, wanted / wanted.mean(), rtol=1e-5)


def test_gradnorm_makes_weighted_gradients_as_large_as_losses_say():
    name = "several tasks by gradnorm: a regression 1, b regression 1"
    assert get_task_kind(name).name == name
    loss = get_task_kind(name).loss(0.0)
    rows, logits = np.zeros((4, 2), np.float32), np.tile(np.float32([[1.0, 2.0]]), (4, 1))
    norms = np.array([0.5, 3.0])
    loss.balance(logits, rows)
    np.testing.assert_array_equal(loss.factors, np.ones(2))  # without gradients nothing is known
    loss.balance(logits, rows, norms)
    weighted = np.asarray(loss.factors) * norms
    # Relative losses are 1 and 4.
    np.testing.assert_allclose(weighted[1] / weighted[0], 4**1.5, rtol=1e-5)
    np.testing.assert_allclose(np.mean(loss.factors), 1, rtol=1e-6)
    loss.balance(logits, rows, np.array([0.0, 3.0]))
    assert float(loss.factors[0]) == 1  # no example of it was seen


def test_a_task_that_is_solved_does_not_take_all(kind):
    loss = get_task_kind("several tasks by uncertainty: a regression 1, b regression 1").loss(0.0)
    rows = np.ones((4, 2), np.float32)
    loss.balance(np.stack([np.ones(4), np.zeros(4)], axis=1).astype(np.float32), rows)
    np.testing.assert_allclose(loss.factors, np.asarray([100, 1]) / 50.5, rtol=1e-4)


def test_a_task_without_targets_on_validation_is_not_weighed():
    loss = get_task_kind("several tasks by uncertainty: a regression 1, b regression 1").loss(0.0)
    rows = np.full((4, 2), np.nan, np.float32)
    rows[:, 1] = 1
    loss.balance(np.zeros((4, 2), np.float32), rows)
    np.testing.assert_array_equal(loss.factors, np.ones(2))
