"""`Adapted`: what `adapt` returns; `load` opens a saved one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from kzoo.core.graph.views import mean_over_views
from kzoo.core.graph.walking import layers_of
from kzoo.core.tensors import Tensor
from kzoo.data.examples import Audit, Examples, Splits
from kzoo.data.file_changes import reading
from kzoo.data.seams import Preprocessor, views_of, with_tta
from kzoo.data.splits import read_labelled
from kzoo.evaluation.answer_limits import AnswerLimits, limit_answers
from kzoo.evaluation.metrics import Evaluation
from kzoo.evaluation.user_metrics import UserMetric
from kzoo.models.heads import pool
from kzoo.results.display import AdaptedDisplay
from kzoo.results.evaluation import evaluate, notes_without
from kzoo.results.export import export_adapted
from kzoo.results.files.export_file import export_file
from kzoo.results.files.saving import write
from kzoo.results.files.small_network import small_parts
from kzoo.results.inference import Inference
from kzoo.results.interpolation import interpolate
from kzoo.results.neighbors import Neighbors, find_neighbors
from kzoo.results.predictions import Predictions
from kzoo.results.record import read_again, task_like
from kzoo.results.report.limit_choice import choose_limits
from kzoo.results.tasks.best_states import best_of_task
from kzoo.results.tasks.task_conflicts import TaskConflicts, measure_conflicts
from kzoo.results.tasks.task_views import task_view
from kzoo.results.thumbnails import thumbnails_of
from kzoo.specs.card import BackboneSpec, scope_of
from kzoo.specs.head import Head
from kzoo.specs.records.run_record import RunRecord
from kzoo.specs.records.seen import Seen, remember
from kzoo.specs.task import Task
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import Scale
from kzoo.training.adapters.merged_differences import MergedDifference


@dataclass(frozen=True, repr=False)
class Adapted(AdaptedDisplay):
    """A trained model with all that is needed to measure, use, keep and serve it.

    Args:
        card: the backbone's card.
        kind: kind of the task.
        labels: names of the outputs.
        head: the head's description.
        preprocessor: raw images or texts to the network's input.
        network: Keras model from scaled images to logits.
        features: name of the layer whose output is the backbone's.
        scale: mean and standard deviation of the targets of a regression, (outputs,) each; else None.
        record: what was done, on which data, and what came out.
        limits: when it abstains and which inputs are unusual, see `with_limits`; None: neither is told.
        data: the splits, where this process has them.
        tta: whether it answers by the mean over several views of each image, see `predict`.
        temperature: what logits are divided by, so that probabilities are as sure as they are right; 1 for none.
        start: the network's weights before it was fine-tuned, where this process has them.
        differences: that adapters of phases added to the start weights, in their order; see `save`.
        metrics: of the user's, which `evaluate` shows beside the built-in ones; not saved.
        task_weights: of several tasks, for each that another phase was better for, the number of this phase from 0 and
            the network's weights after it; not saved.
    """

    card: BackboneSpec
    kind: str
    labels: Sequence[str]
    head: Head
    preprocessor: Preprocessor
    network: keras.Model
    features: str
    scale: Scale | None
    record: RunRecord
    tta: bool = False
    temperature: float = 1.0
    limits: AnswerLimits | None = None
    data: Splits | None = field(default=None, repr=False)
    start: Sequence[np.ndarray] | None = field(default=None, repr=False)
    differences: Sequence[MergedDifference] = field(default=(), repr=False)
    metrics: Sequence[UserMetric] = field(default=(), repr=False)
    task_weights: Mapping[str, tuple[int, Sequence[np.ndarray]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        remember(layers_of(self.network), self.seen)

    @property
    def seen(self) -> Seen:
        """The examples that its weights have seen: none of them is tested on when it is adapted again."""
        return self.record.seen

    @property
    def reading(self) -> Preprocessor:
        """Raw inputs to what is answered: one view of each example, or with `tta` several."""
        return with_tta(self.preprocessor) if self.tta else self.preprocessor

    @cached_property
    def model(self) -> keras.Model:
        """The plain Keras model, from pixels in 0..255 (B, H, W, 3) or token ids (B, T) to probabilities or values."""
        raw, x = self.reading.raw()
        logits = mean_over_views(self.network, views_of(self.reading))(x)
        return keras.Model(raw, self.finish(logits), name=f"{scope_of(self.card.name)}_adapted")

    @cached_property
    def backbone(self) -> keras.Model:
        """The adapted backbone without the head, from scaled images to features: a model to adapt again."""
        return keras.Model(self.network.input, self._features(), name=scope_of(self.card.name))

    @cached_property
    def embedding(self) -> keras.Model:
        """From scaled images (B, S, S, 3) to embeddings (B, width)."""
        return keras.Model(
            self.network.input, pool(self._features(), self.head.pooling, name="embedding"), name="embedding"
        )

    @cached_property
    def inference(self) -> Inference:
        """The compiled network and embedding, and what reads their inputs."""
        return Inference(self.network, self.embedding, self.finish, self.reading)

    @cached_property
    def tasks(self) -> Mapping[str, Adapted]:
        """Each of several tasks as a model of its own, by name, on the shared backbone; empty for one task."""
        kind = get_task_kind(self.kind)
        return {part.name: task_view(self, part) for part in kind.parts}

    def best_of(self, task: str) -> Adapted:
        """One of several tasks, by the phase that was best for it on validation: a model of its own.

        That is `tasks[task]`, unless a note of the record says that another phase was better for this task than the one
        that is kept for all. It is as that phase left it: a probe is not fitted again with validation examples, and no
        temperature is fitted. Neither `save` nor the export of all tasks has it: save and export what is returned.

        Args:
            task: its name.

        Raises:
            KeyError: there is no such task.
            ValueError: the model was loaded, and what was saved does not have it.
        """
        return best_of_task(self, task)

    def conflicts(self, *, examples: int = 256) -> TaskConflicts:
        """Whether several tasks pull the layers that they share the same way, by the gradients of their losses.

        Args:
            examples: of the training split that are measured, at most.

        Returns:
            Cosines by group of layers and pair of tasks, which print as a table and plot themselves.

        Raises:
            ValueError: it is a model of one task; or the training data is not there and cannot be read again.
        """
        return measure_conflicts(self, examples=examples)

    @cached_property
    def _otherwise(self) -> Adapted:
        """The same model with test-time augmentation, if it has none, or without."""
        # Limits were chosen for the other answers.
        return replace(self, tta=not self.tta, limits=None)

    @property
    def one_view(self) -> Adapted:
        """The model without test-time augmentation."""
        return self._otherwise if self.tta else self

    def finish(self, logits: Tensor) -> Tensor:
        """Probabilities, calibrated by `temperature`, or values, of logits (B, outputs)."""
        if self.temperature != 1:
            logits = keras.layers.Rescaling(1 / self.temperature, dtype="float32", name="calibration")(logits)
        return get_task_kind(self.kind).output_layer(self.scale)(logits)

    def evaluate(
        self,
        data: object = None,
        *,
        metrics: object = None,
        tta: bool | None = None,
        without: str | None = None,
    ) -> Evaluation:
        """Measures on the test split, or on other labelled data.

        Args:
            data: None, or anything that a task takes; its labels must be among the model's. Images that the model
                was trained or chosen on are left out, and counted.
            metrics: Keras metrics, their names, or callables of (truth, outputs) that return a number, as of
                `kzoo.adapt`; None: those that `adapt` was given, but none after `kzoo.load`.
            tta: as of `predict`.
            without: of examples of several inputs, the one that is left out of all, by the name of its column.

        Raises:
            ValueError: there is no such input; or there is no test split in this process and the data cannot be read
                again; or it was adapted with ``test=0``.
        """
        chosen = self if tta in (None, self.tta) else self._otherwise
        return evaluate(chosen, data, metrics=metrics, without=without)

    def measured(self) -> Adapted:
        """The same model, with what it reaches on its test split in its record."""
        test = self.evaluate()
        notes = [*self.record.notes, *notes_without(self, test)]
        record = replace(self.record, test=test.record(), notes=notes)
        found = replace(self, record=record)
        found.__dict__["inference"] = self.inference  # compiled already
        return found

    def predict(self, inputs: object, *, tta: bool | None = None) -> Predictions:
        """Answers for one or several images, texts or recordings; what cannot be read is named, and stops nothing.

        Args:
            inputs: images: a path, a folder, encoded bytes, an image of Pillow's, or a list of these; or pixels in
                0..255, (N, H, W, C) or (H, W, C). Or a text, or a list of texts. Or recordings: a path, a folder,
                encoded bytes, a pair ``(rate, samples)``, or a list of these. Or rows: a table (the path of a file, a
                DataFrame, a dict of columns, an array), or one row as a dict. Or examples of several inputs: a table,
                or a dict of one, with the names of the columns of training; what is not named is missing.
            tta: whether to answer by the mean over several views of each image: squares along its longer side, and
                their mirror images. None: as `adapt` chose on validation (`Adapted.tta`).

        Raises:
            ValueError: there are no inputs, or ``tta=True`` and they are no images.
        """
        if tta not in (None, self.tta):
            return self._otherwise.predict(inputs)
        limited, width = None, len(self.labels)
        if self.limits is None:
            asked = self.inference.ask_outputs(inputs, width=width)
        else:
            asked, embeddings = self.inference.ask_both(inputs, width=width)
            limited = limit_answers(self.limits, asked.rows, embeddings, kind=self.kind)
        answers = get_task_kind(self.kind).name_targets(asked.rows, self.labels)
        labels = [None if index in asked.errors else answer for index, answer in enumerate(answers)]
        small = thumbnails_of(asked.column, self.preprocessor.modality)
        parts = asked.names, labels, asked.rows, self.labels, asked.reasons, asked.noun, self.kind, small
        return Predictions(*parts, limited=limited)

    def embed(self, inputs: object) -> np.ndarray:
        """Embeddings of unit length, float32 (N, width): the backbone's pooled features; NaN for what cannot be read.

        Args:
            inputs: as of `predict`.
        """
        return self.inference.ask_embeddings(inputs).rows

    def neighbors(self, inputs: object, k: int = 5, *, among: object = None) -> Neighbors:
        """The labelled examples that lie nearest to some inputs, by the cosine of their embeddings.

        Args:
            inputs: as of `predict`; what cannot be read is left out.
            k: how many for each.
            among: None for the training split; or a task, or other labelled data, to search.

        Raises:
            ValueError: `k` is larger than what is searched, or there is nothing to search.
        """
        return find_neighbors(self, inputs, k, among=among)

    def with_limits(self, *, accuracy: float | None = None, novelty: bool = True) -> Adapted:
        """The same model, which also says when it is not sure enough, and which inputs are unlike its training data.

        `predict` then has `answered` and `unlike_training`; its labels and numbers stay as they are. An exported
        SavedModel returns the same beside its other outputs: ``confidence`` and ``answered``, ``distance`` and
        ``unlike_training``. `save` keeps the limits. A model with another `tta` has none.

        Args:
            accuracy: in (0, 1]; the model abstains below the probability above which its answers to validation examples
                are this accurate. It is what to expect, not a guarantee. None: it never abstains.
            novelty: whether inputs are told that are farther from their 5th nearest training example, by the cosine of
                embeddings, than 99% of the validation examples are (arXiv:2204.06507). The model keeps the embeddings
                of up to 2,000 training examples for it.

        Raises:
            ValueError: no threshold reaches `accuracy`, there are fewer than 20 validation examples, or the model is
                not of a Classification; or the training data is not there and cannot be read again.
        """
        return replace(self, limits=choose_limits(self, accuracy=accuracy, novelty=novelty))

    def interpolate(self, alpha: float | str = "auto") -> Adapted:
        """Weights between those before fine-tuning and those after it (WiSE-FT, arXiv:2109.01903): often more robust.

        Args:
            alpha: share of the tuned weights, in [0, 1]; ``"auto"``: whichever of 0, 0.1, ... 1 is best on validation.

        Raises:
            ValueError: the model was not fine-tuned from a probe, or was loaded: the first state is not there.
        """
        return interpolate(self, alpha=alpha)

    def export(
        self,
        directory: str | Path,
        *,
        format: str = "saved_model",
        quantize: str | None = None,
        tolerance: float = 0.01,
    ) -> Path:
        """Writes the next version of a SavedModel for TensorFlow Serving, ``directory/<next integer>/``.

        It is written aside, reloaded and compared with this model before it appears: labels, probabilities or values,
        and embeddings of up to 16 examples of the test split, through every signature, must be what `predict` says, to
        a thousandth of the largest number. Where the data is neither in this process nor can be read again (at most
        20,000 examples are), the examples are generated. A model card and a warm-up request go with it. Signatures, and
        how they mark what they cannot read: see `kzoo.serving.signatures`.

        Other formats are one file that takes one preprocessed example, without test-time augmentation, with
        ``labels.txt`` and ``model.json``, which describes the input. It is opened in its own runtime and compared with
        this model; ``README.md`` says what it costs in score, with a paired interval on up to 500 test examples, in
        size, and in milliseconds on this machine.

        Args:
            directory: of all versions.
            format: ``"saved_model"``; ``"litert"``, for phones (``model.tflite``); ``"onnx"`` (``model.onnx``, extra
                ``onnx``); or ``"openvino"`` (``model.xml``, extra ``openvino``).
            quantize: of a file: ``"float16"``, or for LiteRT also ``"dynamic"`` (weights in 8 bits) or ``"int8"``
                (activations too, calibrated by up to 100 training examples). None: numbers stay as they are.
            tolerance: by how much the score of a quantized file may be lower than that of the model.

        Returns:
            Path of the version.

        Raises:
            ExportError: what was written does not answer as this model does, or is worse by more than `tolerance`.
            OSError: the disk is full, or not writable; no version appears.
            ValueError: there is no such format or quantization.
        """
        if format == "saved_model" and quantize is None:
            return export_adapted(self, directory)
        return export_file(self, directory, form=format, quantize=quantize, tolerance=tolerance)

    def save(self, directory: str | Path, *, small: bool = False) -> Path:
        """Writes everything that `kzoo.load` needs to `directory`, whole or not at all.

        Args:
            directory: what an earlier `save` left there is replaced.
            small: leave out what the start weights give: all of a frozen layer, and of a weight that an adapter changed
                (`kzoo.LoRA`, `kzoo.SerialAdapter`) all but its factors. `kzoo.load` takes the start weights from where
                `kzoo.adapt` did, and checks that the model is the same, bit for bit.

        Raises:
            FileExistsError: `directory` holds something else than a saved model.
            OSError: the disk is full, or not writable; what was there before is unchanged.
            ValueError: `small`, and the start weights have no name by which they are found again.
        """
        names = ("card", "kind", "labels", "head", "preprocessor", "features", "scale", "tta", "temperature")
        values = {**{name: getattr(self, name) for name in names}, "record": self.record.as_plain()}
        parts = small_parts(self) if small else None
        return write(directory, network=self.network, values=values, limits=self.limits, small=parts)

    def _features(self) -> Tensor:
        return self.network.get_layer(self.features).output

    def outputs(self, examples: Examples) -> np.ndarray:
        """Probabilities, or values, float32 (N, outputs), of checked examples."""
        with reading(examples):
            return self.inference.outputs(examples.columns[self.preprocessor.modality])

    @cached_property
    def train_embeddings(self) -> np.ndarray:
        """Embeddings of unit length, float32 (N, width), of the training split."""
        return self.inference.embeddings(self.splits().train.columns[self.preprocessor.modality])

    def labelled(self, data: object, *, seen: Seen) -> tuple[Examples, Audit]:
        """Labelled data of a user's, with the labels of this model."""
        if parts := get_task_kind(self.kind).parts:
            names = ", ".join(part.name for part in parts)
            raise ValueError(
                "Other data has the targets of one task: call tasks[NAME].evaluate(data), where NAME is one of "
                f"{names}."
            )
        task = data if isinstance(data, Task) else task_like(self.record.task, data, kind=self.kind)
        return read_labelled(task, self.preprocessor.modality, labels=self.labels, seen=seen)

    def splits(self) -> Splits:
        """The data that it was trained, chosen and tested on; read again where this process has it not.

        Raises:
            ValueError: it cannot be read again, or has changed.
        """
        if self.data is not None:
            return self.data
        return read_again(self.record, kind=self.kind, modality=self.preprocessor.modality)
