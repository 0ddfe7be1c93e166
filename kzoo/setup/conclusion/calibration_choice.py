"""Whether a model's probabilities are calibrated: its logits divided by a temperature."""

from __future__ import annotations

import keras
import numpy as np

from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.feed import Feed
from kzoo.training.selection import WeightsState, is_better
from kzoo.training.temperature import cautious_sharpness


def choose_temperature(state: WeightsState | None, feed: Feed) -> tuple[float, str]:
    """The temperature that logits are divided by (arXiv:1706.04599), and a note; 1 and "" where it does not help.

    It helps where it lowers the loss on validation by more than one standard error of the paired difference. It
    changes no answer, only how sure it is.

    Args:
        state: what validation says of the weights that were kept, not refitted on validation.
        feed: targets of validation.
    """
    if state is None or state.logits is None or not state.learned or feed.kind.parts:
        return 1.0, ""
    return _helpful_temperature(state.logits, feed.validation.targets, feed.kind)


def _helpful_temperature(logits: np.ndarray, targets: np.ndarray, kind: TaskKind) -> tuple[float, str]:
    factor = cautious_sharpness(logits, targets, kind=kind)
    before, after = (kind.example_losses(each, targets) for each in (logits, factor * logits))
    if not factor or not is_better(after, before):
        return 1.0, ""
    return 1 / factor, (
        f"Probabilities are calibrated on validation: logits are divided by {1 / factor:.2f} (loss {before.mean():.3f} "
        f"before, {after.mean():.3f} after)"
    )


def choose_temperatures(state: WeightsState | None, feed: Feed) -> tuple[np.ndarray | None, str]:
    """The temperature of each output of several tasks, float (outputs,), one a task, and a note; None and "" for none.

    Args: as of `choose_temperature`.
    """
    kind, truth = feed.kind, feed.validation.targets
    if state is None or state.logits is None or not state.learned or not kind.parts:
        return None, ""
    temperatures, notes = np.ones(kind.parts[-1].stop), []
    for part in kind.parts:
        known = part.known(truth)
        if part.kind.temperature_slope is not None and known.any():
            found, note = _helpful_temperature(part.of(state.logits)[known], part.of(truth)[known], part.kind)
            temperatures[part.start : part.stop] = found
            notes += [f"{part.name}: {note}"] if note else []
    return (temperatures, ". ".join(notes)) if notes else (None, "")


def divide_logits(model: keras.Model, temperatures: np.ndarray) -> bool:
    """Divides each output of the last layer by its temperature, (outputs,); False where that layer is not dense."""
    last = model.layers[-1]
    if not isinstance(last, keras.layers.Dense):
        return False
    last.set_weights([each / temperatures for each in last.get_weights()])
    return True
