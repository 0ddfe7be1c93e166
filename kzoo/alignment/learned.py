"""The result of an alignment: networks, phases and notes of both towers, and each as an `Adapted`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import keras

from kzoo.alignment.projections import Solution
from kzoo.alignment.towers import Tower, TunedTower
from kzoo.data.examples import WARNING
from kzoo.data.multimodal.pairs import Pairs
from kzoo.results.adapted import Adapted
from kzoo.setup.conclusion.result import phase_record
from kzoo.specs.phases import LinearProbe
from kzoo.specs.records.phase_record import PhaseRecord
from kzoo.specs.records.run_record import RunRecord
from kzoo.specs.records.task_record import TaskRecord
from kzoo.specs.task import Regression


@dataclass(frozen=True)
class Learned:
    """Networks, phases and notes of both towers.

    Args:
        networks: from the input of each backbone to embeddings.
        phases: the records of the phases of each.
        notes: for the reader.
        refitted: whether their projections were solved on validation pairs too.
    """

    networks: Sequence[keras.Model]
    phases: Sequence[Sequence[PhaseRecord]]
    notes: Sequence[str]
    refitted: bool

    @classmethod
    def of(
        cls, towers: Sequence[Tower], solution: Solution, notes: Sequence[str], *, phases: Sequence[PhaseRecord]
    ) -> Learned:
        """The closed solution."""
        networks = [tower.network(each) for tower, each in zip(towers, solution.refitted, strict=True)]
        return cls(networks, [[each] for each in phases], [*_unpretrained(towers), *notes], refitted=True)

    def with_tuned(self, tuned: TunedTower, towers: Sequence[Tower], solution: Solution, *, place: int) -> Learned:
        """The same with a tower that was tuned, if it is better."""
        notes = [*self.notes, _compare(tuned, solution, towers[place].side.name)]
        if not tuned.is_kept(solution):
            return dataclasses.replace(self, notes=notes)
        phases = [list(each) for each in self.phases]
        phases[place] += [phase_record(result) for result in tuned.results]
        # It was tuned towards embeddings that were solved on training pairs alone.
        locked = towers[1 - place].network(solution.projections[1 - place])
        networks = [tuned.network, locked] if place == 0 else [locked, tuned.network]
        return Learned(networks, phases, notes, refitted=False)


def solved_phase(tower: Tower, solution: Solution, seconds: float) -> PhaseRecord:
    """The record of the closed solution, as the phase that it is."""
    scores = {"val_loss": solution.loss}
    history = [{"epoch": 0, "penalty": solution.penalty, **scores}]
    return PhaseRecord(
        phase=LinearProbe(),
        groups=("head",),
        scores=scores,
        views=1,
        activations="memory",
        seconds=seconds,
        trunk_seconds=tower.seconds,
        history=history,
    )


def _unpretrained(towers: Sequence[Tower]) -> list[str]:
    """A warning for each backbone with random weights."""
    return [
        f"{WARNING}: {tower.prepared.source.card.name} has random weights, whose features say little. Pretrain it, or "
        f"pass train={tower.side.name!r}"
        for tower in towers
        if tower.prepared.source.weights_name is None
    ]


def tell(solution: Solution, pairs: Pairs) -> str:
    """A line on which side is mapped to which, and how well."""
    fixed, free = pairs.sides[solution.fixed].name, pairs.sides[1 - solution.fixed].name
    return f"Features of {free} are mapped to those of {fixed}: contrastive loss on validation {solution.loss:.3f}"


def _compare(tuned: TunedTower, solution: Solution, name: str) -> str:
    if tuned.loss is None:
        return f"Tuning {name} diverged: its weights are not used"
    kept = "kept" if tuned.is_kept(solution) else "not kept"
    return f"Tuning {name}: contrastive loss on validation {tuned.loss:.3f}, {kept}"


def as_adapted(tower: Tower, number: int, pairs: Pairs, learned: Learned, *, seed: int) -> Adapted:
    """A tower as a model from its input to its embedding."""
    prepared, splits, network = tower.prepared, pairs.splits, learned.networks[number]
    warnings = splits.audit.warnings
    told = [note for note in str(splits.audit).splitlines() if note not in warnings]
    phases = learned.phases[number]
    record = RunRecord(
        task=TaskRecord(data=None),
        weights=prepared.source.weights_name,
        schedule="alignment",
        phases=list(phases),
        kept=len(phases) - 1,
        refitted=learned.refitted,
        sizes={name: len(getattr(splits, name)) for name in ("train", "validation", "test")},
        set_aside=len(splits.audit.set_aside),
        notes=[*warnings, *learned.notes, *told],
        fingerprint=splits.fingerprint(),
        validation_fingerprint=splits.fingerprint("validation"),
        start=prepared.start,
        seen=splits.seen() | prepared.seen,
        seen_before=prepared.seen,
        seed=seed,
        versions={name: version(name) for name in ("kzoo", "keras", "tensorflow", "numpy")},
    )
    return Adapted(
        card=prepared.source.card,
        kind=Regression.kind,
        labels=[f"dimension {place}" for place in range(network.output_shape[-1])],
        head=prepared.head,
        preprocessor=prepared.preprocessor,
        network=network,
        features=prepared.assembled.features,
        scale=None,
        record=record,
    )
