"""Rankings of models whose order is known."""

import dataclasses
import json

import keras
import numpy as np
import pytest

import kzoo
from kzoo.choosing import ranking as ranking_file
from kzoo.choosing.features.scores import FeatureScores
from kzoo.core.tables import Table
from kzoo.training.cache.compute import Passes

SIZE = 150


def pixels_and_stripes(seed=0):
    """Images (N, 8, 8, 3) with stripes, upright or level, of any colour."""
    rng = np.random.default_rng(seed)
    targets = np.arange(SIZE) % 2
    wave = np.where(np.arange(8) % 2, 60.0, -60.0)
    stripes = np.where(targets[:, None, None] == 0, wave[None, None, :], wave[None, :, None])
    images = 128 + stripes[..., None] * rng.choice([-1, 1], (SIZE, 1, 1, 3)) + rng.normal(0, 25, (SIZE, 8, 8, 3))
    return images.clip(0, 255).astype(np.uint8), targets


def filters(kernels, name):
    """A backbone of the absolute answers of some 2 x 2 filters."""
    inputs = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(len(kernels), 2, use_bias=False, activation="relu")
    model = keras.Model(inputs, layer(keras.layers.Rescaling(1 / 128, offset=-1.0)(inputs)), name=name)
    weights = np.zeros((2, 2, 3, len(kernels)))
    for number, kernel in enumerate(kernels):
        weights[..., 0, number] = kernel
    layer.set_weights([weights])
    return model


UPRIGHT, LEVEL = np.asarray([[1.0, -1.0], [1.0, -1.0]]), np.asarray([[1.0, 1.0], [-1.0, -1.0]])


def edges():
    return filters([UPRIGHT, LEVEL], "edges")


def brightness():
    return filters([np.ones((2, 2)), -np.ones((2, 2))], "brightness")


@pytest.fixture(scope="module")
def task():
    return kzoo.Classification(pixels_and_stripes())


@pytest.fixture(scope="module")
def ranking(task):
    return kzoo.rank(task, [brightness(), edges()], verbose=0)


def test_the_better_features_are_first(ranking):
    assert [each.name for each in ranking] == ["edges", "brightness"]
    assert ranking.best is ranking[0] is ranking["edges"]
    assert ranking.score == "accuracy"
    assert ranking[0].probe.value > 0.95
    assert ranking[0].neighbors.value > 0.95
    assert ranking[1].probe.value < 0.7
    assert ranking[0].log_me > ranking[1].log_me
    assert ranking[0].h_score > ranking[1].h_score
    assert ranking.sentence == "edges is first in 100% of resamples."


def test_the_mean_of_both_scores_decides_the_order(task, monkeypatch):
    truth = np.eye(2)

    def scored(source, task, examples, *, bar):
        right = truth[np.asarray(examples.truth).reshape(len(examples.rows), -1)[:, -1].astype(int)]
        wrong = {"edges": (10, 60), "brightness": (20, 30)}[source.card.name]
        probe, neighbors = (np.where(np.arange(len(right))[:, None] < number, 1 - right, right) for number in wrong)
        return FeatureScores(probe, neighbors, 0.0, 0.0, 1.0, 1)

    monkeypatch.setattr(ranking_file, "_scores", scored)
    ranking = kzoo.rank(task, [edges(), brightness()], verbose=0)
    assert [each.name for each in ranking] == ["brightness", "edges"]
    assert ranking[0].probe.value < ranking[1].probe.value
    assert ranking[0].first > 0.95


def test_after_its_budget_no_candidate_is_begun(task):
    ranking = kzoo.rank(task, [edges(), brightness()], budget=1e-9, strict=True, verbose=0)
    assert [each.name for each in ranking] == ["edges"]
    assert ranking.failed == [("brightness", "the budget of 1e-09 s was used up")]
    assert len(kzoo.rank(task, [edges(), brightness()], budget=600, verbose=0)) == 2


@pytest.mark.parametrize("budget", [0, -1, "60", True])
def test_a_budget_is_a_positive_number(task, budget):
    with pytest.raises(ValueError, match=r"budget must be None or seconds in \(0, inf\)\. Got"):
        kzoo.rank(task, [edges()], budget=budget)


def test_scores_are_of_training_and_validation_only(ranking, task):
    plan = kzoo.adapt(edges(), task, schedule="linear_probe", verbose=0)
    assert ranking.size == plan.record.sizes["train"] + plan.record.sizes["validation"]


def test_it_prints(ranking):
    assert isinstance(ranking.table(), Table)
    text = str(ranking)
    assert "accuracy (probe)" in text
    assert "edges is first in 100% of resamples." in text
    assert "<table>" in ranking._repr_html_()
    assert json.loads(json.dumps(ranking.as_dict()))["candidates"][0]["name"] == "edges"
    assert ranking.plot().axes[0].get_xlabel().startswith("accuracy")


def test_equals_are_not_told_apart(task):
    found = kzoo.rank(task, {"one": edges(), "other": edges()}, verbose=0)
    assert [each.first for each in found] == [0.5, 0.5]
    assert found.sentence == "one is first in 50% of resamples, other in 50%: they are not told apart."


