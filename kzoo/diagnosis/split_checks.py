"""Copies and near copies, and whether they lie in different splits or have different labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kzoo.diagnosis.finding import Finding
from kzoo.diagnosis.usable_examples import UsableExamples
from kzoo.task_kinds.task_kind import TaskKind

CHECKS = ("exact duplicates", "leaks across splits")

Pair = tuple[int, int, float]


def check_copies(examples: UsableExamples, labels: Sequence[str], kind: TaskKind) -> list[Finding]:
    """Examples of one content: those that should leave, each with the one that stays."""
    rows_of: dict[str, list[int]] = {}
    for row, digest in enumerate(examples.digests):
        rows_of.setdefault(digest, []).append(row)
    found = []
    for rows in rows_of.values():
        stays = max(rows, key=lambda row: (examples.rank(row), -row))
        for row in rows:
            if row == stays:
                continue
            across = examples.splits[row] != examples.splits[stays]
            name = "exact duplicates across splits" if across else "exact duplicates"
            differ = _different_labels(examples, row, stays, labels, kind)
            where = f"copy of an example of {examples.splits[stays]}" if across else ""
            detail = "; ".join(filter(None, [where, differ]))
            name = "contradictory labels" if differ else name
            found.append(_finding(name, examples, row, stays, detail=detail))
    return found


def check_near_copies(
    examples: UsableExamples, pairs: Sequence[Pair], labels: Sequence[str], kind: TaskKind
) -> list[Finding]:
    """Examples that are nearly the same: those that should leave, each with one that stays.

    Of several that are alike, as many pairs are named as connect them all, those across splits first: an example that
    is like one of another split is always named.
    """
    found = []
    for one, other, score in _connecting(examples, pairs):
        row, stays = sorted((one, other), key=lambda each: (examples.rank(each), -each))
        across = examples.splits[row] != examples.splits[stays]
        differ = _different_labels(examples, row, stays, labels, kind)
        name = "near duplicates with different labels" if differ else "near duplicates"
        where = f"one is in {examples.splits[row]}, one in {examples.splits[stays]}" if across else ""
        detail = "; ".join(filter(None, [f"similarity {score:.3f}", where, differ]))
        todo = "check the label" if differ else ""
        if across and not differ and examples.given[row] != "all":
            todo = f"move to the split of {examples.names[stays]}"
        name = "near duplicates across splits" if across else name
        found.append(_finding(name, examples, row, stays, detail=detail, todo=todo))
    return found


def check_groups(examples: UsableExamples) -> list[Finding]:
    """Groups that the data itself has in several splits."""
    rows_of: dict[str, list[int]] = {}
    for row, group in enumerate(examples.groups):
        if group and examples.given[row] != "all":
            rows_of.setdefault(group, []).append(row)
    found = []
    for group, rows in rows_of.items():
        splits = sorted({examples.splits[row] for row in rows})
        last = max(map(examples.rank, rows))
        leave = [row for row in rows if examples.rank(row) < last]
        if leave:
            names, where = [examples.names[row] for row in leave], [examples.splits[row] for row in leave]
            detail = f"group {group} is in {' and '.join(splits)}"
            found.append(Finding("group in several splits", names, where, detail))
    return found


def _finding(name: str, examples: UsableExamples, row: int, stays: int, *, detail: str, todo: str = "") -> Finding:
    return Finding(name, [examples.names[row]], [examples.splits[row]], detail, [examples.names[stays]], todo)


def _connecting(examples: UsableExamples, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs that connect all that are alike (Kruskal, 1956), those across splits first, then the most similar."""
    leader = list(range(len(examples)))

    def lead(row: int) -> int:
        while leader[row] != row:
            leader[row] = leader[leader[row]]
            row = leader[row]
        return row

    kept = []
    for one, other, score in sorted(pairs, key=lambda p: (examples.splits[p[0]] == examples.splits[p[1]], -p[2], p)):
        if (first := lead(one)) != (second := lead(other)):
            leader[first] = second
            kept.append((one, other, score))
    return kept


def _different_labels(examples: UsableExamples, row: int, stays: int, labels: Sequence[str], kind: TaskKind) -> str:
    """What the labels of two examples are, where they differ; else ""."""
    if not kind.has_labels or np.array_equal(examples.targets[row], examples.targets[stays]):
        return ""
    names = kind.name_targets(examples.targets[[row, stays]], labels)
    shown = [", ".join(name) or "none" if isinstance(name, tuple) else name for name in names]
    return f"labelled {shown[0]} and {shown[1]}"
