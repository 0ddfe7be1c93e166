"""`PretrainedRecord`: how a backbone was pretrained or distilled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from kzoo.core.tables import Table
from kzoo.specs.checked_json import Check, Fields, anything, checked, either, maybe
from kzoo.specs.records.plain_values import COUNT, COURSE, NAME, NAMES, freeze, plain, real, required
from kzoo.specs.records.seen import Seen


@dataclass(frozen=True, kw_only=True, repr=False)
class PretrainedRecord:
    """How the weights of a backbone came about. It prints as a table, and nothing in it can be changed.

    Args:
        objective: name of the objective, or ``"distillation of features"``, or ``"static embeddings"``. Fields
            below are None where they do not apply.
        steps: gradient steps that were taken.
        stopped: where Ctrl-C ended it; None where it did not.
        batch_size: examples a step, over all replicas.
        learning_rate: its peak.
        augmentation: of the views.
        ema: momentum of the moving average of weights.
        seed: of weights, order and views.
        model: name of the card of the backbone.
        teacher: name of the teacher's card.
        teacher_weights: name of the teacher's weights.
        start: name of the start weights; None for random ones.
        data: where the data was.
        digest: first 16 hexadecimal digits of the SHA-256 of the data.
        examples: number of examples.
        set_aside: number of examples that could not be used.
        entries: entries of the vocabulary.
        views: augmented views of each example.
        epochs: passes over the data.
        paper: address of the paper of the objective.
        loss: of the last steps.
        unexplained_variance: share of the variance of the teacher's features that the student misses, on validation;
            ``"not measured"`` without any.
        notes: for the reader.
        probe: accuracy (or R2) of a linear probe on the weights, on validation.
        probe_before: the same before the first step.
        seconds: wall time.
        seen: all examples that the weights have seen.
        course: ``step``, ``loss`` and ``probe`` at each look.
    """

    objective: str
    steps: int | None = None
    stopped: str | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    augmentation: str | None = None
    ema: float | None = None
    seed: int | None = None
    model: str | None = None
    teacher: str | None = None
    teacher_weights: str | None = None
    start: str | None = None
    data: str | None = None
    digest: str | None = None
    examples: int | None = None
    set_aside: int | None = None
    entries: int | None = None
    views: int | None = None
    epochs: int | None = None
    paper: str | None = None
    loss: float | None = None
    unexplained_variance: float | str | None = None
    notes: Sequence[str] | None = None
    probe: float | None = None
    probe_before: float | None = None
    seconds: float = 0.0
    seen: Seen = field(default_factory=Seen)
    course: Sequence[Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def as_plain(self) -> Fields:
        """Plain values, for JSON, without what is None; `restore` reads them."""
        return plain(self, without_none=[each.name for each in fields(self)])

    @classmethod
    def restore(cls, values: object, name: str = "record") -> PretrainedRecord:
        """Reads plain values of `as_plain`, of this kzoo or an earlier one.

        Args:
            values: plain values, as JSON has them.
            name: of the record in messages.

        Raises:
            ValueError: a field is missing, unknown or of another type.
        """
        return cls(**checked(values, _CHECKS, name=name, needed=required(cls)))

    def rows(self) -> list[tuple[str, object]]:
        """Name and value of what is short enough for a table."""
        return [(name, value) for name, value in self.as_plain().items() if name not in ("course", "seen")]

    def table(self) -> Table:
        """One row a field."""
        return Table(("", ""), [(name.replace("_", " "), _shown(value)) for name, value in self.rows()])

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _shown(value: object) -> str:
    """A value for the table, numbers to four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


_TEXTS = ("stopped", "augmentation", "model", "teacher", "teacher_weights", "start", "data", "digest", "paper")
_COUNTS = ("steps", "batch_size", "examples", "set_aside", "entries", "views", "epochs")
_NUMBERS = ("learning_rate", "ema", "loss", "probe", "probe_before")

_CHECKS: dict[str, Check] = {
    "objective": NAME,
    **dict.fromkeys(_TEXTS, maybe(NAME)),
    **dict.fromkeys(_COUNTS, maybe(COUNT)),
    **dict.fromkeys(_NUMBERS, maybe(real)),
    "unexplained_variance": maybe(either(real, NAME)),
    "seed": anything,
    "seconds": real,
    "notes": maybe(NAMES),
    "seen": lambda value, name: Seen.restore(value),
    "course": maybe(COURSE),
}
