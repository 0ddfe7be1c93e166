"""The phase that was best for each of several tasks, where that is another than the one that is kept for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kzoo.specs.records.run_record import BEST_OF
from kzoo.task_kinds.task_kind import KindPart
from kzoo.training.feed import Feed
from kzoo.training.phase import PhaseResult
from kzoo.training.selection import is_better


def best_phases(results: Sequence[PhaseResult], feed: Feed, *, kept: int) -> Mapping[str, tuple[int, str]]:
    """By the name of a task, the number of its phase from 0, and a note.

    A phase is better for a task if the loss of this task on validation is lower by more than one standard error of the
    paired difference.

    Args:
        results: of all phases.
        feed: targets of validation.
        kept: number of the phase that is kept for all tasks.
    """
    found = {}
    for part in feed.kind.parts:
        losses = [_losses(result, part, feed.validation.targets) for result in results]
        own = losses[kept]
        if own is None:
            continue
        better = {n: each for n, each in enumerate(losses) if each is not None and is_better(each, own)}
        if better:
            best = min(better, key=lambda number: float(better[number].mean()))
            compared = f"loss on validation {better[best].mean():.3f} and {own.mean():.3f}"
            note = (
                f"{part.name}: phase {best + 1} was better for this task than phase {kept + 1}, which is kept for all "
                f"({compared}): {BEST_OF}({part.name!r}) has it"
            )
            found[part.name] = best, note
    return found


def _losses(result: PhaseResult, part: KindPart, targets: np.ndarray) -> np.ndarray | None:
    """Of the validation examples that have a target of a task; None where there are none, or nothing was kept."""
    known = part.known(targets)
    if result.state is None or result.state.logits is None or not known.any():
        return None
    return part.kind.example_losses(part.of(result.state.logits)[known], part.of(targets)[known])
