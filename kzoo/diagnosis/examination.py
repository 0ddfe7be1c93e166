"""`doctor` looks for what is wrong with data, before anything is trained on it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from kzoo.core.keywords import suggests_names
from kzoo.core.progress import one_bar
from kzoo.core.verbosity import verbosity
from kzoo.data.examples import Examined, Fault, RawData
from kzoo.data.modalities import MODALITIES
from kzoo.data.seams import Modality
from kzoo.data.sources.reading import read_source
from kzoo.data.splits import clean_source
from kzoo.diagnosis import class_checks, split_checks
from kzoo.diagnosis.diagnosis import Diagnosis
from kzoo.diagnosis.finding import FINDING_KINDS, Finding
from kzoo.diagnosis.usable_examples import ORDER, UsableExamples, divided, usable_examples
from kzoo.setup.auto_model import guess_modality
from kzoo.specs.task import UserData, as_task
from kzoo.task_kinds.kind_registry import get_task_kind

FAULTS = {
    "file": "unreadable or empty",
    "target": "unusable target",
    "group": "no group",
    "contradiction": "contradictory labels",
}
"""Kinds of findings, by what is wrong with an example that cannot be used; see `kzoo.data.examples.Fault`.

A reason that is the name of a kind, as ``"silent"``, is of that kind.
"""


@suggests_names
def doctor(data: UserData, *, verbose: int = 1) -> Diagnosis:
    """Looks for what is wrong with data: unusable examples, copies, leaks across splits, tiny classes, odd examples.

    Examples are divided as `kzoo.adapt` would divide them, so that copies in two splits are found where the data has no
    splits of its own. Nothing is trained, and the data is not touched.

    Images: near duplicates (encoded again, resized, or cropped by a few percent), one colour, extreme sizes, an EXIF
    orientation, and width and height exchanged. Texts: near duplicates, other scripts, extreme lengths. Recordings:
    near duplicates, silent and quiet ones, extreme lengths.

    Not found are wrong labels, unless copies contradict each other; copies that are rotated or mirrored; images that
    stand upside down without a sign of it; and other languages in the same script.

    Args:
        data: whatever `kzoo.Classification` takes; or a `kzoo.Classification`, `kzoo.MultiLabel` or
            `kzoo.Regression`, whose ``strict`` does not count.
        verbose: 0 shows no progress bar; 1 shows one.

    Returns:
        The findings. `str` of it is a table, ``as_dict()`` has all of them, ``write_list(path)`` writes what to do.

    Raises:
        ValueError: there is nothing to learn from in the data.
        FileNotFoundError: the path is not there.

    Example:
        >>> import kzoo
        >>> data = ["A warm bed", "a warm bed!", "Cold tea", ""], ["good", "good", "bad", "bad"]
        >>> found = kzoo.doctor(kzoo.Classification(data, validation=0, test=0), verbose=0)
        >>> [(each.kind, each.detail) for each in found.serious]
        [('unreadable or empty', 'empty text')]
        >>> [(each.names, each.like) for each in found.of_kind("near duplicates")]
        [(['a warm bed!'], ['A warm bed'])]
    """
    with verbosity(verbose):
        task = replace(as_task(data), strict=False)
        modality, kind = MODALITIES[guess_modality(task)], get_task_kind(task.kind)
        raw = _with_distinct_names(read_source(task, modality))
        with one_bar("examining", unit=modality.noun):
            source = clean_source(raw, task, modality.name)
            parts = divided(source, task)
            examples = usable_examples(source, parts)
            findings, examined = _faults(source.faults), Examined()
            if examples:
                findings += split_checks.check_groups(examples)
                findings += split_checks.check_copies(examples, source.labels, kind)
                rows = examples.distinct()
                examined = modality.examine(examples.column[rows]) if modality.examine else examined
                pairs = [(rows[one], rows[other], score) for one, other, score in examined.pairs]
                findings += split_checks.check_near_copies(examples, pairs, source.labels, kind)
                findings += [_remark(examples, row, *said) for row, *said in _in_rows(examined, rows)]
            findings += class_checks.check_classes(parts, source.labels, kind)
    splits = examples.splits if examples else []
    return Diagnosis(
        sorted(findings, key=_order),
        {name: splits.count(name) for name in ORDER},
        len(source.faults),
        modality.noun,
        ("unusable examples", *split_checks.CHECKS, *class_checks.CHECKS, *examined.checks),
        tuple(source.notes),
        _root(raw, modality),
        _picture(raw, modality),
    )


def _with_distinct_names(raw: RawData) -> RawData:
    """The same data, names with their split in front where splits have names in common, as ``row 0``."""
    counts = Counter(name for examples in raw.splits.values() for name in set(examples.names))
    if max(counts.values(), default=0) < 2:
        return raw
    named = {
        split: replace(examples, names=[f"{split} {name}" for name in examples.names])
        for split, examples in raw.splits.items()
    }
    return replace(raw, splits=named)


def _order(finding: Finding) -> tuple[bool, int]:
    kinds = list(FINDING_KINDS)
    return not finding.serious, kinds.index(finding.kind) if finding.kind in FINDING_KINDS else len(kinds)


def _faults(faults: Sequence[Fault]) -> list[Finding]:
    """Examples that cannot be used, copies with contradictory labels together."""
    found: list[Finding] = []
    together: dict[str, list[Fault]] = {}
    for fault in faults:
        name = FAULTS[fault.part] if fault.reason not in FINDING_KINDS else fault.reason
        if name == FAULTS["contradiction"]:
            together.setdefault(fault.digest, []).append(fault)
        else:
            found.append(Finding(name, [fault.name], [_split(fault)], fault.reason))
    for copies in together.values():
        names, splits = [each.name for each in copies], [_split(each) for each in copies]
        found.append(Finding(FAULTS["contradiction"], names, splits, copies[0].reason))
    return found


def _split(fault: Fault) -> str:
    return "" if fault.split == "all" else fault.split


def _in_rows(examined: Examined, rows: Sequence[int]) -> list[tuple[int | None, str, str]]:
    """Remarks on distinct examples, with their rows among all."""
    return [(None if row is None else rows[row], name, detail) for row, name, detail in examined.remarks]


def _remark(examples: UsableExamples, row: int | None, name: str, detail: str) -> Finding:
    if row is None:
        return Finding(name, detail=detail)
    return Finding(name, [examples.names[row]], [examples.splits[row]], detail)


def _root(raw: RawData, modality: Modality) -> str:
    """The folder that all paths of files have in common, or ""."""
    names = [name for examples in raw.splits.values() for name in examples.names]
    if not modality.are_files or not names or not all(map(os.path.isabs, names)):
        return ""
    return os.path.commonpath([os.path.dirname(name) for name in names])


def _picture(raw: RawData, modality: Modality) -> Callable[[str], bytes | None] | None:
    """What makes a small JPEG of the example of a name; None where examples cannot be seen."""
    make = modality.thumbnail
    if make is None:
        return None
    values = {
        name: value
        for examples in raw.splits.values()
        for name, value in zip(examples.names, examples.columns[modality.name], strict=True)
    }
    return lambda name: make(values[name]) if name in values else None
