"""Groups: examples that belong together, such as the recordings of one speaker, and share one split."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from kzoo.core.raw_targets import is_missing
from kzoo.data.sources.source_query import SourceQuery
from kzoo.specs.split_sizes import SplitSizes

FOLDS = 20
"""Most parts of equal size that groups are dealt to."""

NEARLY_ALL = 0.75
"""A part that wants this share of the remaining groups or more takes all of them, where none has to be left."""


def find_groups(
    wanted: SourceQuery, *, columns: Mapping[str, Sequence[object]], paths: Collection[object], source: str
) -> Sequence[str]:
    """The group of each example, or none where none are wanted.

    Args:
        wanted: its `groups` is the name of a column, a function of a file's path, or one group for each example.
        columns: of the source, by name.
        paths: of the examples' files, or other values for examples without files.
        source: name of the source in messages.

    Returns:
        N names, "" for a group that is missing.

    Raises:
        ValueError: there is no such column, or the number of groups is not that of examples.
        TypeError: a function is given, and the examples are not files.
    """
    groups = wanted.groups
    if groups is None:
        return ()
    if callable(groups):
        found = of_paths(groups, paths, what="groups", source=source)
    elif isinstance(groups, str):
        if groups not in columns:
            known = f"Its columns: {', '.join(columns)}." if columns else "It has no named columns."
            raise ValueError(f"{source} has no column {groups!r} for groups. {known}")
        found = columns[groups]
    else:
        found = list(groups)
        if len(found) != len(paths):
            raise ValueError(
                f"groups has {len(found)} values. {source} has {len(paths)} examples. Give one value for each example."
            )
    return [_name(group) for group in found]


def _name(group: object) -> str:
    if isinstance(group, bytes):
        return group.decode("utf-8", errors="replace")
    return "" if np.asarray(group).ndim == 0 and is_missing(group) else str(group)


def refuse_function(value: object, *, what: str, source: str) -> None:
    """Raises where a function of a path is given for examples that are no files.

    Raises:
        TypeError: `value` is a function.
    """
    if callable(value):
        raise _pathless(what, source)


def _pathless(what: str, source: str) -> TypeError:
    return TypeError(f"{what} as a function takes the path of a file. The examples of {source} have no paths.")


def of_paths(function: Callable[[Path], object], paths: Iterable[object], *, what: str, source: str) -> list[object]:
    """The results of a user's function of each path; an error names the path."""
    found = []
    for path in paths:
        if not isinstance(path, str | Path):
            raise _pathless(what, source)
        try:
            found.append(function(Path(path)))
        except Exception as error:
            error.add_note(f"while calling the {what} function with {path}")
            raise
    return found


def deal(
    strata: np.ndarray,
    groups: Sequence[str],
    wanted: SplitSizes,
    rng: np.random.Generator,
    *,
    spare: bool = True,
) -> dict[str, np.ndarray]:
    """Indices of each part, groups as a whole: those of its groups, or as near to its share as groups of a size allow.

    Args:
        strata: int (N,), to stratify by as far as groups allow.
        groups: N.
        wanted: of validation and test, a share (0 for none) or the names of groups.
        rng: draws.
        spare: whether some groups have to be left for train; False where train has others.

    Raises:
        ValueError: a group is not there, or there are too few.
    """
    names, parts = np.asarray(groups, dtype=object), {}
    left = np.ones(len(names), bool)
    for part, which in wanted.items():
        if not isinstance(which, float | int):
            missing = sorted(set(which) - set(groups))
            if missing:
                known = _some(sorted(set(groups)))
                raise ValueError(
                    f"{part}={list(which)} names an unknown group {missing[0]!r}. The groups are: {known}."
                )
            parts[part] = np.flatnonzero(left & np.isin(names, list(which)))
            left[parts[part]] = False
    for part, share in wanted.items():
        if isinstance(share, float | int):
            rows = np.flatnonzero(left)
            # A share is one of all examples, of which some are dealt already.
            part_of_rest = share * len(names) / max(len(rows), 1)
            if share == 0:
                rows = rows[:0]
            elif spare or (part_of_rest < NEARLY_ALL and len(set(names[rows])) > 1):
                rows = rows[_fold(strata[rows], names[rows], part_of_rest, rng)]
            parts[part] = rows
            left[rows] = False
    return parts | {"train": np.flatnonzero(left)}


def _fold(strata: np.ndarray, groups: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    count = len(set(groups))
    if count < 2:
        raise ValueError(
            f"There are too few groups to split: one split still needs examples, and the remaining groups are: "
            f"{_some(sorted(set(groups))) or 'none'}."
        )
    # The splitter refuses more folds than the largest class has members.
    folds = max(2, min(FOLDS, count, int(np.bincount(strata - strata.min()).max())))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(rng.integers(1 << 31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes with few members
        found = [held for _, held in splitter.split(strata, strata, groups)]
    take = min(max(round(share * len(found)), 1), len(found) - 1)
    return np.sort(np.concatenate(found[:take]))


def _some(names: Sequence[str], most: int = 9) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


GROUP = "group "
"""Beginning of the marks of groups."""


class Connections:
    """Marks that are connected with each other, such as contents and groups that have to be in one split."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def __iter__(self) -> Iterator[str]:
        """All marks, in the order in which they came."""
        return iter(self._above)

    def top(self, mark: str) -> str:
        """The mark that stands for all that are connected with this one."""
        above = self._above
        above.setdefault(mark, mark)
        while above[mark] != mark:
            above[mark] = above[above[mark]]
            mark = above[mark]
        return mark

    def connect(self, mark: str, other: str) -> None:
        """Connects two marks; that of `other` stands for both."""
        root = self.top(other)
        self._above[self.top(mark)] = root

    def group_names(self, asked: Collection[str] = ()) -> dict[str, str]:
        """By mark, one name for all that are connected.

        It is the name of a group: of one of `asked`, or of all groups together, as in ``"ann + bob"``. Without a group,
        it is the mark that stands for all.

        Args:
            asked: names of groups that a user wants in a certain split.

        Example:
            >>> connections = Connections()
            >>> connections.connect("content 1", "group ann")
            >>> connections.connect("content 1", "group bob")
            >>> connections.group_names()["content 1"]
            'ann + bob'
        """
        groups: dict[str, list[str]] = {}
        for mark in self:
            if mark.startswith(GROUP):
                groups.setdefault(self.top(mark), []).append(mark.removeprefix(GROUP))
        named = {
            root: next((each for each in own if each in asked), " + ".join(sorted(own))) for root, own in groups.items()
        }
        return {mark: named.get(root := self.top(mark), root) for mark in self}
