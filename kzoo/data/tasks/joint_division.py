"""Division of several data sets: each by itself, and what two of them have in one split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from kzoo.data.examples import Examples, join_examples
from kzoo.data.stratify import SplitNotes, divide
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import Task
from kzoo.task_kinds.task_kind import TaskKind

PARTS = ("train", "validation", "test")

SPREAD = "its group is in several splits of other data sets"
"""Why an example is set aside."""

ROW = "row of the targets"
"""Attribute under which an example keeps its place while it is divided."""


def given_places(others: Sequence[Mapping[str, Examples]]) -> dict[str, str]:
    """Content and groups of given test and validation splits, and the split; test where they are in both."""
    return {
        mark: part
        for part in ("validation", "test")
        for splits in others
        if part in splits
        for mark in (*splits[part].digests, *splits[part].groups)
    }


def places_in(divided: Mapping[str, Sequence[Examples]]) -> dict[str, str]:
    """Content and groups of data sets that are divided, and their split."""
    return {mark: part for part, sets in divided.items() for each in sets for mark in (*each.digests, *each.groups)}


def divide_one(
    clean: Mapping[str, Examples],
    task: Task,
    known: Mapping[str, str],
    seen: Seen,
    kind: TaskKind,
    aside: list[tuple[str, str]],
    notes: list[str],
) -> dict[str, Examples]:
    """Train, validation and test of one data set; what others have goes where it is `known` to be there."""
    placed: dict[str, list[Examples]] = {part: [] for part in PARTS}
    free: dict[str, Examples] = {}
    sides = {split: _sides(examples, known) for split, examples in clean.items()}
    of_group: dict[str, set[str]] = {}
    for split, examples in clean.items():
        for group, side in zip(examples.groups, sides[split], strict=False):
            if side:
                of_group.setdefault(group, set()).add(side)
    for split, examples in clean.items():
        found = list(sides[split])
        for row, group in enumerate(examples.groups):
            if not found[row] and group in of_group:
                # The rest of a group goes where a part of it is.
                found[row] = next(iter(of_group[group])) if len(of_group[group]) == 1 else SPREAD
                aside += [(examples.names[row], SPREAD)] if found[row] == SPREAD else []
        for part in PARTS:
            placed[part].append(examples.take([row for row, side in enumerate(found) if side == part]))
        free[split] = examples.take([row for row, side in enumerate(found) if not side])
    starts = dict(zip(free, accumulate([0, *map(len, free.values())]), strict=False))
    given = {
        name: replace(
            each,
            targets=_strata(each.targets, kind),
            attributes={**each.attributes, ROW: np.arange(len(each)) + starts[name]},
        )
        for name, each in free.items()
    }
    ledger = SplitNotes()
    rows = np.concatenate([each.targets for each in free.values()])
    parts = divide(given, task=task, seen=seen, ledger=ledger)
    aside += [*ledger.overlaps, *ledger.exposed]
    notes += ledger.notes
    return {name: join_examples([_with_rows(parts[name], rows), *placed[name]]) for name in PARTS}


def _with_rows(examples: Examples, rows: np.ndarray) -> Examples:
    """Examples that were divided, with their rows of targets again."""
    others = {name: values for name, values in examples.attributes.items() if name != ROW}
    return replace(examples, targets=rows[examples.attributes[ROW]], attributes=others)


def _sides(examples: Examples, known: Mapping[str, str]) -> list[str]:
    """The split in which the content, or else the group, of each example is known to be; "" where neither is."""
    groups = examples.groups or [""] * len(examples)
    return [
        known.get(digest) or (known.get(group, "") if group else "")
        for digest, group in zip(examples.digests, groups, strict=True)
    ]


def _strata(rows: np.ndarray, kind: TaskKind) -> np.ndarray:
    """By what a split is stratified: the classes of all tasks that have some, or the first value of the first task."""
    exclusive = [part for part in kind.parts if part.kind.exclusive]
    if not exclusive:
        first = next((part for part in kind.parts if part.known(rows).any()), kind.parts[0])
        return np.nan_to_num(first.of(rows))
    strata = np.zeros(len(rows), np.int64)
    for part in exclusive:
        own = np.where(part.known(rows), np.nan_to_num(part.of(rows)).argmax(axis=1), part.outputs)
        strata = strata * (part.outputs + 1) + own
        numbers, strata = np.unique(strata, return_inverse=True)
        if len(numbers) > max(len(rows) // 10, 2) and part is not exclusive[0]:
            # Too few examples of each pair: the first task's classes alone.
            return _strata(rows, replace(kind, parts=exclusive[:1]))
    return strata


def merge(parts: Sequence[Examples]) -> Examples:
    """The examples of several data sets; content that two of them have is one example with the targets of both."""
    if len(parts) == 1:
        return parts[0]
    try:
        whole = join_examples([part for part in parts if len(part)] or [parts[0]])
    except (ValueError, TypeError) as error:
        raise ValueError(
            "The data sets of several tasks must hold their inputs in one form, as files, or arrays of one shape. "
            f"{error}"
        ) from error
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
