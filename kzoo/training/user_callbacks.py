"""The user's Keras callbacks: they see all gradient phases as one training run."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence

import keras
from keras.callbacks import Callback

from kzoo.core.tensors import Logs
from kzoo.task_kinds.task_kind import TaskKind

DIRECTIONS = {
    "loss": "min",
    "val_loss": "min",
    "val_calibrated": "min",
    "val_accuracy": "max",
    "val_monitor": "max",
    "learning_rate": "min",
}
"""Names in the logs of an epoch, and whether lower (min) or higher (max) values are better."""


def refuse_callbacks(
    callbacks: Sequence[Callback], *, kind: TaskKind, validated: bool = True, monitored: bool = False
) -> None:
    """Raises where a callback cannot work, or would do something else here than its name says.

    Args:
        callbacks: the user's.
        kind: of the task.
        validated: whether there is a validation split.
        monitored: whether ``monitor=`` was given, whose value the logs name ``val_monitor``.

    Raises:
        ValueError: a callback would set the rate or save checkpoints, or it monitors what there is not.
        ImportError: TensorBoard is not installed.
    """
    rate = "cannot be used: each phase sets the learning rate at each step. Use Phase(decay=...) instead"
    saving = "would save only the layers that train. kzoo keeps the best weights, and Adapted.save writes them all"
    wrong = {
        keras.callbacks.ReduceLROnPlateau: rate,
        keras.callbacks.LearningRateScheduler: rate,
        keras.callbacks.ModelCheckpoint: saving,
        keras.callbacks.BackupAndRestore: saving,
    }
    known = [name for name in DIRECTIONS if kind.has_labels or name not in ("val_accuracy", "val_calibrated")]
    known = [name for name in known if validated or not name.startswith("val_")]
    known = [name for name in known if monitored or name != "val_monitor"]
    for callback in callbacks:
        for each, reason in wrong.items():
            if isinstance(callback, each):
                raise ValueError(f"The callback {each.__name__} {reason}.")
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.monitor not in known:
            hint = " Give adapt(monitor=...) as well." if callback.monitor == "val_monitor" else ""
            raise ValueError(f"EarlyStopping can monitor {', '.join(known)}. Got monitor={callback.monitor!r}.{hint}")
        if isinstance(callback, keras.callbacks.TensorBoard) and not importlib.util.find_spec("tensorboard"):
            raise ImportError("The callback TensorBoard needs TensorBoard: pip install 'kzoo[tensorboard]'")


class UserCallbacks:
    """Hands the user's callbacks to the `fit` of each phase.

    All but `EarlyStopping` see one run: ``on_train_begin`` once, then epochs that are counted on from phase to phase,
    and ``on_train_end`` once. So a CSVLogger writes one table and TensorBoard one run. Their model is the part that
    trains, another one in each phase. An `EarlyStopping` ends a phase, and starts anew in the next.

    Args:
        callbacks: the user's.
        epochs: of all phases that take gradient steps.
    """

    def __init__(self, callbacks: Sequence[Callback], *, epochs: int) -> None:
        self._ends = [each for each in callbacks if isinstance(each, keras.callbacks.EarlyStopping)]
        others = [each for each in callbacks if not isinstance(each, keras.callbacks.EarlyStopping)]
        self._run = _OneRun(others, epochs=epochs) if others else None
        for each in self._ends:
            if each.mode == "auto":
                # Keras 3.15 asks the model's compiled metrics, and accuracy is not among them.
                each.mode = DIRECTIONS[each.monitor]

    def of_phase(self) -> list[Callback]:
        """Arguments of the `fit` of a phase."""
        if self._run:
            self._run.next_phase()
        return [*([self._run] if self._run else []), *self._ends]

    def skip(self, epochs: int) -> None:
        """Counts epochs that another process has trained."""
        if self._run:
            self._run.done += epochs

    def finish(self) -> None:
        """Ends the run, after the last phase."""
        if self._run:
            self._run.finish()


class _OneRun(Callback):
    """Passes on to several callbacks what happens in several calls of `fit`, as if these were one."""

    def __init__(self, callbacks: Sequence[Callback], *, epochs: int) -> None:
        super().__init__()
        self.callbacks, self.epochs = callbacks, epochs
        self.begun, self.done, self.here, self.logs = False, 0, 0, None
        # Keras waits for the logs of each step where a callback asks for them, and else need not.
        self.async_safe = not any(_sees_steps(each) for each in callbacks)

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        for each in self.callbacks:
            if self.begun and isinstance(each, keras.callbacks.TensorBoard):
                # Its own method would begin new files (Keras 3.15).
                Callback.set_model(each, model)
            else:
                each.set_model(model)

    def set_params(self, params: Mapping[str, int | None]) -> None:
        super().set_params(params)
        for each in self.callbacks:
            each.set_params({**params, "epochs": self.epochs})

    def next_phase(self) -> None:
        """The epochs of the next `fit` come after those of the ones before; within a phase, `fit` has its number."""
        self.done, self.here = self.done + self.here, 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not self.begun:
            self.begun = True
            for each in self.callbacks:
                each.on_train_begin(logs)

    def finish(self) -> None:
        """Ends the run, if it ever began."""
        for each in self.callbacks if self.begun else ():
            each.on_train_end(self.logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        for each in self.callbacks:
            each.on_epoch_begin(self.done + epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        # With what kzoo measured, which Keras's logs at the end of training are without.
        self.here, self.logs = epoch + 1, logs
        for each in self.callbacks:
            each.on_epoch_end(self.done + epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        for each in self.callbacks:
            each.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        for each in self.callbacks:
            each.on_train_batch_end(batch, logs)


def _sees_steps(callback: Callback) -> bool:
    """Whether a callback does anything at the end of a step, and does not say that it may do so later."""
    if getattr(callback, "async_safe", False):
        return False
    own = {name: getattr(callback, name) for name in ("on_batch_end", "on_train_batch_end")}
    return any(getattr(each, "__func__", None) is not getattr(Callback, name) for name, each in own.items())
