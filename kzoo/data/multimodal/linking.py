"""Examples that share the content of an input: they are one group, so that all of them are in one split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

from kzoo.data.examples import Examples
from kzoo.data.groups import GROUP, Connections
from kzoo.data.modalities import MODALITIES

FREQUENT = 0.05
"""The share of examples that have one content from which on it does not connect them, as a frequent short text."""

FEW = 5
"""As many examples may share a content in any case."""


def link_examples(
    splits: Mapping[str, Examples], *, asked: Collection[str] = ()
) -> tuple[dict[str, Examples], list[str]]:
    """The examples of all splits, those with a common content, or a common group, in one group; and notes.

    Args:
        splits: by name.
        asked: groups that a user wants in a certain split: what is connected with one bears its name.
    """
    counts = Counter(mark for examples in splits.values() for marks in examples.contents for mark in set(marks))
    total = sum(map(len, splits.values()))
    most = max(FEW, FREQUENT * total)
    # Texts of a form are the same by chance; files are not.
    frequent = {mark for mark, count in counts.items() if count > most and MODALITIES[mark.split("=")[0]].lines}
    notes = [
        _tell_frequent(modality, [counts[mark] for mark in own], total) for modality, own in _by_modality(frequent)
    ]
    # Nor does a model that has seen one in an example know all others that have it.
    splits = {name: replace(each, contents=_without(each, frequent)) for name, each in splits.items()}
    shared = {mark for mark, count in counts.items() if count > 1} - frequent
    if not shared:
        return splits, notes
    connections = Connections()
    own = {name: [_own_mark(each, row) for row in range(len(each))] for name, each in splits.items()}
    for name, examples in splits.items():
        for mark, marks in zip(own[name], examples.contents, strict=True):
            connections.top(mark)
            for other in shared.intersection(marks):
                connections.connect(other, mark)
    names = connections.group_names(asked)
    linked = {
        name: replace(examples, groups=[names[mark].removeprefix(EXAMPLE) for mark in own[name]])
        for name, examples in splits.items()
    }
    groups = {group for examples in linked.values() for group in examples.groups}
    notes.append(f"Examples that share an input are in one split: {total:,} examples in {len(groups):,} groups")
    return linked, notes


EXAMPLE = "example "
"""Beginning of the marks of examples without a group."""


def _without(examples: Examples, frequent: Collection[str]) -> list[list[str]]:
    """The contents of examples but for those that are frequent."""
    return [[mark for mark in marks if mark not in frequent] for marks in examples.contents]


def _own_mark(examples: Examples, row: int) -> str:
    """The mark of an example's group, or its own."""
    return f"{GROUP}{examples.groups[row]}" if len(examples.groups) else f"{EXAMPLE}{examples.digests[row]}"


def _by_modality(marks: Collection[str]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for mark in sorted(marks):
        found.setdefault(mark.split("=")[0], []).append(mark)
    return list(found.items())


def _tell_frequent(modality: str, counts: list[int], total: int) -> str:
    """A note on contents that do not connect the examples that have them."""
    noun = MODALITIES[modality].noun
    if len(counts) == 1:
        return f"1 {noun} stands in {counts[0]} of {total} examples: it does not keep them in one split"
    many = f"{len(counts)} {noun}s stand in up to {max(counts)} of {total} examples each"
    return f"{many}: they do not keep these in one split"
