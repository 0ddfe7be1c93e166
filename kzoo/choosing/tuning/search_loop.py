"""The loop of a search: trial after trial, until its time is over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kzoo.choosing.tuning.outcome import read_outcome, weigh
from kzoo.choosing.tuning.rungs import EndedEarlyError, OutOfTimeError, Rungs
from kzoo.choosing.tuning.sampling import Sampling, params_of
from kzoo.choosing.tuning.study_file import Study, StudyFile
from kzoo.choosing.tuning.trial_runs import Trained, Trials
from kzoo.choosing.tuning.tuning_record import COMPLETE, FAILED, PRUNED, Trial, Tuning
from kzoo.core.progress import ProgressBar
from kzoo.specs.checked_json import Fields
from kzoo.specs.phases import check_step_value

REASON = 200
"""Characters of an error that a note shows."""


@dataclass(frozen=True)
class Limits:
    """When a search is over."""

    seconds: float | None
    trials: int | None

    def __post_init__(self) -> None:
        if self.seconds is None and self.trials is None:
            raise ValueError("tune needs a limit: pass seconds=, or trials=, or both.")
        if self.trials is not None:
            check_step_value("trials", self.trials)
        number = isinstance(self.seconds, int | float) and not isinstance(self.seconds, bool)
        if self.seconds is not None and not (number and 0 < self.seconds < float("inf")):
            raise ValueError(f"seconds must be a number in (0, inf), or None. Got {self.seconds!r}.")

    def reached(self, study: Study) -> bool:
        """Whether no other trial begins."""
        by_time = self.seconds is not None and study.spent >= self.seconds
        return bool(study.trials) and (by_time or (self.trials is not None and len(study.trials) >= self.trials))

    def deadline(self, study: Study) -> float | None:
        """By `time.perf_counter`, when a trial that begins now is ended; None: never. The default never is."""
        if self.seconds is None or not study.trials:
            return None
        return time.perf_counter() + self.seconds - study.spent


@dataclass
class Search:
    """A search, trial by trial."""

    shared: Trials
    file: StudyFile
    limits: Limits
    strict: bool
    runs: dict[int, Trained] = field(default_factory=dict)
    stopped: bool = False

    def run(self) -> Tuning:
        """Runs what is left of the search, and measures what it found."""
        study = self.file.load()
        sampling = Sampling(self.shared.space, seed=self.shared.seed, trials=study.trials)
        if not self.limits.reached(study):
            with ProgressBar("tuning", unit="trial", total=self.limits.trials, initial=len(study.trials)) as bar:
                while not self.limits.reached(study) and not self.stopped:
                    study = self._next(study, sampling, bar)
                    self.file.save(study)
        found = read_outcome(study, self.file, self.shared)
        if found is None:
            found = weigh(study, self.file, self.shared, self.runs, importance=sampling.importance())
        return Tuning(trials=study.trials, seconds=study.spent, stopped=self.stopped, **found)

    def _next(self, study: Study, sampling: Sampling, bar: ProgressBar) -> Study:
        """The study with another trial; or with the time alone, where the trial was cut off."""
        number, started = len(study.trials), time.perf_counter()
        asked = sampling.ask(number)
        params = params_of(asked)
        bar.state(f"trial {number}: {_told(params)}")
        values: Fields = {"state": FAILED}
        try:
            trained = self._train(params, sampling, asked, deadline=self.limits.deadline(study))
            self.stopped = trained.stopped
            if trained.diverged and number:
                raise FloatingPointError(trained.diverged)
            if not self.stopped or not number:
                values = {"state": COMPLETE, **trained.on_validation()}
                self._remember(number, trained, values["loss"], study)
        except EndedEarlyError:
            values = {"state": PRUNED}
        except OutOfTimeError:
            values = {}
        except KeyboardInterrupt:
            if not number:
                raise
            self.stopped = True
        except Exception as error:
            if self.strict or not number:
                error.add_note(f"in trial {number}: {_told(params)}")
                raise
            values = {"state": FAILED, "reason": (str(error).splitlines() or [type(error).__name__])[0][:REASON]}
        seconds = time.perf_counter() - started
        if not values or (self.stopped and number):
            return Study(study.trials, study.spent + seconds)
        rungs, noted = sampling.tell(asked, state=values["state"], loss=values.get("loss"))
        if values["state"] == PRUNED:
            values["loss"] = rungs[max(rungs)]
        trial = Trial(number, params, seconds=seconds, rungs=rungs, noted=noted, **values)
        bar.update()
        bar.report(_reached(trial))
        return Study([*study.trials, trial], study.spent + seconds)

    def _train(self, params: Mapping[str, Any], sampling: Sampling, asked: Any, *, deadline: float | None) -> Trained:
        def should_end(rung: int, loss: float) -> bool:
            return sampling.should_end(asked, rung, loss)

        # The first trial is the default recipe, whatever its parameters are called.
        settings = self.shared.space.settings(params) if asked.number else {}
        return self.shared.train(settings, lambda schedule: [Rungs(schedule.phases, should_end, deadline=deadline)])

    def _remember(self, number: int, trained: Trained, loss: float, study: Study) -> None:
        """Keeps the default's run and that of the lowest loss, which need not be trained again at the end."""
        others = [each.loss for each in study.trials[1:] if each.state == COMPLETE and each.loss is not None]
        if number and loss > min(others, default=np.inf):
            return
        self.runs = {each: run for each, run in self.runs.items() if not each or not number}
        self.runs[number] = trained


def _told(params: Mapping[str, Any]) -> str:
    """A configuration in a line."""
    if not params:
        return "the default recipe"
    return (
        f"{params['train']}, {params['epochs']} epochs at {params['learning_rate']:.2g}, {params['augmentation']}, "
        f"dropout {params['dropout']:g}, hidden {params['hidden']}"
    )


def _reached(trial: Trial) -> str:
    told = f"trial {trial.number} {trial.state}"
    if trial.state == FAILED:
        return f"{told}: {trial.reason}"
    return told + (f", loss {trial.loss:.3f}" if trial.loss is not None else "")
