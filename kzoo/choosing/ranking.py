"""`rank` orders candidate models by what their frozen features give on a task, before anything is trained."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kzoo.choosing.candidates import name_candidates
from kzoo.choosing.frozen_features import frozen_features, milliseconds_of, trunk_of
from kzoo.choosing.out_of_fold import Folds, make_folds
from kzoo.choosing.rank_record import Candidate, Ranking
from kzoo.choosing.scores import FeatureScores, find_scores, keep_scores, score_features, scores_key
from kzoo.choosing.source_identity import source_identity
from kzoo.choosing.yardstick import first_shares, merits, resampled, score_name
from kzoo.core.intervals import Metric
from kzoo.core.keywords import suggests_names
from kzoo.core.progress import ProgressBar
from kzoo.core.verbosity import verbosity
from kzoo.data.examples import Splits
from kzoo.data.modalities import modality_for
from kzoo.data.splits import read
from kzoo.models.weights import digest_of
from kzoo.setup.feeds import target_scale, training_rows
from kzoo.setup.plan import random_state_kept
from kzoo.setup.prepare import prepare, source_of
from kzoo.specs.phases import LinearProbe
from kzoo.specs.records.seen import CHOSEN
from kzoo.specs.task import as_task
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind

REASON = 200
"""Characters of an error that a note shows."""


@dataclass(frozen=True)
class _Scored:
    """The examples on which all candidates are scored."""

    splits: Splits
    kind: TaskKind
    truth: np.ndarray
    rows: np.ndarray
    groups: Sequence[str]
    digests: Sequence[str]
    folds: Folds
    seed: int

    def metric(self, outputs: np.ndarray) -> Metric:
        """The score of out-of-fold outputs."""
        truth = self.rows if self.kind.standardises else self.truth
        return self.kind.metrics(outputs, truth, groups=self.groups)[score_name(self.kind)]

    def merits(self, outputs: np.ndarray) -> np.ndarray:
        """The contribution of each example to the score."""
        return merits(self.kind, outputs, self.rows if self.kind.standardises else self.truth)


@suggests_names
def rank(task: Any, models: Any = None, *, strict: bool = False, verbose: int = 1, seed: int = 0) -> Ranking:
    """Orders models by how well a linear probe on their frozen features does on a task, in cross-validation.

    Nothing is trained but probes, and the test split is not looked at. The features are those that `kzoo.adapt` keeps:
    what was computed here is not computed again there, or in a second ranking.

    The order is that of the probe in 5 folds of the training and validation examples: stratified, with whole groups
    where the task has groups. How sure it is comes from a paired bootstrap over the examples (over groups): the share
    of resamples in which each candidate is first. It holds these folds and fits as they are. Nearest neighbours, LogME,
    the H-score and published ImageNet accuracy stand beside it; they do not change the order.

    Args:
        task: a `kzoo.Classification`, `kzoo.MultiLabel` or `kzoo.Regression`; or its data, for a Classification. Scores
            are accuracy, exact match and R2.
        models: a list of models, each as of `kzoo.adapt`: names, cards, Keras models, `Adapted` or `Pretrained`
            results, which are ranked by what their features give on this task. Or a dict of models by name. None: those
            of the task's modality whose weights are on this machine.
        strict: whether a model that fails raises; else it is named in the notes.
        verbose: 0 shows no progress bar; 1 shows one.
        seed: of the folds and the bootstrap, and of weights that are random.

    Returns:
        The candidates, the best first. `ranking.best.model` is what `kzoo.adapt` takes.

    Raises:
        ValueError: the data cannot be used, or no model can be ranked.

    Example:
        >>> import kzoo, keras, numpy as np
        >>> pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3)).astype("uint8")
        >>> inputs = keras.Input((8, 8, 3))
        >>> model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs), name="small")
        >>> ranking = kzoo.rank((pixels, np.arange(40) % 2), [model], verbose=0)
        >>> ranking.best.name, ranking.size, ranking.sentence
        ('small', 36, 'small is the only candidate.')
    """
    with random_state_kept(), verbosity(verbose):
        task = as_task(task)
        named = name_candidates(task, models)
        failed: dict[str, Exception] = {}
        sources: dict[str, Any] = {}
        for name, model in named.items():
            with _Collecting(failed, name, strict):
                sources[name] = source_of(model, weights="auto")
        if not sources:
            raise ValueError(_none(failed))
        scored = _read(task, sources, seed=seed)
        found: dict[str, tuple[Candidate, np.ndarray]] = {}
        with ProgressBar("ranking", unit="example", total=0) as bar:
            for name, source in sources.items():
                with _Collecting(failed, name, strict):
                    found[name] = _score(name, named[name], source, task, scored, bar=bar)
                    bar.report(f"{name} {found[name][0].probe}")
    if not found:
        raise ValueError(_none(failed))
    shares = first_shares(
        resampled(np.stack([each for _, each in found.values()], axis=1), groups=scored.groups, seed=seed)
    )
    shared = [replace(each, first=float(share)) for (each, _), share in zip(found.values(), shares, strict=True)]
    means = {name: float(each.mean()) for name, (_, each) in found.items()}
    ordered = sorted(shared, key=lambda each: means[each.name], reverse=True)
    return Ranking(ordered, score_name(scored.kind), len(scored.rows), len(scored.folds), _reasons(failed))


class _Collecting:
    """Errors of one candidate go to `failed`, unless strict."""

    def __init__(self, failed: dict[str, Exception], name: str, strict: bool) -> None:
        self.failed, self.name, self.strict = failed, name, strict

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        if self.strict:
            error.add_note(f"while ranking {self.name!r}")
            return False
        self.failed[self.name] = error
        return True


def _reasons(failed: Mapping[str, Exception]) -> list[tuple[str, str]]:
    return [(name, (str(error).splitlines() or [type(error).__name__])[0][:REASON]) for name, error in failed.items()]


def _none(failed: Mapping[str, Exception]) -> str:
    return "No model can be ranked. " + " ".join(f"{name}: {reason}." for name, reason in _reasons(failed))


def _read(task: Any, sources: Mapping[str, Any], *, seed: int) -> _Scored:
    """The training and validation examples of the split that a model has which has seen none of the data."""
    modality = modality_for(next(iter(sources.values())).card, task)
    splits, kind = read(task, modality.name, needed=("train",)), get_task_kind(task.kind)
    parts = (splits.train, splits.validation)
    truth = np.concatenate([part.targets for part in parts if len(part)])
    rows = training_rows(kind, truth, len(splits.labels), target_scale(kind, truth))
    groups, digests = ([each for part in parts for each in getattr(part, name)] for name in ("groups", "digests"))
    folds = make_folds(kind, truth, groups=groups, digests=digests, seed=seed)
    return _Scored(splits, kind, truth, rows, groups, digests, folds, seed)


def _score(
    name: str, model: Any, source: Any, task: Any, scored: _Scored, *, bar: ProgressBar
) -> tuple[Candidate, np.ndarray]:
    """A candidate without its share of resamples, and what each example adds to the score of its probe."""
    started = time.perf_counter()
    bar.state(name)
    scores = _scores(source, task, scored, bar=bar)
    candidate = Candidate(
        name,
        model,
        probe=scored.metric(scores.probe),
        neighbors=scored.metric(scores.neighbors),
        first=0.0,
        imagenet=source.card.top1,
        log_me=scores.log_me,
        h_score=scores.h_score,
        parameters=scores.parameters,
        milliseconds=scores.milliseconds,
        seconds=time.perf_counter() - started,
        seen=int((source.seen.sides(scored.digests) >= CHOSEN).sum()),
    )
    return candidate, scored.merits(scores.probe)


def _scores(source: Any, task: Any, scored: _Scored, *, bar: ProgressBar) -> FeatureScores:
    """The scores of a candidate, computed here or kept from an earlier ranking, then without building the model."""
    key, size = _known_key(source, task, scored), len(scored.rows)
    if key and (found := find_scores(key, size=size)):
        return found
    prepared = prepare(
        source,
        task,
        options=TrainingOptions(schedule=LinearProbe()),
        weights="auto",
        head=None,
        size=None,
        resize=None,
        strategy="one",
        seed=scored.seed,
        splits=scored.splits,
    )
    features = frozen_features(prepared, seed=scored.seed, bar=bar)
    key = key or scores_key(digest_of([features]), scored.rows, scored.folds, kind=scored.kind)
    if found := find_scores(key, size=size):
        return found
    bar.state(f"{source.card.name}: scoring")
    trunk = trunk_of(prepared)
    found = score_features(
        features,
        scored.rows,
        scored.folds,
        kind=scored.kind,
        time_one=lambda: milliseconds_of(trunk),
        parameters=trunk.count_params(),
    )
    keep_scores(key, found, digests=scored.digests, name=source.card.name)
    return found


def _known_key(source: Any, task: Any, scored: _Scored) -> str | None:
    """The key of a candidate's scores, where its features are known before it is built."""
    modality = modality_for(source.card, task, known=next(iter(scored.splits.train.columns)))
    known = source_identity(source, seed=scored.seed)
    # The code of a modality that is registered from outside may change.
    if known is None or not modality.fit.__module__.startswith("kzoo."):
        return None
    read = repr((known, modality.name, len(scored.splits.train), scored.digests))
    return scores_key(read, scored.rows, scored.folds, kind=scored.kind)
