"""Interpolation between the weights of the linear probe and the fine-tuned ones (WiSE-FT)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from operator import or_
from typing import TYPE_CHECKING

import numpy as np

from kzoo.core.graph.cloning import clone, set_weights
from kzoo.data.examples import WARNING
from kzoo.evaluation.calibration import merit
from kzoo.specs.records.origin_record import MergeRecord

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted

ALPHAS = tuple(np.linspace(0, 1, 11).round(2).tolist())
"""Shares of the tuned weights that `interpolate` tries."""


def interpolate(adapted: Adapted, *, alpha: float | str = "auto") -> Adapted:
    """Weights between those before fine-tuning and those after it; see `kzoo.results.adapted.Adapted.interpolate`."""
    start = adapted.start
    if start is None:
        raise ValueError(
            "There is nothing to interpolate. Only a model that was fine-tuned from a probe in this process has the "
            "weights from before fine-tuning; a saved model does not keep them."
        )
    if alpha != "auto" and (isinstance(alpha, str) or not 0 <= alpha <= 1):
        raise ValueError(f"alpha must be 'auto' or in [0, 1]. Got {alpha!r}.")
    tuned = adapted.network.get_weights()

    found = with_weights(adapted, tuned)

    def go(share: float) -> None:
        mixed = [(1 - share) * a + share * b for a, b in zip(start, tuned, strict=True)]
        set_weights(found.network, mixed)

    def rank(share: float) -> tuple[tuple[float, float], float]:
        go(share)
        # Of equal ones the one nearest to what was tuned.
        return merit_of(found), share

    best = max(ALPHAS, key=rank) if alpha == "auto" else float(alpha)
    go(best)
    merged = MergeRecord(how="interpolation", members=[adapted.card.name], alpha=best)
    return recorded(found, [adapted], merged)


def with_weights(adapted: Adapted, weights: Sequence[np.ndarray]) -> Adapted:
    """The same model with other weights; the one that is given stays as it is."""
    network = clone(adapted.network, weights=weights)
    return dataclasses.replace(adapted, network=network, start=None, limits=None, task_weights={})


FLATTERED = (
    f"{WARNING}: members were compared on validation examples, on which the head of one was solved too. Adapt with "
    "kzoo.LinearProbe(refit=False) to compare them fairly"
)
"""A note on a greedy soup with a refitted member."""


def recorded(adapted: Adapted, members: Sequence[Adapted], merged: MergeRecord) -> Adapted:
    """The model with a record of what it was made of, measured where its members were.

    Args:
        adapted: the model.
        members: what it was made of.
        merged: how it was made, with the names of the members.
    """
    kept = (member.record.phases[member.record.kept] for member in members)
    notes = [FLATTERED] if merged.how.startswith("greedy") and any(each.record.refitted for each in members) else []
    record = dataclasses.replace(
        members[0].record,
        schedule=merged.how,
        phases=[dataclasses.replace(phase, groups=[name]) for phase, name in zip(kept, merged.members, strict=True)],
        kept=0,
        merged=merged,
        refitted=any(member.record.refitted for member in members),
        notes=[*notes, *members[0].record.notes],
        seen=functools.reduce(or_, (member.seen for member in members)),
        test=None,
    )
    found = dataclasses.replace(adapted, record=record)
    return found.measured() if members[0].record.test else found


def merit_of(adapted: Adapted) -> tuple[float, float]:
    """Accuracy, and the loss below 0, on validation.

    Raises:
        ValueError: there is no validation split.
    """
    held = adapted.splits().validation
    if not len(held):
        raise ValueError(
            f"Models are compared on the validation split, but {adapted.card.name} was adapted with validation=0. Pass "
            "interpolate(alpha=NUMBER) or soup(how='uniform'), which need no validation split."
        )
    return merit(adapted.outputs(held), held.targets, kind=adapted.kind)
