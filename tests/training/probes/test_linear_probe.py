"""The probe against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.multi_label import MULTI_LABEL
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.losses import score
from kzoo.training.probes.linear_probe import STRENGTHS, solve, solve_on_both


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, (300, 8)).astype(np.float32)
    logits = x @ rng.normal(size=(8, 3)) + rng.normal(size=(300, 3))
    return x, logits


def split(x, y):
    return (x[:200], y[:200], np.ones(200, np.float32)), (x[200:], y[200:])


def test_classification_finds_the_optimum_that_scikit_learn_finds(features):
    x, logits = features
    targets = np.eye(3, dtype=np.float32)[logits.argmax(axis=1)]
    train, held = split(x, targets)
    found = solve(train, held, kind=CLASSIFICATION)
    mean, deviation = train[0].mean(axis=0), train[0].std(axis=0)
    oracle = LogisticRegression(C=found.strength, max_iter=1000, tol=1e-6).fit(
        (train[0] - mean) / deviation, train[1].argmax(axis=1)
    )
    ours = np.exp(found.logits(held[0]))
    wanted = oracle.predict_proba((held[0] - mean) / deviation)
    np.testing.assert_allclose(ours / ours.sum(axis=1, keepdims=True), wanted, atol=1e-3)


def test_on_both_splits_it_is_what_scikit_learn_finds_on_all_examples(features):
    x, logits = features
    targets = np.eye(3, dtype=np.float32)[logits.argmax(axis=1)]
    train, held = split(x, targets)
    found = solve_on_both(train, (*held, np.ones(100, np.float32)), kind=CLASSIFICATION, strength=0.1)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    oracle = LogisticRegression(C=0.1, max_iter=1000, tol=1e-6).fit(scaled, targets.argmax(axis=1))
    ours = np.exp(found.logits(x))
    np.testing.assert_allclose(ours / ours.sum(axis=1, keepdims=True), oracle.predict_proba(scaled), atol=1e-3)


def test_features_are_standardised_by_training_alone(features):
    x, logits = features
    (train_x, train_y, weights), (held_x, held_y) = split(x, np.eye(3, dtype=np.float32)[logits.argmax(axis=1)])
    found = solve((train_x, train_y, weights), (5 * held_x + 40, held_y), kind=CLASSIFICATION)
    np.testing.assert_allclose(found.mean, x[:200].astype(np.float64).mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.deviation, x[:200].astype(np.float64).std(axis=0), rtol=1e-4)


def test_the_penalty_is_the_best_by_validation(features):
    x, logits = features
    targets = np.eye(3, dtype=np.float32)[logits.argmax(axis=1)]
    train, held = split(x, targets)
    found = solve(train, held, kind=CLASSIFICATION)
    assert found.strength in STRENGTHS
    again = score(CLASSIFICATION, found.logits(held[0]), held[1])
    assert found.scores == pytest.approx(again, rel=1e-5)
    assert found.scores["val_loss"] < np.log(3)


def noisy(*, right):
    """Many features of few examples, whose targets follow from the first: what a weak penalty learns by heart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 60)).astype(np.float32)
    classes = (x[:, 0] + (1 - right) * 8 * rng.normal(size=300) > 0).astype(int)
    targets = np.eye(2, dtype=np.float32)[classes]
    return (x[:100], targets[:100], np.ones(100, np.float32)), (x[100:], targets[100:])


@pytest.mark.parametrize("right", [1.0, 0.8, 0.5])
def test_the_penalty_is_the_one_of_the_lowest_loss_on_validation(monkeypatch, right):
    data = noisy(right=right)
    found = solve(*data, kind=CLASSIFICATION)
    losses = {}
    for strength in STRENGTHS:
        monkeypatch.setattr("kzoo.training.probes.linear_probe.STRENGTHS", (strength,))
        held, targets = data[1]
        logits = solve(*data, kind=CLASSIFICATION).logits(held).astype(np.float64)
        losses[strength] = (np.logaddexp(logits[:, 0], logits[:, 1]) - (logits * targets).sum(axis=1)).mean()
    assert found.strength == min(losses, key=losses.get)
    assert found.scores["val_loss"] == pytest.approx(losses[found.strength], rel=1e-3)


