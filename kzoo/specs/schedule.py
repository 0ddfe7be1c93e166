"""Schedules: which groups train, for how long, at what rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

OPTIMIZERS = ("lbfgs", "adam", "sgd")
AUGMENTATIONS = ("none", "light", "medium", "strong")


@dataclass(frozen=True)
class Phase:
    """One stretch of training with one set of groups.

    Args:
        train: patterns of groups: ``"head"``, ``"stage4"``, ``"stage*"``, ``"*"`` (shell wildcards), or ``"last:2"``
            for the head and the two highest stages (of a fusion, of each member).
        epochs: passes over the training split.
        learning_rate: peak rate, of the head.
        optimizer: ``"adam"``, ``"sgd"`` (Nesterov momentum 0.9), or ``"lbfgs"``: the head alone, solved to its optimum
            on features computed once, its L2 penalty chosen on validation; needs a linear head.
        batch_size: examples a step, over all replicas.
        warmup: share of the steps over which the rate rises from 0, in [0, 1).
        decay: ``"cosine"`` to 0, or ``"constant"``.
        layer_decay: factor in (0, 1] on the rate for each group further from the head (ULMFiT, arXiv:1801.06146).
        weight_decay: decoupled decay of kernels (AdamW, arXiv:1711.05101), scaled as the rate is; 0 for none.
        label_smoothing: in [0, 1); classification only.
        batch_norm: train BatchNorm of the groups that train, instead of keeping it frozen.
        patience: epochs without a lower loss on validation (after temperature scaling) after which the phase ends;
            None: never early.
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``.
        views: augmented versions of each example, drawn once and taken in turn, an epoch each; 1 with ``"none"``.
    """

    train: str | Sequence[str]
    epochs: int = 10
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    batch_size: int = 32
    warmup: float = 0.1
    decay: str = "cosine"
    layer_decay: float = 1.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    batch_norm: bool = False
    patience: int | None = None
    augmentation: str = "none"
    views: int = 1

    def __post_init__(self) -> None:
        patterns = (self.train,) if isinstance(self.train, str) else tuple(self.train)
        object.__setattr__(self, "train", patterns)
        _check(self, "train", bool(patterns), "at least one pattern of groups")
        _check(self, "epochs", isinstance(self.epochs, int) and self.epochs >= 1, "an int in [1, inf)")
        _check(self, "learning_rate", self.learning_rate > 0, "in (0, inf)")
        _check(self, "optimizer", self.optimizer in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}")
        _check(self, "batch_size", isinstance(self.batch_size, int) and self.batch_size >= 1, "an int in [1, inf)")
        _check(self, "warmup", 0 <= self.warmup < 1, "in [0, 1)")
        _check(self, "decay", self.decay in ("cosine", "constant"), "'cosine' or 'constant'")
        _check(self, "layer_decay", 0 < self.layer_decay <= 1, "in (0, 1]")
        _check(self, "weight_decay", self.weight_decay >= 0, "in [0, inf)")
        _check(self, "label_smoothing", 0 <= self.label_smoothing < 1, "in [0, 1)")
        _check(self, "patience", self.patience is None or self.patience >= 1, "None or an int in [1, inf)")
        _check(self, "augmentation", self.augmentation in AUGMENTATIONS, f"one of {', '.join(AUGMENTATIONS)}")
        _check(self, "views", isinstance(self.views, int) and self.views >= 1, "an int in [1, inf)")
        if self.optimizer == "lbfgs" and patterns != ("head",):
            raise ValueError(f"optimizer='lbfgs' solves the head alone: train must be 'head'. Got {patterns}.")

    def groups(self, names: Sequence[str]) -> tuple[str, ...]:
        """The groups among `names` (in order) that this phase trains; raises where a pattern matches none."""
        found: set[str] = set()
        for pattern in self.train:
            matches = _matching(pattern, names)
            if not matches:
                raise ValueError(f"Pattern {pattern!r} of train matches no group. The groups are: {', '.join(names)}.")
            found.update(matches)
        return tuple(name for name in names if name in found)


@dataclass(frozen=True)
class Schedule:
    """An ordered tuple of phases.

    Args:
        phases: at least one `Phase`.
        name: what it is called in tables.
    """

    phases: Sequence[Phase]
    name: str = "custom"

    def __post_init__(self) -> None:
        phases = (self.phases,) if isinstance(self.phases, Phase) else tuple(self.phases)
        if not phases or not all(isinstance(phase, Phase) for phase in phases):
            raise ValueError(f"A schedule needs one kzoo.Phase or more. Got {self.phases!r}.")
        object.__setattr__(self, "phases", phases)

    def with_batches_of(self, multiple: int) -> Schedule:
        """The same schedule with each batch size rounded down to a multiple of `multiple`, but not to 0."""
        phases = [replace(p, batch_size=max(p.batch_size // multiple, 1) * multiple) for p in self.phases]
        return Schedule(tuple(phases), name=self.name)

    def with_augmentation(self, augmentation: str) -> Schedule:
        """The same schedule with another augmentation in each phase that takes gradient steps."""
        phases = [p if p.optimizer == "lbfgs" else replace(p, augmentation=augmentation) for p in self.phases]
        return Schedule(tuple(phases), name=self.name)


def _check(phase: Phase, name: str, holds: bool, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name} of a phase must be {wanted}. Got {getattr(phase, name)!r}.")


def _matching(pattern: str, names: Sequence[str]) -> Sequence[str]:
    if pattern.startswith("last:") and pattern.removeprefix("last:").isdigit():
        number = int(pattern.removeprefix("last:"))
        members = {name.rpartition("/")[0] for name in names[:-1]}
        # Of a fusion, the highest of each member: MEMBER/GROUP.
        found = [name for one in members for name in [n for n in names[:-1] if n.rpartition("/")[0] == one][-number:]]
        return [*(found if number else []), names[-1]]
    return [name for name in names if fnmatchcase(name, pattern)]
