"""Several tasks on one backbone, as one kind: rows and outputs of all tasks side by side.

A missing target is a row of NaN among the columns of its task. It adds nothing to losses and metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kzoo.core.intervals import Metric
from kzoo.core.score_figures import task_scores
from kzoo.core.tables import Table
from kzoo.specs.phases import SMOOTHING
from kzoo.specs.task import Task
from kzoo.task_kinds.encoded_targets import EncodedTargets
from kzoo.task_kinds.kind_names import name_of, own_labels
from kzoo.task_kinds.multi_task_layers import MultiTaskLoss, MultiTaskOutputs
from kzoo.task_kinds.task_kind import Fit, KindPart, Label, Scale, TaskKind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ops = keras.ops


class SeveralTasks(Task):
    """What stands for a `kzoo.MultiTask` where a kind names its task."""

    kind = "several tasks"


def multi_task_kind(parts: Sequence[KindPart], *, weighing: str = "") -> TaskKind:
    """The kind of several tasks, whose losses have the weights of the parts, or others, see `kzoo.MultiTask`."""
    own = partial(_by_part, parts)
    first = parts[0]
    return TaskKind(
        task=SeveralTasks,
        exclusive=False,
        has_labels=False,
        standardises=[bool(part.kind.standardises) for part in parts for _ in range(part.outputs)],
        targets_as="those of each task, side by side",
        smoothing=SMOOTHING,
        metric_names=[f"{part.name} {name}" for part in parts for name in part.kind.metric_names],
        monitors={},
        make_labels=_refuse_labels,
        encode=_refuse_encoding,
        name_targets=partial(_name_targets, parts),
        as_rows=lambda targets, outputs: targets.astype(np.float32),
        sample=lambda outputs: _sample(parts),
        outputs_of=lambda logits: np.concatenate([part.kind.outputs_of(part.of(logits)) for part in parts], axis=1),
        loss=lambda smoothing: MultiTaskLoss(parts, smoothing, weighing=weighing),
        distance=lambda teacher, logits, temperature: sum(
            part.scale * part.kind.distance(part.of(teacher), part.of(logits), temperature) for part in parts
        ),
        example_losses=partial(_example_losses, parts),
        example_hits=lambda logits, targets: None,
        constant_logits=lambda mean, size: np.concatenate(
            [part.kind.constant_logits(mean[part.start : part.stop], size) for part in parts]
        ),
        guess_loss=lambda outputs: sum(part.weight for part in parts),
        temperature_slope=None,
        probe=lambda outputs: _probe(parts),
        metrics=partial(_metrics, parts),
        example_scores=partial(_example_scores, first),
        higher_is_better=first.kind.higher_is_better,
        confidence=None,
        by_label=partial(_by_label, parts),
        label_counts=lambda truth, outputs: np.concatenate([_counts(part, truth) for part in parts]),
        confusion=None,
        plot=lambda outputs, truth, labels: _plot(parts, outputs, truth),
        log_loss=None,
        targets_of=lambda outputs: np.concatenate(
            [part.kind.as_rows(part.kind.targets_of(part.of(outputs)), part.outputs) for part in parts], axis=1
        ),
        mean_of=lambda logits: ops.concatenate(
            [part.kind.mean_of([each[:, part.start : part.stop] for each in logits]) for part in parts], axis=1
        ),
        output_layer=partial(_output_layer, parts),
        serve=lambda outputs, labels: own(
            labels, lambda part, names: part.kind.serve(outputs[:, part.start : part.stop], names)
        ),
        served=lambda outputs, labels, tolerance: own(
            labels, lambda part, names: part.kind.served(part.of(outputs), names, tolerance)
        ),
        merit=partial(_merit, parts),
        parts=parts,
        weighing=weighing,
        full_name=name_of(parts, weighing=weighing),
    )


def _by_part(
    parts: Sequence[KindPart], labels: Sequence[str], call: Callable[[KindPart, list[str]], Mapping[str, Any]]
) -> dict[str, Any]:
    """What each part gives by name, after the name of its task."""
    found = {part.name: call(part, own_labels(labels, part)) for part in parts}
    return {f"{name}_{key}": value for name, values in found.items() for key, value in values.items()}


def _refuse_labels(targets: Sequence[object], given: Sequence[str], task: Task) -> list[str]:
    raise TypeError("Targets of several tasks are read task by task. Pass a kzoo.MultiTask.")


def _refuse_encoding(targets: Sequence[object], labels: Sequence[str], task: Task, positions: bool) -> EncodedTargets:
    raise TypeError("Targets of several tasks are read task by task. Pass a kzoo.MultiTask.")


def _name_targets(parts: Sequence[KindPart], targets: np.ndarray, labels: Sequence[str]) -> list[Label]:
    """What to call the targets of all tasks: ``("kind: boot", "price: 3.2")``; a missing one is left out."""
    named: list[list[str]] = [[] for _ in targets]
    for part in parts:
        for row in np.flatnonzero(part.known(targets)).tolist():
            (found,) = part.kind.name_targets(part.of(targets[row : row + 1]), own_labels(labels, part))
            text = found if isinstance(found, str) else ", ".join(found)
            named[row].append(f"{part.name}: {text}")
    return [tuple(each) for each in named]


def _sample(parts: Sequence[KindPart]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of truth and of outputs of all tasks, as many as the shortest sample of one has."""
    samples = [part.kind.sample(part.outputs) for part in parts]
    size = min(len(truth) for truth, _ in samples)
    truth, outputs = (np.concatenate([each[place][:size] for each in samples], axis=1) for place in (0, 1))
    return truth, outputs


