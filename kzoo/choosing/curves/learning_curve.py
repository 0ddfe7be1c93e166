"""`learning_curve` says how the score of frozen features grows with labels, and what more labels would bring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kzoo.choosing.curves.curve_record import LearningCurve, LearningCurves
from kzoo.choosing.curves.power_law import extrapolate
from kzoo.choosing.scored_examples import (
    Collecting,
    ScoredExamples,
    none_left,
    open_candidates,
    read_examples,
    reasons_of,
)
from kzoo.choosing.yardstick import difference, resampled, score_name
from kzoo.core.keywords import suggests_names
from kzoo.core.progress import ProgressBar
from kzoo.core.verbosity import verbosity
from kzoo.results.report.out_of_fold import Folds, compact, design_answers
from kzoo.setup.frozen_features import frozen_features, prepare_candidate
from kzoo.setup.plan import random_state_kept
from kzoo.specs.task import as_task

STEPS = 6
"""Numbers of training examples at which a probe is measured, at most."""

DRAWS = 3
"""Subsets of each size, but for the largest, which is all of a fold."""

FEWEST = 4
"""Training examples a class of the smallest subset, on average."""


@suggests_names
def learning_curve(
    task: Any, models: Any, *, more: int = 100, strict: bool = False, verbose: int = 1, seed: int = 0
) -> LearningCurves:
    """The score of a linear probe by the number of labels, and what more labels would bring.

    Probes are fitted to subsets of the training and validation examples, and asked about the fold that they have not
    seen, as in `kzoo.rank`; the test split is not looked at. Features are computed once, and are those that `kzoo.rank`
    and `kzoo.adapt` keep. Beyond the labels that there are, the error is extrapolated by a power law
    (`kzoo.choosing.curves.power_law`), with an interval from a bootstrap over the examples, or over groups.

    Args:
        task: a task, or its data for a Classification.
        models: one model, a list, or a dict of them by name, as of `kzoo.rank`. Beside a model with random weights, the
            curves show how many labels transfer is worth.
        more: additional labels to ask about.
        strict: whether a model that fails raises; else it is named in the notes.
        verbose: 0 shows no progress bar; 1 shows one.
        seed: of the folds, the subsets and the bootstrap, and of weights that are random.

    Returns:
        One curve a model.

    Raises:
        ValueError: the data cannot be used, there are too few examples, or no model has frozen features.

    Example:
        >>> import kzoo, keras, numpy as np
        >>> pixels = np.random.default_rng(0).integers(0, 256, (80, 8, 8, 3)).astype("uint8")
        >>> inputs = keras.Input((8, 8, 3))
        >>> model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs), name="small")
        >>> curves = kzoo.learning_curve((pixels, np.arange(80) % 2), model, verbose=0)
        >>> curves["small"].sizes, curves.size
        ((8, 13, 21, 35, 57), 72)
    """
    if isinstance(more, bool) or not isinstance(more, int) or more < 1:
        raise ValueError(f"more must be an int in [1, inf). Got {more!r}.")
    with random_state_kept(), verbosity(verbose):
        task = as_task(task)
        _, sources, failed = open_candidates(task, models, strict=strict)
        scored = read_examples(task, sources, seed=seed)
        sizes, curves = _sizes(scored), []
        with ProgressBar("learning curve", unit="example", total=0) as bar:
            for name, source in sources.items():
                with Collecting(failed, name, strict):
                    bar.state(name)
                    prepared = prepare_candidate(source, task, scored.splits, seed=seed)
                    features = frozen_features(prepared, seed=seed, bar=bar)
                    bar.state(f"{name}: scoring")
                    curves.append(_curve(name, features, scored, sizes=sizes, more=more))
    if not curves:
        raise ValueError(none_left(failed))
    return LearningCurves(curves, scored.kind, score_name(scored.kind), len(scored.rows), more, reasons_of(failed))


def _sizes(scored: ScoredExamples) -> tuple[int, ...]:
    """Numbers of training examples, each larger by about the same factor; the last is the smallest training fold."""
    most = min(len(fitted) for fitted, _ in scored.folds)
    classes = scored.rows.shape[1] if scored.kind.exclusive else 2
    least = FEWEST * classes
    if most < 2 * least:
        raise ValueError(
            f"A learning curve needs {least * 5 // 2:,} examples of train and validation or more, {FEWEST} a class in "
            f"the smallest subset. Got {len(scored.rows):,}."
        )
    count = min(STEPS, int(np.log(most / least) / np.log(1.5)) + 1)
    return tuple(int(each) for each in np.unique(np.geomspace(least, most, max(count, 2)).round()))


def _curve(
    name: str, features: np.ndarray, scored: ScoredExamples, *, sizes: Sequence[int], more: int
) -> LearningCurve:
    """The scores of features at several sizes, and beyond them."""
    columns, design = [], compact(features)
    for size in sizes:
        draws = [_smaller(scored, size, draw) for draw in range(DRAWS if size < sizes[-1] else 1)]
        answers = [design_answers(design, scored.rows, folds, kind=scored.kind) for folds in draws]
        columns.append(np.mean([scored.merits(each) for each in answers], axis=0))
    values = np.stack(columns, axis=1)
    means = resampled(values, groups=scored.groups, seed=scored.seed)
    scores = [difference(values[:, place], means[:, place]) for place in range(len(sizes))]
    size = len(scored.rows)
    places = np.asarray([size, size + more, 2 * size], float)
    known, weights = np.asarray(sizes, float), 1 / np.maximum(means.var(axis=0), 1e-8)
    (value,), spread = (
        1 - extrapolate(known, 1 - each, weights, to=places) for each in (values.mean(axis=0)[None], means)
    )
    now = difference(value[:1], spread[:, 0])
    gain, doubled = (difference(value[place] - value[:1], spread[:, place] - spread[:, 0]) for place in (1, 2))
    return LearningCurve(name, tuple(sizes), scores, now, gain, doubled)


def _smaller(scored: ScoredExamples, size: int, draw: int) -> Folds:
    """The folds with `size` training examples each, as nearly stratified as the fold is."""
    found = []
    for number, (fitted, asked) in enumerate(scored.folds):
        order = np.random.default_rng((scored.seed, draw, number)).permutation(fitted)
        if scored.kind.exclusive:
            # Classes in turn: the first of each, then the second of each, in proportion to their sizes.
            classes = scored.truth[order]
            place = np.zeros(len(order))
            for label in np.unique(classes):
                own = classes == label
                place[own] = (np.arange(own.sum()) + 0.5) / own.sum()
            order = order[np.argsort(place, kind="stable")]
        found.append((np.sort(order[:size]), asked))
    return found
