"""What holds of every classical head: chosen by folds, and as layers the same as scikit-learn says."""

import keras
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC

from kzoo.models.classical_layers import CLASSICAL_LAYERS
from kzoo.models.heads import build_head
from kzoo.specs.catalog.classical_heads import CLASSICAL_HEADS, LOGISTIC
from kzoo.specs.head import Head
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.multi_label import MULTI_LABEL
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.probes.classical.classical_phase import _answer, _set_weights
from kzoo.training.probes.classical.classical_probe import (
    SOLVERS,
    ClassicalChoice,
    LabelledFeatures,
    choose_settings,
    solve_classical,
)
from kzoo.training.probes.classical.classical_solver import Problem

KINDS = {"classes": CLASSIFICATION, "two classes": CLASSIFICATION, "labels": MULTI_LABEL, "values": REGRESSION}


ROUGH = (LOGISTIC, "svm", "rbf_svm")
"""Heads that are solved more roughly where settings are compared."""


def targets_of(name, x):
    if name == "classes":
        return np.eye(3, dtype=np.float32)[np.digitize(x[:, 0], [-0.5, 0.5])]
    if name == "two classes":
        return np.eye(2, dtype=np.float32)[(np.abs(x[:, 0]) > 0.7).astype(int)]
    if name == "labels":
        return np.stack([x[:, 0] > 0, x[:, 1] + x[:, 2] > 1], axis=1).astype(np.float32)
    return np.stack([x[:, 0] ** 2, x[:, 1] - x[:, 2]], axis=1).astype(np.float32)


@pytest.fixture(scope="module", params=KINDS)
def data(request):
    x = np.random.default_rng(0).normal(size=(240, 6)).astype(np.float32)
    y = targets_of(request.param, x)
    y = (y - y.mean(axis=0)) / y.std(axis=0) if request.param == "values" else y
    return KINDS[request.param], LabelledFeatures(3 * x + 1, y, np.ones(240, np.float32))


def layers_of(name, examples, places=240):
    head = Head(kind="mlp" if name == LOGISTIC else name, dropout=0.0, examples=places)
    inputs = keras.Input((6,))
    model = keras.Model(inputs, build_head(head, inputs, outputs=examples.targets.shape[1]))
    return [layer for layer in model.layers if layer.weights]


def test_each_head_has_a_solver_and_no_other():
    assert set(SOLVERS) == {LOGISTIC, *CLASSICAL_HEADS}
    assert set(CLASSICAL_LAYERS) <= set(CLASSICAL_HEADS)


@pytest.mark.parametrize("name", SOLVERS)
def test_the_layers_say_what_was_measured(name, data):
    kind, examples = data
    problem, mean, deviation = examples.problem(slice(0, 160), kind=kind, seed=3)
    held = examples.features[160:]
    for setting in SOLVERS[name].settings(160, 6, None)[::2]:
        (scores,) = SOLVERS[name].measure(problem, (held - mean) / deviation, [setting])
        known = LabelledFeatures(*(each[:160] for each in (examples.features, examples.targets, examples.weights)))
        choice = ClassicalChoice(name, setting, 1.0, np.zeros(0))
        layers = layers_of(name, examples)
        _set_weights(layers, solve_classical(choice, known, kind=kind, places=240, seed=3))
        scale = np.abs(scores).max()
        np.testing.assert_allclose(_answer(layers, held) / scale, scores / scale, atol=0.05 if name in ROUGH else 2e-3)


