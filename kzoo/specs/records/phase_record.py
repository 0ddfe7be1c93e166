"""What one phase of a run did."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kzoo.specs.checked_json import Check, anything, checked, flag
from kzoo.specs.checked_json import record as mapping
from kzoo.specs.records.plain_values import COUNT, COURSE, NAME, NAMES, by_name, freeze, plain, real, required
from kzoo.specs.schedule import Phase


@dataclass(frozen=True, kw_only=True)
class PhaseRecord:
    """What one phase did.

    Args:
        phase: as it was trained.
        groups: the groups that trained; of a merged model the name of the member.
        scores: ``val_loss``, ``val_accuracy`` and others, of the weights that it kept; empty without validation.
        diverged: whether it ended with weights that cannot be used.
        stopped: whether Ctrl-C ended the run in it, or right after it.
        views: augmented views of each example that it went through.
        activations: where those of the frozen layers were kept: ``"memory"``, ``"disk"`` or ``"nowhere"``.
        runtimes: what computed them: ``"OpenVINO"``, ``"folded"``, ``"Keras"``; none where they were there already.
        seconds: wall time.
        trunk_seconds: how many of these went into reading examples and running the frozen layers.
        history: the logs of each epoch: ``epoch``, ``loss``, ``val_loss``, ``val_accuracy``, ``learning_rate``.
    """

    phase: Phase
    groups: Sequence[str]
    scores: Mapping[str, float]
    diverged: bool = False
    stopped: bool = False
    views: int
    activations: str
    runtimes: Sequence[str] = ()
    seconds: float
    trunk_seconds: float
    history: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        freeze(self)

    def as_plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return plain(self)

    @classmethod
    def restore(cls, values: Any, name: str = "phase") -> PhaseRecord:
        """What `as_plain` gave; ValueError where it is none. Files of kzoo 0.1 do not say what ran."""
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
        }
        return cls(**checked(values, checks, name=name, needed=required(cls)))


def _phase(values: Any, name: str) -> Phase:
    """A phase; what an earlier kzoo did not know has its default."""
    values = mapping(values, name)
    if values.get("optimizer") == "lbfgs":
        # A probe takes no other option; an earlier kzoo recorded their defaults.
        values = {each: value for each, value in values.items() if each in ("train", "optimizer")}
    checks = {each.name: anything for each in dataclasses.fields(Phase)}
    try:
        return Phase(**checked(values, checks, name=name, needed=required(Phase)))
    except TypeError as error:
        raise ValueError(f"{name} is no phase: {error}") from error
