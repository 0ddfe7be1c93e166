"""What validation selects by: each name against scikit-learn, and callables of the user's."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from kzoo.evaluation.user_metrics import UserMetric
from kzoo.setup.options.monitor_choice import check_monitor, monitor_of
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.multi_label import MULTI_LABEL
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.losses import score

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(40, 3)).astype(np.float32)
CLASSES = np.repeat([0, 1, 1, 2], 10)
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
LABELS = RNG.integers(0, 2, (40, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("accuracy", lambda p: (p.argmax(1) == CLASSES).mean()),
        ("balanced_accuracy", lambda p: balanced_accuracy_score(CLASSES, p.argmax(1))),
        ("macro_f1", lambda p: f1_score(CLASSES, p.argmax(1), average="macro")),
        ("auc", lambda p: roc_auc_score(CLASSES, p, multi_class="ovr")),
        ("loss", lambda p: -score(CLASSIFICATION, LOGITS, ONE_HOT)["val_loss"]),
    ],
)
def test_of_classes_each_name_is_what_scikit_learn_says(name, oracle):
    found = monitor_of(name, kind=CLASSIFICATION, scale=None)(ONE_HOT, LOGITS)
    assert found == pytest.approx(oracle(softmax(LOGITS, axis=1)), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("accuracy", lambda p: ((p > 0.5) == LABELS).mean()),
        (
            "balanced_accuracy",
            lambda p: np.mean([balanced_accuracy_score(LABELS[:, k], p[:, k] > 0.5) for k in range(3)]),
        ),
        ("macro_f1", lambda p: f1_score(LABELS, p > 0.5, average="macro")),
        ("auc", lambda p: roc_auc_score(LABELS, p)),
    ],
)
def test_of_labels_each_name_is_what_scikit_learn_says(name, oracle):
    found = monitor_of(name, kind=MULTI_LABEL, scale=None)(LABELS, LOGITS)
    assert found == pytest.approx(oracle(expit(LOGITS)), rel=1e-6)


def test_a_registered_metric_selects(monkeypatch):
    mine = {"mine": UserMetric("mine", lambda truth, outputs: outputs[truth > 0].mean())}
    monkeypatch.setattr("kzoo.setup.options.monitor_choice.METRICS", mine)
    check_monitor("mine", kind=CLASSIFICATION)
    found = monitor_of("mine", kind=CLASSIFICATION, scale=None)(ONE_HOT, LOGITS)
    assert found == pytest.approx(softmax(LOGITS, axis=1)[ONE_HOT > 0].mean(), rel=1e-5)


def test_classes_that_validation_lacks_count_for_nothing():
    few = CLASSES < 2
    for name in ("balanced_accuracy", "auc"):
        assert np.isfinite(monitor_of(name, kind=CLASSIFICATION, scale=None)(ONE_HOT[few], LOGITS[few]))
    with pytest.raises(ValueError, match=r"monitor='auc' needs examples of two classes"):
        monitor_of("auc", kind=CLASSIFICATION, scale=None)(ONE_HOT[:5], LOGITS[:5])


def test_a_callable_gets_probabilities_or_values_in_their_units():
    seen = []

    def keep(truth, outputs):
        seen.append((truth, outputs))
        return 1.0

    monitor_of(keep, kind=CLASSIFICATION, scale=None)(ONE_HOT, LOGITS)
    np.testing.assert_allclose(seen[0][1].sum(axis=1), 1, rtol=1e-6)
    monitor_of(keep, kind=REGRESSION, scale=([10.0], [2.0]))(np.ones((4, 1)), np.zeros((4, 1)))
    assert (seen[1][0] == 12).all()
    assert (seen[1][1] == 10).all()


@pytest.mark.parametrize(
    ("monitor", "kind", "error", "message"),
    [
        ("f1_macro", CLASSIFICATION, ValueError, r"Got 'f1_macro'\. Did you mean 'macro_f1'"),
        ("accuracy", REGRESSION, ValueError, r"monitor of a regression must be one of loss, or a callable"),
        (3, CLASSIFICATION, TypeError, r"monitor must be one of accuracy, .*, or a callable\. Got 3"),
        (dict, CLASSIFICATION, TypeError, r"or a callable"),
    ],
)
def test_an_unknown_monitor_is_refused(monitor, kind, error, message):
    with pytest.raises(error, match=message):
        check_monitor(monitor, kind=kind)


def test_known_ones_are_taken():
    for name in (*MULTI_LABEL.monitors, "loss", None, max):
        check_monitor(name, kind=MULTI_LABEL)
    assert monitor_of(None, kind=CLASSIFICATION, scale=None) is None
