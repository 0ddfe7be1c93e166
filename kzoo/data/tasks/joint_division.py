"""Division of several data sets: each by itself, and what two of them have in one split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from kzoo.data.examples import Examples, join_examples
from kzoo.data.groups import GROUP, Connections
from kzoo.data.stratify import SplitNotes, divide, without_seen
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import Task
from kzoo.task_kinds.task_kind import TaskKind

PARTS = ("train", "validation", "test")

ROW = "row of the targets"
"""Attribute under which an example keeps its place while it is divided."""

RARE = 3
"""A pair of classes, of two tasks, that fewer examples have is no stratum of its own."""


def divide_all(
    data_sets: Sequence[Mapping[str, Examples]],
    tasks: Sequence[Task],
    *,
    kind: TaskKind,
    seen: Seen,
    ledger: SplitNotes,
) -> dict[str, Examples]:
    """Train, validation and test of several data sets; content that two of them have is one example.

    Examples of one content, or of one group, are in one split: that in which a data set gives them for test, else for
    validation, else that of the first data set.

    Args:
        data_sets: usable examples by split, whose targets are rows of all tasks.
        tasks: for each data set, a task that says how it is divided.
        kind: of all tasks.
        seen: examples that the start weights have seen.
        ledger: is added to.
    """
    names = _connected(data_sets, tasks)
    divided: dict[str, list[Examples]] = {part: [] for part in PARTS}
    for number, (splits, task) in enumerate(zip(data_sets, tasks, strict=True)):
        others = [place for place in range(len(data_sets)) if place != number]
        known = {name: part for part, sets in divided.items() for each in sets for name in _names_of(each, names)}
        known |= {
            name: part
            for part in ("validation", "test")
            for place in others
            if part in data_sets[place]
            for name in _names_of(data_sets[place][part], names)
        }
        for part, examples in _divide_one(splits, task, known, names, kind=kind, seen=seen, ledger=ledger).items():
            divided[part].append(examples)
    return {part: merge(sets) for part, sets in divided.items()}


Names = Mapping[str, str]
"""By content and by group, marked as such: the name of all examples that have to be in one split."""


def _connected(data_sets: Sequence[Mapping[str, Examples]], tasks: Sequence[Task]) -> Names:
    """What is connected by a common content or a common group."""
    connections = Connections()
    for splits in data_sets:
        for examples in splits.values():
            for row, digest in enumerate(examples.digests):
                content = connections.top(f"content {digest}")
                if examples.groups:
                    connections.connect(f"{GROUP}{examples.groups[row]}", content)
    return connections.group_names([name for task in tasks for name in task.named_groups()])


def _names_of(examples: Examples, names: Names) -> list[str]:
    return [names[f"content {digest}"] for digest in examples.digests]


def _divide_one(
    splits: Mapping[str, Examples],
    task: Task,
    known: Mapping[str, str],
    names: Names,
    *,
    kind: TaskKind,
    seen: Seen,
    ledger: SplitNotes,
) -> dict[str, Examples]:
    """The parts of one data set; what others have is where it is `known` to be."""
    placed: dict[str, list[Examples]] = {part: [] for part in PARTS}
    free: dict[str, Examples] = {}
    grouped = any(mark.startswith(GROUP) for mark in names)
    for split, examples in splits.items():
        called = _names_of(examples, names)
        sides = [known.get(name, "") for name in called]
        for part in PARTS:
            found = examples.take([row for row, side in enumerate(sides) if side == part])
            placed[part].append(
                found if part == "train" else without_seen(found, seen, part=part, exposed=ledger.exposed)
            )
        left = [row for row, side in enumerate(sides) if not side]
        free[split] = replace(examples.take(left), groups=[called[row] for row in left] if grouped else ())
    moved = sum(len(each) for sets in placed.values() for each in sets)
    if moved:
        ledger.notes.append(f"{moved:,} examples are in the split in which another data set has them")
    rows = np.concatenate([each.targets for each in free.values()])
    whole = {part: join(each) for part, each in placed.items()}
    if not len(rows):
        return whole
    starts = dict(zip(free, accumulate([0, *map(len, free.values())]), strict=False))
    given = {
        name: replace(
            each,
            targets=_strata(each.targets, kind),
            attributes={**each.attributes, ROW: np.arange(len(each)) + starts[name]},
        )
        for name, each in free.items()
    }
    parts = divide(given, task=task, seen=seen, ledger=ledger)
    groups = {
        digest: group for each in splits.values() for digest, group in zip(each.digests, each.groups, strict=False)
    }
    return {name: join([_as_it_was(parts[name], rows, groups), whole[name]]) for name in PARTS}


def _as_it_was(examples: Examples, rows: np.ndarray, groups: Mapping[str, str]) -> Examples:
    """Examples that were divided, with their rows of targets and groups again."""
    others = {name: values for name, values in examples.attributes.items() if name != ROW}
    own = [groups[digest] for digest in examples.digests] if groups else ()
    return replace(examples, targets=rows[examples.attributes[ROW]], attributes=others, groups=own)


def _strata(rows: np.ndarray, kind: TaskKind) -> np.ndarray:
    """By what a data set is stratified: the classes of its tasks, or the first value of the first task."""
    own = [part for part in kind.parts if part.known(rows).any()] or kind.parts[:1]
    exclusive = [part for part in own if part.kind.exclusive]
    if not exclusive:
        return np.nan_to_num(own[0].of(rows))
    classes = [np.where(p.known(rows), np.nan_to_num(p.of(rows)).argmax(axis=1), p.outputs) for p in exclusive]
    if len(exclusive) == 1:
        return classes[0].astype(np.int64)
    numbers, strata, counts = np.unique(np.stack(classes, axis=1), axis=0, return_inverse=True, return_counts=True)
    if len(numbers) > len(rows) // 10:
        # Too few examples of each pair.
        return classes[0].astype(np.int64)
    return np.where(counts[strata.ravel()] < RARE, -1, strata.ravel()).astype(np.int64)


def join(parts: Sequence[Examples]) -> Examples:
    """All examples of some parts in one; a group or a time of change that a part lacks is made up or left out.

    Raises:
        ValueError: their inputs have different forms.
    """
    parts = [part for part in parts if len(part)] or list(parts[:1])
    if any(part.groups for part in parts):
        # An example without a group is one by itself.
        parts = [part if part.groups else replace(part, groups=[each[:16] for each in part.digests]) for part in parts]
    if not all(part.stamps for part in parts):
        parts = [replace(part, stamps=()) for part in parts]
    try:
        return join_examples(parts)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "The data sets of several tasks must hold their inputs in one form, as files, arrays of one shape, or rows "
            f"of the same columns. {error}"
        ) from error


def merge(parts: Sequence[Examples]) -> Examples:
    """The examples of several data sets; content that two of them have is one example with the targets of both."""
    whole = join(parts)
    if len(parts) == 1:
        return whole
    sets = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    first: dict[tuple[str, int], int] = {}
    counts: dict[tuple[str, int], int] = {}
    keep: list[int] = []
    targets = np.array(whole.targets, np.float32)
    for row, (digest, number) in enumerate(zip(whole.digests, sets.tolist(), strict=True)):
        # The second copy within a data set goes with the second copy in another.
        turn = counts.get((digest, number), 0)
        counts[digest, number] = turn + 1
        place = first.setdefault((digest, turn), row)
        if place == row:
            keep.append(row)
        else:
            targets[place] = np.where(np.isnan(targets[place]), targets[row], targets[place])
    return replace(whole, targets=targets).take(keep)
