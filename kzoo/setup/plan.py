"""`Plan`: what an adaptation would do, as a table."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kzoo.core.graph.cutting import numbers_at
from kzoo.core.tables import Table
from kzoo.data.examples import Audit, Splits
from kzoo.data.targets import weigh_classes
from kzoo.models.assembly import Assembled
from kzoo.setup.prepare import Prepared
from kzoo.specs.phases import AnyPhase, Phase, named_groups
from kzoo.training.adapters.adapted_weights import count_trained, set_phase
from kzoo.training.cache.activations import find_limits
from kzoo.training.cache.budget import CacheLimits, CachePlan, plan_cache
from kzoo.training.strategies import whole_batch


@dataclass(frozen=True, repr=False)
class Plan:
    """What `kzoo.adapt` would do.

    Args:
        title: model, weights and resolution.
        splits: examples by label and split.
        phases: one row a phase: what trains, parameters, epochs, steps, rate, cached activations.
        audit: what is wrong with the data.
        notes: what a reader should know.
    """

    title: str
    splits: Table
    phases: Table
    audit: Audit
    notes: tuple[str, ...]

    def __str__(self) -> str:
        warnings = self.audit.warnings
        audit = [line for line in str(self.audit).splitlines() if line not in warnings]
        blocks = [self.title, *warnings, str(self._largest()), str(self.phases), "\n".join(audit), *self.notes]
        return "\n\n".join(block for block in blocks if block)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        title = Table((), (), title=self.title, notes=(*str(self.audit).splitlines(), *self.notes))
        return title._repr_html_() + self._largest()._repr_html_() + self.phases._repr_html_()

    def _largest(self) -> Table:
        """The splits; of many labels, those with the most training examples."""
        return self.splits.folded(by="train", every="plan.splits", noun="labels", totals=1)

    def as_dict(self) -> dict[str, object]:
        """The plan as plain values, for JSON."""
        return {
            "title": self.title,
            "splits": [dict(zip(self.splits.columns, row, strict=True)) for row in self.splits.rows],
            "phases": [dict(zip(self.phases.columns, row, strict=True)) for row in self.phases.rows],
            "set_aside": [list(each) for each in self.audit.set_aside],
            "notes": [*self.audit.notes, *self.notes],
        }


@contextlib.contextmanager
def random_state_kept() -> Iterator[None]:
    """Whatever is drawn inside leaves Python's and NumPy's generators as they were.

    Keras draws the seeds of initializers and dropout from Python's. No state of TensorFlow is used (Keras 3.15).
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def lay_out(prepared: Prepared, *, class_weight: str | Mapping[str, float] | None = None) -> Plan:
    """The plan of what was prepared.

    Args:
        prepared: model, data and schedule.
        class_weight: as of `kzoo.adapt`.
    """
    card, assembled, splits, schedule = prepared.source.card, prepared.assembled, prepared.splits, prepared.schedule
    preprocessor, weights, strategy = prepared.preprocessor, prepared.source.weights_name, prepared.strategy
    class_weights = weigh_classes(class_weight, splits.train.targets, labels=splits.labels)
    title = f"{card.name} ({weights or 'random'} weights) on {preprocessor}; schedule {schedule.name}"
    available = find_limits()
    if prepared.options.precision == "float32":
        available = dataclasses.replace(available, bfloat16=False)
    cache_plans = [_plan_cache(phase, assembled, splits, available) for phase in schedule.phases]
    batches = [
        whole_batch(phase.batch_size, len(splits.train), strategy) if isinstance(phase, Phase) else 1
        for phase in schedule.phases
    ]
    rows = [_row(*each, assembled, splits) for each in zip(schedule.phases, cache_plans, batches, strict=True)]
    columns = ("trains", "parameters", "epochs", "steps", "batch", "rate", "augmentation", "activations")
    phases = Table(columns, rows)
    notes = []
    if not weights:
        notes.append("Random weights: nothing is transferred.")
    if card.source == "user" and card.constructor and card.modality_spec.square and card.scaling == "none":
        notes.append("Pixels are given to the model in 0..255; kzoo.register(..., scaling=...) changes that.")
    if class_weights is not None:
        shown = [f"{label} {weight:.3g}" for label, weight in zip(splits.labels, class_weights, strict=True)]
        notes.append(f"Class weights: {', '.join(shown)}.")
    notes += prepared.options.notes()
    if any(cache_plan.precision == "bfloat16" for cache_plan in cache_plans):
        notes.append(
            "Frozen activations of the training split are computed in bfloat16 where a sample agrees with float32; "
            "precision='float32' computes them exactly. Validation and test always are."
        )
    for number, (phase, cache_plan) in enumerate(zip(schedule.phases, cache_plans, strict=True), start=1):
        found = [*_note_on_adapter(phase, assembled), *_notes_on_views(phase, cache_plan)]
        notes += [f"Phase {number} {note}" for note in found]
    return Plan(title, splits.table(), phases, splits.audit, tuple(notes))