@pytest.mark.parametrize("name", SOLVERS)
def test_it_beats_a_constant_on_examples_that_it_has_not_seen(name, data):
    kind, examples = data
    choice = choose_settings(name, examples, kind=kind)
    constant = kind.constant_logits(examples.targets.mean(axis=0), 240)
    losses = kind.example_losses(np.broadcast_to(constant, examples.targets.shape), examples.targets)
    # One class lies between two parts of the other: no plane tells them apart.
    needs_curve = kind is CLASSIFICATION and examples.targets.shape[1] == 2
    assert (choice.loss < losses.mean()) == (not needs_curve or name in ("rbf_svm", "knn", "boosting"))
    assert choice.losses.shape == (240,)
    assert choice.setting in SOLVERS[name].settings(240, 6, None)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_class_without_examples_is_never_the_answer(name):
    x = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    examples = LabelledFeatures(x, np.eye(4, dtype=np.float32)[(x[:, 0] > 0) * 2], np.ones(60, np.float32))
    settings = SOLVERS[name].settings(60, 6, None)
    choice = ClassicalChoice(name, settings[len(settings) // 2], 1.0, np.zeros(0))
    layers = layers_of(name, examples, places=60)
    _set_weights(layers, solve_classical(choice, examples, kind=CLASSIFICATION, places=60))
    found = _answer(layers, x)
    assert set(found.argmax(axis=1)) <= {0, 2}
    assert (found.argmax(axis=1) == examples.targets.argmax(axis=1)).mean() > 0.7


def test_few_examples_take_the_setting_in_the_middle():
    x = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    few = LabelledFeatures(x, np.eye(3, dtype=np.float32), np.ones(3, np.float32))
    choice = choose_settings("svm", few, kind=CLASSIFICATION)
    assert choice.setting == {"C": 1e-2}
    assert np.isnan(choice.loss)


def test_groups_are_not_divided():
    # Each group has a class of its own drawing, and features that name the group: only copies of a group are near.
    rng = np.random.default_rng(0)
    centers, classes = rng.normal(size=(40, 6)), rng.integers(0, 2, 40)
    groups = np.repeat(np.arange(40), 5)
    x = (centers[groups] + 0.01 * rng.normal(size=(200, 6))).astype(np.float32)
    targets = np.eye(2, dtype=np.float32)[classes[groups]]
    losses = [
        choose_settings("knn", LabelledFeatures(x, targets, np.ones(200, np.float32), g), kind=CLASSIFICATION).loss
        for g in ((), [str(each) for each in groups])
    ]
    assert losses[0] < 0.2
    assert losses[1] > 0.5


@pytest.fixture(scope="module")
def rings():
    """A problem of three classes that no plane separates, standardised."""
    x = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    classes = np.digitize((x**2).sum(axis=1), [2.5, 4.5])
    return Problem(x, np.eye(3, dtype=np.float32)[classes], np.ones(300, np.float32), CLASSIFICATION), classes


def test_linear_machine_against_scikit_learn(rings):
    problem, classes = rings
    solved = SOLVERS["svm"].fit(problem, {"C": 0.01}, 0)
    scores = problem.features @ solved.kernel + solved.bias
    # Its intercept is penalised, ours is not: a large scale leaves nothing of it.
    oracle = LinearSVC(C=0.01, tol=1e-6, max_iter=10_000, intercept_scaling=100, dual=False).fit(
        problem.features, classes
    )
    np.testing.assert_allclose(scores, 4 * oracle.decision_function(problem.features), atol=1e-2)


def test_random_features_come_near_the_kernel(rings):
    problem, classes = rings
    (scores,) = SOLVERS["rbf_svm"].measure(problem, problem.features, [{"gamma": 0.25, "C": 1.0}])
    exact = SVC(gamma=0.25, C=1.0).fit(problem.features, classes).predict(problem.features)
    assert (scores.argmax(axis=1) == exact).mean() > 0.9
    (plain,) = SOLVERS["svm"].measure(problem, problem.features, [{"C": 1.0}])
    assert (scores.argmax(axis=1) == classes).mean() > (plain.argmax(axis=1) == classes).mean() + 0.2


def test_neighbours_against_scikit_learn(rings):
    problem, classes = rings
    (scores,) = SOLVERS["knn"].measure(problem, problem.features[:50], [{"k": 10}])
    shares = (
        KNeighborsClassifier(10, metric="cosine").fit(problem.features, classes).predict_proba(problem.features[:50])
    )
    np.testing.assert_allclose((scores / 4 + 1) / 2, shares, atol=1e-5)


def test_boosting_against_scikit_learn(rings):
    problem, classes = rings
    (scores,) = SOLVERS["boosting"].measure(problem, problem.features, [{"rounds": 50}])
    oracle = GradientBoostingClassifier(
        n_estimators=50, learning_rate=0.2, max_depth=3, subsample=0.5, max_features="sqrt", init="zero", random_state=0
    ).fit(problem.features, classes)
    assert (scores.argmax(axis=1) == oracle.predict(problem.features)).mean() > 0.97


def test_more_examples_than_places_are_sampled_before_anything_is_chosen():
    rng = np.random.default_rng(0)
    centers, classes = rng.normal(size=(10, 6)), rng.integers(0, 10, 1_000)
    x = (centers[classes] + 0.4 * rng.normal(size=(1_000, 6))).astype(np.float32)
    examples = LabelledFeatures(x, np.eye(10, dtype=np.float32)[classes], np.ones(1_000, np.float32))
    choice = choose_settings("knn", examples, kind=CLASSIFICATION, places=60)
    # 50 neighbours of 60 are most of all classes.
    assert choice.setting["k"] <= 10
    solved = solve_classical(choice, examples, kind=CLASSIFICATION, places=60).head
    assert [each.shape[0] for each in solved.between] == [60, 60, 60, 50]
    assert (solved.between[2] == 1).all()


@pytest.mark.parametrize("name", [name for name in SOLVERS if name != LOGISTIC])
def test_scores_that_say_nothing_still_answer(name):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6)).astype(np.float32), rng.integers(0, 2, 40)
    examples = LabelledFeatures(x, np.eye(2, dtype=np.float32)[y], np.ones(40, np.float32))
    choice = choose_settings(name, examples, kind=CLASSIFICATION)
    assert choice.sharpness >= 0.01
    assert np.abs(solve_classical(choice, examples, kind=CLASSIFICATION, places=40).head.kernel).max() > 0


@pytest.mark.parametrize("name", SOLVERS)
def test_a_class_that_a_fold_lacks_does_not_set_the_temperature(name):
    # Each class is one group, so that no head has seen the class that it is asked for.
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2, 2, 2, 2], 10)
    x = (3 * np.eye(3, 6)[classes] + 0.1 * rng.normal(size=(60, 6))).astype(np.float32)
    groups = [str(number // 10) for number in range(60)]
    examples = LabelledFeatures(x, np.eye(3, dtype=np.float32)[classes], np.ones(60, np.float32), groups)
    choice = choose_settings(name, examples, kind=CLASSIFICATION)
    assert len(choice.losses) == 40
    assert choice.loss < 0.3


@pytest.mark.parametrize("name", SOLVERS)
def test_examples_of_weight_zero_are_left_out(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 6)).astype(np.float32)
    classes = (x[:, 0] > 0) * 1 + (np.arange(80) >= 60)
    examples = LabelledFeatures(x, np.eye(3, dtype=np.float32)[classes], (np.arange(80) < 60).astype(np.float32))
    choice = choose_settings(name, examples, kind=CLASSIFICATION)
    layers = layers_of(name, examples, places=80)
    _set_weights(layers, solve_classical(choice, examples, kind=CLASSIFICATION, places=80))
    assert len(choice.losses) == 60
    assert set(_answer(layers, x[:60]).argmax(axis=1)) == {0, 1}
