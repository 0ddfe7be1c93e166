"""Selection: which of several states of a model is kept. The one rule, for epochs and for phases.

1. **Clearly more right answers win**: a state beats another whose validation accuracy is lower by more than two
   standard errors of the paired difference (`CLEARLY`).
2. **Otherwise the lower validation loss wins, after temperature scaling**: logits are divided by the one number for
   which the loss of this state is lowest (arXiv:1706.04599). A loss is less noisy than accuracy. After scaling it does
   not punish a state that is merely too sure, as long training makes it, or not sure enough, as label smoothing does.
   A regression is compared by its mean squared error.
3. **Where nothing was learned, luck counts for nothing.** A state that, even scaled, does not predict better than a
   constant does, by more than two standard errors, is compared by its loss as it is. On noise the calm state is kept.
4. **Of the epochs of a phase the last is kept**, unless an earlier one beats it by accuracy, or has a lower loss by
   more than one standard error of the paired difference (the one standard error rule, Breiman et al. 1984, section
   3.4.3). A rate that falls to 0 leaves the best weights at the end, and the best of many noisy measurements is mostly
   luck.
5. **Of the phases the one that no later one beats or equals is kept.**
6. **Without validation examples nothing is compared**: of the epochs the last is kept, and of the phases the last.
7. **A state that is not sound is never kept**: one whose loss is not finite, or that is far worse than a guess
   (`FAR`, `FAR_ON_TRAINING`). A phase that ends in such a state has diverged.

Where the user says what to monitor, its value on validation takes the place of rules 1 to 4: the state of the highest
value is kept, the later one of equals.

Accuracy comes first only where it is clear: on FSDD's unheard voices the loss alone kept an epoch of 0.79 validation
accuracy, of 500 recordings, where later ones had 0.86.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.losses import score
from kzoo.training.temperature import scaled

FAR_ON_TRAINING = 10.0
"""A training loss of more than this many times that of a guess is divergence.

Training starts near a guess and lowers the loss, also on noise. A rate that is far too high gives 1e3 and more.
"""

FAR = 100.0
"""A validation loss of more than this many times that of a guess is divergence.

Overfitting alone stays far below: logits that differ by 40, of which half are wrong, are 29 times a guess of two.
"""

CLEARLY = 2.0
"""Standard errors by which one state must have more right answers than another to beat it at whatever loss."""

SURELY = 2.0
"""Standard errors by which a state must be better than a constant prediction before its temperature is mended."""

Monitor = Callable[[np.ndarray, np.ndarray], float]
"""From targets and logits, (N, outputs) each, to a number; higher is better."""


@dataclass(frozen=True)
class WeightsState:
    """The validation result of one set of weights.

    Args:
        losses: float64 (N,): the loss of each example by which states are compared; infinite where it is no number.
            Empty where there is no validation split.
        scores: ``val_loss``, the mean loss as it is; ``val_accuracy``, where there is one; and ``val_calibrated``, the
            mean of `losses`, where they are those after temperature scaling.
        sound: whether the state may be kept, by its validation loss.
        hits: (N,), 1 where the answer is right and 0 where it is wrong; of several labels the share of the right ones.
            None for a regression, and where nothing was learned.
        monitored: the value that the user selects by, higher is better; None: by the rule above.
    """

    losses: np.ndarray
    scores: Mapping[str, float]
    sound: bool
    hits: np.ndarray | None = None
    monitored: float | None = None

    @property
    def loss(self) -> float:
        """The mean of `losses`; lower is better. 0 where there are none."""
        return float(self.losses.mean()) if len(self.losses) else 0.0


def constant_losses(kind: TaskKind, targets: np.ndarray, *, train: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The loss of each example, (N,), where all get the same answer: shares of the classes in training, or the mean.

    Args:
        kind: of the task.
        targets: of validation, (N, outputs).
        train: targets of training, (M, outputs).
        weights: of the training examples, (M,).
    """
    mean = np.average(train.astype(np.float64), axis=0, weights=weights)
    logits = kind.constant_logits(mean, len(train))
    return kind.example_losses(np.broadcast_to(logits, targets.shape), targets)


