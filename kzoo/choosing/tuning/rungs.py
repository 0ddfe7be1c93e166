"""The rungs of a trial: after a quarter and half of its epochs it is compared with the trials before it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np

from kzoo.core.tensors import Logs
from kzoo.specs.phases import AnyPhase, Phase

SHARES = {1: 0.25, 2: 0.5}
"""The share of its epochs after which a trial is at each rung.

All rates fall to 0 at the end of a trial, so trials of different lengths are comparable at the same share.
"""


class EndedEarlyError(Exception):
    """A trial is not among the better ones at a rung."""


class OutOfTimeError(Exception):
    """The time of the search is over."""


class Rungs(keras.callbacks.Callback):
    """Ends a trial at a rung, or when the time is over.

    Args:
        phases: of the trial; rungs are in the last one.
        should_end: from a rung, 1 or 2, and the loss on validation there to whether the trial ends.
        deadline: by `time.perf_counter`; None: there is none.
    """

    def __init__(
        self, phases: Sequence[AnyPhase], should_end: Callable[[int, float], bool], *, deadline: float | None
    ) -> None:
        super().__init__()
        steps = [phase for phase in phases if isinstance(phase, Phase)]
        epochs = steps[-1].epochs if steps else 0
        places = {rung: math.ceil(share * epochs) for rung, share in SHARES.items()}
        # A place that comes twice is the higher rung's; the end is no rung.
        self.rungs = {epoch: rung for rung, epoch in places.items() if 0 < epoch < epochs}
        self.should_end, self.deadline = should_end, deadline
        self.left, self.done = len(steps), 0

    def set_model(self, model: keras.Model) -> None:
        """A phase begins."""
        super().set_model(model)
        self.left, self.done = self.left - 1, 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compares, where a rung is reached."""
        self.done += 1
        if self.deadline is not None and time.perf_counter() > self.deadline:
            raise OutOfTimeError
        rung = self.rungs.get(self.done) if self.left == 0 else None
        logs = logs or {}
        loss = float(logs.get("val_calibrated", logs.get("val_loss", np.nan)))
        if rung is not None and np.isfinite(loss) and self.should_end(rung, loss):
            raise EndedEarlyError
