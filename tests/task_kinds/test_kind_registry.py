"""What holds of every kind of task: its functions take and give what `TaskKind` says, and agree with each other."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

import kzoo
from kzoo.core.raw_targets import numbers_of
from kzoo.task_kinds.encoded_targets import encode_rows
from kzoo.task_kinds.kind_registry import TASK_KINDS, get_task_kind, register_task_kind
from kzoo.task_kinds.task_kind import TaskKind

OUTPUTS = 3
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2 * OUTPUTS, OUTPUTS)).astype(np.float32)


class Count(kzoo.Regression):
    """How many, by Poisson regression: logits are logarithms of rates. A kind that a user adds, in one file."""

    kind = "count"


def encode_counts(targets, labels, task, positions):
    def read(target):
        numbers = numbers_of(target)
        if len(numbers) != len(labels):
            return f"{len(numbers)} values where {len(labels)} are wanted"
        return numbers if min(numbers) >= 0 else "a count below 0"

    return encode_rows(targets, len(labels), read)


def sample_counts(outputs):
    truth, rates = np.random.default_rng(0).poisson(3, (2, 8, outputs)).astype(np.float32)
    return truth + 1, rates + 0.5


@keras.saving.register_keras_serializable("tests")
class PoissonOfLogits(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.exp(y_pred) - y_true * y_pred, axis=-1)


def distance(teacher, logits, temperature):
    """The divergence of two Poisson distributions."""
    exp = keras.ops.exp
    return keras.ops.mean(exp(teacher) * (teacher - logits) - exp(teacher) + exp(logits), axis=-1)


def poisson_probe(outputs):
    def fit(features, targets, weights, strength, tolerance):
        models = [
            PoissonRegressor(alpha=1 / (strength * len(features)), tol=tolerance, max_iter=1000).fit(
                features, y, weights
            )
            for y in targets.T
        ]
        return np.stack([model.coef_ for model in models], axis=1), np.array([model.intercept_ for model in models])

    return fit


@pytest.fixture(autouse=True, scope="module")
def counts():
    kind = register_task_kind(
        Count,
        like="regression",
        standardises=False,
        targets_as="counts",
        encode=encode_counts,
        sample=sample_counts,
        outputs_of=np.exp,
        loss=lambda smoothing: PoissonOfLogits(),
        distance=distance,
        example_losses=lambda logits, rows: (np.exp(logits.astype(np.float64)) - rows * logits).mean(axis=1),
        constant_logits=lambda mean, size: np.log(np.maximum(mean, 1 / size)),
        probe=poisson_probe,
        mean_of=lambda logits: keras.ops.logsumexp(keras.ops.stack(logits), axis=0) - np.log(len(logits)),
        output_layer=lambda scale: keras.layers.Activation("exponential", name="values", dtype="float32"),
    )
    yield kind
    del TASK_KINDS["count"]


@pytest.fixture(params=[*TASK_KINDS, "count"])
def kind(request):
    """Each kind, and one of a user's."""
    return TASK_KINDS[request.param]


def rows_of(kind: TaskKind) -> np.ndarray:
    """Rows of truth, as many as there are logits."""
    return kind.sample(OUTPUTS)[0][: len(LOGITS)]


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"must be one of classification, multi_label, regression, .* Got 'ordinal'"):
        get_task_kind("ordinal")


def test_a_sample_has_each_label_twice_and_suits_its_monitors(kind):
    truth, outputs = kind.sample(OUTPUTS)
    assert truth.shape == outputs.shape
    assert {truth.dtype, outputs.dtype} == {np.dtype(np.float32)}
    if kind.has_labels:
        assert (truth.sum(axis=0) >= 2).all()
    for name, score in kind.monitors.items():
        assert 0 <= score(truth, outputs) <= 1, name
        assert score(truth, truth) == 1, name


