"""The data of pretraining, and the linear probe that monitors it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from kzoo.core.graph.calling import compiled, forward_batches
from kzoo.core.tensors import Tensor
from kzoo.data.examples import Audit, Examples
from kzoo.data.loader import batches
from kzoo.data.modalities import modality_for
from kzoo.data.seams import Modality, Preprocessor
from kzoo.data.sources.unlabelled import read_unlabelled
from kzoo.data.splits import read
from kzoo.models.backbone_source import BackboneSource
from kzoo.models.heads import pool
from kzoo.pretraining.objectives.objective import Objective
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import Task, as_task
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.probes.linear_probe import solve

BATCH = 64


@dataclass(frozen=True)
class PretrainingData:
    """What is learned from.

    Args:
        examples: checked.
        targets: float32 (N, outputs); of no labels (N, 0).
        modality: name.
        audit: what was set aside.
        origin: where it was found, as a reader would say.
    """

    examples: Examples
    targets: np.ndarray
    modality: str
    audit: Audit
    origin: str

    def seen(self) -> Seen:
        """What weights that are trained on it have seen."""
        if self.targets.shape[1]:
            return Seen.of(trained=self.examples.digests)
        return Seen.of(unlabelled=self.examples.digests)

    def digest(self) -> str:
        """SHA-256 over all content and targets."""
        found = hashlib.sha256("".join(self.examples.digests).encode())
        found.update(np.ascontiguousarray(self.targets).tobytes())
        return found.hexdigest()


def read_material(objective: type[Objective], source: BackboneSource, data: object) -> PretrainingData:
    """What an objective learns from: unlabelled data, or the training split of a task.

    Args:
        objective: what is learned.
        source: the backbone.
        data: see `kzoo.pretraining.pretrain.pretrain`.

    Raises:
        ValueError: the objective is for something else.
    """
    task = data if isinstance(data, Task) else None
    if objective.labelled and task is None:
        task = as_task(data)
    if objective.labelled and task is not None and not get_task_kind(task.kind).exclusive:
        raise ValueError(f"objective={objective.name!r} needs a kzoo.Classification. Got a task of {task.kind}.")
    modality = modality_for(source.card, task).name if task else source.card.modality
    if objective.modalities and modality not in objective.modalities:
        raise ValueError(
            f"objective={objective.name!r} is for {', '.join(objective.modalities)}; the data is {modality}."
        )
    plain = task.data if task else data
    origin = str(plain) if isinstance(plain, str | Path) else f"{type(plain).__name__} in memory"
    if task is None:
        examples, audit = read_unlabelled(data, modality)
        return PretrainingData(examples, np.zeros((len(examples), 0), np.float32), modality, audit, origin)
    splits = read(task, modality)
    empty = np.zeros((len(splits.train), 0), np.float32)
    targets = np.eye(len(splits.labels), dtype=np.float32)[splits.train.targets] if objective.labelled else empty
    return PretrainingData(splits.train, targets, modality, splits.audit, origin)


@dataclass(frozen=True)
class Probe:
    """A linear probe on a small labelled task.

    Args:
        call: from scaled examples to embeddings.
        preprocessor: of the backbone.
        parts: columns and one-hot targets of training and of validation.
    """

    call: Callable[..., list[Tensor]]
    preprocessor: Preprocessor
    parts: Sequence[tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of(
        cls, task: object, backbone: keras.Model, preprocessor: Preprocessor, modality: Modality, *, seen: Seen
    ) -> Callable[[], dict[str, float]]:
        """What measures a backbone, on nothing that its weights have `seen`; without a task, nothing."""
        if task is None:
            return dict
        task = as_task(task)
        if not get_task_kind(task.kind).exclusive:
            raise ValueError(f"probe must be a kzoo.Classification. Got a task of {task.kind}.")
        splits = read(task, modality.name, seen=seen, needed=("validation", "train"))
        if not len(splits.validation):
            raise ValueError(
                "probe is measured on its validation split, but its task has validation=0. Pass a task with one."
            )
        eye = np.eye(len(splits.labels), dtype=np.float32)
        parts = [(part.columns[modality.name], eye[part.targets]) for part in (splits.train, splits.validation)]
        embedding = keras.Model(backbone.input, pool(backbone.output, "avg", name="probe"))
        return cls(compiled(embedding), preprocessor, parts)

    def __call__(self) -> dict[str, float]:
        """Accuracy of the probe on validation."""
        (features, targets), held = [(self._embed(column), targets) for column, targets in self.parts]
        weights = np.ones(len(targets), np.float32)
        solution = solve((features, targets, weights), held, kind=CLASSIFICATION)
        return {"probe": solution.scores["val_accuracy"]}

    def _embed(self, column: np.ndarray) -> np.ndarray:
        scaled = batches(column, preprocessor=self.preprocessor, batch_size=BATCH)
        return forward_batches(self.call, ((batch,) for batch in scaled), batch_size=BATCH).astype(np.float32)
