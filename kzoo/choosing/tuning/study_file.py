"""The trials of a search on the disk, from which another call goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.choosing.tuning.tuning_record import Trial
from kzoo.core.disk.checkpoints import refuse_another
from kzoo.core.intervals import Metric
from kzoo.core.storage import DamagedError, atomic_file, write_json
from kzoo.specs.checked_json import Fields, read_json

STUDY, MODEL = "study.json", "adapted"
LARGEST = 1 << 30
"""Bytes of a study. A trial has about 60 for each validation example."""

ARRAYS = ("losses", "hits", "merits")


@dataclass(frozen=True)
class Study:
    """The state of a search on disk.

    Args:
        trials: that are done.
        spent: seconds of all sessions.
        result: what was measured after the last trial; None where that was not reached.
    """

    trials: Sequence[Trial] = ()
    spent: float = 0.0
    result: Fields | None = None


@dataclass(frozen=True)
class StudyFile:
    """Keeps a study in a directory, or nowhere.

    Args:
        directory: or None.
        run: all that trials follow from, as plain values: another search's trials are not taken for this one's.
    """

    directory: Path | None
    run: Fields = field(repr=False)

    def load(self) -> Study:
        """The study that was written; an empty one where there is none.

        Raises:
            ValueError: it is another search's.
            DamagedError: it cannot be read.
            FileExistsError: the directory holds something else.
        """
        if self.directory is None or not self.directory.exists():
            return Study()
        path = self.directory / STUDY
        if not path.exists():
            if self.directory.is_file() or any(not each.name.startswith(".") for each in self.directory.iterdir()):
                raise FileExistsError(
                    f"{self.directory} contains files that are not a search. Choose another directory."
                )
            return Study()
        try:
            found: Any = read_json(path, most=LARGEST)
            run, trials = dict(found["run"]), [_trial(each) for each in found["trials"]]
            study = Study(trials, float(found["spent"]), found["result"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{path} is damaged: {error!r}. Delete {self.directory} to start again.") from error
        refuse_another(run, self.run, directory=self.directory, what="search")
        return study

    def save(self, study: Study) -> None:
        """Replaces what is there, whole or not at all."""
        if self.directory is None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        values = {
            "run": self.run,
            "spent": study.spent,
            "result": study.result,
            "trials": [_plain(each) for each in study.trials],
        }
        with atomic_file(self.directory / STUDY) as path:
            write_json(path, values)

    @property
    def model(self) -> Path | None:
        """Where the kept model is saved."""
        return self.directory and self.directory / MODEL


def metric_of(values: Any) -> Metric | None:
    """A metric of its plain values."""
    return None if values is None else Metric(**{name: float(value) for name, value in values.items()})


def _plain(trial: Trial) -> Fields:
    values = {each.name: getattr(trial, each.name) for each in dataclasses.fields(Trial)}
    arrays = {name: None if values[name] is None else np.asarray(values[name]).tolist() for name in ARRAYS}
    return {**values, **arrays, "score": trial.score and vars(trial.score), "rungs": dict(trial.rungs)}


def _trial(values: Any) -> Trial:
    arrays = {name: None if values[name] is None else np.asarray(values[name], np.float64) for name in ARRAYS}
    rungs = {int(rung): float(loss) for rung, loss in values["rungs"].items()}
    return Trial(**{**values, **arrays, "score": metric_of(values["score"]), "rungs": rungs})
