"""Pairs: examples of two inputs without targets, such as images and their captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from kzoo.data.examples import Audit, Examples, RawData, Splits, join_examples
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.parts import find_present, modality_of, part_names, short_name
from kzoo.data.sources.reading import read_source
from kzoo.data.splits import read
from kzoo.specs.records.seen import NEW, Seen
from kzoo.specs.task import Regression, Task

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Side:
    """One input of all pairs, as examples of its own modality.

    Args:
        name: of its column.
        modality: name.
        splits: the examples of each split; those of two sides at one place are a pair.
    """

    name: str
    modality: str
    splits: Splits


@dataclass(frozen=True)
class Pairs:
    """Pairs in three disjoint splits.

    Args:
        splits: as examples of two inputs.
        sides: each input by itself.
    """

    splits: Splits
    sides: tuple[Side, Side]


def read_pairs_of(task: Task, *, seen: Seen, labelled: bool = False) -> Pairs:
    """Reads, checks and splits pairs. A pair that lacks an input, or has a damaged one, is set aside.

    Args:
        task: the data and its columns; without labels, its kind says nothing.
        seen: examples that the start weights have seen.
        labelled: whether the pairs have targets.

    Raises:
        ValueError: examples have not two inputs, or a split has none; or `task.strict` and a pair lacks an input.
    """
    raw = _read_two(task, labelled=labelled)
    # Without labels it is a regression whose targets are all 0, whatever the task.
    splits = read(task if labelled else _unlabelled(task), "multimodal", seen=seen, raw=raw)
    aside = list(splits.audit.set_aside)
    kept: dict[str, Examples] = {}
    for name in SPLITS:
        kept[name], lost = _whole(getattr(splits, name))
        aside += lost
    if task.strict and len(aside) > len(splits.audit.set_aside):
        raise ValueError(f"strict=True refuses pairs that lack an input.\n{Audit(aside)}")
    splits = replace(splits, **kept, audit=Audit(aside, _notes(splits.audit.notes)))
    for name in SPLITS[: 2 if task.test == 0 else 3]:
        if not len(kept[name]):
            raise ValueError(f"The {name} split has no pair. Pass more data.\n{splits.audit}")
    return Pairs(splits, sides_of(splits))


def read_other_pairs(task: Task, *, names: Sequence[str], seen: Seen) -> tuple[list[Examples], list[str]]:
    """The pairs of other data that weights have not seen, as examples of each side; and notes.

    Args:
        task: the data and its columns.
        names: of the columns that are wanted, in order.
        seen: examples that the weights have seen; they are left out and counted.

    Raises:
        ValueError: other columns are found, or no pair is left.
    """
    raw = RawData({"all": join_examples(list(_read_two(task, labelled=False).splits.values()))})
    splits = read(replace(_unlabelled(task), validation=0, test=0), "multimodal", raw=raw)
    pairs, lost = _whole(splits.train)
    fresh = pairs.take(np.flatnonzero(pairs.sides(seen) == NEW))
    notes = [f"{len(lost)} pairs lack an input and are left out"] if lost else []
    if left := len(pairs) - len(fresh):
        notes.append(f"{left} pairs are left out, because the model was trained or selected on an input of them")
    sides = sides_of(replace(splits, train=fresh))
    if not len(fresh):
        raise ValueError("No pairs are left for the evaluation. " + "; ".join(notes))
    found = {side.name: side.splits.train for side in sides}
    if set(found) != set(names):
        raise ValueError(f"The pairs must have the columns {', '.join(names)}. Got {', '.join(found)}.")
    return [found[name] for name in names], notes


def sides_of(splits: Splits) -> tuple[Side, Side]:
    """Each input of pairs by itself."""
    parts = part_names(splits.train.columns["multimodal"])
    found = [
        Side(
            short_name(part),
            modality_of(part),
            replace(splits, **{name: _side_of(getattr(splits, name), part) for name in SPLITS}),
        )
        for part in parts
    ]
    return found[0], found[1]


def _unlabelled(task: Task) -> Regression:
    """The data and splits of a task, as those of a regression."""
    return Regression(**{each.name: getattr(task, each.name) for each in fields(Task) if each.name != "labels"})


def _read_two(task: Task, *, labelled: bool) -> RawData:
    """The content of data with two inputs; without labels, with 0 in place of targets."""
    raw = read_source(task, MODALITIES["multimodal"], labelled=labelled)
    for examples in raw.splits.values():
        parts = part_names(examples.columns["multimodal"])
        if len(parts) != 2:
            raise ValueError(
                f"Pairs have two inputs. Name their columns, as in image='photo', text='caption'. "
                f"Got {', '.join(map(short_name, parts))}."
            )
    if labelled:
        return raw
    splits = {name: replace(each, targets=[0.0] * len(each)) for name, each in raw.splits.items()}
    return replace(raw, splits=splits, labels=None)


def _whole(examples: Examples) -> tuple[Examples, list[tuple[str, str]]]:
    """The examples that have both inputs; name and reason of the others."""
    column = examples.columns["multimodal"]
    there = {part: find_present(column[part]) for part in part_names(column)}
    whole = np.all(list(there.values()), axis=0)
    lost = [
        (examples.names[row], f"a pair without its {short_name(next(part for part in there if not there[part][row]))}")
        for row in np.flatnonzero(~whole).tolist()
    ]
    return examples.take(np.flatnonzero(whole)), lost


def _side_of(examples: Examples, part: str) -> Examples:
    """One input of pairs, checked again by itself, since examples of several inputs have one digest for all."""
    modality = MODALITIES[modality_of(part)]
    checked = modality.check(examples.columns["multimodal"][part])
    columns = {modality.name: checked.column}
    return Examples(columns, examples.targets, examples.names, checked.digests, examples.groups, checked.stamps)


def _notes(notes: Sequence[str]) -> list[str]:
    """Notes without those that a pair's missing input would have, which is told of each pair."""
    return [note for note in notes if "missing in" not in note and "count as missing" not in note]