def test_the_search_stops_once_the_loss_rises(monkeypatch):
    fitted = []
    fit = LogisticRegression.fit

    def counted(self, *arguments, **options):
        fitted.append(self.C)
        return fit(self, *arguments, **options)

    monkeypatch.setattr(LogisticRegression, "fit", counted)
    found = solve(*noisy(right=0.5), kind=CLASSIFICATION)
    last = STRENGTHS.index(found.strength) + 1
    # Those that were tried, and the chosen one again, to its optimum.
    assert fitted == [*STRENGTHS[: last + 1], found.strength]
    assert last + 1 < len(STRENGTHS)


def test_two_classes(features):
    x, logits = features
    targets = np.eye(2, dtype=np.float32)[(logits[:, 0] > 0).astype(int)]
    found = solve(*split(x, targets), kind=CLASSIFICATION)
    assert found.kernel.shape == (8, 2)
    assert found.scores["val_accuracy"] > 0.85


def test_a_class_that_was_never_seen_is_never_answered(features):
    x, logits = features
    targets = np.eye(4, dtype=np.float32)[logits.argmax(axis=1)]
    found = solve(*split(x, targets), kind=CLASSIFICATION)
    assert not np.any((found.logits(x)).argmax(axis=1) == 3)


def test_multi_label_is_one_against_the_rest_with_constant_columns(features):
    x, logits = features
    targets = np.concatenate([logits > 0, np.zeros((300, 1)), np.ones((300, 1))], axis=1).astype(np.float32)
    found = solve(*split(x, targets), kind=MULTI_LABEL)
    outputs = found.logits(x)
    assert np.all(outputs[:, 3] < 0)
    assert np.all(outputs[:, 4] > 0)
    assert found.scores["val_accuracy"] > 0.85


def test_regression_is_ridge(features):
    x, logits = features
    train, held = split(x, logits.astype(np.float32))
    found = solve(train, held, kind=REGRESSION)
    mean, deviation = train[0].mean(axis=0), train[0].std(axis=0)
    oracle = Ridge(alpha=1 / found.strength).fit((train[0] - mean) / deviation, train[1])
    np.testing.assert_allclose(
        found.logits(held[0]), oracle.predict((held[0] - mean) / deviation), rtol=1e-2, atol=1e-2
    )


def test_weights_count(features):
    x, logits = features
    targets = np.eye(3, dtype=np.float32)[logits.argmax(axis=1)]
    (train_x, train_y, _), held = split(x, targets)
    heavy = (1 + 50 * train_y[:, 0]).astype(np.float32)
    plain = solve((train_x, train_y, np.ones_like(heavy)), held, kind=CLASSIFICATION)
    weighted = solve((train_x, train_y, heavy), held, kind=CLASSIFICATION)
    answers = [(found.logits(x)).argmax(axis=1) for found in (plain, weighted)]
    assert np.mean(answers[1] == 0) > np.mean(answers[0] == 0)


def test_a_feature_that_does_not_vary_in_training_drowns_nothing_later():
    features = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    features[:, 3] = 0.0
    targets = np.eye(2, dtype=np.float32)[(features[:, 0] > 0).astype(int)]
    found = solve((features, targets, np.ones(60)), (features, targets), kind=CLASSIFICATION)
    later = features.copy()
    later[:, 3] = 1.0
    assert found.deviation[3] >= 0.005
    assert np.abs((later - found.mean) / found.deviation).max() < 500


@pytest.mark.parametrize(("right", "strong"), [(1.0, False), (0.5, True)])
def test_without_validation_the_penalty_is_chosen_by_cross_validation(right, strong):
    """Where targets follow from a feature a weak penalty is best, on noise a strong one."""
    found = solve(noisy(right=right)[0], None, kind=CLASSIFICATION)
    assert found.scores == {}
    assert (found.strength == STRENGTHS[0]) is strong
    train, held = noisy(right=right)
    again = solve(train, held, kind=CLASSIFICATION)
    if again.strength == found.strength:
        np.testing.assert_allclose(found.kernel, again.kernel, atol=1e-3)


@pytest.mark.parametrize("kind", [MULTI_LABEL, REGRESSION])
def test_other_tasks_are_cross_validated_too(features, kind):
    x, logits = features
    targets = (logits > 0 if kind == MULTI_LABEL else logits).astype(np.float32)
    assert solve((x, targets, np.ones(300, np.float32)), None, kind=kind).strength > STRENGTHS[0]


def test_one_example_has_the_default_penalty():
    one = np.ones((1, 4), np.float32), np.ones((1, 1), np.float32), np.ones(1, np.float32)
    assert solve(one, None, kind=REGRESSION).strength == STRENGTHS[2]