def test_the_loss_of_training_is_the_mean_of_the_examples_losses(kind):
    rows = rows_of(kind)
    losses = kind.example_losses(LOGITS, rows)
    assert (losses.shape, losses.dtype) == ((len(LOGITS),), np.float64)
    assert losses.mean() == pytest.approx(float(kind.loss(0.0)(rows, LOGITS)), rel=1e-5)
    assert 0 <= kind.smoothing < 1
    assert np.isfinite(float(kind.loss(kind.smoothing)(rows, LOGITS)))


def test_hits_are_shares_of_right_answers_where_there_are_labels(kind):
    hits = kind.example_hits(LOGITS, rows_of(kind))
    assert (hits is not None) == kind.has_labels
    if hits is not None:
        assert hits.shape == (len(LOGITS),)
        assert ((hits >= 0) & (hits <= 1)).all()


def test_of_constants_the_one_that_is_given_has_the_lowest_loss(kind):
    rows = np.repeat(rows_of(kind), [1, 1, 1, 1, 2, 4], axis=0)
    logits = kind.constant_logits(rows.mean(axis=0), 10**9)

    def loss(constant):
        return kind.example_losses(np.broadcast_to(constant, rows.shape), rows).mean()

    assert logits.shape == (OUTPUTS,)
    for step in 0.1 * np.concatenate([np.eye(OUTPUTS), -np.eye(OUTPUTS)]):
        assert loss(logits + step) > loss(logits)


def test_a_guess_is_logits_of_zero(kind):
    rows = rows_of(kind)
    if kind.standardises:
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    losses = kind.example_losses(np.zeros_like(rows), rows)
    assert losses.mean() == pytest.approx(kind.guess_loss(OUTPUTS), rel=1e-5)


def test_the_slope_is_the_derivative_of_the_loss_by_the_temperature(kind):
    if kind.temperature_slope is None:
        return
    rows, logits = rows_of(kind), LOGITS.astype(np.float64)
    above, below = (kind.example_losses((2.0 + step) * logits, rows).mean() for step in (1e-6, -1e-6))
    assert kind.temperature_slope(logits, rows)(np.log(2.0)) == pytest.approx((above - below) / 2e-6, rel=1e-5)


def test_the_distance_to_oneself_is_nothing_and_to_others_something(kind):
    here, there = (np.asarray(kind.distance(LOGITS, each, 2.0)) for each in (LOGITS, LOGITS[::-1].copy()))
    assert here.shape == (len(LOGITS),)
    np.testing.assert_allclose(here, 0, atol=1e-6)
    assert there.mean() > 0.01


def test_a_probe_of_features_that_are_the_logits_finds_them(kind):
    features = np.repeat(LOGITS, 20, axis=0)
    rows = kind.outputs_of(features)
    rows = kind.as_rows(rows.argmax(axis=1), OUTPUTS) if kind.exclusive else rows
    rows = (rows >= 0.5).astype(np.float32) if kind.has_labels else rows
    kernel, bias = kind.probe(OUTPUTS)(features, rows, np.ones(len(rows)), 1e4, 1e-6)
    assert (kernel.shape, bias.shape) == ((OUTPUTS, OUTPUTS), (OUTPUTS,))
    least = 0 if kind.has_labels else kind.example_losses(features, rows).mean()
    assert kind.example_losses(features @ kernel + bias, rows).mean() < least + 0.05


def test_outputs_of_labels_are_probabilities(kind):
    outputs = kind.outputs_of(LOGITS)
    assert outputs.dtype == np.float32
    if kind.has_labels:
        assert ((outputs > 0) & (outputs < 1)).all()
    if kind.exclusive:
        np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-6)


def test_the_loss_is_one_of_keras(kind):
    assert isinstance(kind.loss(0.0), keras.losses.Loss)


