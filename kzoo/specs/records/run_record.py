"""`RunRecord`: what `kzoo.adapt` did, on which data, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kzoo.core.tables import Table
from kzoo.specs.checked_json import Check, Fields, anything, checked, flag, many, maybe, record
from kzoo.specs.records.evaluation_record import EvaluationRecord
from kzoo.specs.records.origin_record import DistillationRecord, MergeRecord
from kzoo.specs.records.phase_record import PhaseRecord
from kzoo.specs.records.plain_values import COUNT, NAME, NAMES, by_name, freeze, plain, required
from kzoo.specs.records.seen import Seen
from kzoo.specs.records.task_record import OptionsRecord, TaskRecord

_FORMER = {"held": "validation_fingerprint"}
"""Fields with another name in files of kzoo 0.1."""

BEST_OF = "best_of"
"""What a note of several tasks names where another phase was better for one of them."""


@dataclass(frozen=True, kw_only=True, repr=False)
class RunRecord:
    """The record of a run: settings, data, phases and results. It prints as a table and is frozen.

    Args:
        task: the data and the kind of target.
        weights: name of the start weights; None for random ones.
        schedule: name of the schedule; of a merged model how it was merged.
        options: options of training beside the schedule.
        phases: in the order in which they ran; of a merged model the kept phase of each member.
        kept: number of the phase whose weights the model has, from 0.
        refitted: whether the head, that of a probe, was solved again on training and validation examples; of a merged
            model, of any member.
        stopped: where Ctrl-C ended the run; None where it did not.
        sizes: examples of ``"train"``, ``"validation"`` and ``"test"``.
        set_aside: number of examples that could not be used.
        notes: for the reader, warnings first.
        fingerprint: SHA-256 of the test split.
        validation_fingerprint: of the validation split.
        start: SHA-256 of the backbone's weights before training.
        seen: all examples that the weights have seen.
        seen_before: examples that the start weights and a teacher had seen.
        seed: of the run.
        versions: of kzoo, Keras, TensorFlow and NumPy.
        test: results on the test split; None without a test split.
        merged: members of a merged model; else None.
        distilled: teacher of a student; else None.
    """

    task: TaskRecord
    weights: str | None
    schedule: str
    options: OptionsRecord = field(default_factory=OptionsRecord)
    phases: Sequence[PhaseRecord]
    kept: int
    refitted: bool = False
    stopped: str | None = None
    sizes: Mapping[str, int]
    set_aside: int
    notes: Sequence[str]
    fingerprint: str
    validation_fingerprint: str | None = None
    start: str | None = None
    seen: Seen = field(default_factory=Seen)
    seen_before: Seen = field(default_factory=Seen)
    seed: int
    versions: Mapping[str, str]
    test: EvaluationRecord | None = None
    merged: MergeRecord | None = None
    distilled: DistillationRecord | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def as_plain(self) -> Fields:
        """Plain values, for JSON; `restore` reads them."""
        return plain(self, without_none=("merged", "distilled"))

    @classmethod
    def restore(cls, values: object, name: str = "record") -> RunRecord:
        """Reads plain values of `as_plain`, of this kzoo or an earlier one; fields that it lacks get their default.

        Args:
            values: plain values, as JSON has them.
            name: of the record in messages.

        Raises:
            ValueError: a field is missing, unknown or of another type.
        """
        values = {_FORMER.get(each, each): value for each, value in record(values, name).items()}
        found = cls(**checked(values, _RUN, name=name, needed=required(cls)))
        if found.kept >= len(found.phases):
            raise ValueError(f"{name}.kept must be the number of one of {len(found.phases)} phases. Got {found.kept}.")
        return found

    def table(self, title: str = "") -> Table:
        """One row a phase, or a member of what was merged: what trained, how long, what it reached on validation.

        Args:
            title: the line above.
        """
        rows = [self._row(number, phase) for number, phase in enumerate(self.phases)]
        columns = ("member", "model", "epochs") if self.merged else ("phase", "trained", "epochs")
        columns = (*columns, "val_loss", "val_accuracy", "time", "frozen layers", "runtime", "")
        return Table(columns, rows, title=title, notes=self.notes)

    def _row(self, number: int, phase: PhaseRecord) -> tuple[object, ...]:
        loss, accuracy = phase.scores.get("val_loss", "not measured"), phase.scores.get("val_accuracy")
        times = (f"{phase.seconds:.1f} s", f"{phase.trunk_seconds:.1f} s")
        marks = {
            "kept": number == self.kept and not self.merged,
            "refitted": number == self.kept and not self.merged and self.refitted,
            "diverged": phase.diverged,
            "stopped": phase.stopped,
        }
        mark = ", ".join(word for word, holds in marks.items() if holds)
        trained = (number + 1, phase.trained, len(phase.history))
        return (*trained, loss, accuracy, *times, ", ".join(phase.runtimes), mark)

    def __str__(self) -> str:
        return str(self.table(f"{self.schedule}, seed {self.seed}"))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table(f"{self.schedule}, seed {self.seed}")._repr_html_()


_RUN: dict[str, Check] = {
    "task": TaskRecord.restore,
    "weights": maybe(NAME),
    "schedule": NAME,
    "options": OptionsRecord.restore,
    "phases": many(PhaseRecord.restore, most=10_000),
    "kept": COUNT,
    "refitted": flag,
    "stopped": maybe(NAME),
    "sizes": by_name(COUNT),
    "set_aside": COUNT,
    "notes": NAMES,
    "fingerprint": NAME,
    "validation_fingerprint": maybe(NAME),
    "start": maybe(NAME),
    "seen": lambda value, name: Seen.restore(value),
    "seen_before": lambda value, name: Seen.restore(value),
    "seed": anything,
    "versions": by_name(NAME),
    "test": maybe(EvaluationRecord.restore),
    "merged": MergeRecord.restore,
    "distilled": DistillationRecord.restore,
}
