"""Schedules: which groups train, for how long, at what rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from numbers import Integral, Real
from typing import Any

OPTIMIZERS = ("lbfgs", "adam", "adamw", "sgd", "nadam", "adamax", "adafactor", "adagrad", "adadelta", "rmsprop", "lion")
"""Names of optimizers, those of Keras and ``"lbfgs"``."""

ADAMW_DECAY = 0.004
"""Weight decay of ``"adamw"`` where none is given, as of Keras."""

AUGMENTATIONS = ("none", "light", "medium", "strong")

OWN = "own"
"""What an augmentation of the user's is called in a phase."""

SMOOTHING = 0.1
"""Label smoothing of classes where a phase leaves it to kzoo (arXiv:1512.00567)."""


@dataclass(frozen=True)
class Phase:
    """One stretch of training with one set of groups.

    Args:
        train: patterns of groups: ``"head"``, ``"stage4"``, ``"stage*"``, ``"*"`` (shell wildcards), or ``"last:2"``
            for the head and the two highest stages (of a fusion, of each member); ``"upto:2"`` takes fewer where there
            are fewer.
        epochs: passes over the training split.
        learning_rate: peak rate, of the head.
        optimizer: the name of a Keras optimizer: ``"adam"``, ``"adamw"``, ``"sgd"`` (Nesterov momentum 0.9),
            ``"nadam"``, ``"adamax"``, ``"adafactor"``, ``"adagrad"``, ``"adadelta"``, ``"rmsprop"`` or ``"lion"``, or
            the name under which a class of yours is registered with Keras, ``"package>Class"``; or ``"lbfgs"``: the
            head alone, solved to its optimum on features computed once, its L2 penalty chosen on validation; needs a
            linear head, and takes no other option.
        batch_size: examples a step, over all replicas.
        warmup: share of the steps over which the rate rises from 0, in [0, 1).
        decay: ``"cosine"`` to 0, or ``"constant"``.
        layer_decay: factor in (0, 1] on the rate for each group further from the head (ULMFiT, arXiv:1801.06146).
        weight_decay: decoupled decay of kernels (AdamW, arXiv:1711.05101), scaled as the rate is; 0 for none. None:
            0.004 for ``"adamw"``, else 0.
        label_smoothing: in [0, 1), for Classification and MultiLabel; ``"auto"``: 0.1 for Classification, else 0.
        batch_norm: train BatchNorm of the groups that train, instead of keeping it frozen.
        patience: epochs that are no better on validation, by accuracy or by loss (see `kzoo.training.selection`), after
            which the phase ends; None: never early.
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``.
        views: most augmented views of each example, taken in turn, an epoch each. None: a new view in each epoch;
            where activations of a frozen trunk are cached, as many as fit. Each view costs one pass through the
            trunk, so fewer are faster. With ``"none"`` there is one.
        optimizer_options: other arguments of the Keras optimizer, as ``{"beta_2": 0.99}``; kept as a tuple of pairs.

    Example:
        >>> phase = Phase("last:2", epochs=5, learning_rate=1e-4)
        >>> phase.groups(["stem", "stage1", "stage2", "stage3", "head"])
        ('stage2', 'stage3', 'head')
        >>> Phase("head", epochs=0)
        Traceback (most recent call last):
        ...
        ValueError: epochs of a phase must be an int in [1, inf). Got 0.
    """

    train: str | Sequence[str]
    epochs: int = 10
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    batch_size: int = 32
    warmup: float = 0.1
    decay: str = "cosine"
    layer_decay: float = 1.0
    weight_decay: float | None = None
    label_smoothing: float | str = 0.0
    batch_norm: bool = False
    patience: int | None = None
    augmentation: str = "none"
    views: int | None = None
    optimizer_options: Mapping[str, Any] | Sequence[tuple[str, Any]] = ()

    def __post_init__(self) -> None:
        patterns = (self.train,) if isinstance(self.train, str) else tuple(self.train)
        object.__setattr__(self, "train", patterns)
        _check(self, "train", bool(patterns), "at least one pattern of groups")
        for name in ("epochs", "batch_size", "learning_rate"):
            object.__setattr__(self, name, check_step_value(name, getattr(self, name), of=" of a phase"))
        known = self.optimizer in OPTIMIZERS or (isinstance(self.optimizer, str) and ">" in self.optimizer)
        _check(self, "optimizer", known, f"one of {', '.join(OPTIMIZERS)}")
        _check(self, "warmup", 0 <= self.warmup < 1, "in [0, 1)")
        _check(self, "decay", self.decay in ("cosine", "constant"), "'cosine' or 'constant'")
        _check(self, "layer_decay", 0 < self.layer_decay <= 1, "in (0, 1]")
        if self.weight_decay is None and self.optimizer != "lbfgs":
            object.__setattr__(self, "weight_decay", ADAMW_DECAY if self.optimizer == "adamw" else 0.0)
        _check(self, "weight_decay", self.weight_decay is None or self.weight_decay >= 0, "in [0, inf)")
        smoothing = self.label_smoothing
        _check(self, "label_smoothing", smoothing == "auto" or _is_share(smoothing), "in [0, 1), or 'auto'")
        _check(self, "patience", self.patience is None or self.patience >= 1, "None or an int in [1, inf)")
        _check(self, "augmentation", self.augmentation in (*AUGMENTATIONS, OWN), f"one of {', '.join(AUGMENTATIONS)}")
        counted = isinstance(self.views, int) and self.views >= 1
        _check(self, "views", self.views is None or counted, "None or an int in [1, inf)")
        options = {key: tuple(v) if isinstance(v, list) else v for key, v in dict(self.optimizer_options).items()}
        object.__setattr__(self, "optimizer_options", tuple(sorted(options.items())))
        if self.optimizer == "lbfgs":
            self._refuse_options_of_steps()

    def _refuse_options_of_steps(self) -> None:
        """Raises where a phase that is solved is given what only gradient steps heed."""
        if self.train != ("head",):
            raise ValueError(f"optimizer='lbfgs' solves the head alone: train must be 'head'. Got {self.train}.")
        others = [each for each in fields(self) if each.name not in ("train", "optimizer")]
        idle = [
            f"{each.name}={getattr(self, each.name)!r}" for each in others if getattr(self, each.name) != each.default
        ]
        if idle:
            raise ValueError(
                f"optimizer='lbfgs' solves the head and takes no gradient steps: {', '.join(idle)} would do nothing. "
                "Leave it out, or take optimizer='adam'."
            )

    def groups(self, names: Sequence[str]) -> tuple[str, ...]:
        """The groups among `names` (in order) that this phase trains; raises where a pattern matches none.

        Example:
            >>> Phase(["stage*", "head"]).groups(["stem", "stage1", "head"])
            ('stage1', 'head')
            >>> Phase("stage9").groups(["stem", "stage1", "head"])
            Traceback (most recent call last):
            ...
            ValueError: Pattern 'stage9' of train matches no group. The groups are: stem, stage1, head.
        """
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

    Example:
        >>> schedule = Schedule([Phase("head", optimizer="lbfgs"), Phase("last:1", epochs=5)], name="mine")
        >>> schedule.takes_steps
        True
    """

    phases: Sequence[Phase]
    name: str = "custom"

    def __post_init__(self) -> None:
        phases = (self.phases,) if isinstance(self.phases, Phase) else tuple(self.phases)
        if not phases or not all(isinstance(phase, Phase) for phase in phases):
            raise ValueError(f"A schedule needs at least one kzoo.Phase. Got {self.phases!r}.")
        object.__setattr__(self, "phases", phases)

    @property
    def takes_steps(self) -> bool:
        """Whether any phase takes gradient steps; a probe alone does not."""
        return any(phase.optimizer != "lbfgs" for phase in self.phases)

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
                f"augmentation={augmentation!r} would do nothing: schedule {self.name!r} is a probe alone, on features "
                "computed once. Pass a schedule that takes gradient steps, as 'lp_ft', or leave augmentation out."
            )
        return self.changed(lambda phase: {"augmentation": augmentation})

    def changed(self, changes: Callable[[Phase], dict[str, Any]]) -> Schedule:
        """The same schedule with changes to each phase that takes gradient steps."""
        phases = [phase if phase.optimizer == "lbfgs" else replace(phase, **changes(phase)) for phase in self.phases]
        return Schedule(tuple(phases), name=self.name)


def check_step_value(name: str, value: Any, *, of: str = "") -> int | float:
    """An ``epochs``, ``batch_size`` or ``learning_rate`` as an int or a float.

    Args:
        name: of the value.
        value: what was given.
        of: what it belongs to, for the message.

    Raises:
        ValueError: it has another type, or is out of range.
    """
    is_rate = name == "learning_rate"
    # NumPy's numbers are Real and Integral too, though not float and int.
    found: Any = value if isinstance(value, Real if is_rate else Integral) and not isinstance(value, bool) else -1
    if not (0 < found < float("inf") if is_rate else found >= 1):
        wanted = "a float in (0, inf)" if is_rate else "an int in [1, inf)"
        hint = " Pass a number, without quotes." if isinstance(value, str) else ""
        raise ValueError(f"{name}{of} must be {wanted}. Got {value!r}.{hint}")
    return float(found) if is_rate else int(found)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value < 1


def _check(phase: Phase, name: str, holds: bool, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name} of a phase must be {wanted}. Got {getattr(phase, name)!r}.")


def check_augmentation(augmentation: str | None) -> None:
    """Raises where there is no augmentation of that name; None stands for what the schedule says."""
    if augmentation not in (None, OWN, *AUGMENTATIONS):
        raise ValueError(f"augmentation must be one of {', '.join(AUGMENTATIONS)}. Got {augmentation!r}.")


def depths_of(names: Sequence[str]) -> dict[str, int]:
    """How far each group is from the head: 0 for the head itself, else its place in its own member, from the top.

    Args:
        names: groups from input to head; of a fusion, ``MEMBER/GROUP``.

    Example:
        >>> depths_of(["stem", "stage1", "head"])
        {'head': 0, 'stage1': 1, 'stem': 2}
    """
    depths = {names[-1]: 0}
    for stages in _stages_of(names).values():
        depths |= {name: depth for depth, name in enumerate(reversed(stages), start=1)}
    return depths


def _stages_of(names: Sequence[str]) -> dict[str, list[str]]:
    """The groups below the head by member, from input to head; by an empty name where there is one backbone."""
    members: dict[str, list[str]] = {}
    for name in names[:-1]:
        members.setdefault(name.rpartition("/")[0], []).append(name)
    return members


def _matching(pattern: str, names: Sequence[str]) -> Sequence[str]:
    form, _, number = pattern.partition(":")
    if form not in ("last", "upto") or not number.isdigit():
        return [name for name in names if fnmatchcase(name, pattern)]
    highest = int(number)
    members = _stages_of(names)
    shortest = min(members, key=lambda member: len(members[member]), default="")
    if form == "last" and highest > len(members.get(shortest, ())):
        whose = f" of {shortest!r}" if shortest else ""
        raise ValueError(
            f"Pattern {pattern!r} of train wants {highest} stages{whose}; there are {len(members.get(shortest, ()))}. "
            f"The groups are: {', '.join(names)}. 'upto:{highest}' takes as many as there are."
        )
    found = [name for stages in members.values() for name in stages[max(len(stages) - highest, 0) :]]
    return [*found, names[-1]]
