"""The loop of a search, with trials whose losses are known."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from kzoo.choosing.tuning import search_loop
from kzoo.choosing.tuning.outcome import choose
from kzoo.choosing.tuning.rungs import EndedEarlyError, OutOfTimeError
from kzoo.choosing.tuning.search_loop import Limits, Search
from kzoo.choosing.tuning.search_space import SearchSpace
from kzoo.choosing.tuning.study_file import StudyFile
from kzoo.choosing.tuning.tuning_record import COMPLETE, FAILED, PRUNED
from kzoo.core.intervals import Metric
from kzoo.specs.phases import Phase
from kzoo.specs.recipes import lp_ft
from kzoo.task_kinds.kind_registry import get_task_kind

TUNED = next(phase for phase in lp_ft().phases if isinstance(phase, Phase))
SPACE = SearchSpace(lp_ft(), TUNED, True, ("head", "last:1"), ("none", "light"))
NOISE = np.random.default_rng(0).normal(0, 0.1, 50)


def loss_of(settings):
    """The higher the rate the better; the default has 1."""
    if not settings:
        return 1.0
    return 1.0 - 0.2 * np.log(settings["schedule"].phases[-1].learning_rate / 3e-4)


@dataclass
class FakeTrained:
    loss: float
    stopped: bool = False
    diverged: str = ""

    def on_validation(self):
        losses = self.loss + NOISE
        score = Metric(0.5, 0.4, 0.6)
        return {"loss": float(losses.mean()), "losses": losses, "hits": None, "merits": losses, "score": score}


@dataclass
class FakeTrials:
    """Trains nothing, but does at one number what it is told."""

    at: int = -1
    error: BaseException | None = None
    stops: bool = False
    takes: float = 0.0
    space: SearchSpace = SPACE
    seed: int = 0
    kind: Any = field(default_factory=lambda: get_task_kind("classification"))
    seen: list = field(default_factory=list)

    def train(self, settings, watch):
        number = len(self.seen)
        self.seen.append(settings)
        (rungs,) = watch(settings["schedule"] if settings else lp_ft())
        loss = loss_of(settings)
        if number == self.at and self.error:
            raise self.error
        time.sleep(self.takes)
        if rungs.deadline is not None and time.perf_counter() > rungs.deadline:
            raise OutOfTimeError
        if sum(rungs.should_end(rung, loss) for rung in (1, 2)):
            raise EndedEarlyError
        return FakeTrained(loss, stopped=number == self.at and self.stops)


@pytest.fixture
def search(monkeypatch):
    """From what is shared and where it is kept to a search, which measures nothing on a test split."""

    def weigh(study, file, shared, runs, *, importance):
        names = ("adapted", "test", "default_test", "gain", "optimism")
        values = {"kind": shared.kind, "score": "accuracy", "size": 50, "test_size": 0, "best": {}}
        return {**dict.fromkeys(names), **values, "chosen": choose(study.trials), "importance": importance}

    monkeypatch.setattr(search_loop, "weigh", weigh)
    run = {"seed": 0}

    def make(shared, *, trials=12, seconds=None, directory=None, strict=False):
        return Search(shared, StudyFile(directory, run), Limits(seconds, trials), strict).run()

    return make


def told(tuning):
    return [(each.number, dict(each.params), each.state, each.loss, dict(each.rungs)) for each in tuning]


@pytest.fixture
def whole(search):
    return search(FakeTrials())


def test_the_first_trial_is_the_default_and_the_best_is_kept(whole):
    assert len(whole) == 12
    assert whole[0].params == SPACE.default_params
    assert whole[0].state == COMPLETE
    best = min((each for each in whole if each.state == COMPLETE), key=lambda each: each.loss)
    assert whole.chosen == best.number > 0
    assert best.params["learning_rate"] > 3e-4
    assert "beats the default recipe" in whole.sentence


def test_bad_trials_end_early_but_not_the_first_ones(whole):
    states = [each.state for each in whole]
    assert states[:3] == [COMPLETE] * 3
    assert states.count(PRUNED) >= 3
    # Whoever is ended at a rung is worse than the better half of those before it.
    for each in whole:
        if each.state == PRUNED:
            before = sorted(other.rungs[max(each.rungs)] for other in whole if max(each.rungs) in other.rungs)
            assert each.loss >= before[max(len(before) // 2 - 1, 0)]


def test_a_search_that_goes_on_is_the_search_that_was_not_interrupted(whole, search, tmp_path):
    for trials in (1, 5, 12):
        continued = search(FakeTrials(), trials=trials, directory=tmp_path / "study")
    assert told(continued) == told(whole)
    assert continued.chosen == whole.chosen
    again = FakeTrials()
    assert told(search(again, directory=tmp_path / "study")) == told(whole)
    assert not again.seen


def test_a_killed_search_goes_on_after_its_last_trial(whole, search, tmp_path):
    killed = FakeTrials(at=4, error=SystemExit())
    with pytest.raises(SystemExit):
        search(killed, directory=tmp_path / "study")
    rest = FakeTrials()
    assert told(search(rest, directory=tmp_path / "study")) == told(whole)
    assert len(rest.seen) == 12 - 4


def test_a_trial_that_fails_is_named_and_stops_nothing(search):
    found = search(FakeTrials(at=2, error=MemoryError("no room for 3 GB")), trials=5)
    assert [each.state == FAILED for each in found] == [False, False, True, False, False]
    assert "Trial 2 failed: no room for 3 GB" in str(found)
    assert "1 failed" in str(found)
    with pytest.raises(MemoryError) as caught:
        search(FakeTrials(at=2, error=MemoryError("no room")), strict=True)
    assert caught.value.__notes__[0].startswith("in trial 2: ")


def test_the_default_must_not_fail(search):
    with pytest.raises(FloatingPointError):
        search(FakeTrials(at=0, error=FloatingPointError("diverged")))


def test_the_time_ends_a_search_in_its_trial(search, tmp_path):
    slow = FakeTrials(takes=0.05)
    found = search(slow, trials=None, seconds=0.18, directory=tmp_path / "study")
    assert 1 <= len(found) < 5
    # The trial that was cut off is no trial, but its time counts, so that another call returns at once.
    assert found.seconds >= 0.18
    again = FakeTrials()
    assert told(search(again, trials=None, seconds=0.18, directory=tmp_path / "study")) == told(found)
    assert not again.seen
    longer = search(FakeTrials(), trials=len(found) + 1, seconds=60, directory=tmp_path / "study")
    assert told(longer)[:-1] == told(found)


@pytest.mark.parametrize("fake", [FakeTrials(at=3, error=KeyboardInterrupt()), FakeTrials(at=3, stops=True)])
def test_ctrl_c_ends_a_search_with_what_it_found(fake, search):
    found = search(replace(fake, seen=[]))
    assert (len(found), found.stopped) == (3, True)
    assert "Ctrl-C ended the search." in found.notes


def test_the_default_is_kept_unless_another_is_surely_better(search, monkeypatch):
    monkeypatch.setattr(FakeTrained, "on_validation", _equal)
    found = search(FakeTrials(), trials=4)
    assert found.chosen == 0
    assert found.sentence.endswith("no trial beats it by more than one standard error on validation.")


def _equal(trained):
    """Losses that differ by less than their standard error."""
    losses = 1 + np.random.default_rng(int(1e6 * trained.loss)).normal(0, 0.1, 50)
    losses += 1 - losses.mean() + 0.001 * (trained.loss - 1)
    return {"loss": float(losses.mean()), "losses": losses, "hits": None, "merits": losses, "score": None}


def test_equal_losses_have_no_importance(search, monkeypatch):
    """Where no phase beats the probe, all trials keep the probe."""
    monkeypatch.setattr(f"{__name__}.loss_of", lambda settings: 1.0)
    found = search(FakeTrials())
    assert {each.loss for each in found if each.state == COMPLETE} == {found[0].loss}
    assert (found.chosen, found.importance) == (0, {})


def test_limits_are_checked():
    with pytest.raises(ValueError, match=r"needs a limit: pass seconds=, or trials="):
        Limits(None, None)
    with pytest.raises(ValueError, match=r"seconds must be a number in \(0, inf\), or None\. Got -1"):
        Limits(-1, None)
    with pytest.raises(ValueError, match=r"trials must be an int in \[1, inf\)\. Got 0"):
        Limits(None, 0)
