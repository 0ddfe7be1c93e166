"""The report of an adapted model, as a value: it prints, shows itself in a notebook, and is written as one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kzoo.core.progress import ProgressBar
from kzoo.core.storage import atomic_file
from kzoo.core.tables import Table
from kzoo.data.examples import WARNING, Examples
from kzoo.data.modalities import MODALITIES
from kzoo.evaluation.abstention import Abstention, measure_abstention
from kzoo.evaluation.metrics import Evaluation
from kzoo.evaluation.novelty import Novelty
from kzoo.results.evaluation import measure_on, unseen_examples
from kzoo.results.report.known_examples import KnownExamples, read_known, validation_hits
from kzoo.results.report.label_issues import LabelIssues, find_issues
from kzoo.results.report.page import body_of, page_of
from kzoo.results.report.reliability import Reliability, measure_reliability
from kzoo.results.report.shown import SHOWN, Shown, caption_answers, most_doubtful, show_examples, surest_mistakes
from kzoo.results.report.slices import Slice, find_slices, slice_table
from kzoo.results.report.unusual import UnusualExamples, find_unusual
from kzoo.specs.checked_json import Fields
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


@dataclass(frozen=True, repr=False)
class Report:
    """What is known of a model on examples that it has not seen, and what is doubtful in its data.

    Args:
        model: name of the backbone.
        noun: what an example is called.
        evaluation: metrics with their intervals, by label and by group, and the confusion matrix.
        slices: the slices that were tested, the surest to fall behind first.
        reliability: of the probabilities; None of values.
        abstention: accuracy against coverage; None of values.
        mistakes: the wrong answers that the model was surest of, or the largest errors.
        doubtful: the least sure answers, right or wrong; none of values.
        issues: likely label errors of all splits; None of values, or where the training data is not there.
        unusual: test examples that are unlike anything in training; None where the training data is not there.
        notes: for a reader.
    """

    model: str
    noun: str
    evaluation: Evaluation
    slices: Sequence[Slice]
    reliability: Reliability | None
    abstention: Abstention | None
    mistakes: Sequence[Shown]
    doubtful: Sequence[Shown]
    issues: LabelIssues | None
    unusual: UnusualExamples | None
    notes: Sequence[str] = ()

    @property
    def behind(self) -> list[Slice]:
        """The slices that fall behind, after the correction for how many were tested."""
        return [each for each in self.slices if each.falls_behind]

    @property
    def warnings(self) -> list[str]:
        """The notes that come first."""
        return [note for note in self.notes if note.startswith(WARNING)]

    @property
    def novelty(self) -> Novelty | None:
        """What tells unusual inputs: ``report.novelty.is_unusual(adapted.embed(["new.jpg"]))``."""
        return None if self.unusual is None else self.unusual.novelty

    @property
    def findings(self) -> list[str]:
        """The main results, a sentence each."""
        metric, found = next(iter(self.evaluation.metrics.items()))
        lines = [f"{metric} {found} on {self.evaluation.size:,} {self.noun}s that the model has not seen"]
        if self.abstention is not None and self.abstention.headline:
            lines.append(self.abstention.headline)
        if self.reliability is not None:
            lines.append(f"expected calibration error {self.reliability.ece}. {self.reliability.verdict}")
        names = ", ".join(f"{each.name} ({each.score.value:.3f})" for each in self.behind[:5])
        lines.append(f"{len(self.behind)} of {len(self.slices)} slices fall behind{': ' if names else ''}{names}")
        if self.issues is not None:
            lines.append(
                f"{len(self.issues.rows)} likely label errors among {self.issues.size:,} {self.noun}s of all splits"
            )
        if self.unusual is not None:
            lines.append(f"{self.unusual.share:.1%} of the test {self.noun}s are unlike anything in training")
        return lines

    def slice_table(self) -> Table:
        """One row a slice, the surest to fall behind first."""
        return slice_table(self.slices, metric=next(iter(self.evaluation.metrics)))

    def as_dict(self) -> Fields:
        """The main results as plain values, for JSON."""
        return {
            **self.evaluation.as_dict(),
            "findings": self.findings,
            "slices_behind": [each.name for each in self.behind],
            "expected_calibration_error": self.reliability and self.reliability.ece.value,
            "label_issues": [list(row) for row in self.issues.table().rows] if self.issues else None,
            "unusual": list(self.unusual.names) if self.unusual else None,
        }

    def write(self, path: str | Path) -> Path:
        """Writes the page, one HTML file that loads nothing, whole or not at all.

        Raises:
            OSError: it cannot be written; what was there before is unchanged.
        """
        with atomic_file(path) as aside:
            aside.write_text(page_of(self), encoding="utf-8")
        return Path(path)

    def __str__(self) -> str:
        return "\n".join(self.findings)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return body_of(self)


def make_report(adapted: Adapted, *, data: object) -> Report:
    """The report of a model; see `kzoo.results.display.AdaptedDisplay.report`."""
    kind = get_task_kind(adapted.kind)
    modality = MODALITIES[adapted.preprocessor.modality]
    with ProgressBar("report", unit="part", total=4, delay=2.0) as bar:

        def begin(part: str) -> None:
            bar.state(part)
            bar.update()

        begin(f"test {modality.noun}s")
        examples, notes = unseen_examples(adapted, data)
        evaluation = measure_on(adapted, examples, notes, metrics=adapted.metrics)
        outputs, truth = evaluation.outputs, evaluation.truth
        begin(f"training {modality.noun}s")
        known, missing = _known(adapted)
        begin("slices")
        attributes = _attributes(adapted, examples)
        slices = find_slices(kind, outputs, truth, labels=adapted.labels, attributes=attributes, groups=examples.groups)
        begin("what to show")
        orders = surest_mistakes(kind, outputs, truth), most_doubtful(kind, outputs)
        mistakes, doubtful = (_gallery(adapted, examples, outputs, order) for order in orders)
        return Report(
            adapted.card.name,
            modality.noun,
            evaluation,
            slices,
            measure_reliability(kind, outputs, truth, groups=examples.groups),
            _abstention(kind, examples, outputs, known),
            mistakes,
            doubtful,
            None if known is None else find_issues(adapted, known, examples, outputs),
            None if known is None else find_unusual(adapted, known, examples),
            [*evaluation.notes, *missing],
        )


def _known(adapted: Adapted) -> tuple[KnownExamples | None, list[str]]:
    """The training and validation examples, or a note why they are not there."""
    try:
        return read_known(adapted), []
    except ValueError as error:
        missing = "Thresholds, label errors and unusual examples need the training data, which cannot be read again"
        return None, [f"{missing}: {error}"]


def _attributes(adapted: Adapted, examples: Examples) -> dict[str, np.ndarray]:
    """What the examples can be divided by: what is measured of them, other columns of their table, and groups."""
    modality = MODALITIES[adapted.preprocessor.modality]
    found = dict(modality.attributes(examples.columns[modality.name])) if modality.attributes else {}
    if len(examples.groups):
        found[adapted.record.task.groups or "group"] = np.asarray(examples.groups, dtype=object)
    return {**found, **examples.attributes}


def _gallery(adapted: Adapted, examples: Examples, outputs: np.ndarray, order: np.ndarray) -> tuple[Shown, ...]:
    kind, first = get_task_kind(adapted.kind), order[:SHOWN]
    captions = caption_answers(kind, outputs, examples.targets, labels=adapted.labels, places=first)
    return show_examples(examples, first, captions, modality=adapted.preprocessor.modality)


def _abstention(
    kind: TaskKind, examples: Examples, outputs: np.ndarray, known: KnownExamples | None
) -> Abstention | None:
    """Accuracy against coverage, with thresholds from answers to validation examples that are not from memory."""
    confidence = kind.confidence
    if confidence is None:
        return None
    chosen_on, source = (None, "") if known is None else validation_hits(kind, known)
    hits = np.asarray(kind.example_scores(outputs, examples.targets), bool)
    return measure_abstention(confidence(outputs), hits, chosen_on=chosen_on, source=source, groups=examples.groups)
