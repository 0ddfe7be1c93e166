"""Splits: data is read, checked, cleaned and divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kzoo.data.examples import WARNING, Audit, CheckedColumn, Examples, Fault, RawData, Splits, join_examples
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.linking import link_examples
from kzoo.data.seams import Modality
from kzoo.data.sources.reading import read_source
from kzoo.data.stratify import SplitNotes, divide, without_seen
from kzoo.data.targets import encode, make_labels
from kzoo.specs.records.seen import NEW, Seen
from kzoo.specs.task import Task
from kzoo.task_kinds.kind_registry import get_task_kind

NEEDED = ("test", "validation", "train")

NAMED = 10
"""Examples that a note names."""

NO_SPLIT = {
    "validation": "No validation split (validation=0): each phase runs all epochs, and the last weights are kept",
    "test": "No test split (test=0): scores on unseen data are not measured",
}
"""Notes for splits that the task does not ask for."""


def read(
    task: Task,
    modality: str = "image",
    *,
    seen: Seen | None = None,
    needed: Sequence[str] = NEEDED,
    raw: RawData | None = None,
) -> Splits:
    """Reads, checks, encodes and splits the data of a task.

    Dirty examples are set aside, with a name and a reason each; ``strict=True`` raises instead. Copies of one
    content stay on one side: an example of the training data that is in a given test or validation split leaves.
    Validation and test are empty where the task has 0 of them and the data has no such split.

    Args:
        task: the data.
        modality: of its inputs.
        seen: examples that the start weights have seen; they keep their split, see `divide`.
        needed: the splits that must not be empty.
        raw: what `read_source` gave, where the data has been read already.

    Raises:
        ValueError: a split that is needed is empty, or `strict` and something is wrong, or a class cannot be learned.
    """
    clean = clean_source(raw or read_source(task, MODALITIES[modality]), task, modality)
    splits, labels, notes = clean.splits, clean.labels, list(clean.notes)
    ledger = SplitNotes()
    parts = divide(splits, task=task, seen=seen or Seen(), ledger=ledger)
    aside = [*((fault.name, fault.reason) for fault in clean.faults), *ledger.overlaps]
    refuse_dirt(aside, clean.repaired, task)
    aside, notes = [*aside, *ledger.exposed], [*notes, *ledger.notes]
    waived = [name for name in NO_SPLIT if name not in splits and not task.holds_out(name)]
    notes += [NO_SPLIT[name] for name in waived]
    wanted = {name: parts[name] for name in needed if name not in waived}
    refuse_unusable(wanted, Audit(aside, notes), task, exposed=len(seen or Seen()) > 0)
    warnings = missing_labels(parts, labels, task)
    if warnings and task.strict:
        raise ValueError(f"strict=True refuses classes without training examples. {warnings[0]}")
    notes = [*warnings, *notes]
    return Splits(parts["train"], parts["validation"], parts["test"], labels, Audit(aside, notes))


@dataclass(frozen=True)
class CleanSource:
    """The content of a source, checked and encoded, before it is divided.

    Args:
        splits: usable examples, as the source has them: ``"all"``, or some of train, validation and test.
        labels: names of the outputs.
        faults: of the other examples.
        notes: for the reader.
        repaired: name of examples that are used without a part of them, and what was wrong with it.
    """

    splits: Mapping[str, Examples]
    labels: Sequence[str]
    faults: Sequence[Fault]
    notes: Sequence[str]
    repaired: Sequence[tuple[str, str]] = ()


def clean_source(raw: RawData, task: Task, modality: str) -> CleanSource:
    """Opens each example of a source once and encodes its targets.

    Raises:
        ValueError: a class cannot be learned.
    """
    learned = raw.splits["train"] if "train" in raw.splits else raw.splits["all"]
    labels = make_labels(learned.targets, task=task, known=raw.labels)
    faults, notes = [Fault(*each) for each in raw.set_aside], list(raw.notes)
    clean = _Cleaning(MODALITIES[modality], task, labels, bool(task.labels or raw.labels), faults, notes)
    splits = {name: clean(each, name) for name, each in raw.splits.items()}
    splits, linked = link_examples(splits, asked=task.named_groups())
    notes += linked
    return CleanSource(splits, labels, faults, notes, clean.repaired)


def refuse_dirt(aside: Sequence[tuple[str, str]], repaired: Sequence[tuple[str, str]], task: Task) -> None:
    """Raises where the task is strict, and some examples, or parts of some, cannot be used."""
    if not task.strict or not (aside or repaired):
        return
    counts = [f"{len(aside)} examples cannot be used"] if aside else []
    counts += [f"{len(repaired)} have parts that cannot be used"] if repaired else []
    raise ValueError(f"strict=True refuses dirty data. {', and '.join(counts)}:\n{Audit([*aside, *repaired])}")


def exclude(splits: Splits, seen: Seen) -> Splits:
    """Splits whose test and validation have nothing that weights were trained on; see `kzoo.data.stratify.divide`.

    Raises:
        ValueError: nothing is left of one of them.
    """
    exposed: list[tuple[str, str]] = []
    parts = {
        part: without_seen(getattr(splits, part), seen, part=part, exposed=exposed) for part in ("test", "validation")
    }
    for part, examples in parts.items():
        if not len(examples) and len(getattr(splits, part)):
            raise ValueError(
                f"The start weights have seen all examples of the {part} split. Pass other data.\n{Audit(exposed)}"
            )
    return replace(splits, **parts, audit=Audit([*splits.audit.set_aside, *exposed], splits.audit.notes))


def read_labelled(
    task: Task, modality: str = "image", *, labels: Sequence[str], seen: Seen | None = None
) -> tuple[Examples, Audit]:
    """All clean examples of a task's data, whatever their split, encoded by labels that are known already.

    Args:
        task: the data.
        modality: of its inputs.
        labels: names of the outputs.
        seen: examples that a model has seen; they are left out and counted.

    Returns:
        The examples, and an audit of those set aside or left out.

    Raises:
        ValueError: none is usable, or `task.strict` and something is wrong.
    """
    raw = read_source(task, MODALITIES[modality])
    faults, notes = [Fault(*each) for each in raw.set_aside], list[str]()
    clean = _Cleaning(MODALITIES[modality], task, labels, bool(task.labels or raw.labels), faults, notes)
    parts = [clean(examples, name) for name, examples in raw.splits.items()]
    aside = [(fault.name, fault.reason) for fault in faults]
    refuse_dirt(aside, clean.repaired, task)
    fresh = [part.take(np.flatnonzero(part.sides(seen or Seen()) == NEW)) for part in parts]
    left = sum(map(len, parts)) - sum(map(len, fresh))
    notes += (
        [f"{left} {clean.modality.noun}s are left out, because the model was trained or selected on them"]
        if left
        else []
    )
    audit = Audit(aside, notes)
    if not any(map(len, fresh)):
        raise ValueError(f"No examples are left for the evaluation.\n{audit}")
    return join_examples([part for part in fresh if len(part)]), audit


@dataclass(frozen=True)
class _Cleaning:
    """From examples as they came to usable ones, with encoded targets and digests; adds to the lists."""

    modality: Modality
    task: Task
    labels: Sequence[str]
    positions: bool
    faults: list[Fault]
    notes: list[str]
    repaired: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, examples: Examples, split: str) -> Examples:
        encoded = encode(examples.targets, labels=self.labels, task=self.task, positions=self.positions)
        checked = self.modality.check(examples.columns[self.modality.name])
        lost = {index: "no group" for index, group in enumerate(examples.groups) if not group}
        found = {"group": lost, "target": encoded.reasons, "file": checked.reasons}
        reasons = lost | encoded.reasons | checked.reasons
        if get_task_kind(self.task.kind).exclusive and not self.modality.repeats:
            parts = checked.digests, encoded.targets, reasons, self.labels, self.modality.noun
            found["contradiction"] = contradictions(*parts)
            reasons |= found["contradiction"]
        part = {index: name for name, each in found.items() for index in each}
        self.faults.extend(
            Fault(examples.names[index], reason, split, part[index], checked.digests[index])
            for index, reason in sorted(reasons.items())
        )
        self.notes.extend(checked.notes)
        self.repaired.extend((examples.names[index], why) for index, why in sorted(checked.repaired.items()))
        self.notes.extend(name_repaired(examples, checked, self.modality))
        keep = [index for index in range(len(examples)) if index not in reasons]
        columns = {self.modality.name: checked.column}
        marks = (examples.names, checked.digests, examples.groups, checked.stamps)
        return Examples(columns, encoded.targets, *marks, examples.attributes, checked.contents).take(keep)


def name_repaired(examples: Examples, checked: CheckedColumn, modality: Modality) -> list[str]:
    """A note with the names of examples of several inputs that are used without some of these."""
    if modality.choose is None or not checked.repaired:
        return []
    names = [examples.names[index] for index in sorted(checked.repaired)]
    return [f"Used without an input that cannot be used: {', '.join(names[:NAMED])}{', ...' if names[NAMED:] else ''}"]


def contradictions(
    digests: Sequence[str], targets: np.ndarray, reasons: Mapping[int, str], labels: Sequence[str], noun: str
) -> dict[int, str]:
    """Examples of one content that have different labels."""
    seen: dict[str, set[int]] = {}
    for index, digest in enumerate(digests):
        if index not in reasons:
            seen.setdefault(digest, set()).add(int(targets[index]))
    return {
        index: f"the same {noun} is labelled {' and '.join(labels[t] for t in sorted(seen[digest]))}"
        for index, digest in enumerate(digests)
        if index not in reasons and len(seen[digest]) > 1
    }


def refuse_unusable(parts: Mapping[str, Examples], audit: Audit, task: Task, *, exposed: bool = False) -> None:
    """Raises where a split is empty, or training has fewer than two classes.

    Args:
        parts: the splits that are needed, training among them.
        audit: what is wrong with the data.
        task: of the targets.
        exposed: whether the start weights have seen some of the data.
    """
    advice = "Pass more data, or change the sizes of the splits"
    if exposed:
        # Pretraining on a task does not use its validation and test splits.
        advice = "Pass examples that the start weights have not seen, or pretrain with a task instead of a folder"
    for name, examples in parts.items():
        if not len(examples):
            raise ValueError(f"The {name} split is empty. {advice}.\n{audit}".rstrip())
    if get_task_kind(task.kind).exclusive and len(np.unique(parts["train"].targets)) < 2:
        raise ValueError(
            f"The training data must have two classes or more. Only one is left after the checks.\n{audit}"
        )


def missing_labels(parts: Mapping[str, Examples], labels: Sequence[str], task: Task) -> list[str]:
    """A warning of the labels that no training example has."""
    label_counts = get_task_kind(task.kind).label_counts
    if label_counts is None:
        return []
    counts = {name: label_counts(part.targets, len(labels)) for name, part in parts.items()}
    missing = np.flatnonzero(counts["train"] == 0)
    if not len(missing):
        return []
    held = int(counts["validation"][missing].sum() + counts["test"][missing].sum())
    which = ", ".join(labels[index] for index in missing.tolist())
    return [
        f"{WARNING}: no training example has the label {which}, so the model cannot predict it. "
        f"{held} validation and test examples have it and count as errors"
    ]
