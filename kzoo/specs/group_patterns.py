"""Patterns of groups: which groups a phase trains, and how far each is from the head."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

HEAD = "head"
"""The group of the head."""


def heads_of(patterns: Sequence[str]) -> tuple[str, ...]:
    """The tasks whose heads patterns name one by one; none where they name the head as a whole, or no head.

    Example:
        >>> heads_of(["stage*", "kind/head"]), heads_of(["kind/head", "head"])
        (('kind',), ())
    """
    named = [pattern.removesuffix(f"/{HEAD}") for pattern in patterns if pattern.endswith(f"/{HEAD}")]
    whole = any(pattern.startswith(("last:", "upto:")) or fnmatchcase(HEAD, pattern) for pattern in patterns)
    return () if whole else tuple(named)


def match_groups(patterns: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The groups among `names` (in order) that patterns choose.

    Args:
        patterns: shell wildcards, ``"last:N"``, ``"upto:N"`` or ``"TASK/head"``, as of `kzoo.Phase`.
        names: groups from input to head; of a fusion, ``MEMBER/GROUP``.

    Raises:
        ValueError: a pattern matches no group.

    Example:
        >>> match_groups(["stage*", "head"], ["stem", "stage1", "head"])
        ('stage1', 'head')
        >>> match_groups(["stage9"], ["stem", "stage1", "head"])
        Traceback (most recent call last):
        ...
        ValueError: Pattern 'stage9' of train matches no group. The groups are: stem, stage1, head.
    """
    found: set[str] = set()
    for pattern in patterns:
        matches = _matching(pattern, names)
        if not matches:
            raise ValueError(f"Pattern {pattern!r} of train matches no group. The groups are: {', '.join(names)}.")
        found.update(matches)
    return tuple(name for name in names if name in found)


def depths_of(names: Sequence[str]) -> dict[str, int]:
    """How far each group is from the head: 0 for the head itself, else its place in its own member, from the top.

    Args:
        names: groups from input to head; of a fusion, ``MEMBER/GROUP``.

    Example:
        >>> depths_of(["stem", "stage1", "head"])
        {'head': 0, 'stage1': 1, 'stem': 2}
    """
    depths = {names[-1]: 0}
    for stages in _stages_of(names).values():
        depths |= {name: depth for depth, name in enumerate(reversed(stages), start=1)}
    return depths


def _stages_of(names: Sequence[str]) -> dict[str, list[str]]:
    """The groups below the head by member, from input to head; by an empty name where there is one backbone."""
    members: dict[str, list[str]] = {}
    for name in names[:-1]:
        members.setdefault(name.rpartition("/")[0], []).append(name)
    return members


def _matching(pattern: str, names: Sequence[str]) -> Sequence[str]:
    form, _, number = pattern.partition(":")
    if form not in ("last", "upto") or not number.isdigit():
        # The heads of all tasks are one group.
        own = pattern.endswith(f"/{HEAD}") and names[-1] == HEAD
        return [name for name in names if fnmatchcase(name, pattern) or (own and name == HEAD)]
    highest = int(number)
    members = _stages_of(names)
    shortest = min(members, key=lambda member: len(members[member]), default="")
    if form == "last" and highest > len(members.get(shortest, ())):
        whose = f" of {shortest!r}" if shortest else ""
        raise ValueError(
            f"Pattern {pattern!r} of train needs {highest} stages{whose}. There are {len(members.get(shortest, ()))}. "
            f"The groups are: {', '.join(names)}. Use 'upto:{highest}' to allow fewer."
        )
    found = [name for stages in members.values() for name in stages[max(len(stages) - highest, 0) :]]
    return [*found, names[-1]]
