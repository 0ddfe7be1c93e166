"""One of several tasks as a model of its own: the shared backbone, and the part of the head that is its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import keras

from kzoo.data.examples import Splits
from kzoo.data.tasks.joint_reading import own_splits
from kzoo.models.side_by_side import SliceFeatures
from kzoo.specs.records.evaluation_record import EvaluationRecord
from kzoo.specs.records.run_record import RunRecord
from kzoo.task_kinds.kind_names import own_labels
from kzoo.task_kinds.task_kind import KindPart

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


def task_view(adapted: Adapted, part: KindPart) -> Adapted:
    """A model of one task; its layers, but for the last one, are those of the model of all.

    Args:
        adapted: of several tasks.
        part: the task.
    """
    labels = own_labels(adapted.labels, part)
    splits = None if adapted.data is None else own_splits(adapted.data, part, labels)
    record = _own_record(adapted.record, part, splits, several=adapted.kind)
    return replace(
        adapted,
        kind=part.kind.name,
        labels=labels,
        network=_own_network(adapted.network, part),
        scale=part.own_scale(adapted.scale),
        record=record,
        limits=None,
        data=splits,
        start=None,
        differences=(),
        task_weights={},
    )


def _own_network(network: keras.Model, part: KindPart) -> keras.Model:
    """From the shared input to the logits of one task."""
    last = network.layers[-1]
    if not isinstance(last, keras.layers.Dense):
        logits = SliceFeatures(part.start, part.stop, name=f"{part.name}_logits")(network.output)
        return keras.Model(network.input, logits, name=f"{network.name}_{part.name}")
    own = type(last).from_config({**last.get_config(), "units": part.outputs})
    model = keras.Model(network.input, own(last.input), name=f"{network.name}_{part.name}")
    own.set_weights([weight[..., part.start : part.stop] for weight in last.get_weights()])
    return model


def _own_record(record: RunRecord, part: KindPart, splits: Splits | None, *, several: str) -> RunRecord:
    """The record of the run, with the task and the measurements of this task alone; with splits, their sizes too."""
    tasks = record.task.tasks or {}
    task = replace(tasks[part.name], tasks=tasks, several=several, name=part.name)
    test, prefix = record.test, f"{part.name} "
    if test is not None:
        own = {name.removeprefix(prefix): each for name, each in test.metrics.items() if name.startswith(prefix)}
        size = len(splits.test) if splits else test.size
        test = EvaluationRecord(size=size, metrics=own) if own else None
    found = replace(record, task=task, test=test)
    if splits is None:
        return found
    sizes = {name: len(getattr(splits, name)) for name in record.sizes}
    validation = splits.fingerprint("validation")
    return replace(found, sizes=sizes, fingerprint=splits.fingerprint(), validation_fingerprint=validation)
