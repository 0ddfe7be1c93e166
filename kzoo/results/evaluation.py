"""Evaluation of an adapted model on its test split, or on other labelled data."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kzoo.data.examples import WARNING, Examples
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.parts import find_present, part_names, short_name, without_part
from kzoo.evaluation.metrics import Evaluation, measure
from kzoo.evaluation.user_metrics import UserMetric, resolve_metrics
from kzoo.results.thumbnails import thumbnails_of
from kzoo.task_kinds.kind_registry import get_task_kind

MOST_MEASURED = 20_000
"""Test examples up to which each input is left out once; more would take long."""

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


def evaluate(adapted: Adapted, data: object, *, metrics: object, without: str | None = None) -> Evaluation:
    """The scores of a model; see `kzoo.results.adapted.Adapted.evaluate`."""
    own = adapted.metrics
    if metrics is not None:
        given = metrics if isinstance(metrics, list | tuple) else [metrics]
        own = resolve_metrics(given, kind=get_task_kind(adapted.kind), outputs=len(adapted.labels))
    examples, notes = unseen_examples(adapted, data)
    if without is not None:
        examples, _, told = leave_out(examples, without, modality=adapted.preprocessor.modality)
        notes = [*notes, *told]
    return measure_on(adapted, examples, notes, metrics=own)


def notes_without(adapted: Adapted, whole: Evaluation) -> list[str]:
    """What a model of several inputs reaches on its test split without each of them, a line each.

    Args:
        adapted: the model.
        whole: what it reaches with all.
    """
    modality = MODALITIES[adapted.preprocessor.modality]
    if modality.choose is None or whole.size > MOST_MEASURED:
        return []
    lines = []
    test, _ = unseen_examples(adapted, None)
    for name in map(short_name, adapted.preprocessor.parts):
        with contextlib.suppress(ValueError):
            left, places, _ = leave_out(test, name, modality=modality.name)
            found = measure_on(adapted, left, [])
            # Examples that have nothing else count in neither.
            same = whole if len(left) == len(test) else measure_on(adapted, test.take(places), [])
            metric, value = next(iter(found.metrics.items()))
            lines.append(f"Without {name}: {metric} {value}, with all {same.metrics[metric].value:.3f}")
    return lines


def leave_out(examples: Examples, name: str, *, modality: str) -> tuple[Examples, np.ndarray, list[str]]:
    """Examples without one of their inputs, those that have others; their places, int (M,); and notes.

    Raises:
        ValueError: examples have one input, or none of this name, or nothing else.
    """
    if MODALITIES[modality].choose is None:
        raise ValueError(f"without= leaves out one of several inputs. The examples are {MODALITIES[modality].noun}s.")
    column = without_part(examples.columns[modality], name)
    left = np.any([find_present(column[part]) for part in part_names(column)], axis=0)
    if not left.any():
        raise ValueError(f"No example has an input besides {name!r}.")
    lost = int((~left).sum())
    notes = [f"Without {name}" + (f": {lost} examples have nothing else and are left out" if lost else "")]
    # The files of what is left are known by their own stamps.
    checked = MODALITIES[modality].check(column)
    columns = {modality: checked.column}
    found = replace(examples, columns=columns, digests=checked.digests, stamps=checked.stamps)
    places = np.flatnonzero(left)
    return found.take(places), places, notes


def unseen_examples(adapted: Adapted, data: object) -> tuple[Examples, list[str]]:
    """The test split, or the examples of other labelled data that the model has not seen; and notes for a reader.

    Raises:
        ValueError: there is no test split, or it cannot be read again.
    """
    if data is not None:
        examples, audit = adapted.labelled(data, seen=adapted.seen)
        return examples, str(audit).splitlines()
    examples = adapted.splits().test
    if not len(examples):
        raise ValueError("There is no test split (test=0). Pass labelled data, such as evaluate('more/').")
    return examples, []


def measure_on(
    adapted: Adapted, examples: Examples, notes: Sequence[str], *, metrics: Sequence[UserMetric] = ()
) -> Evaluation:
    """The scores of a model on examples that it has not seen."""
    notes = [*(note for note in adapted.record.notes if note.startswith(WARNING)), *notes]
    return measure(
        adapted.kind,
        adapted.outputs(examples),
        examples.targets,
        labels=adapted.labels,
        names=examples.names,
        notes=notes,
        groups=examples.groups,
        metrics=metrics,
        thumbnail=thumbnails_of(examples.columns[adapted.preprocessor.modality], adapted.preprocessor.modality),
    )
