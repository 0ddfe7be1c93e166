"""Which example goes to train, validation and test: stratified, seeded, disjoint by content and group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kzoo.data.examples import Examples
from kzoo.data.groups import deal
from kzoo.specs.records.seen import CHOSEN, NEW, TRAINED, UNLABELLED, Seen
from kzoo.specs.split_sizes import SplitSizes, is_count, refuse_all_held_out, wanted_contents
from kzoo.specs.task import Task

BINS = 10
"""Most bins of equal size by which the targets of a regression are stratified; each has 20 examples or more."""

PARTS = ("test", "validation")
"""The splits that are held out, in the order in which they are filled."""

SLACK = 0.25
"""A split that misses less than this fraction of its share gets no further group."""


@dataclass
class SplitNotes:
    """Notes on the division; `divide` adds to them.

    Args:
        overlaps: name and reason of each example whose content or group is in two given splits.
        exposed: name and reason of each example that cannot stay in its split, because the start weights have seen it.
        notes: for the reader.
    """

    overlaps: list[tuple[str, str]] = field(default_factory=list)
    exposed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def divide(splits: Mapping[str, Examples], *, task: Task, seen: Seen, ledger: SplitNotes) -> dict[str, Examples]:
    """Train, validation and test, from whichever of them are there.

    Examples that the start weights were trained on go to train, and those they were selected on to validation. Examples
    that they saw without labels never go to test; they go to validation only where too few unseen examples are left.
    In a given test or validation split, such examples are set aside.

    Args:
        splits: ``"all"``, or ``"train"`` with or without the others.
        task: has the sizes of test and validation, and the seed.
        seen: examples that the start weights have seen.
        ledger: is added to.

    Raises:
        ValueError: test and validation leave nothing to train on.
    """
    given = {part: splits[part] for part in PARTS if part in splits}
    for part, examples in given.items():
        given[part] = without_seen(examples, seen, part=part, exposed=ledger.exposed)
    rng = np.random.default_rng(task.seed)
    name = "train" if "train" in splits else "all"
    held = {part: {*examples.digests, *examples.groups} for part, examples in given.items()}
    if "validation" in held and "test" in held:
        given["validation"] = _outside(given["validation"], {"test": held["test"]}, ledger.overlaps, "validation")
    pool = _outside(splits[name], held, ledger.overlaps, name)
    sizes = {part: getattr(task, part) for part in PARTS if part not in splits and task.holds_out(part)}
    refuse_all_held_out(sizes, len(pool))
    if pool.groups:
        # Groups are assigned by shares, as exactly as whole groups allow.
        shares = {part: size / len(pool) if is_count(size) else size for part, size in sizes.items()}
        parts = _divide_groups(pool, shares, rng, seen, ledger)
    else:
        rows = _stratify(pool, sizes, rng, seen, ledger)
        parts = {part: pool.take(indices) for part, indices in rows.items()}
        copies = len(pool) - len(set(pool.digests))
        if copies:
            counted = "1 duplicate" if copies == 1 else f"{copies:,} duplicates, each"
            ledger.notes.append(f"{counted} kept in the same split as its original")
    for part, size in sizes.items():
        if is_count(size) and len(parts[part]) != size:
            why = "duplicates, groups and examples that the start weights have seen are kept together"
            ledger.notes.append(f"{part} has {len(parts[part])} examples, not {size}: {why}")
    _say(pool, parts, seen, ledger)
    return {part: pool.take([]) for part in PARTS} | given | parts


def without_seen(examples: Examples, seen: Seen, *, part: str, exposed: list[tuple[str, str]]) -> Examples:
    """The examples of a given split that may stay in it; see `divide`.

    Args:
        examples: of the split.
        seen: examples that the weights have seen.
        part: ``"test"`` or ``"validation"``.
        exposed: name and reason of each that may not stay is added.
    """
    sides = examples.sides(seen)
    wrong = sides != NEW if part == "test" else sides == TRAINED
    how = {UNLABELLED: "trained on it without its label", CHOSEN: "selected on it", TRAINED: "trained on it"}
    exposed += [
        (examples.names[row], f"in {part}, but the start weights were {how[int(sides[row])]}")
        for row in np.flatnonzero(wrong).tolist()
    ]
    return examples.take(np.flatnonzero(~wrong))


def _say(pool: Examples, parts: Mapping[str, Examples], seen: Seen, ledger: SplitNotes) -> None:
    """Notes how many examples the start weights have seen, and where they went."""
    sides = pool.sides(seen)
    counts = {
        "trained on": int((sides == TRAINED).sum()),
        "selected on": int((sides == CHOSEN).sum()),
        "trained without labels on": int((sides == UNLABELLED).sum()),
    }
    if any(counts.values()):
        what = ", ".join(f"{how} {count}" for how, count in counts.items() if count)
        ledger.notes.append(f"The start weights were {what} of these examples. None of them is in test")
    if "validation" in parts:
        exposed = int((parts["validation"].sides(seen) == UNLABELLED).sum())
        if exposed:
            ledger.notes.append(f"{exposed} examples of validation were in the pretraining data, without their labels")


def _divide_groups(
    pool: Examples, shares: SplitSizes, rng: np.random.Generator, seen: Seen, ledger: SplitNotes
) -> dict[str, Examples]:
    """The same with groups that stay whole; an example of whose content a copy is in a held-out part leaves."""
    named = {part: set(share) for part, share in shares.items() if not isinstance(share, float | int)}
    pool = _without_seen_groups(pool, named, seen, ledger)
    sides, groups = pool.sides(seen), np.asarray(pool.groups, dtype=object)
    fixed: dict[str, str] = {}
    for side, part in ((UNLABELLED, "train"), (CHOSEN, "validation" if "validation" in shares else "train")):
        fixed |= dict.fromkeys(groups[sides == side].tolist(), part)
    fixed |= dict.fromkeys(groups[sides == TRAINED].tolist(), "train")
    fixed = {group: part for group, part in fixed.items() if not any(group in names for names in named.values())}
    placed = np.array([fixed.get(group, "") for group in groups], dtype=object)
    free = np.flatnonzero(placed == "")
    wanted = dict(shares)
    for part, share in shares.items():
        if fixed and isinstance(share, float | int):
            # Shares are of all examples, and some are assigned already.
            missing = share * len(pool) - (placed == part).sum()
            wanted[part] = missing / max(len(free), 1) if missing > SLACK * share * len(pool) else 0
    dealt = deal(_strata(pool.targets)[free], groups[free].tolist(), wanted, rng, spare=not fixed)
    rows = {part: np.sort(np.concatenate([free[dealt[part]], np.flatnonzero(placed == part)])) for part in dealt}
    parts = {part: pool.take(indices.astype(np.int64)) for part, indices in rows.items()}
    held: dict[str, set[str]] = {}
    for name in ("test", "validation", "train"):
        if name in parts:
            parts[name] = _outside(parts[name], dict(held), ledger.overlaps, name)
            held[name] = set(parts[name].digests)
    return parts


def _without_seen_groups(pool: Examples, named: Mapping[str, set[str]], seen: Seen, ledger: SplitNotes) -> Examples:
    """The pool without the examples of groups that a user wants held out, where the start weights have seen them."""
    keep = np.ones(len(pool), bool)
    for part, names in named.items():
        rows = np.flatnonzero([group in names for group in pool.groups])
        kept = set(without_seen(pool.take(rows), seen, part=part, exposed=ledger.exposed).names)
        keep[rows] = [pool.names[row] in kept for row in rows.tolist()]
    return pool if keep.all() else pool.take(np.flatnonzero(keep))


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
    pool: Examples, sizes: Mapping[str, float], rng: np.random.Generator, seen: Seen, ledger: SplitNotes
) -> dict[str, np.ndarray]:
    """Indices of each part: from each stratum its share, whole contents at a time, at least one where it has three.

    A size is a share, or a number of examples. A stratum of one content goes to train.
    """
    strata, sides = _strata(pool.targets), pool.sides(seen)
    members: dict[int, dict[str, list[int]]] = {}
    first: dict[str, int] = {}
    for index, mark in enumerate(pool.digests):
        stratum = first.setdefault(mark, int(strata[index]))
        members.setdefault(stratum, {}).setdefault(mark, []).append(index)
    parts: dict[str, list[int]] = {part: [] for part in (*sizes, "train")}
    counts = np.array([len(members[stratum]) for stratum in sorted(members)], np.int64)
    wanted = wanted_contents(sizes, counts, examples=len(pool))
    single = 0
    for number, stratum in enumerate(sorted(members)):
        contents = list(members[stratum].values())
        order = rng.permutation(len(contents)).tolist()
        side = [int(sides[contents[place][0]]) for place in range(len(contents))]
        placed = _place(order, side, {part: int(found[number]) for part, found in wanted.items()})
        for place, part in placed.items():
            parts[part] += contents[place]
        single += bool(sizes) and len(contents) == 1
    if single:
        ledger.notes.append(f"{single} classes have only one example, which is used for training: no test for them")
    return {part: np.sort(np.asarray(indices, np.int64)) for part, indices in parts.items()}


def _place(order: Sequence[int], side: Sequence[int], counts: Mapping[str, int]) -> dict[int, str]:
    """The part of each content of one stratum.

    Args:
        order: the contents' places, in the random order in which they are dealt.
        side: how the start weights used each content, by its place; see `kzoo.specs.records.seen`.
        counts: how many test and validation want, as far as they are wanted.
    """
    placed: dict[int, str] = {place: "train" for place in order if side[place] == TRAINED}
    placed |= {place: "validation" if "validation" in counts else "train" for place in order if side[place] == CHOSEN}
    hidden = [place for place in order if side[place] == UNLABELLED]
    free = [place for place in order if side[place] == NEW]
    wanted: dict[str, int] = {}
    for part, count in counts.items():
        wanted[part] = max(count - sum(each == part for each in placed.values()), 0)
    # One stays for training, unless the start weights have seen some that do.
    room = len(free) - (not hidden and "train" not in placed.values())
    if len(free) < len(order) and 0 < room < sum(wanted.values()):
        # Too few that the weights have not seen: test and validation share them.
        wanted["test"] = max(round(room * wanted.get("test", 0) / sum(wanted.values())), int("test" in counts))
    for part, count in wanted.items():
        taken = max(min(count, room), 0)
        placed |= dict.fromkeys(free[:taken], part)
        free, room = free[taken:], room - taken
        if part == "validation":
            more = min(count - taken, max(len(hidden) - 1, 0))
            placed |= dict.fromkeys(hidden[:more], part)
    rest: dict[int, str] = dict.fromkeys(order, "train")
    return rest | placed


def _strata(targets: np.ndarray) -> np.ndarray:
    """The strata: the class; the rarest label; the quantile of the first value."""
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
