"""Splits: stratified, seeded, and disjoint by content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kzoo.data.examples import WARNING, Audit, Examples, Splits, short
from kzoo.data.grouping import deal
from kzoo.data.modalities import MODALITIES, Modality
from kzoo.data.sources import read_source
from kzoo.data.targets import encode, make_labels
from kzoo.specs.task import Task

BINS = 10
"""Most bins of equal size by which the targets of a regression are stratified; each has 20 examples or more."""


def read(task: Task, modality: str = "image") -> Splits:
    """Reads, checks, encodes and splits the data of a task.

    Dirty examples are set aside, with a name and a reason each; ``strict=True`` raises instead. Copies of one
    content stay on one side: an example of the training data that is in a given test or validation split leaves.

    Raises:
        ValueError: nothing is left to learn from, or `strict` and something is wrong, or a class cannot be learned.
    """
    raw = read_source(task, MODALITIES[modality])
    splits = dict(raw.splits)
    learned = splits["train"] if "train" in splits else splits["all"]
    labels = make_labels(learned.targets, task=task, known=raw.labels)
    aside: list[tuple[str, str]] = list(raw.set_aside)
    notes = list(raw.notes)
    clean = _Cleaning(MODALITIES[modality], task, labels, bool(task.labels or raw.labels), aside, notes)
    for name, examples in splits.items():
        splits[name] = clean(examples)
    parts = _divide(splits, task=task, aside=aside, notes=notes)
    if aside and task.strict:
        raise ValueError(f"strict=True, and {len(aside)} examples are not clean:\n{Audit(aside)}")
    _refuse_empty(parts, aside, task)
    warnings = _missing(parts, labels, task)
    if warnings and task.strict:
        raise ValueError(f"strict=True, and classes cannot be learned. {warnings[0]}")
    notes = [*warnings, *notes]
    return Splits(parts["train"], parts["validation"], parts["test"], labels, Audit(aside, notes))


def read_labelled(
    task: Task, modality: str = "image", *, labels: Sequence[str], seen: Iterable[str] = ()
) -> tuple[Examples, Audit]:
    """All clean examples of a task's data, whatever their split, encoded by labels that are known already.

    Args:
        task: the data.
        modality: of its inputs.
        labels: names of the outputs.
        seen: short digests of examples that are left out, because a model was trained or chosen on them.

    Returns:
        The examples, and what was set aside or left out.

    Raises:
        ValueError: none is usable, or `task.strict` and something is wrong.
    """
    raw = read_source(task, MODALITIES[modality])
    aside: list[tuple[str, str]] = list(raw.set_aside)
    notes: list[str] = []
    clean = _Cleaning(MODALITIES[modality], task, labels, bool(task.labels or raw.labels), aside, notes)
    parts = [clean(examples) for examples in raw.splits.values()]
    if aside and task.strict:
        raise ValueError(f"strict=True, and {len(aside)} examples are not clean:\n{Audit(aside)}")
    known = set(seen)
    fresh = [part.take([n for n, d in enumerate(part.digests) if short(d) not in known]) for part in parts]
    left = sum(map(len, parts)) - sum(map(len, fresh))
    notes += [f"{left} {clean.modality.noun}s left out: the model was trained or chosen on them"] if left else []
    audit = Audit(aside, notes)
    if not any(map(len, fresh)):
        raise ValueError(f"No example is left to measure on.\n{audit}")
    return _join([part for part in fresh if len(part)]), audit


def _join(parts: Sequence[Examples]) -> Examples:
    if len(parts) == 1:
        return parts[0]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    targets = np.concatenate([part.targets for part in parts])
    fields = ("names", "digests", "groups", "stamps")
    return Examples(
        columns, targets, *([value for part in parts for value in getattr(part, field)] for field in fields)
    )


@dataclass(frozen=True)
class _Cleaning:
    """From examples as they came to usable ones, with encoded targets and digests; `aside` and `notes` are added to."""

    modality: Modality
    task: Task
    labels: Sequence[str]
    positions: bool
    aside: list[tuple[str, str]]
    notes: list[str]

    def __call__(self, examples: Examples) -> Examples:
        encoded = encode(examples.targets, labels=self.labels, task=self.task, positions=self.positions)
        checked = self.modality.check(examples.columns[self.modality.name])
        lost = {index: "no group" for index, group in enumerate(examples.groups) if not group}
        reasons = lost | encoded.reasons | checked.reasons
        if self.task.kind == "classification":
            reasons |= _contradictions(checked.digests, encoded.targets, reasons, self.labels, self.modality.noun)
        self.aside.extend((examples.names[index], reason) for index, reason in sorted(reasons.items()))
        self.notes.extend(checked.notes)
        keep = [index for index in range(len(examples)) if index not in reasons]
        columns = {self.modality.name: checked.column}
        marks = (examples.names, checked.digests, examples.groups, checked.stamps)
        return Examples(columns, encoded.targets, *marks).take(keep)


def _contradictions(
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


def _divide(
    splits: dict[str, Examples],
    *,
    task: Task,
    aside: list[tuple[str, str]],
    notes: list[str],
) -> dict[str, Examples]:
    """Train, validation and test, from whichever of them are there."""
    rng = np.random.default_rng(task.seed)
    name = "train" if "train" in splits else "all"
    held = {part: {*splits[part].digests, *splits[part].groups} for part in ("test", "validation") if part in splits}
    if "validation" in held and "test" in held:
        splits["validation"] = _outside(splits["validation"], {"test": held["test"]}, aside, "validation")
    pool = _outside(splits[name], held, aside, name)
    marks = list(pool.digests)
    shares = {part: getattr(task, part) for part in ("test", "validation") if part not in splits}
    if pool.groups:
        return splits | _divide_groups(pool, shares, rng, aside)
    chosen = _stratify(_strata(pool.targets), marks, shares, rng, notes)
    duplicates = len(marks) - len(set(marks))
    if duplicates:
        notes.append(f"{duplicates} copies of others: each stays in the split of its original")
    return splits | {part: pool.take(rows) for part, rows in chosen.items()}


def _divide_groups(
    pool: Examples, shares: Mapping[str, Any], rng: np.random.Generator, aside: list[tuple[str, str]]
) -> dict[str, Examples]:
    """The same with groups that stay whole; an example of whose content a copy is in a held-out part leaves."""
    parts = {part: pool.take(rows) for part, rows in deal(_strata(pool.targets), pool.groups, shares, rng).items()}
    held: dict[str, set[str]] = {}
    for name in ("test", "validation", "train"):
        if name in parts:
            parts[name] = _outside(parts[name], dict(held), aside, name)
            held[name] = set(parts[name].digests)
    return parts


def _outside(examples: Examples, held: Mapping[str, set[str]], aside: list[tuple[str, str]], name: str) -> Examples:
    """The examples whose content and group are in no held-out split; the others are set aside."""
    keep = []
    for index in range(len(examples)):
        marks = {"content": examples.digests[index], "group": examples.groups[index] if examples.groups else None}
        found = [(what, part) for part, known in held.items() for what, mark in marks.items() if mark in known]
        if found:
            aside.append((examples.names[index], f"in {name}, but its {found[0][0]} is in {found[0][1]} too"))
        else:
            keep.append(index)
    return examples.take(keep)


def _stratify(
    strata: np.ndarray, marks: Sequence[str], shares: Mapping[str, float], rng: np.random.Generator, notes: list[str]
) -> dict[str, np.ndarray]:
    """Indices of each part: from each stratum its share, whole contents at a time, at least one where it has three.

    A stratum of one content goes to train.
    """
    members: dict[int, dict[str, list[int]]] = {}
    first: dict[str, int] = {}
    for index, mark in enumerate(marks):
        stratum = first.setdefault(mark, int(strata[index]))
        members.setdefault(stratum, {}).setdefault(mark, []).append(index)
    parts: dict[str, list[int]] = {part: [] for part in (*shares, "train")}
    single = 0
    for stratum in sorted(members):
        contents = list(members[stratum].values())
        order = rng.permutation(len(contents))
        start = 0
        for part, share in shares.items():
            count = round(share * len(contents))
            if count == 0 and len(contents) > len(shares):
                count = 1
            count = min(count, len(contents) - 1 - start)
            for content in order[start : start + count]:
                parts[part] += contents[content]
            start += count
        single += bool(shares) and len(contents) == 1
        for content in order[start:]:
            parts["train"] += contents[content]
    if single:
        notes.append(f"{single} classes have one member only: it is used for training and they cannot be tested")
    return {part: np.sort(np.asarray(indices, np.int64)) for part, indices in parts.items()}


def _strata(targets: np.ndarray) -> np.ndarray:
    """What to stratify by: the class; the rarest label; the quantile of the first value."""
    if targets.ndim == 1:
        return targets
    if not len(targets):
        return np.zeros(0, np.int64)
    if set(np.unique(targets)) <= {0.0, 1.0}:
        rarity = np.where(targets > 0, targets.sum(axis=0), np.inf)
        return np.where(targets.any(axis=1), rarity.argmin(axis=1), -1)
    bins = min(BINS, max(1, len(targets) // 20))
    edges = np.quantile(targets[:, 0], np.linspace(0, 1, bins + 1)[1:-1])
    return np.digitize(targets[:, 0], edges)


def _refuse_empty(parts: Mapping[str, Examples], aside: Sequence[tuple[str, str]], task: Task) -> None:
    for name in ("train", "validation", "test"):
        if not len(parts[name]):
            reason = f" {len(aside)} were set aside:\n{Audit(aside)}" if aside else ""
            raise ValueError(f"The {name} split is empty: give more data, or another share of it.{reason}")
    if task.kind == "classification" and len(np.unique(parts["train"].targets)) < 2:
        raise ValueError(f"One class only is left in the training data after the audit.\n{Audit(aside)}")


def _missing(parts: Mapping[str, Examples], labels: Sequence[str], task: Task) -> list[str]:
    """A warning of the labels that no training example has."""
    if task.kind == "regression":
        return []
    counts = {
        name: np.bincount(part.targets, minlength=len(labels)) if part.targets.ndim == 1 else part.targets.sum(axis=0)
        for name, part in parts.items()
    }
    missing = np.flatnonzero(counts["train"] == 0)
    if not len(missing):
        return []
    held = int(counts["validation"][missing].sum() + counts["test"][missing].sum())
    which = ", ".join(labels[index] for index in missing.tolist())
    return [
        f"{WARNING}: no training example has the label {which}: the model can never answer it. "
        f"{held} validation and test examples have it, and count as mistakes"
    ]
