"""Phases: a linear probe, or gradient steps on some of the groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

from kzoo.specs.adapters import ADAPTERS, Adapter
from kzoo.specs.checked_json import Fields
from kzoo.specs.group_patterns import HEAD, heads_of, match_groups
from kzoo.specs.records.plain_values import plain

OPTIMIZERS = ("adam", "adamw", "sgd", "nadam", "adamax", "adafactor", "adagrad", "adadelta", "rmsprop", "lion")
"""Names of optimizers, those of Keras."""

ADAMW_DECAY = 0.004
"""Weight decay of ``"adamw"`` where none is given, as of Keras."""

AUGMENTATIONS = ("none", "light", "medium", "strong")

OWN = "own"
"""The name in a phase of an augmentation that the user wrote."""

SMOOTHING = 0.1
"""Label smoothing of classes where a phase leaves it to kzoo (arXiv:1512.00567)."""


@dataclass(frozen=True)
class Phase:
    """Gradient steps on one set of groups.

    Args:
        train: patterns of groups: ``"head"``, ``"stage4"``, ``"stage*"``, ``"*"`` (shell wildcards), or ``"last:2"``
            for the head and the two highest stages (of a fusion, of each member); ``"upto:2"`` takes fewer where there
            are fewer. Of several tasks, ``"price/head"`` is the head of one; a head that is not named stays as it is.
        epochs: passes over the training split.
        learning_rate: peak rate, of the head.
        optimizer: the name of a Keras optimizer: ``"adam"``, ``"adamw"``, ``"sgd"`` (Nesterov momentum 0.9),
            ``"nadam"``, ``"adamax"``, ``"adafactor"``, ``"adagrad"``, ``"adadelta"``, ``"rmsprop"`` or ``"lion"``, or
            the name under which a class of yours is registered with Keras, ``"package>Class"``.
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
        adapter: `kzoo.LoRA`, `kzoo.SerialAdapter`, `kzoo.BitFit` or `kzoo.L2SP`: what it trains of the groups below the
            head; weight decay then acts on the differences. None: all of them.

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
    optimizer_options: Mapping[str, object] | Sequence[tuple[str, object]] = ()
    adapter: Adapter | None = None

    takes_steps: ClassVar[bool] = True

    def __post_init__(self) -> None:
        patterns = (self.train,) if isinstance(self.train, str) else tuple(self.train)
        object.__setattr__(self, "train", patterns)
        _check(self, "train", bool(patterns), "at least one pattern of groups")
        for name in ("epochs", "batch_size", "learning_rate"):
            object.__setattr__(self, name, check_step_value(name, getattr(self, name), of=" of a phase"))
        if self.optimizer == "lbfgs":
            raise ValueError("Phase(optimizer='lbfgs') is not supported any more. Use kzoo.LinearProbe().")
        known = self.optimizer in OPTIMIZERS or (isinstance(self.optimizer, str) and ">" in self.optimizer)
        _check(self, "optimizer", known, f"one of {', '.join(OPTIMIZERS)}")
        _check(self, "warmup", 0 <= self.warmup < 1, "in [0, 1)")
        _check(self, "decay", self.decay in ("cosine", "constant"), "'cosine' or 'constant'")
        _check(self, "layer_decay", 0 < self.layer_decay <= 1, "in (0, 1]")
        if self.weight_decay is None:
            object.__setattr__(self, "weight_decay", ADAMW_DECAY if self.optimizer == "adamw" else 0.0)
        _check(self, "weight_decay", (self.weight_decay or 0) >= 0, "in [0, inf)")
        smoothing = self.label_smoothing
        _check(self, "label_smoothing", smoothing == "auto" or _is_share(smoothing), "in [0, 1), or 'auto'")
        _check(self, "patience", self.patience is None or self.patience >= 1, "None or an int in [1, inf)")
        _check(self, "augmentation", self.augmentation in (*AUGMENTATIONS, OWN), f"one of {', '.join(AUGMENTATIONS)}")
        counted = isinstance(self.views, int) and self.views >= 1
        _check(self, "views", self.views is None or counted, "None or an int in [1, inf)")
        adapts = self.adapter is None or isinstance(self.adapter, tuple(ADAPTERS.values()))
        _check(self, "adapter", adapts, f"None or one of {', '.join(f'kzoo.{name}(...)' for name in ADAPTERS)}")
        options = {key: tuple(v) if isinstance(v, list) else v for key, v in dict(self.optimizer_options).items()}
        object.__setattr__(self, "optimizer_options", tuple(sorted(options.items())))

    def groups(self, names: Sequence[str]) -> tuple[str, ...]:
        """The groups among `names` (in order) that this phase trains; raises where a pattern matches none.

        Example:
            >>> Phase(["stage*", "head"]).groups(["stem", "stage1", "head"])
            ('stage1', 'head')
        """
        return match_groups(self.train, names)

    @property
    def heads(self) -> tuple[str, ...]:
        """The tasks whose heads it trains alone; none where it trains those of all tasks.

        Example:
            >>> Phase(["last:1", "price/head"]).heads, Phase(["stage4", "price/head"]).heads
            ((), ('price',))
        """
        return heads_of(self.train)

    @property
    def most_views(self) -> int:
        """Views of each example that it goes through, where there is room: one an epoch, unless it has a bound."""
        if self.augmentation == "none":
            return 1
        return self.epochs if self.views is None else min(self.views, self.epochs)

    def as_plain(self) -> Fields:
        """Plain values, for JSON; without an adapter, those that a kzoo that knows of none can read."""
        return plain(self, without_none=("adapter",))


