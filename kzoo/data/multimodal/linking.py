"""Examples that share the content of an input: they are one group, so that all of them are in one split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kzoo.data.examples import Examples
from kzoo.data.groups import Connections
from kzoo.data.modalities import MODALITIES

FREQUENT = 0.05
"""The share of examples that have one content from which on it does not connect them, as a frequent short text."""

FEW = 5
"""As many examples may share a content in any case."""


def link_examples(
    splits: Mapping[str, Examples], contents: Mapping[str, Sequence[Sequence[str]]]
) -> tuple[dict[str, Examples], list[str]]:
    """The examples of all splits, those with a common content, or a common group, in one group; and notes.

    Args:
        splits: by name.
        contents: marks of what each example contains, by split.
    """
    counts = Counter(mark for rows in contents.values() for marks in rows for mark in set(marks))
    total = sum(map(len, splits.values()))
    most = max(FEW, FREQUENT * total)
    # Texts of a form are the same by chance; files are not.
    frequent = [mark for mark, count in counts.items() if count > most and MODALITIES[mark.split("=")[0]].lines]
    notes = [
        f"{counts[mark]} of {total} examples have the same {mark.split('=')[0]}: it does not keep them in one split"
        for mark in frequent
    ]
    shared = {mark for mark, count in counts.items() if count > 1} - {*frequent}
    if not shared:
        return dict(splits), notes
    connections = Connections()
    rows = {
        name: [_marks(examples, contents[name], row) for row in range(len(examples))]
        for name, examples in splits.items()
    }
    for each in rows.values():
        for marks in each:
            for other in marks[1:]:
                if other in shared:
                    connections.connect(other, marks[0])
    linked = {
        name: replace(examples, groups=[connections.top(marks[0]).split("=", 1)[1] for marks in rows[name]])
        for name, examples in splits.items()
    }
    groups = {group for examples in linked.values() for group in examples.groups}
    notes.append(f"Examples that share an input are in one split: {total:,} examples in {len(groups):,} groups")
    return linked, notes


def _marks(examples: Examples, contents: Sequence[Sequence[str]], row: int) -> list[str]:
    """What connects an example with others, first that which is its own."""
    first = f"group={examples.groups[row]}" if len(examples.groups) else f"example={examples.digests[row]}"
    return [first, *contents[row]]
