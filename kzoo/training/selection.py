"""Model selection: the rule for choosing among several states of a model, for epochs and for phases.

1. **Clearly more right answers win**: a state beats another whose validation accuracy is lower by more than two
   standard errors of the paired difference (`CLEARLY`).
2. **Otherwise the lower validation loss wins, after temperature scaling**: logits are divided by the one number for
   which the loss of this state is lowest (arXiv:1706.04599). A loss is less noisy than accuracy. After scaling,
   overconfidence (from long training) and underconfidence (from label smoothing) do not count.
   A regression is compared by its mean squared error; several tasks by the sum of their losses, each divided by that
   of a guess and scaled by itself.
3. **If nothing was learned, luck does not count.** A state that, even after scaling, does not beat a constant
   prediction by more than two standard errors is compared by its unscaled loss. On noise, low confidence wins.
4. **The last epoch of a phase is kept**, unless an earlier one beats it by rule 1, or has a loss lower by more than
   one standard error of the paired difference (the one standard error rule, Breiman et al. 1984, section
   3.4.3). A learning rate that decays to 0 leaves the best weights at the end, and the best of many noisy
   measurements is mostly luck.
5. **Of several phases, the best is kept; of equals, the later one.**
6. **Without validation examples nothing is compared**: the last epoch of the last phase is kept.
7. **A diverged state is never kept**: its loss is not finite, or far worse than that of a constant prediction
   (`FAR`, `FAR_ON_TRAINING`). A phase that ends in such a state has diverged.

With `monitor=`, its value on validation replaces rules 1 to 4: the state with the highest value is kept; of equals,
the later one.

Accuracy comes first only where it is clear: on FSDD's unheard voices the loss alone kept an epoch of 0.79 validation
accuracy, of 500 recordings, where later ones had 0.86.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.losses import score
from kzoo.training.temperature import scaled

FAR_ON_TRAINING = 10.0
"""Training has diverged if its loss exceeds that of a constant prediction by this factor.

Training starts near a constant prediction and lowers the loss, even on noise. Far too high a rate gives 1e3 and more.
"""

FAR = 100.0
"""Training has diverged if the validation loss exceeds that of a constant prediction by this factor.

Overfitting alone stays far below: two classes, half of the answers wrong, logits 40 apart give a factor of 29.
"""

CLEARLY = 2.0
"""Number of standard errors by which more right answers decide, whatever the loss."""

SURELY = 2.0
"""Number of standard errors by which a state must beat a constant prediction for temperature scaling to apply."""

Monitor = Callable[[np.ndarray, np.ndarray], float]
"""A function of targets and logits, (N, outputs) each, that returns a number; higher is better."""


@dataclass(frozen=True)
class WeightsState:
    """The validation result of one set of weights.

    Args:
        losses: the loss of each example for comparing states, float64 (N,); infinite in place of NaN. Empty without a
            validation split.
        scores: ``val_loss``, the unscaled mean loss; ``val_accuracy``, if the task has one; and ``val_calibrated``,
            the mean of `losses` after temperature scaling.
        sound: whether the state may be kept: False if it has diverged.
        hits: 1 for a right and 0 for a wrong answer, (N,); with several labels, the share of right ones. None for a
            regression, and if nothing was learned.
        monitored: the value of `monitor`, higher is better. None: the rule of this module applies.
        logits: on validation, or values of a regression, finite, (N, outputs); None if they are not.
        learned: whether `losses` are those after temperature scaling: never of a regression.
    """

    losses: np.ndarray
    scores: Mapping[str, float]
    sound: bool
    hits: np.ndarray | None = None
    monitored: float | None = None
    logits: np.ndarray | None = field(default=None, repr=False)
    learned: bool = False

    @property
    def loss(self) -> float:
        """The mean of `losses`; lower is better. 0 without validation examples."""
        return float(self.losses.mean()) if len(self.losses) else 0.0


def constant_losses(kind: TaskKind, targets: np.ndarray, *, train: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The losses (N,) of a constant prediction: the class shares in the training split, or the mean target.

    Args:
        kind: the task kind.
        targets: validation targets, (N, outputs).
        train: training targets, (M, outputs).
        weights: weights of the training examples, (M,).
    """
    rows = train.astype(np.float64)
    if kind.parts:
        # Of several tasks: targets that are missing are NaN.
        mean = np.ma.average(np.ma.masked_invalid(rows), axis=0, weights=weights).filled(0.0)
    else:
        mean = np.average(rows, axis=0, weights=weights)
    logits = kind.constant_logits(mean, len(train))
    return kind.example_losses(np.broadcast_to(logits, targets.shape), targets)