@dataclass(frozen=True)
class LinearProbe:
    """The head alone, solved to its optimum on features that are computed once.

    Logistic regression for Classification and MultiLabel, ridge regression for Regression; the head must be linear, or
    a classical one (`kzoo.Head`), whose settings are chosen by cross-validation over training and validation examples.
    It takes no gradient steps, so it has no rate, epochs or batches.

    For a sparse backbone with random weights (``ngrams``) the first phase solves the whole linear model, from TF-IDF of
    hashed n-grams to logits. The table of embeddings holds the solution. Words, pieces of words or both, and the
    penalty, are chosen by cross-validation over training and validation texts together, of 0.3, 1, 3, 10, 30 and 100
    unless `strengths` are given.

    Args:
        strengths: inverse strengths of the L2 penalty to try, from the strongest penalty to the weakest, each in
            (0, inf), as scikit-learn's ``C``. The one of the lowest loss on validation is kept; without validation,
            that of the lowest loss over folds of the training split. None: 1e-4, 1e-3, 1e-2, 0.1 and 1.
        refit: whether the head, if `adapt` keeps this phase, is solved once more on the training and validation
            examples together, with the penalty that was chosen: the scores on validation are of the head before. A
            later phase starts from that head too.

    Example:
        >>> LinearProbe().groups(["stem", "stage1", "head"])
        ('head',)
        >>> LinearProbe(strengths=[1.0, -1.0])
        Traceback (most recent call last):
        ...
        ValueError: strengths of a linear probe must be floats in (0, inf). Got [1.0, -1.0].
    """

    strengths: Sequence[float] | None = None
    refit: bool = True

    train: ClassVar[tuple[str, ...]] = ("head",)
    takes_steps: ClassVar[bool] = False
    batch_norm: ClassVar[bool] = False
    augmentation: ClassVar[str] = "none"
    most_views: ClassVar[int] = 1
    adapter: ClassVar[None] = None
    heads: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.refit, bool):
            raise ValueError(f"refit of a linear probe must be True or False. Got {self.refit!r}.")
        if self.strengths is None:
            return
        given = tuple(self.strengths) if isinstance(self.strengths, Sequence) else (self.strengths,)
        sound = [isinstance(each, Real) and not isinstance(each, bool) and 0 < each < math.inf for each in given]
        if not given or not all(sound):
            raise ValueError(f"strengths of a linear probe must be floats in (0, inf). Got {self.strengths!r}.")
        object.__setattr__(self, "strengths", tuple(sorted(map(float, given))))

    def groups(self, names: Sequence[str]) -> tuple[str, ...]:
        """The groups among `names` that this phase trains: the head."""
        return match_groups(self.train, names)


AnyPhase = Phase | LinearProbe


def named_groups(groups: Sequence[str], phase: AnyPhase) -> list[str]:
    """The groups that a phase trains, for the reader: of a head that trains in part, the tasks.

    Example:
        >>> named_groups(["stage4", "head"], Phase(["stage4", "price/head"]))
        ['stage4', 'price/head']
    """
    if not phase.heads:
        return list(groups)
    return [*(name for name in groups if name != HEAD), *(f"{name}/{HEAD}" for name in phase.heads)]


def check_step_value(name: str, value: object, *, of: str = "") -> int | float:
    """An ``epochs``, ``batch_size`` or ``learning_rate`` as an int or a float.

    Args:
        name: of the value.
        value: to check.
        of: its owner, for the message.

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


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < 1


def _check(phase: Phase, name: str, holds: bool, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name} of a phase must be {wanted}. Got {getattr(phase, name)!r}.")


def check_augmentation(augmentation: str | None) -> None:
    """Raises where there is no augmentation of that name; None stands for what the schedule says."""
    if augmentation not in (None, OWN, *AUGMENTATIONS):
        raise ValueError(f"augmentation must be one of {', '.join(AUGMENTATIONS)}. Got {augmentation!r}.")