def judge(
    kind: TaskKind, logits: np.ndarray, targets: np.ndarray, *, constant: np.ndarray, monitor: Monitor | None = None
) -> WeightsState:
    """The state of which these are the logits (N, outputs) on validation.

    Args:
        kind: of the task.
        logits: or values, (N, outputs).
        targets: (N, outputs).
        constant: the loss of each example by a constant prediction, (N,); see `constant_losses`.
        monitor: what the user selects by; None: the rule of this module.
    """
    state = _judge(kind, logits, targets, constant=constant)
    if monitor is None or not np.isfinite(logits).all():
        return state
    value = float(monitor(targets, logits))
    if not math.isfinite(value):
        raise ValueError(f"monitor gave {value} on validation. It must be a finite number, higher is better.")
    return replace(state, monitored=value, scores={**state.scores, "val_monitor": value})


def _judge(kind: TaskKind, logits: np.ndarray, targets: np.ndarray, *, constant: np.ndarray) -> WeightsState:
    with np.errstate(all="ignore"):
        scores = score(kind, logits, targets)
    if not np.isfinite(logits).all():
        return WeightsState(np.full(len(logits), np.inf), {**scores, "val_loss": math.nan}, sound=False)
    sound = scores["val_loss"] <= FAR * kind.guess_loss(targets.shape[1])
    losses = kind.example_losses(logits, targets)
    if kind.temperature_slope is None:
        return WeightsState(losses, scores, sound)
    mended = kind.example_losses(scaled(logits, targets, kind=kind), targets)
    learned = is_better(mended, constant, errors=SURELY)
    losses = mended if learned else losses
    scores = {**scores, "val_calibrated": float(losses.mean())}
    return WeightsState(losses, scores, sound, kind.example_hits(logits, targets) if learned else None)


def unmeasured(weights: Iterable[np.ndarray]) -> WeightsState:
    """The state of some weights where there is no validation split: sound where all of them are finite."""
    return WeightsState(np.zeros(0), {}, sound=all(bool(np.isfinite(each).all()) for each in weights))


def is_better(losses: np.ndarray, others: np.ndarray, *, errors: float = 1.0) -> bool:
    """Whether losses (N,) are lower than others of the same examples, by more than some standard errors of the mean.

    One example has no standard error: it is never enough.
    """
    gains = others - losses
    if len(gains) < 2:
        return False
    return bool(gains.mean() > errors * gains.std(ddof=1) / math.sqrt(len(gains)))


def has_clearly_more_hits(state: WeightsState, other: WeightsState) -> bool:
    """Whether a state has more right answers than another, by more than `CLEARLY` standard errors."""
    if state.hits is None or other.hits is None:
        return False
    return is_better(-state.hits, -other.hits, errors=CLEARLY)


def beats(state: WeightsState, other: WeightsState) -> bool:
    """Whether a state is better than another: by what is monitored; else by clearly more right answers, or its loss."""
    if state.monitored is not None and other.monitored is not None:
        return state.monitored > other.monitored
    if has_clearly_more_hits(state, other):
        return True
    return not has_clearly_more_hits(other, state) and state.loss < other.loss


def epoch_to_keep(best: WeightsState, last: WeightsState) -> WeightsState:
    """Of the epoch that no later one beats and the last, both of one phase, the one that is kept."""
    if best.monitored is not None and last.monitored is not None:
        return best if not last.sound or beats(best, last) else last
    if not last.sound or has_clearly_more_hits(best, last):
        return best
    if has_clearly_more_hits(last, best):
        return last
    return best if is_better(best.losses, last.losses) else last


def phase_to_keep(states: Sequence[WeightsState | None]) -> int:
    """The number of the phase that is kept.

    Args:
        states: what each phase kept; None for one that had no sound state.

    Raises:
        FloatingPointError: no phase has a sound state.
    """
    kept: tuple[int, WeightsState] | None = None
    for number, state in enumerate(states):
        if state is not None and (kept is None or not beats(kept[1], state)):
            kept = number, state
    if kept is None:
        raise FloatingPointError(
            "Training diverged: no epoch of any phase ended with a loss that is finite and near that of a guess, or "
            "below it. Please lower the learning_rate, or look for wrong values in the data."
        )
    return kept[0]