def judge(
    kind: TaskKind, logits: np.ndarray, targets: np.ndarray, *, constant: np.ndarray, monitor: Monitor | None = None
) -> WeightsState:
    """The validation result of a state with these outputs.

    Args:
        kind: the task kind.
        logits: validation logits, or values of a regression, (N, outputs).
        targets: validation targets, (N, outputs).
        constant: losses of a constant prediction, (N,); see `constant_losses`.
        monitor: the function to select by. None: the rule of this module.
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
    if kind.temperature_slope is None and not kind.parts:
        return WeightsState(losses, scores, sound, logits=logits)
    mended = kind.example_losses(scaled(logits, targets, kind=kind), targets)
    learned = is_better(mended, constant, errors=SURELY)
    losses = mended if learned else losses
    scores = {**scores, "val_calibrated": float(losses.mean())}
    if not learned:
        return WeightsState(losses, scores, sound, logits=logits)
    return WeightsState(losses, scores, sound, kind.example_hits(logits, targets), logits=logits, learned=True)


def unmeasured(weights: Iterable[np.ndarray]) -> WeightsState:
    """The state of weights without a validation split: sound if all weights are finite."""
    return WeightsState(np.zeros(0), {}, sound=all(bool(np.isfinite(each).all()) for each in weights))


def is_better(losses: np.ndarray, others: np.ndarray, *, errors: float = 1.0) -> bool:
    """Whether losses (N,) are lower than others of the same examples by more than `errors` standard errors of the mean.

    False for a single example, which has no standard error.
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
    """Whether a state is better than another: by `monitor`, or else by clearly more right answers, or else by loss."""
    if state.monitored is not None and other.monitored is not None:
        return state.monitored > other.monitored
    if has_clearly_more_hits(state, other):
        return True
    return not has_clearly_more_hits(other, state) and state.loss < other.loss


def is_surely_better(state: WeightsState, other: WeightsState) -> bool:
    """Whether a state is better than another beyond chance: by right answers, or by loss where these are alike."""
    if has_clearly_more_hits(state, other):
        return True
    return not has_clearly_more_hits(other, state) and is_better(state.losses, other.losses)


def epoch_to_keep(best: WeightsState, last: WeightsState) -> WeightsState:
    """The state to keep, given the best and the last epoch of a phase."""
    if best.monitored is not None and last.monitored is not None:
        return best if not last.sound or beats(best, last) else last
    return best if not last.sound or is_surely_better(best, last) else last


def phase_to_keep(states: Sequence[WeightsState | None]) -> int:
    """The index of the phase to keep.

    Args:
        states: the state kept by each phase; None for a phase that diverged.

    Raises:
        FloatingPointError: all phases diverged.
    """
    kept: tuple[int, WeightsState] | None = None
    for number, state in enumerate(states):
        if state is not None and (kept is None or not beats(kept[1], state)):
            kept = number, state
    if kept is None:
        raise FloatingPointError(
            "Training diverged: no epoch of any phase ended with a finite loss near or below that of a constant "
            "prediction. Lower the learning_rate, or check the data for wrong values."
        )
    return kept[0]