def encoded_sample(kind: TaskKind) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and encoded truth."""
    rows, outputs = kind.sample(OUTPUTS)
    return outputs, rows.argmax(axis=1) if kind.exclusive else rows


def test_an_evaluation_has_the_metrics_that_are_named_and_the_first_is_the_mean_of_the_examples(kind):
    outputs, truth = encoded_sample(kind)
    found = kind.metrics(outputs, truth)
    assert tuple(found) == tuple(kind.metric_names)
    assert kind.example_scores(outputs, truth).mean() == pytest.approx(found[kind.metric_names[0]].value, rel=1e-6)
    better = kind.example_scores(kind.sample(OUTPUTS)[0], truth).mean() > kind.example_scores(outputs, truth).mean()
    assert better == kind.higher_is_better


def test_labels_are_counted_where_there_are_labels(kind):
    outputs, truth = encoded_sample(kind)
    table = kind.by_label(outputs, truth, ["a", "b", "c"])
    assert [row[0] for row in table.rows] == ["a", "b", "c"]
    assert (kind.label_counts is not None) == kind.has_labels
    assert (kind.confusion is not None) == kind.exclusive
    if kind.label_counts is not None:
        assert kind.label_counts(truth, OUTPUTS).tolist() == [row[-1] for row in table.rows]
    if kind.confusion is not None:
        assert kind.confusion(outputs, truth).sum(axis=1).tolist() == [2, 2, 2]


def test_models_are_compared_by_what_is_best_for_the_truth_itself(kind):
    outputs, truth = encoded_sample(kind)
    assert kind.merit(kind.sample(OUTPUTS)[0], truth) > kind.merit(outputs, truth)
    if kind.log_loss is not None:
        assert kind.merit(outputs, truth)[1] == -kind.log_loss(outputs, truth, 1.0)
        assert kind.log_loss(outputs, truth, 1e9) == pytest.approx(kind.guess_loss(OUTPUTS), rel=1e-6)


@pytest.mark.slow
def test_a_kind_that_a_user_adds_goes_through_all_verbs(backbone, tmp_path):
    rng = np.random.default_rng(0)
    counts = rng.poisson(4, 60)
    pixels = np.clip(rng.normal(40 + 12 * counts[:, None, None, None], 5, (60, 16, 16, 3)), 0, 255).astype(np.uint8)
    with pytest.raises(ValueError, match="a count below 0"):
        kzoo.plan(backbone, Count((pixels, counts - 20), strict=True))
    schedule = kzoo.Schedule([kzoo.LinearProbe(), kzoo.Phase("last:1", epochs=1)])
    adapted = kzoo.adapt(backbone, Count((pixels, counts), validation=0.2, test=0.3), schedule=schedule, weights=None)
    found = adapted.evaluate()
    assert found["mean absolute error"] < np.abs(found.truth - counts.mean()).mean()
    assert "mean absolute error" in str(found)
    said = adapted.predict(pixels[:4])
    assert (said.outputs > 0).all()
    assert list(said.to_dataframe().columns) == ["name", "value", "error"]
    adapted.save(tmp_path / "saved")
    np.testing.assert_array_equal(kzoo.load(tmp_path / "saved").predict(pixels[:4]).outputs, said.outputs)
    assert (adapted.export(tmp_path / "served") / "saved_model.pb").exists()
    both = kzoo.ensemble([adapted, adapted])
    np.testing.assert_allclose(both.predict(pixels[:4]).outputs, said.outputs, rtol=1e-4)
    kind = TASK_KINDS.pop("count")
    try:
        with pytest.raises(ValueError, match=r"registered with kzoo.register_task_kind. Got 'count'"):
            kzoo.load(tmp_path / "saved")
    finally:
        TASK_KINDS["count"] = kind


def test_what_is_no_new_kind_is_refused():
    with pytest.raises(ValueError, match=r"Regression.kind must be a new name. Got 'regression'"):
        register_task_kind(kzoo.Regression, like="regression")
    with pytest.raises(TypeError, match="needs a subclass of a task"):
        register_task_kind("count", like="regression")  # pyright: ignore[reportArgumentType]
    assert "regression" in TASK_KINDS
