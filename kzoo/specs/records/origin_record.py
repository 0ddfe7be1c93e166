"""The members of a merged model, and the teacher of a student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kzoo.specs.checked_json import Check, Fields, checked, many, record
from kzoo.specs.records.plain_values import COUNT, NAME, NAMES, freeze, plain, real, required

_FORMER = {"what": "target", "labels": "alpha"}
"""Fields of a `DistillationRecord` that had another name in kzoo 0.1."""


@dataclass(frozen=True, kw_only=True)
class MergeRecord:
    """The members of a merged model.

    Args:
        how: ``"ensemble"``, ``"greedy soup"``, ``"uniform soup"`` or ``"interpolation"``.
        members: names of their cards.
        temperatures: of an ensemble: by which each member's logits are divided.
        of: of a soup: numbers of the members that are in it, from 0, in the order in which they were given.
        alpha: of an interpolation: share of the tuned weights, in [0, 1].
    """

    how: str
    members: Sequence[str]
    temperatures: Sequence[float] | None = None
    of: Sequence[int] | None = None
    alpha: float | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def as_plain(self) -> Fields:
        """Plain values, for JSON."""
        return plain(self, without_none=("temperatures", "of", "alpha"))

    @classmethod
    def restore(cls, values: object, name: str = "merged") -> MergeRecord:
        """Reads plain values of `as_plain`; raises ValueError for others."""
        checks: dict[str, Check] = {
            "how": NAME,
            "members": NAMES,
            "temperatures": many(real, most=10_000),
            "of": many(COUNT, most=10_000),
            "alpha": real,
        }
        return cls(**checked(values, checks, name=name, needed=required(cls)))


@dataclass(frozen=True, kw_only=True)
class DistillationRecord:
    """How a student was taught; see `kzoo.distill`.

    Args:
        teacher: name of its card.
        target: ``"logits"`` or ``"both"``.
        temperature: of the teacher's probabilities.
        alpha: share of the labels' own loss, in [0, 1].
    """

    teacher: str
    target: str
    temperature: float
    alpha: float

    @classmethod
    def restore(cls, values: object, name: str = "distilled") -> DistillationRecord:
        """Reads plain values of `RunRecord.as_plain`; raises ValueError for others."""
        values = {_FORMER.get(each, each): value for each, value in record(values, name).items()}
        checks: dict[str, Check] = {"teacher": NAME, "target": NAME, "temperature": real, "alpha": real}
        return cls(**checked(values, checks, name=name, needed=required(cls)))
