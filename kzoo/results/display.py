"""How an adapted model prints, in a notebook too, and draws itself."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import keras

from kzoo.core import figures
from kzoo.core.disk_errors import refuse_unwritable
from kzoo.core.tables import Table
from kzoo.results.explanation.explain import explain
from kzoo.results.explanation.explanations import Explanations
from kzoo.results.plots import show_batch, show_mistakes
from kzoo.results.report.report import Report, make_report
from kzoo.specs.card import BackboneSpec
from kzoo.specs.records.run_record import RunRecord
from kzoo.task_kinds.kind_registry import get_task_kind

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from kzoo.results.adapted import Adapted


class AdaptedDisplay:
    """Tables and figures of an `kzoo.results.adapted.Adapted`, which inherits them."""

    card: BackboneSpec
    kind: str
    labels: Sequence[str]
    record: RunRecord

    @property
    def history(self) -> pandas.DataFrame:
        """One row an epoch: phase, epoch, loss, val_loss, val_accuracy, learning_rate."""
        import pandas

        phases = enumerate(self.record.phases, start=1)
        return pandas.DataFrame([{"phase": number, **row} for number, phase in phases for row in phase.history])

    def summary(self) -> Table:
        """One row a phase: what trained, for how long, and what it reached on validation."""
        parts = get_task_kind(self.kind).parts
        tasks = ", ".join(f"{part.name}: {part.kind.name}" for part in parts)
        what = f"{len(parts)} tasks ({tasks})" if parts else f"{len(self.labels)} outputs ({self.kind})"
        title = f"{self.card.name} adapted to {what}, seed {self.record.seed}"
        return self.record.table(title)

    def __str__(self) -> str:
        return str(self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_() + f"<p>labels: {html.escape(', '.join(self.labels))}</p>"

    def explain(self, inputs: object, *, label: str | None = None) -> Explanations:
        """Which parts of some inputs an output rests on; what cannot be read is named, and stops nothing.

        Images and recordings have a map of where they speak for it (Grad-CAM, arXiv:1610.02391), by the last feature
        map of the backbone, of a fusion the mean over those of its members; a network without one has the size of
        gradient times input (arXiv:1312.6034). Texts have what each word adds to the logit: exactly for models that
        are linear in their tokens, as ``ngrams``, else by gradient times embedding. One plain view of each image is
        explained, as of ``predict(tta=False)``.

        Args:
            inputs: as of `predict`.
            label: the output to explain. None: of each input the most probable one; of a Regression its value.

        Raises:
            ValueError: there are no inputs, or the model has no such label; or a Regression has several values and
                none is named.
        """
        return explain(cast("Adapted", self), inputs, label=label)

    def plot(self) -> Figure:
        """The course of loss and accuracy over all epochs, as a matplotlib figure (extra ``viz``)."""
        return figures.curves([row for phase in self.record.phases for row in phase.history])

    def plot_batch(
        self, *, augmentation: str | keras.layers.Layer | Callable[..., object] = "none", count: int = 12
    ) -> Figure:
        """Training images as the network gets them, as a matplotlib figure (extra ``viz``).

        Args:
            augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``; or a Keras layer or a callable on one
                example, as for `kzoo.adapt`.
            count: number of images.

        Raises:
            ValueError: there is no augmentation of that name, or yours fails on these images.
            TypeError: it is none of these.
        """
        return show_batch(cast("Adapted", self), augmentation=augmentation, count=count)

    def plot_mistakes(self, *, count: int = 8) -> Figure:
        """The mistakes on the test split that the model was surest of, as a matplotlib figure (extra ``viz``)."""
        return show_mistakes(cast("Adapted", self), count=count)

    def report(self, path: str | Path | None = None, *, data: object = None) -> Report:
        """One page on the model and its data: what it does well, where it falls behind, what looks wrong in the data.

        Metrics by class, group and slice, each with its interval; the slices that fall behind, after a correction for
        how many were compared; confusion; reliability of the probabilities; thresholds under which to abstain; the
        surest mistakes and the most doubtful examples; likely label errors; test examples that are unlike anything in
        training. Everything is measured on the test split but thresholds, which come from validation, and label errors
        of the training data, which come from out-of-fold answers.

        Args:
            path: of an HTML file to write, which loads nothing from elsewhere; None: none is written.
            data: None for the test split; or other labelled data, as of `evaluate`.

        Returns:
            The report. A notebook shows it as the page; ``report.write(path)`` writes it.

        Raises:
            ValueError: there is no test split, or it cannot be read again; or the model is of several tasks.
            OSError: the page cannot be written; this is found before anything is computed.
        """
        if tasks := cast("Adapted", self).tasks:
            raise ValueError(
                f"A report is on one task. Call tasks[NAME].report(), where NAME is one of {', '.join(tasks)}."
            )
        if path is not None:
            refuse_unwritable(path)
        report = make_report(cast("Adapted", self), data=data)
        if path is not None:
            report.write(path)
        return report
