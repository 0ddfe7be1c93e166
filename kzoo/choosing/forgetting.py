"""Forgetting: the scores of earlier tasks before and after a model learned a next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kzoo.choosing.comparison import Comparison, side_by_side
from kzoo.choosing.yardstick import score_name, show_gain
from kzoo.data.examples import WARNING
from kzoo.data.tasks.joint_reading import own_examples
from kzoo.results.adapted import Adapted
from kzoo.task_kinds.kind_registry import get_task_kind

BEFORE, AFTER = "before", "after"


def compare_earlier(adapted: Adapted, earlier: Adapted) -> Mapping[str, Comparison]:
    """Each earlier task before and after, on the test examples that have its target, by name.

    A task without such examples is left out.

    Args:
        adapted: a model that kept the heads of `earlier`, with its data.
        earlier: the model that it was adapted from.
    """
    test, found = adapted.splits().test, dict[str, Comparison]()
    parts = [part for part in get_task_kind(adapted.kind).parts if part.stop <= len(earlier.labels)]
    known = test.take(np.flatnonzero(np.any([part.known(test.targets) for part in parts], axis=0)))
    if not len(known):
        return found
    outputs = {BEFORE: earlier.outputs(known), AFTER: adapted.outputs(known)}
    for part in parts:
        rows = part.known(known.targets)
        if rows.any():
            own = {name: part.of(each)[rows] for name, each in outputs.items()}
            found[part.name] = side_by_side(part.kind, own, own_examples(known, part), seed=adapted.record.seed)
    return found


def with_forgetting(adapted: Adapted, earlier: Adapted) -> Adapted:
    """The model with a note on each earlier task: its score on the test split before and after."""
    notes = []
    for name, compared in compare_earlier(adapted, earlier).items():
        gain = compared.difference(AFTER, BEFORE)
        scores = f"{score_name(compared.kind)} {compared[AFTER].value:.3f}, {compared[BEFORE].value:.3f} before"
        warning = f"{WARNING}: forgotten: " if gain.high < 0 else ""
        notes.append(f"{warning}{name}: {scores}, {show_gain(compared.kind, gain)}")
    record = replace(adapted.record, notes=[*adapted.record.notes, *notes])
    found = replace(adapted, record=record)
    found.__dict__["inference"] = adapted.inference  # compiled already
    return found
