"""Whole searches on tiny data."""

import json
import sys
from collections import Counter

import keras
import numpy as np
import pytest

import kzoo
from kzoo.choosing.tuning import trial_runs
from kzoo.choosing.tuning.tuning_record import COMPLETE, FAILED, PRUNED, Trial, Tuning
from kzoo.core.intervals import Metric
from kzoo.core.tables import Table
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.cache.compute import Passes

SIZE = 120


def pixels(seed=0):
    """Images (N, 8, 8, 3) of two classes that differ a little in brightness, and the brightness itself."""
    rng = np.random.default_rng(seed)
    targets = np.arange(SIZE) % 2
    images = rng.normal(110, 40, (SIZE, 8, 8, 3)) + 12 * targets[:, None, None, None]
    return images.clip(0, 255).astype(np.uint8), targets


def small():
    """A backbone of two stages."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for width in (4, 6):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(inputs, x, name="small")


def trial(number, loss, *, state=COMPLETE, right=10, **values):
    hits = np.arange(20) < right
    losses = loss + np.random.default_rng(0).normal(0, 0.1, 20)
    score = Metric(right / 20, 0.4, 0.9) if state == COMPLETE else None
    whole = {"losses": losses, "hits": hits.astype(float), "merits": hits.astype(float)} if state == COMPLETE else {}
    params = {"train": "last:1", "epochs": 12, "learning_rate": 1e-3 / (number + 1), "augmentation": "light"}
    params |= {"dropout": 0.2, "hidden": 0}
    return Trial(number, params, state, 2.0, loss=loss, score=score, **whole, **values)


def record(trials, **values):
    plain = {
        "adapted": None,
        "best": {"seed": 0},
        "chosen": 0,
        "kind": get_task_kind("classification"),
        "score": "accuracy",
        "size": 20,
        "test_size": 20,
        "test": Metric(0.8, 0.7, 0.9),
        "default_test": Metric(0.7, 0.6, 0.8),
        "gain": None,
        "optimism": Metric(0.05, -0.1, 0.2),
        "importance": {"learning_rate": 0.75, "train": 0.25},
        "seconds": 8.2,
    }
    return Tuning(trials=trials, **{**plain, **values})


TRIALS = [
    trial(0, 1.0),
    trial(1, 0.5, right=15),
    trial(2, 1.4, state=PRUNED),
    Trial(3, {}, FAILED, 2.0, reason="no room"),
]


def test_it_prints_what_was_found_and_what_it_cost():
    found = record(TRIALS, chosen=1, gain=Metric(0.1, 0.02, 0.18))
    text = str(found)
    assert found.sentence == (
        "Trial 1 beats the default recipe on validation; on the test split: +10.0 points (95%: 2.0 to 18.0)."
    )
    assert "4 trials (2 complete, 1 ended early, 1 failed) took 8 s; the default recipe alone 2 s." in text
    assert "Trial 1 has accuracy 0.750 on validation; less that on the test split: +5.0 points" in text
    assert "Importance (fANOVA, 2 complete trials): learning_rate 75%, train 25%." in text
    assert "Trial 3 failed: no room" in text
    assert [row[0] for row in found.table().rows] == ["1 (kept)", "0 (default)", "2", "3"]
    assert isinstance(found.table(), Table)
    assert "<table>" in found._repr_html_()
    assert json.loads(json.dumps(found.as_dict()))["trials"][1]["score"]["value"] == 0.75
    assert (len(found), found[2].state, [each.number for each in found]) == (4, PRUNED, [0, 1, 2, 3])


def test_a_gain_that_is_not_sure_says_so():
    assert record(TRIALS, chosen=1, gain=Metric(0.1, -0.02, 0.2)).sentence.endswith("; the interval holds 0.")
    assert record(TRIALS, chosen=1, gain=Metric(-0.1, -0.2, -0.02)).sentence.endswith("; it is worse there.")
    assert record(TRIALS, chosen=1).sentence.endswith("There is no test split to measure it on.")
    assert record(TRIALS[:1]).sentence == "The default recipe is kept: no other trial was completed."


def test_of_many_trials_the_best_are_shown_and_the_default():
    found = record([trial(0, 9.0), *(trial(number, 1 + number / 100) for number in range(1, 40))])
    names = [row[0] for row in found.table().rows]
    assert len(names) == 21
    assert names[-1] == "0 (default, kept)"
    assert "19 more trials are in tuning.trials." in found.table().notes


def test_the_figure_has_the_lowest_loss_so_far():
    figure = record(TRIALS, chosen=1, gain=Metric(0.1, 0.02, 0.18)).plot()
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert lines["lowest loss so far"].get_ydata().tolist() == [1.0, 0.5]
    assert lines["ended early, its last loss"].get_xdata().tolist() == [6.0]
    assert figure.axes[1].get_ylabel() == "accuracy on validation"


def test_a_trial_beats_another_beyond_one_standard_error():
    assert trial(1, 0.5).beats(trial(0, 1.0))
    assert not trial(1, 1.0).beats(trial(0, 1.0))
    # Clearly fewer right answers weigh more than a lower loss.
    assert not trial(1, 0.5, right=2).beats(trial(0, 1.0, right=18))
    assert trial(1, 1.5, right=18).beats(trial(0, 1.0, right=2))


def test_there_must_be_something_to_tune():
    texts = [f"a {'good' if number % 2 else 'bad'} film {number}" for number in range(40)]
    with pytest.raises(ValueError, match="There is nothing to tune: 'ngrams' is solved exactly"):
        kzoo.tune((texts, np.arange(40) % 2), "ngrams", verbose=0)
    with pytest.raises(ValueError, match="tune compares trials on validation"):
        kzoo.tune(kzoo.Classification(pixels(), validation=0), small(), verbose=0)
    with pytest.raises(TypeError, match="tune takes the task first"):
        kzoo.tune("small", kzoo.Classification(pixels()))


def test_without_optuna_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r'tune needs Optuna: pip install "kzoo\[tune\]"'):
        kzoo.tune(kzoo.Classification(pixels()), small())


@pytest.fixture(scope="module")
def task():
    return kzoo.Classification(pixels(), validation=0.25, test=0.25)


@pytest.fixture(scope="module")
def passes():
    """How often each view of each example went through frozen layers."""
    return Counter()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("tuning") / "study"


@pytest.fixture(scope="module")
def tuning(task, passes, directory, tmp_path_factory):
    compute, train, sizes = Passes._compute, trial_runs.train_prepared, []

    def counted(self, requests, groups, order, **options):
        views = {(request.split, request.augmentation, request.number) for request in requests}
        passes.update((*view, self._part(requests[0]).digests[index]) for view in views for index in order)
        return compute(self, requests, groups, order, **options)

    def blind(prepared, feed, **options):
        sizes.append(len(prepared.splits.test))
        return train(prepared, feed, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KZOO_CACHE", str(tmp_path_factory.mktemp("activations")))
        patch.setattr(Passes, "_compute", counted)
        patch.setattr(trial_runs, "train_prepared", blind)
        found = kzoo.tune(task, small(), trials=5, seconds=None, directory=directory, verbose=0)
    assert sizes == [0] * 5
    return found


@pytest.mark.slow
def test_no_frozen_pass_is_done_twice(tuning, passes):
    depths = {each.params["train"] for each in tuning}
    assert len(depths) > 1
    assert set(passes.values()) == {1}


@pytest.mark.slow
def test_the_test_split_is_measured_once_at_the_end(tuning, task):
    assert tuning.test == tuning.adapted.evaluate().metrics["accuracy"]
    assert (tuning.size, tuning.test_size) == (30, 30)
    assert (tuning.gain is None) == (tuning.chosen == 0)
    assert tuning.optimism.low <= tuning.optimism.value <= tuning.optimism.high


@pytest.mark.slow
def test_the_best_settings_make_the_same_model_again(tuning, task):
    number = max(each.number for each in tuning if each.state == COMPLETE)
    chosen = tuning[tuning.chosen]
    again = kzoo.adapt(small(), task, **tuning.best, verbose=0)
    scores = again.record.phases[again.record.kept].scores
    assert scores["val_calibrated"] == pytest.approx(chosen.loss, abs=1e-6)
    assert number > 0


@pytest.mark.slow
def test_a_second_call_returns_what_was_kept(tuning, task, directory, monkeypatch):
    monkeypatch.setattr(trial_runs, "prepare", None)
    again = kzoo.tune(task, small(), trials=5, seconds=None, directory=directory, verbose=0)
    assert again.as_dict() == tuning.as_dict()
    assert again.adapted.evaluate().metrics == tuning.adapted.evaluate().metrics
    with pytest.raises(ValueError, match="contains a search with a different seed"):
        kzoo.tune(task, small(), trials=5, directory=directory, verbose=0, seed=1)


@pytest.mark.slow
def test_other_kinds_of_task(tmp_path):
    images, targets = pixels()
    values = images.mean(axis=(1, 2, 3)) / 10
    found = kzoo.tune(kzoo.Regression((images, values)), small(), trials=1, verbose=0)
    assert found.score == "R2"
    assert found.optimism is not None
    assert np.isfinite(found.optimism.value)
    labels = [["bright"] * int(target) + ["any"] * int(row % 3 == 0) for row, target in enumerate(targets)]
    found = kzoo.tune(kzoo.MultiLabel((images, labels)), small(), trials=1, verbose=0)
    assert found.score == "exact match"
    default = found[0]
    assert default.merits is not None
    assert default.score is not None
    assert default.merits.mean() == pytest.approx(default.score.value)
