"""The record of one phase of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kzoo.specs.adapters import restore_adapter
from kzoo.specs.checked_json import Check, Fields, anything, checked, flag, maybe
from kzoo.specs.checked_json import record as mapping
from kzoo.specs.phases import AnyPhase, LinearProbe, Phase, named_groups
from kzoo.specs.records.plain_values import COUNT, COURSE, NAME, NAMES, by_name, freeze, plain, real, required


@dataclass(frozen=True, kw_only=True)
class PhaseRecord:
    """The record of one phase.

    Args:
        phase: as it was trained.
        groups: the groups that trained; of a merged model the name of the member.
        scores: ``val_loss``, ``val_accuracy`` and others, of the weights that it kept; empty without validation.
        diverged: whether its final weights are unusable.
        stopped: whether Ctrl-C ended the run in it, or right after it.
        views: augmented views of each example that it used.
        activations: where outputs of the frozen layers were cached: ``"memory"``, ``"disk"`` or ``"nowhere"``.
        runtimes: that computed them: ``"OpenVINO"``, ``"folded"``, ``"Keras"``; none where they were cached already.
        seconds: wall time.
        trunk_seconds: time for reading examples and running the frozen layers, part of `seconds`.
        history: the logs of each epoch: ``epoch``, ``loss``, ``val_loss``, ``val_accuracy``, ``learning_rate``.
        parameters: numbers that trained, of a phase with an adapter; else None.
        all_parameters: numbers in all weights of the model, likewise.
    """

    phase: AnyPhase
    groups: Sequence[str]
    scores: Mapping[str, float]
    diverged: bool = False
    stopped: bool = False
    views: int
    activations: str
    runtimes: Sequence[str] = ()
    seconds: float
    trunk_seconds: float
    history: Sequence[Mapping[str, float]]
    parameters: int | None = None
    all_parameters: int | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def as_plain(self) -> Fields:
        """Plain values, for JSON."""
        return plain(self, without_none=("parameters", "all_parameters"))

    @property
    def trained(self) -> str:
        """The groups that trained, and of an adapter how many of all numbers, for a table."""
        shown = " ".join(named_groups(self.groups, self.phase))
        if self.phase.adapter is None or self.parameters is None or self.all_parameters is None:
            return shown
        return f"{shown} ({self.phase.adapter.label}: {self.parameters:,} of {self.all_parameters:,})"

    @classmethod
    def restore(cls, values: object, name: str = "phase") -> PhaseRecord:
        """Reads plain values of `as_plain`; raises ValueError for others. Files of kzoo 0.1 do not name the runtime."""
        checks: dict[str, Check] = {
            "phase": _phase,
            "groups": NAMES,
            "scores": by_name(real),
            "diverged": flag,
            "stopped": flag,
            "views": COUNT,
            "activations": NAME,
            "runtimes": NAMES,
            "seconds": real,
            "trunk_seconds": real,
            "history": COURSE,
            "parameters": maybe(COUNT),
            "all_parameters": maybe(COUNT),
        }
        return cls(**checked(values, checks, name=name, needed=required(cls)))


def _phase(values: object, name: str) -> AnyPhase:
    """A phase. Fields that an earlier kzoo did not write get their defaults."""
    values = mapping(values, name)
    if values.get("optimizer") == "lbfgs":
        # A linear probe in files of an earlier kzoo.
        values = {"strengths": None, "refit": False}
    kind = LinearProbe if "strengths" in values else Phase
    checks: dict[str, Check] = {each.name: anything for each in dataclasses.fields(kind)}
    if kind is Phase:
        checks["adapter"] = maybe(restore_adapter)
    try:
        return kind(**checked(values, checks, name=name, needed=required(kind)))
    except TypeError as error:
        raise ValueError(f"{name} is not a valid phase: {error}") from error
