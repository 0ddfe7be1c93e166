"""The outcome of a search: which trial is kept, and what it is worth on the test split."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kzoo.choosing.comparison import side_by_side
from kzoo.choosing.tuning.study_file import Study, StudyFile, metric_of
from kzoo.choosing.tuning.trial_runs import Trained, Trials
from kzoo.choosing.tuning.tuning_record import COMPLETE, Trial
from kzoo.choosing.yardstick import difference, merits, resampled, score_name
from kzoo.core.intervals import Metric
from kzoo.results.adapted import Adapted
from kzoo.results.files.loading import load
from kzoo.specs.checked_json import Fields

METRICS = ("test", "default_test", "gain", "optimism")


def choose(trials: Sequence[Trial]) -> int:
    """The number of the trial that is kept: the one with the lowest loss if it beats the default, else the default."""
    others = [each for each in trials[1:] if each.state == COMPLETE and each.loss is not None]
    best = min(others, key=lambda each: each.loss or 0.0, default=None)
    return best.number if best is not None and best.beats(trials[0]) else 0


def weigh(
    study: Study,
    file: StudyFile,
    shared: Trials,
    runs: Mapping[int, Trained],
    *,
    importance: Mapping[str, float],
) -> Fields:
    """Measures what is kept, and the default, on the test split, and keeps it: fields of a `Tuning`.

    Args:
        study: the trials.
        file: where they are kept.
        shared: of all trials.
        runs: those that are still there; others are trained again.
        importance: of the parameters.
    """
    chosen, test = choose(study.trials), shared.splits.test
    models = {number: _model(study.trials[number], shared, runs) for number in {0, chosen}}
    values: Fields = {"chosen": chosen, "importance": dict(importance), **dict.fromkeys(METRICS)}
    if len(test):
        outputs = {str(number): model.outputs(test) for number, model in models.items()}
        compared = side_by_side(shared.kind, outputs, test, seed=shared.seed)
        values |= {"test": compared[str(chosen)], "default_test": compared["0"]}
        values["gain"] = compared.difference(str(chosen), "0") if chosen else None
        values["optimism"] = _optimism(study.trials[chosen], models[chosen], shared)
    if file.model is not None:
        models[chosen].save(file.model)
        plain = {name: vars(value) if isinstance(value, Metric) else value for name, value in values.items()}
        file.save(dataclasses.replace(study, result={**plain, "trials": len(study.trials)}))
    return _fields(values, models[chosen], study, shared)


def read_outcome(study: Study, file: StudyFile, shared: Trials) -> Fields | None:
    """The result that `weigh` kept after the last trial of a study; None where it kept none."""
    result = study.result
    if result is None or file.model is None or result["trials"] != len(study.trials) or not file.model.exists():
        return None
    model = load(file.model)
    if not isinstance(model, Adapted):
        return None
    values = {**result, **{name: metric_of(result[name]) for name in METRICS}}
    del values["trials"]
    return _fields(values, dataclasses.replace(model, data=shared.splits), study, shared)


def _fields(values: Fields, adapted: Adapted, study: Study, shared: Trials) -> Fields:
    chosen = values["chosen"]
    settings = shared.space.settings(study.trials[chosen].params) if chosen else {}
    plain = {"weights": "auto"}
    given = {name: value for name, value in shared.given.items() if value != plain.get(name)}
    return {
        **values,
        "adapted": adapted,
        "best": {**settings, **given, "seed": shared.seed},
        "kind": shared.kind,
        "score": score_name(shared.kind),
        "size": len(shared.splits.validation),
        "test_size": len(shared.splits.test),
    }


def _model(trial: Trial, shared: Trials, runs: Mapping[int, Trained]) -> Adapted:
    found = runs.get(trial.number)
    if found is None:
        settings: Mapping[str, Any] = shared.space.settings(trial.params) if trial.number else {}
        found = shared.train(settings, lambda schedule: [])
    return shared.conclude(found)


def _optimism(trial: Trial, adapted: Adapted, shared: Trials) -> Metric | None:
    """The score on validation less that on the test split, both with one view of each example."""
    if trial.merits is None:
        return None
    held, test = shared.splits.validation, shared.splits.test
    reached = merits(shared.kind, adapted.one_view.outputs(test), test.targets)
    seeds = np.random.SeedSequence(shared.seed).generate_state(2).tolist()
    ours, theirs = (
        resampled(each[:, None], groups=part.groups, seed=seed)
        for each, part, seed in zip((trial.merits, reached), (held, test), seeds, strict=True)
    )
    gap = float(trial.merits.mean() - reached.mean())
    return difference(np.asarray([gap]), (ours - theirs)[:, 0])