def _example_losses(parts: Sequence[KindPart], logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The weighted sum of the tasks' losses of each example, those of missing targets left out."""
    losses = np.zeros(len(targets))
    for part in parts:
        known = part.known(targets)
        losses[known] += part.scale * part.kind.example_losses(part.of(logits)[known], part.of(targets)[known])
    return losses


def _probe(parts: Sequence[KindPart]) -> Fit:
    """What solves the probe of each task on the examples that have its target, all with one penalty."""
    fits = [part.kind.probe(part.outputs) for part in parts]

    def fit(
        features: np.ndarray, targets: np.ndarray, weights: np.ndarray, strength: float, tolerance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        solved = []
        for part, solve in zip(parts, fits, strict=True):
            known = part.known(targets)
            solved.append(solve(features[known], part.of(targets)[known], weights[known], strength, tolerance))
        return np.concatenate([each for each, _ in solved], axis=1), np.concatenate([each for _, each in solved])

    return fit


def _metrics(
    parts: Sequence[KindPart], outputs: np.ndarray, truth: np.ndarray, *, groups: Sequence[str] = ()
) -> dict[str, Metric]:
    """The metrics of each task, on the examples that have its target."""
    found: dict[str, Metric] = {}
    for part in parts:
        known = np.flatnonzero(part.known(truth))
        if len(known):
            own = [groups[row] for row in known.tolist()] if len(groups) else ()
            own_metrics = part.kind.metrics(part.of(outputs)[known], part.encoded(truth[known]), groups=own)
            found |= {f"{part.name} {name}": metric for name, metric in own_metrics.items()}
    return found


def _example_scores(first: KindPart, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Those of the first task; an example without its target has the mean of the others."""
    known = first.known(truth)
    scores = np.zeros(len(truth))
    if known.any():
        scores[known] = first.kind.example_scores(first.of(outputs)[known], first.encoded(truth[known]))
        scores[~known] = scores[known].mean()
    return scores


def _by_label(parts: Sequence[KindPart], outputs: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> Table:
    """The F1 of each label, or the error of each value."""
    rows: list[tuple[object, ...]] = []
    for part in parts:
        known = part.known(truth)
        if known.any():
            own = part.kind.by_label(part.of(outputs)[known], part.encoded(truth[known]), own_labels(labels, part))
            column = "F1" if "F1" in own.columns else own.columns[1]
            place, counts = own.columns.index(column), _counts(part, truth).tolist()
            rows += [
                (f"{part.name}: {row[0]}", column, row[place], count)
                for row, count in zip(own.rows, counts, strict=True)
            ]
    return Table(("output", "score", "value", "examples"), rows)


def _counts(part: KindPart, truth: np.ndarray) -> np.ndarray:
    """How many examples have each label of a task, or a target of it."""
    known = part.known(truth)
    if part.kind.label_counts is None:
        return np.full(part.outputs, known.sum())
    return part.kind.label_counts(part.encoded(truth[known]), part.outputs)


def _plot(parts: Sequence[KindPart], outputs: np.ndarray, truth: np.ndarray) -> Figure:
    """The first metric of each task with its interval."""
    found = _metrics(parts, outputs, truth)
    names = [f"{part.name} {part.kind.metric_names[0]}" for part in parts]
    return task_scores({name: found[name] for name in names if name in found})


def _output_layer(parts: Sequence[KindPart], scale: Scale | None) -> keras.layers.Layer:
    """What makes outputs of the logits of each task."""
    layers = [part.kind.output_layer(part.own_scale(scale)) for part in parts]
    return MultiTaskOutputs([(part.start, part.stop) for part in parts], layers, name="outputs", dtype="float32")


def _merit(parts: Sequence[KindPart], outputs: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The mean of the tasks' merits."""
    merits = []
    for part in parts:
        known = part.known(truth)
        if known.any():
            merits.append(part.kind.merit(part.of(outputs)[known], part.encoded(truth[known])))
    first, second = np.mean(merits, axis=0) if merits else (0.0, 0.0)
    return float(first), float(second)
