"""The labels of a task's own examples that are likely wrong, in all splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kzoo.core.tables import Table
from kzoo.data.examples import Examples
from kzoo.data.modalities import MODALITIES
from kzoo.results.report.known_examples import KnownExamples
from kzoo.results.report.label_errors import Suspects, find_suspects
from kzoo.results.report.shown import SHOWN, Shown, show_examples
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


@dataclass(frozen=True)
class LabelIssue:
    """A label that is likely wrong.

    Args:
        name: of the example.
        split: that it is in.
        given: the label that it has.
        suggested: the most probable other one.
        confidence: probability of the given label.
        alternative: probability of the suggested one.
    """

    name: str
    split: str
    given: str
    suggested: str
    confidence: float
    alternative: float


@dataclass(frozen=True)
class LabelIssues:
    """Labels that are likely wrong.

    Args:
        rows: the likeliest first.
        shown: the first of them.
        size: number of examples that were looked at.
        notes: for a reader.
    """

    rows: Sequence[LabelIssue]
    shown: Sequence[Shown]
    size: int
    notes: Sequence[str] = ()

    def table(self) -> Table:
        """One row a label."""
        rows = [(each.name, each.split, each.given, each.suggested, each.confidence) for each in self.rows]
        return Table(("example", "split", "has", "looks like", "probability of its label"), rows, notes=self.notes)


def find_issues(adapted: Adapted, known: KnownExamples, test: Examples, outputs: np.ndarray) -> LabelIssues | None:
    """Label errors of training and validation, by out-of-fold answers, and of the test examples, by the model's own.

    Args:
        adapted: the model.
        known: training and validation examples.
        test: test examples.
        outputs: of the model for these, (N, outputs).
    """
    kind, labels = get_task_kind(adapted.kind), adapted.labels
    if not kind.has_labels:
        return None
    found = [(issue, test, place) for issue, place in _issues(kind, outputs, test, labels, lambda place: "test")]
    size, notes = len(test), [f"The test {_plural(adapted)} are judged by the model's own probabilities."]
    if known.probe is not None and known.neighbors is not None:
        # They err differently: their mean ranks flipped labels higher than either does.
        answers = (known.probe + known.neighbors) / 2
        issues = _issues(kind, answers, known.examples, labels, known.split_of)
        found += [(issue, known.examples, place) for issue, place in issues]
        size += len(known)
        notes.append(
            f"Training and validation {_plural(adapted)} are judged by linear probes and nearest neighbors on the "
            "model's features, each by those that were not given it."
        )
    if known.trained < known.of:
        notes.append(f"Of {known.of:,} training {_plural(adapted)} a random sample of {known.trained:,} was looked at.")
    found.sort(key=lambda each: each[0].confidence)
    shown = [_show(issue, examples, place, adapted) for issue, examples, place in found[:SHOWN]]
    return LabelIssues([issue for issue, _, _ in found], shown, size, notes)


def _issues(
    kind: TaskKind,
    answers: np.ndarray,
    examples: Examples,
    labels: Sequence[str],
    split_of: Callable[[int], str],
) -> list[tuple[LabelIssue, int]]:
    """The suspects among some examples, and their places."""
    found = []
    for suspects, names in _suspects(kind, answers, examples.targets, labels):
        for number, place in enumerate(map(int, suspects.places)):
            issue = LabelIssue(
                name=str(examples.names[place]),
                split=split_of(place),
                given=str(names[int(suspects.given[number])]),
                suggested=str(names[int(suspects.suggested[number])]),
                confidence=float(suspects.confidence[number]),
                alternative=float(suspects.alternative[number]),
            )
            found.append((issue, place))
    return found


def _suspects(
    kind: TaskKind, answers: np.ndarray, truth: np.ndarray, labels: Sequence[str]
) -> Iterator[tuple[Suspects, Sequence[str]]]:
    """Suspects and the names of what they have: classes; or of several labels whether each holds."""
    if kind.exclusive:
        yield find_suspects(answers, truth), labels
        return
    rows = kind.as_rows(truth, len(labels)) >= 0.5
    for place, label in enumerate(labels):
        both = np.stack([1 - answers[:, place], answers[:, place]], axis=1)
        yield find_suspects(both, rows[:, place].astype(np.int64)), (f"not {label}", label)


def _show(issue: LabelIssue, examples: Examples, place: int, adapted: Adapted) -> Shown:
    caption = (
        f"has {issue.given} ({issue.confidence:.0%})",
        f"looks like {issue.suggested} ({issue.alternative:.0%})",
        issue.split,
    )
    (shown,) = show_examples(examples, [place], [caption], modality=adapted.preprocessor.modality)
    return shown


def _plural(adapted: Adapted) -> str:
    return f"{MODALITIES[adapted.preprocessor.modality].noun}s"
