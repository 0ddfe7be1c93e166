"""The arguments of `pretrain` that say how it is trained, checked."""

from __future__ import annotations

from dataclasses import dataclass

from kzoo.data.seams import Modality
from kzoo.pretraining.objectives.objective import Objective
from kzoo.pretraining.objectives.objective_registry import find_objective
from kzoo.specs.phases import AUGMENTATIONS, check_step_value


@dataclass(frozen=True)
class PretrainingOptions:
    """How a backbone is pretrained, as the arguments of `kzoo.pretrain` of the same names say.

    Raises:
        ValueError: one of them is out of its range.

    Example:
        >>> PretrainingOptions("simclr", steps=100).every
        10
        >>> PretrainingOptions("simclr", ema=1.0)
        Traceback (most recent call last):
        ...
        ValueError: ema must be a float in [0, 1). Got 1.0.
    """

    objective: str
    steps: int = 1_000
    batch_size: int = 64
    learning_rate: float | None = None
    augmentation: str | None = None
    eval_every: int | None = None
    ema: float = 0.99
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        kind = self.kind
        if self.augmentation not in (None, *AUGMENTATIONS):
            raise ValueError(f"augmentation must be one of {', '.join(AUGMENTATIONS)}. Got {self.augmentation!r}.")
        for name in ("steps", "batch_size", "eval_every", "learning_rate"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_step_value(name, value))
        if isinstance(self.ema, bool) or not isinstance(self.ema, int | float) or not 0 <= self.ema < 1:
            raise ValueError(f"ema must be a float in [0, 1). Got {self.ema!r}.")
        if kind.views > 1 and self.augmentation == "none":
            raise ValueError(
                f"objective={self.objective!r} compares augmented views of one example. Pass another augmentation "
                "than 'none'."
            )

    @property
    def kind(self) -> type[Objective]:
        """The objective of that name."""
        return find_objective(self.objective)

    @property
    def every(self) -> int:
        """Steps between two evaluations."""
        return self.eval_every or max(self.steps // 10, 1)

    def augmentation_for(self, modality: Modality) -> str:
        """Name of the augmentation of examples of a modality: what was asked for, else what the objective asks for."""
        if self.augmentation is not None:
            return self.augmentation
        return modality.pretraining_augmentation(self.kind.augmentation, self.kind.views)
