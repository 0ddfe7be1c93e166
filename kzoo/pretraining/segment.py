"""The steps of pretraining between two looks at the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from kzoo.core.progress import ProgressBar
from kzoo.core.tensors import Logs
from kzoo.training.resuming.interruptions import Interruption


class Segment(keras.callbacks.Callback):
    """The steps from one look to the next, with their bar.

    Args:
        bar: is moved on.
        interruption: Ctrl-C or SIGTERM, after which the present step is the last one.
        write: is called before each step but the first, with the number of steps that are done.
        metrics: means over steps of the segment that an earlier process has done; or none.
    """

    def __init__(
        self,
        bar: ProgressBar,
        interruption: Interruption,
        *,
        write: Callable[[int], None],
        metrics: Sequence[np.ndarray],
    ) -> None:
        super().__init__()
        self.bar, self.interruption, self.write, self.metrics = bar, interruption, write, metrics
        self.steps, self.logs, self.lost = 0, {}, False

    @property
    def has_finite_loss(self) -> bool:
        """Whether the logs of the last step are finite."""
        return bool(np.isfinite(list(self.means().values())).all())

    def means(self) -> dict[str, float]:
        """The logs of the last step, which are means over all of the segment."""
        return {name: float(value) for name, value in self.logs.items()}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes up the means of an earlier process."""
        for variable, value in zip(self.model.metrics_variables, self.metrics, strict=False):
            variable.assign(value)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """All steps before are done."""
        if batch:
            self.write(batch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A step further."""
        self.steps, self.logs = self.steps + 1, logs or {}
        self.lost = not self.has_finite_loss
        if self.lost or self.interruption.number:
            self.model.stop_training = True
        self.bar.update(1)
