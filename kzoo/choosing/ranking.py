"""`rank` orders candidate models by what their frozen features give on a task, before anything is trained."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from kzoo.choosing.features.scores import FeatureScores, find_scores, keep_scores, score_features, scores_key
from kzoo.choosing.features.source_identity import source_identity
from kzoo.choosing.rank_record import Candidate, Ranking
from kzoo.choosing.scored_examples import (
    Collecting,
    ScoredExamples,
    none_left,
    open_candidates,
    read_examples,
    reasons_of,
)
from kzoo.choosing.yardstick import first_shares, resampled, score_name
from kzoo.core.keywords import suggests_names
from kzoo.core.progress import ProgressBar
from kzoo.core.verbosity import verbosity
from kzoo.data.modalities import modality_for
from kzoo.models.weights import digest_of
from kzoo.setup.frozen_features import frozen_features, milliseconds_of, prepare_candidate, trunk_of
from kzoo.setup.plan import random_state_kept
from kzoo.specs.records.seen import CHOSEN
from kzoo.specs.task import as_task


@suggests_names
def rank(
    task: Any,
    models: Any = None,
    *,
    budget: float | None = None,
    strict: bool = False,
    verbose: int = 1,
    seed: int = 0,
) -> Ranking:
    """Orders models by how well two probes of their frozen features do on a task, in cross-validation.

    The probes are a linear one and nearest neighbours. Nothing else is trained, and the test split is not looked at.
    The features are those that `kzoo.adapt` keeps: what was computed here is not computed again there, or in a second
    ranking.

    The order is that of the mean of both scores in 5 folds of the training and validation examples: stratified, with
    whole groups where the task has groups. How sure it is comes from a paired bootstrap over the examples (over
    groups): the share of resamples in which each candidate is first. It holds these folds and fits as they are. LogME,
    the H-score and published ImageNet accuracy stand beside it; they do not change the order. On the development sets
    of ``benchmarks/choosing.py``, this mean agreed better with the order of full adaptation than any one score.

    Args:
        task: a `kzoo.Classification`, `kzoo.MultiLabel` or `kzoo.Regression`; or its data, for a Classification. Scores
            are accuracy, exact match and R2.
        models: a list of models, each as of `kzoo.adapt`: names, cards, Keras models, `Adapted` or `Pretrained`
            results, which are ranked by what their features give on this task. Or a dict of models by name. None: those
            of the task's modality whose weights are on this machine.
        budget: seconds, in (0, inf), after which no other candidate is begun; the notes name those left out. The first
            is scored in any case. They are taken in the order of `models`; without `models`, those of the highest
            published accuracy first. None: all are scored.
        strict: whether a model that fails raises; else it is named in the notes.
        verbose: 0 shows no progress bar; 1 shows one.
        seed: of the folds and the bootstrap, and of weights that are random.

    Returns:
        The candidates, the best first. `ranking.best.model` is what `kzoo.adapt` takes.

    Raises:
        ValueError: the data cannot be used, no model can be ranked, or `budget` is not a positive number.

    Example:
        >>> import kzoo, keras, numpy as np
        >>> pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3)).astype("uint8")
        >>> inputs = keras.Input((8, 8, 3))
        >>> model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs), name="small")
        >>> ranking = kzoo.rank((pixels, np.arange(40) % 2), [model], verbose=0)
        >>> ranking.best.name, ranking.size, ranking.sentence
        ('small', 36, 'small is the only candidate.')
    """
    if budget is not None and not (isinstance(budget, int | float) and not isinstance(budget, bool) and budget > 0):
        raise ValueError(f"budget must be None or seconds in (0, inf). Got {budget!r}.")
    scored, found, failed = score_candidates(task, models, budget=budget, strict=strict, verbose=verbose, seed=seed)
    shares = first_shares(
        resampled(np.stack([each.mean(axis=1) for _, each in found.values()], axis=1), groups=scored.groups, seed=seed)
    )
    shared = [replace(each, first=float(share)) for (each, _), share in zip(found.values(), shares, strict=True)]
    means = {name: float(each.mean()) for name, (_, each) in found.items()}
    ordered = sorted(shared, key=lambda each: means[each.name], reverse=True)
    return Ranking(ordered, score_name(scored.kind), len(scored.rows), len(scored.folds), reasons_of(failed))


def score_candidates(
    task: Any, models: Any, *, strict: bool, verbose: int, seed: int, budget: float | None = None
) -> tuple[ScoredExamples, dict[str, tuple[Candidate, np.ndarray]], dict[str, Exception]]:
    """The scored examples; candidates, by name, with merits; and what failed.

    Merits are what each example adds to the scores of the linear probe and of nearest neighbours, float64 (N, 2).

    Args: as of `rank`.
    """
    with random_state_kept(), verbosity(verbose):
        task = as_task(task)
        named, sources, failed = open_candidates(task, models, strict=strict)
        if budget is not None and models is None:
            sources = dict(sorted(sources.items(), key=lambda each: -(each[1].card.top1 or 0)))
        started = time.perf_counter()
        scored = read_examples(task, sources, seed=seed)
        found: dict[str, tuple[Candidate, np.ndarray]] = {}
        with ProgressBar("ranking", unit="example", total=0) as bar:
            for name, source in sources.items():
                if found and budget is not None and time.perf_counter() - started > budget:
                    failed[name] = TimeoutError(f"the budget of {budget:g} s was used up")
                    continue
                with Collecting(failed, name, strict):
                    found[name] = _score(name, named[name], source, task, scored, bar=bar)
                    bar.report(f"{name} {found[name][0].probe}")
    if not found:
        raise ValueError(none_left(failed))
    return scored, found, failed


def _score(
    name: str, model: Any, source: Any, task: Any, scored: ScoredExamples, *, bar: ProgressBar
) -> tuple[Candidate, np.ndarray]:
    """A candidate without its share of resamples, and its merits."""
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
        seen=int((scored.sides(source.seen) >= CHOSEN).sum()),
    )
    return candidate, np.stack([scored.merits(each) for each in (scores.probe, scores.neighbors)], axis=1)


def _scores(source: Any, task: Any, scored: ScoredExamples, *, bar: ProgressBar) -> FeatureScores:
    """The scores of a candidate, computed here or kept from an earlier ranking, then without building the model."""
    key, size = _known_key(source, task, scored), len(scored.rows)
    if key and (found := find_scores(key, size=size)):
        return found
    prepared = prepare_candidate(source, task, scored.splits, seed=scored.seed)
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


def _known_key(source: Any, task: Any, scored: ScoredExamples) -> str | None:
    """The key of a candidate's scores, where its features are known before it is built."""
    modality = modality_for(source.card, task, known=next(iter(scored.splits.train.columns)))
    known = source_identity(source, seed=scored.seed)
    # The code of a modality that is registered from outside may change.
    if known is None or not modality.fit.__module__.startswith("kzoo."):
        return None
    read = repr((known, modality.name, len(scored.splits.train), scored.digests))
    return scores_key(read, scored.rows, scored.folds, kind=scored.kind)
