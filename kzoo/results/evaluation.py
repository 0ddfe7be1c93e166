"""Evaluation of an adapted model on its test split, or on other labelled data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kzoo.data.examples import WARNING, Examples
from kzoo.evaluation.metrics import Evaluation, measure
from kzoo.evaluation.user_metrics import UserMetric, resolve_metrics
from kzoo.results.thumbnails import thumbnails_of
from kzoo.task_kinds.kind_registry import get_task_kind

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


def evaluate(adapted: Adapted, data: object, *, metrics: object) -> Evaluation:
    """The scores of a model; see `kzoo.results.adapted.Adapted.evaluate`."""
    own = adapted.metrics
    if metrics is not None:
        given = metrics if isinstance(metrics, list | tuple) else [metrics]
        own = resolve_metrics(given, kind=get_task_kind(adapted.kind), outputs=len(adapted.labels))
    return measure_on(adapted, *unseen_examples(adapted, data), metrics=own)


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
