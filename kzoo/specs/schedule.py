"""Schedules: phases in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kzoo.specs.adapters import Adapter
from kzoo.specs.checked_json import Fields
from kzoo.specs.phases import AnyPhase, LinearProbe, Phase, check_augmentation


@dataclass(frozen=True)
class Schedule:
    """An ordered tuple of phases.

    Args:
        phases: at least one `Phase` or `LinearProbe`.
        name: in tables.

    Example:
        >>> schedule = Schedule([LinearProbe(), Phase("last:1", epochs=5)], name="mine")
        >>> schedule.takes_steps
        True
    """

    phases: Sequence[AnyPhase]
    name: str = "custom"

    def __post_init__(self) -> None:
        phases = (self.phases,) if isinstance(self.phases, Phase | LinearProbe) else tuple(self.phases)
        if not phases or not all(isinstance(phase, Phase | LinearProbe) for phase in phases):
            raise ValueError(f"A schedule needs at least one kzoo.Phase or kzoo.LinearProbe. Got {self.phases!r}.")
        object.__setattr__(self, "phases", phases)

    @property
    def takes_steps(self) -> bool:
        """Whether any phase takes gradient steps; a probe alone does not."""
        return any(phase.takes_steps for phase in self.phases)

    def with_batches_of(self, multiple: int) -> Schedule:
        """The same schedule with each batch size rounded down to a multiple of `multiple`, but not to 0."""
        return self.changed(lambda phase: {"batch_size": max(phase.batch_size // multiple, 1) * multiple})

    def with_augmentation(self, augmentation: str) -> Schedule:
        """The same schedule with another augmentation in each phase that takes gradient steps.

        Raises:
            ValueError: there is no such augmentation, or no phase that would use it.
        """
        check_augmentation(augmentation)
        if augmentation != "none" and not self.takes_steps:
            raise ValueError(
                f"augmentation={augmentation!r} would have no effect: schedule {self.name!r} is a linear probe on "
                "features that are computed once. Pass another schedule, such as 'lp_ft', or omit augmentation."
            )
        return self.changed(lambda phase: {"augmentation": augmentation})

    def with_adapter(self, adapter: Adapter) -> Schedule:
        """The same schedule with an adapter in each phase that takes gradient steps below the head.

        Raises:
            ValueError: there is no such phase.

        Example:
            >>> from kzoo.specs.adapters import LoRA
            >>> Schedule([LinearProbe(), Phase("*")]).with_adapter(LoRA(rank=4)).phases[1].adapter
            LoRA(rank=4)
        """
        made = self.changed(lambda phase: {} if phase.train == ("head",) else {"adapter": adapter})
        if made.phases == self.phases:
            raise ValueError(
                f"adapter={adapter!r} would have no effect: schedule {self.name!r} trains the head alone. Pass another "
                "schedule, such as 'fine_tune'."
            )
        return made

    def changed(self, changes: Callable[[Phase], Fields]) -> Schedule:
        """The same schedule with changes to each phase that takes gradient steps."""
        phases = [replace(phase, **changes(phase)) if isinstance(phase, Phase) else phase for phase in self.phases]
        return Schedule(tuple(phases), name=self.name)
