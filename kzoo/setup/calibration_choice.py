"""Whether a model's probabilities are calibrated: its logits divided by a temperature."""

from __future__ import annotations

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
    if state is None or state.logits is None or not state.learned:
        return 1.0, ""
    kind, targets = feed.kind, feed.validation.targets
    factor = cautious_sharpness(state.logits, targets, kind=kind)
    before, after = (kind.example_losses(each, targets) for each in (state.logits, factor * state.logits))
    if not factor or not is_better(after, before):
        return 1.0, ""
    return 1 / factor, (
        f"Probabilities are calibrated on validation: logits are divided by {1 / factor:.2f} (loss {before.mean():.3f} "
        f"before, {after.mean():.3f} after)"
    )
