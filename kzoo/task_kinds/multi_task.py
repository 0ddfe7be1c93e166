"""Several tasks on one backbone, as one kind: rows and outputs of all tasks side by side.

A missing target is a row of NaN among the columns of its task. It adds nothing to losses and metrics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kzoo.core.intervals import Metric
from kzoo.core.score_figures import task_scores
from kzoo.core.tables import Table
from kzoo.core.tensors import Tensor
from kzoo.specs.phases import SMOOTHING
from kzoo.specs.task import MultiTask, Task
from kzoo.task_kinds.encoded_targets import EncodedTargets
from kzoo.task_kinds.task_kind import Fit, KindPart, Label, Scale, TaskKind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ops = keras.ops

PREFIX = "several tasks: "
"""Beginning of the name of such a kind. The tasks follow, each as ``price regression 1 x 0.5``."""


class SeveralTasks(Task):
    """What stands for a `kzoo.MultiTask` where a kind names its task."""

    kind = "several tasks"


def name_of(parts: Sequence[KindPart]) -> str:
    """The name of the kind that has these parts; `parts_of` reads it."""
    weights = ["" if part.weight == 1 else f" x {part.weight!r}" for part in parts]
    named = [f"{p.name} {p.kind.name} {p.outputs}{w}" for p, w in zip(parts, weights, strict=True)]
    return PREFIX + ", ".join(named)


def parts_of(name: str, kinds: Callable[[str], TaskKind]) -> list[KindPart]:
    """The parts that the name of a kind tells.

    Args:
        name: of the kind.
        kinds: from the name of a kind to its row.

    Raises:
        ValueError: it is no such name.
    """
    parts: list[KindPart] = []
    for text in name.removeprefix(PREFIX).split(", "):
        found = re.fullmatch(r"(\w+) (\w+) ([1-9]\d{0,6})(?: x ([\d.e+-]+))?", text)
        if not found or not name.startswith(PREFIX):
            raise ValueError(f"A kind of several tasks must be named as 'price regression 1'. Got {text!r}.")
        start, weight = parts[-1].stop if parts else 0, float(found[4] or 1)
        kind = kinds(found[2])
        parts.append(KindPart(name=found[1], kind=kind, start=start, stop=start + int(found[3]), weight=weight))
    return parts


def parts_for(
    tasks: MultiTask, labels: Mapping[str, Sequence[str]], kinds: Callable[[str], TaskKind]
) -> list[KindPart]:
    """The parts of several tasks, whose outputs have these names."""
    parts: list[KindPart] = []
    for name, task in tasks.tasks.items():
        start = parts[-1].stop if parts else 0
        weight = float((tasks.weights or {}).get(name, 1.0))
        stop = start + len(labels[name])
        parts.append(KindPart(name=name, kind=kinds(task.kind), start=start, stop=stop, weight=weight))
    return parts


def join_labels(labels: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of all outputs.

    Example:
        >>> join_labels({"kind": ["boot", "shoe"], "price": ["value"]})
        ['kind: boot', 'kind: shoe', 'price: value']
    """
    return [f"{name}: {label}" for name, own in labels.items() for label in own]


def own_labels(labels: Sequence[str], part: KindPart) -> list[str]:
    """Names of the outputs of one task, of the names of all."""
    return [label.removeprefix(f"{part.name}: ") for label in labels[part.start : part.stop]]


class MultiTaskLoss(keras.losses.Loss):
    """The sum of the losses of several tasks, each divided by that of a guess and multiplied by its weight.

    Args:
        parts: the tasks.
        smoothing: label smoothing, in [0, 1), of tasks with exclusive labels.
    """

    def __init__(self, parts: Sequence[KindPart], smoothing: float) -> None:
        super().__init__(name="several_tasks")
        self.parts = parts
        self.losses = [part.kind.loss(smoothing if part.kind.exclusive else 0.0) for part in parts]

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss (B,) of rows, NaN where there is no target, and logits, (B, outputs) each."""
        total = ops.zeros_like(y_pred[:, 0])
        for part, loss in zip(self.parts, self.losses, strict=True):
            rows, logits = y_true[:, part.start : part.stop], y_pred[:, part.start : part.stop]
            known = ops.logical_not(ops.isnan(rows[:, :1]))
            # Zeros first: the gradient of what is left out below would be NaN.
            found = loss.call(ops.where(known, rows, ops.zeros_like(rows)), logits)
            total += part.scale * ops.where(known[:, 0], found, ops.zeros_like(found))
        return total


@keras.saving.register_keras_serializable(package="kzoo")
class MultiTaskOutputs(keras.layers.Layer):
    """From the logits of all tasks to their outputs, float32 (B, outputs).

    Args:
        spans: first output of each task, and the one after its last.
        layers: what makes outputs of the logits of each task.
    """

    def __init__(self, spans: Sequence[Sequence[int]], layers: Sequence[keras.layers.Layer], **options: object) -> None:
        super().__init__(**options)
        self.spans, self.finishing = [list(span) for span in spans], list(layers)

    def call(self, logits: Tensor) -> Tensor:
        """(B, outputs) to (B, outputs)."""
        pairs = zip(self.spans, self.finishing, strict=True)
        return ops.concatenate([layer(logits[:, start:stop]) for (start, stop), layer in pairs], axis=1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """That of the logits."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, object]:
        """Its arguments."""
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.finishing]
        return {**super().get_config(), "spans": self.spans, "layers": layers}

    @classmethod
    def from_config(cls, config: dict[str, object]) -> MultiTaskOutputs:
        """The layer of these arguments."""
        layers = [keras.saving.deserialize_keras_object(each) for each in config.pop("layers")]  # type: ignore[attr-defined]
        return cls(layers=layers, **config)  # type: ignore[arg-type]


def multi_task_kind(parts: Sequence[KindPart]) -> TaskKind:
    """The kind of several tasks."""
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
        loss=lambda smoothing: MultiTaskLoss(parts, smoothing),
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
        full_name=name_of(parts),
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
