"""Learning curves: the scores are those of probes on so many examples, and what they promise comes true."""

import json

import keras
import numpy as np
import pytest

import kzoo
from kzoo.choosing.curves import learning_curve as curve_file
from kzoo.choosing.curves.learning_curve import _curve, _sizes, _smaller
from kzoo.choosing.scored_examples import ScoredExamples
from kzoo.core.tables import Table
from kzoo.results.report.out_of_fold import make_folds
from kzoo.task_kinds.kind_registry import get_task_kind


def blobs(size, *, seed=0, width=30, kind="classification"):
    """Two classes, one mean apart, with `width` features: more examples help for long; or their sum as a value."""
    rng = np.random.default_rng(seed)
    truth = np.arange(size) % 2
    features = rng.normal(size=(size, width)) + 0.2 * (2 * truth - 1)[:, None]
    kind = get_task_kind(kind)
    if not kind.exclusive:
        truth = (features.mean(axis=1, keepdims=True) + 0.1 * rng.normal(size=(size, 1))).astype(np.float32)
        truth = (truth - truth.mean()) / truth.std()
    rows = kind.as_rows(truth, 2 if kind.exclusive else 1)
    digests = [str(number) for number in range(size)]
    folds = make_folds(kind, truth, groups=[], digests=digests, seed=0)
    return features.astype(np.float32), ScoredExamples(None, kind, truth, rows, [], digests, folds, 0)


def curve_of(size, more, **options):
    features, scored = blobs(size, **options)
    return _curve("blobs", features, scored, sizes=_sizes(scored), more=more)


def test_more_examples_are_better():
    curve = curve_of(400, 100)
    scores = [each.value for each in curve.scores]
    assert scores[-1] > scores[0] + 0.1
    assert curve.sizes[-1] == 320
    assert curve.now.value >= scores[-1] - 0.02
    assert 0 <= curve.gain.low <= curve.gain.value <= curve.doubled.value


@pytest.mark.slow
def test_what_more_labels_would_bring_they_bring():
    """Ten times 200 examples: what 800 would reach lies in the mean within a point and a half."""
    promised = [_reached(curve_of(200, 600, seed=seed)) for seed in range(10)]
    reached = [curve_of(1_000, 1, seed=100 + seed).scores[-1].value for seed in range(3)]
    assert np.mean(promised) == pytest.approx(np.mean(reached), abs=0.015)


def _reached(curve):
    return curve.now.value + curve.gain.value


def test_values_have_a_curve():
    curve = curve_of(300, 100, kind="regression")
    assert curve.scores[-1].value > curve.scores[0].value + 0.1
    assert curve.now.value <= 1


def test_subsets_are_nested_and_stratified_and_know_nothing_of_the_fold():
    _, scored = blobs(100)
    for (small, asked), (large, again), (_, wanted) in zip(
        _smaller(scored, 10, 0), _smaller(scored, 40, 0), scored.folds, strict=True
    ):
        assert set(small) < set(large)
        assert not set(large) & set(asked)
        np.testing.assert_array_equal(asked, again)
        np.testing.assert_array_equal(asked, wanted)
        assert scored.truth[small].sum() == 5
    assert not np.array_equal(_smaller(scored, 10, 0)[0][0], _smaller(scored, 10, 1)[0][0])


def test_too_few_examples_are_refused():
    _, scored = blobs(16)
    with pytest.raises(ValueError, match=r"needs 20 examples of train and validation or more.*Got 16"):
        _sizes(scored)


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(0)
    classes = np.arange(120) % 2
    pixels = rng.integers(0, 180, (120, 8, 8, 3)) + 40 * classes[:, None, None, None]
    return kzoo.Classification((pixels.astype(np.uint8), classes), labels=["0", "1"])


def net(name):
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Conv2D(4, 3, activation="relu")(inputs), name=name)


@pytest.fixture(scope="module")
def curves(task):
    return kzoo.learning_curve(task, [net("one"), net("two"), "no_such_model"], verbose=0)


def test_each_model_has_a_curve_and_what_fails_is_named(curves):
    assert [each.name for each in curves] == ["one", "two"]
    assert curves["two"] is curves[1]
    assert curves.size == 108
    assert [name for name, _ in curves.failed] == ["no_such_model"]
    with pytest.raises(KeyError, match="one, two"):
        curves["three"]


def test_it_prints(curves):
    assert isinstance(curves.table(), Table)
    text = str(curves)
    assert "100 more labels would bring one +" in text
    assert "no_such_model has no curve: Unknown model" in text
    assert "<table>" in curves._repr_html_()
    assert json.loads(json.dumps(curves.as_dict()))["curves"][1]["sizes"] == list(curves[1].sizes)
    axis = curves.plot().axes[0]
    assert axis.get_xscale() == "log"
    assert axis.get_xlabel() == "training examples"


def test_bad_arguments_are_refused(task):
    with pytest.raises(ValueError, match=r"more must be an int in \[1, inf\). Got 0\."):
        kzoo.learning_curve(task, net("one"), more=0)
    with pytest.raises(ValueError, match=r"No model can be scored\. no_such_model: Unknown model"):
        kzoo.learning_curve(task, "no_such_model", verbose=0)
    with pytest.raises(ValueError, match="Unknown model 'no_such_model'"):
        kzoo.learning_curve(task, "no_such_model", strict=True, verbose=0)


def test_the_test_split_is_not_read(task, monkeypatch):
    asked = []
    original = curve_file.frozen_features

    def watched(prepared, **options):
        features = original(prepared, **options)
        asked.append(len(features))
        return features

    monkeypatch.setattr(curve_file, "frozen_features", watched)
    kzoo.learning_curve(task, net("one"), verbose=0)
    assert asked == [108]