def _notes_on_views(phase: AnyPhase, cache_plan: CachePlan) -> list[str]:
    """What a reader should know where epochs see a view again."""
    notes = []
    if cache_plan.views < phase.most_views:
        notes.append(f"has room for {cache_plan.views} views of each example, not {phase.most_views}.")
    if isinstance(phase, Phase) and phase.augmentation != "none" and cache_plan.views < phase.epochs:
        free = "; views=None would give each epoch a new one, at no cost" if cache_plan.place == "nowhere" else ""
        notes.append(f"repeats {cache_plan.views} views of each example over {phase.epochs} epochs{free}.")
    return notes


def _plan_cache(phase: AnyPhase, assembled: Assembled, splits: Splits, available: CacheLimits) -> CachePlan:
    size = numbers_at(assembled.cuts[phase.groups(list(assembled.groups))[0]], assembled.model)
    return plan_cache(phase, size=size, train=len(splits.train), validation=len(splits.validation), limits=available)


def _counts(phase: AnyPhase, assembled: Assembled) -> dict[str, int]:
    """Numbers that a phase trains, by role; see `count_trained`."""
    return count_trained(assembled.model, set_phase(phase, assembled.groups))


def _note_on_adapter(phase: AnyPhase, assembled: Assembled) -> list[str]:
    """How much an adapter trains, of what."""
    if phase.adapter is None:
        return []
    counts = _counts(phase, assembled)
    parts = ", ".join(f"{role} {count:,}" for role, count in counts.items() if count)
    whole = f"{sum(counts.values()):,} of {assembled.model.count_params():,} parameters"
    return [f"trains by {phase.adapter.label}: {whole} ({parts})."]


def _row(
    phase: AnyPhase, cache_plan: CachePlan, batch: int, assembled: Assembled, splits: Splits
) -> tuple[str | float | None, ...]:
    groups = phase.groups(list(assembled.groups))
    parameters = sum(_counts(phase, assembled).values())
    size = numbers_at(assembled.cuts[groups[0]], assembled.model)
    count = cache_plan.bytes(size=size, train=len(splits.train), validation=len(splits.validation))
    place = {"memory": "in memory", "disk": "on the disk"}.get(cache_plan.place)
    held = f"{count / 1e6:,.0f} MB {place}"
    if cache_plan.place == "nowhere":
        held = "none: plain loop"
    views = f"{phase.augmentation} x {cache_plan.views}" if phase.augmentation != "none" else "none"
    if not isinstance(phase, Phase):
        return (" ".join(groups), parameters, "solved", None, None, None, "none", held)
    steps = len(splits.train) // batch * phase.epochs
    trains = " ".join([*named_groups(groups, phase), *([f"({phase.adapter.label})"] if phase.adapter else [])])
    return (trains, parameters, phase.epochs, steps, batch, phase.learning_rate, views, held)
