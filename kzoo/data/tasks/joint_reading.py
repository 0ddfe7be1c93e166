"""The data of several tasks as one: each content once, with the targets of all tasks that have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np

from kzoo.core.raw_targets import is_missing
from kzoo.data.examples import WARNING, Audit, CheckedColumn, Examples, RawData, Splits
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.linking import link_examples
from kzoo.data.seams import Modality
from kzoo.data.sources.reading import read_source
from kzoo.data.splits import NO_SPLIT, contradictions, missing_labels, name_repaired, read, refuse_dirt, refuse_unusable
from kzoo.data.stratify import SplitNotes
from kzoo.data.targets import encode, make_labels
from kzoo.data.tasks.joint_division import PARTS, divide_all
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import MultiTask, Task
from kzoo.task_kinds.kind_names import join_labels
from kzoo.task_kinds.kind_registry import get_task_kind, kind_of
from kzoo.task_kinds.task_kind import KindPart, TaskKind


def read_any(
    task: Task | MultiTask, modality: str, *, seen: Seen | None = None, raw: RawData | None = None
) -> tuple[Splits, TaskKind]:
    """The splits of one task, or of several; and their kind.

    Args: as of `kzoo.data.splits.read`.
    """
    if isinstance(task, Task):
        return read(task, modality, seen=seen, raw=raw), get_task_kind(task.kind)
    return read_jointly(task, modality, seen=seen)


def read_jointly(tasks: MultiTask, modality: str, *, seen: Seen | None = None) -> tuple[Splits, TaskKind]:
    """Reads, checks, encodes and splits the data of several tasks.

    Each data set is divided by itself, stratified by the labels of its tasks; what two of them have is in one split,
    see `kzoo.data.tasks.joint_division`. A group has one name in all data sets.

    Returns:
        The splits, whose targets are rows, float32 (N, outputs of all tasks), NaN where an example lacks a target; and
        the kind of the tasks.

    Raises:
        ValueError: as of `kzoo.data.splits.read`; or a task has no example in a split that it needs.
    """
    read_sets = [_DataSet.read(group, MODALITIES[modality]) for group in tasks.by_data()]
    labels = {name: own for each in read_sets for name, own in each.labels.items()}
    labels = {name: labels[name] for name in tasks.tasks}
    kind = kind_of(tasks, labels)
    spans = {part.name: part for part in kind.parts}
    outputs = kind.parts[-1].stop
    aside: list[tuple[str, str]] = []
    repaired: list[tuple[str, str]] = []
    notes: list[str] = []
    clean = [_clean(each, spans, outputs, MODALITIES[modality], aside, repaired, notes) for each in read_sets]
    ledger = SplitNotes()
    first = [next(iter(each.tasks.values())) for each in read_sets]
    parts = divide_all(clean, first, kind=kind, seen=seen or Seen(), ledger=ledger)
    aside += ledger.overlaps
    for task in tasks.tasks.values():
        refuse_dirt(aside, repaired, task)
    aside, notes = [*aside, *ledger.exposed], [*notes, *ledger.notes]
    warnings = _check_tasks(parts, tasks, kind, labels, Audit(aside, notes))
    notes = [*warnings, *notes, *_counts(parts, kind)]
    return Splits(**parts, labels=join_labels(labels), audit=Audit(aside, notes)), kind


def own_splits(splits: Splits, part: KindPart, labels: Sequence[str]) -> Splits:
    """The examples that have a target of one task, with this target alone.

    Args:
        splits: of all tasks.
        part: the task.
        labels: names of its outputs.
    """
    own = {name: own_examples(getattr(splits, name), part) for name in PARTS}
    return Splits(**own, labels=list(labels), audit=splits.audit)


def own_examples(examples: Examples, part: KindPart) -> Examples:
    """The examples that have a target of one task, with this target alone, encoded."""
    known = examples.take(np.flatnonzero(part.known(examples.targets)))
    return replace(known, targets=part.encoded(known.targets))


@dataclass(frozen=True)
class _DataSet:
    """Some data and the tasks that are in it.

    Args:
        tasks: by name.
        raw: the content.
        targets: raw targets of each task, by split.
        labels: names of the outputs of each task.
    """

    tasks: Mapping[str, Task]
    raw: RawData
    targets: Mapping[str, Mapping[str, Sequence[object]]]
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, tasks: Mapping[str, Task], modality: Modality) -> _DataSet:
        """Reads the data once, with the targets of all its tasks."""
        if len(tasks) == 1:
            ((name, task),) = tasks.items()
            raw = read_source(task, modality)
            return cls._of(tasks, raw, {split: {name: each.targets} for split, each in raw.splits.items()}, raw.labels)
        columns = {name: _columns(task) for name, task in tasks.items()}
        starts = dict(zip(columns, accumulate([0, *map(len, columns.values())]), strict=False))
        together = [column for own in columns.values() for column in own]
        raw = read_source(replace(next(iter(tasks.values())), label=together), modality)
        targets = {
            split: {name: _cells(each.targets, starts[name], task) for name, task in tasks.items()}
            for split, each in raw.splits.items()
        }
        return cls._of(tasks, raw, targets, None)

    @classmethod
    def _of(
        cls,
        tasks: Mapping[str, Task],
        raw: RawData,
        targets: Mapping[str, Mapping[str, Sequence[object]]],
        known: Sequence[str] | None,
    ) -> _DataSet:
        learned = targets["train" if "train" in targets else "all"]
        labels = {}
        for name, task in tasks.items():
            # Of several columns, each is an output of its own.
            own = known if known or isinstance(task.label, str) else _columns(task)
            labels[name] = make_labels(learned[name], task=task, known=own or None)
        return cls(tasks, raw, targets, labels)


def _columns(task: Task) -> list[str]:
    """The columns that hold the target of a task, as far as it names them."""
    if isinstance(task.label, str):
        return [task.label]
    return [] if task.label is None or callable(task.label) else list(task.label)


def _cells(rows: Sequence[Sequence[object]], start: int, task: Task) -> list[object]:
    """The targets of a task: of each row the cell of its column, or those of its columns."""
    if isinstance(task.label, str):
        return [row[start] for row in rows]
    return [row[start : start + len(_columns(task))] for row in rows]


def _clean(
    data: _DataSet,
    spans: Mapping[str, KindPart],
    outputs: int,
    modality: Modality,
    aside: list[tuple[str, str]],
    repaired: list[tuple[str, str]],
    notes: list[str],
) -> dict[str, Examples]:
    """The examples that can be used, with rows of targets; the others are added to `aside`."""
    aside += data.raw.set_aside
    notes += data.raw.notes
    found = {}
    for split, examples in data.raw.splits.items():
        checked = modality.check(examples.columns[modality.name])
        rows = np.full((len(examples), outputs), np.nan, np.float32)
        reasons: list[dict[int, str]] = []
        for name, task in data.tasks.items():
            part, labels = spans[name], data.labels[name]
            positions = bool(task.labels) or (len(data.tasks) == 1 and bool(data.raw.labels))
            encoded = encode(data.targets[split][name], labels=labels, task=task, positions=positions)
            # A blank cell is missing also where a text may hold no label.
            why = {row: "no target" for row, target in enumerate(data.targets[split][name]) if _is_blank(target)}
            why |= encoded.reasons
            if part.kind.exclusive and not modality.repeats:
                why |= contradictions(checked.digests, encoded.targets, why | checked.reasons, labels, modality.noun)
            good = np.array([row for row in range(len(examples)) if row not in why], np.int64)
            rows[good, part.start : part.stop] = part.kind.as_rows(encoded.targets[good], part.outputs)
            reasons.append(why)
            notes += _wrong_targets(name, examples, data.targets[split][name], why, strict=task.strict)
        lost = {row: "no group" for row, group in enumerate(examples.groups) if not group}
        untold = {row: reasons[0][row] for row in reasons[0] if all(row in each for each in reasons)}
        bad = lost | untold | checked.reasons
        aside += [(examples.names[row], why) for row, why in sorted(bad.items())]
        notes += [*checked.notes, *name_repaired(examples, checked, modality)]
        repaired += [(examples.names[row], why) for row, why in sorted(checked.repaired.items())]
        keep = [row for row in range(len(examples)) if row not in bad]
        found[split] = _examples(examples, checked, rows, modality).take(keep)
    found, linked = link_examples(found, asked=[name for task in data.tasks.values() for name in task.named_groups()])
    notes += linked
    return found


def _examples(examples: Examples, checked: CheckedColumn, rows: np.ndarray, modality: Modality) -> Examples:
    columns = {modality.name: checked.column}
    marks = (examples.names, checked.digests, examples.groups, checked.stamps)
    return Examples(columns, rows, *marks, examples.attributes, checked.contents)


def _is_blank(target: object) -> bool:
    """Whether there is no target."""
    return is_missing(target) or (isinstance(target, str | bytes) and not target.strip())


def _wrong_targets(
    name: str, examples: Examples, targets: Sequence[object], why: Mapping[int, str], *, strict: bool
) -> list[str]:
    """A note on the targets of a task that are there and cannot be used, by reason; ValueError where it is strict."""
    wrong = [(examples.names[row], reason) for row, reason in sorted(why.items()) if not _is_blank(targets[row])]
    if wrong and strict:
        raise ValueError(
            f"strict=True refuses dirty data. Task {name!r} has targets that cannot be used:\n{Audit(wrong)}"
        )
    lines = str(Audit(wrong)).splitlines()
    return [f"{name}: targets {line}" for line in lines]


def _check_tasks(
    parts: Mapping[str, Examples],
    tasks: MultiTask,
    kind: TaskKind,
    labels: Mapping[str, Sequence[str]],
    audit: Audit,
) -> list[str]:
    """Warnings of labels that cannot be learned, and notes on splits that a task does not ask for.

    Raises:
        ValueError: a task has no example in a split that it needs, or one class to learn; or it is strict, and a label
            cannot be learned.
    """
    notes: list[str] = []
    for part in kind.parts:
        task = tasks.tasks[part.name]
        own = {name: own_examples(each, part) for name, each in parts.items()}
        waived = [name for name in NO_SPLIT if not len(own[name]) and not task.holds_out(name)]
        try:
            refuse_unusable({name: each for name, each in own.items() if name not in waived}, audit, task)
            warnings = missing_labels(own, labels[part.name], task)
            if warnings and task.strict:
                raise ValueError(f"strict=True refuses classes without training examples. {warnings[0]}")
        except ValueError as error:
            raise ValueError(f"Task {part.name!r}: {error}") from error
        notes += [each.replace(f"{WARNING}:", f"{WARNING}: {part.name}:", 1) for each in warnings]
        notes += [f"{part.name}: {NO_SPLIT[name]}" for name in waived]
    return notes


def _counts(parts: Mapping[str, Examples], kind: TaskKind) -> list[str]:
    """How many examples have a target of each task, and all of how many."""
    notes = []
    for part in kind.parts:
        counts = [f"{int(part.known(parts[name].targets).sum()):,} {name}" for name in PARTS]
        notes.append(f"{part.name}: {', '.join(counts)} examples have a target")
    return notes