def test_an_unknown_candidate_is_told_the_names(ranking):
    with pytest.raises(KeyError, match="edges, brightness"):
        ranking["edge"]


def test_a_model_that_fails_is_named_and_stops_nothing(task):
    found = kzoo.rank(task, [edges(), "ngrams", "no_such_model"], verbose=0)
    assert [each.name for each in found] == ["edges"]
    assert [name for name, _ in found.failed] == ["no_such_model", "ngrams"]
    assert "2 of 3 models could not be ranked." in str(found)
    with pytest.raises(ValueError, match="Unknown model 'no_such_model'"):
        kzoo.rank(task, [edges(), "no_such_model"], strict=True, verbose=0)
    with pytest.raises(ValueError, match=r"No model can be scored\. no_such_model: Unknown model"):
        kzoo.rank(task, ["no_such_model"], verbose=0)


def refuse(*arguments, **options):
    raise AssertionError("computed again")


def test_nothing_is_computed_twice(task, tmp_path, monkeypatch):
    """Neither in a second ranking, nor in the probe of an adaptation."""
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    first = kzoo.rank(task, [edges()], verbose=0)
    monkeypatch.setattr(Passes, "_compute", refuse)
    with monkeypatch.context() as patched:
        patched.setattr(ranking_file, "prepare_candidate", refuse)
        again = kzoo.rank(task, [edges()], verbose=0)
    assert dataclasses.replace(again[0], seconds=0, model=None) == dataclasses.replace(first[0], seconds=0, model=None)
    kzoo.adapt(edges(), task, schedule="linear_probe", verbose=0)


def test_what_must_be_built_to_be_known_is_not_scored_twice(task, tmp_path, monkeypatch):
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(ranking_file, "source_identity", lambda source, *, seed: None)
    first = kzoo.rank(task, [edges()], verbose=0)
    monkeypatch.setattr(ranking_file, "score_features", refuse)
    assert kzoo.rank(task, [edges()], verbose=0)[0].probe == first[0].probe


def test_other_targets_have_other_scores(tmp_path, monkeypatch):
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    images, targets = pixels_and_stripes()
    known = kzoo.rank((images, targets), [edges()], verbose=0)
    shuffled = kzoo.rank((images, np.random.default_rng(0).permutation(targets)), [edges()], verbose=0)
    assert shuffled[0].probe.value < known[0].probe.value - 0.2


def test_without_a_store_it_ranks_all_the_same(task, monkeypatch):
    monkeypatch.setattr("kzoo.training.cache.disk.room", lambda: 0)
    assert kzoo.rank(task, [edges()], verbose=0)[0].probe.value > 0.95


def test_an_earlier_task_is_ranked_by_what_it_left(task):
    images, targets = pixels_and_stripes(seed=1)
    adapted = kzoo.adapt(edges(), (images, targets), schedule="linear_probe", verbose=0)
    found = kzoo.rank(task, {"stripes": adapted, "brightness": brightness()}, verbose=0)
    assert found.best.name == "stripes"
    assert found.best.model is adapted
    assert found.best.seen == 0


def test_what_was_trained_on_the_same_examples_is_told(task):
    adapted = kzoo.adapt(edges(), task, schedule="linear_probe", verbose=0)
    found = kzoo.rank(task, [adapted], verbose=0)
    assert found.best.seen == found.size
    assert f"WARNING: edges, adapted was trained or selected on {found.size} of the" in str(found)


def test_the_test_split_does_not_depend_on_the_candidates(task):
    """Not even where one of them was trained on all of the data, so that none is left for a test of its own."""
    adapted = kzoo.adapt(edges(), kzoo.Classification(task.data, test=0), schedule="linear_probe", verbose=0)
    found = kzoo.rank(task, [adapted, edges()], verbose=0)
    assert found.size == found["edges, adapted"].seen == 134
    assert found["edges"].seen == 0


def test_values_are_ranked_by_r2():
    images, _ = pixels_and_stripes()
    bright = images.mean(axis=(1, 2, 3))
    found = kzoo.rank(kzoo.Regression((images, bright)), [edges(), brightness()], verbose=0)
    assert found.score == "R2"
    assert found.best.name == "brightness"
    assert found.best.probe.low <= found.best.probe.value <= found.best.probe.high <= 1


def test_several_labels_are_ranked_by_exact_match():
    images, targets = pixels_and_stripes()
    labels = np.stack([targets, 1 - targets], axis=1)
    found = kzoo.rank(kzoo.MultiLabel((images, labels)), [brightness(), edges()], verbose=0)
    assert found.score == "exact match"
    assert found.best.name == "edges"


def test_the_random_state_is_kept(task):
    np.random.seed(3)
    wanted = np.random.RandomState(3).rand()
    kzoo.rank(task, [edges()], verbose=0)
    assert np.random.rand() == wanted


def test_the_test_split_is_not_read(task, tmp_path, monkeypatch):
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    asked = []
    original = ranking_file.frozen_features

    def watched(prepared, **options):
        features = original(prepared, **options)
        asked.append(len(features))
        return features

    monkeypatch.setattr(ranking_file, "frozen_features", watched)
    found = kzoo.rank(task, [edges()], verbose=0)
    assert asked == [found.size]
    assert found.size == 134  # of 150, of which 16 are for the test
