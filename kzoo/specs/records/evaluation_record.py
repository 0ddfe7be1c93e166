"""The test result of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kzoo.specs.checked_json import Check, Fields, checked
from kzoo.specs.records.plain_values import COUNT, NAMES, by_name, freeze, plain, real, required


@dataclass(frozen=True)
class MetricRecord:
    """A metric with its 95% interval.

    Args:
        value: on the test split.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float

    @classmethod
    def restore(cls, values: object, name: str = "metric") -> MetricRecord:
        """Reads plain values of `EvaluationRecord.as_plain`; raises ValueError for others."""
        return cls(**checked(values, dict.fromkeys(required(cls), real), name=name, needed=required(cls)))


@dataclass(frozen=True, kw_only=True)
class EvaluationRecord:
    """Metrics on the test split.

    Args:
        size: number of examples.
        metrics: by name.
        notes: examples that were left out, and why; imprecise scores.
    """

    size: int
    metrics: Mapping[str, MetricRecord]
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        freeze(self)

    def as_plain(self) -> Fields:
        """Plain values, for JSON."""
        return plain(self)

    @classmethod
    def restore(cls, values: object, name: str = "test") -> EvaluationRecord:
        """Reads plain values of `as_plain`; raises ValueError for others."""
        checks: dict[str, Check] = {"size": COUNT, "metrics": by_name(MetricRecord.restore), "notes": NAMES}
        return cls(**checked(values, checks, name=name, needed=required(cls)))
