"""One of several tasks by the phase that was best for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kzoo.results.interpolation import with_weights
from kzoo.specs.records.run_record import BEST_OF

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


def best_of_task(adapted: Adapted, task: str) -> Adapted:
    """See `kzoo.results.adapted.Adapted.best_of`."""
    shared, told = adapted.tasks[task], f"{BEST_OF}({task!r})"
    if task not in adapted.task_weights:
        if any(told in note for note in adapted.record.notes):
            raise ValueError(
                f"The model of the phase that was best for {task!r} is not in what was saved. Call best_of before "
                "save, and save what it returns."
            )
        return shared
    number, weights = adapted.task_weights[task]
    found = with_weights(adapted, weights).tasks[task]
    others = [note for note in found.record.notes if BEST_OF not in note]
    found = replace(found, record=replace(found.record, kept=number, refitted=False, notes=others))
    return found.measured() if adapted.data is not None and len(adapted.data.test) else found
