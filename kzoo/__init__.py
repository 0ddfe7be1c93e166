"""Transfer learning for Keras: a pretrained model and your data go in, a measured, servable model comes out."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

import wrapt

if TYPE_CHECKING:
    from kzoo.adaptation import adapt, plan
    from kzoo.alignment.align import align
    from kzoo.choosing.comparison import compare
    from kzoo.choosing.curves.learning_curve import learning_curve
    from kzoo.choosing.ranking import rank
    from kzoo.choosing.transfer_table import transfer_table
    from kzoo.choosing.tuning.search import tune
    from kzoo.choosing.verdicts import verdict
    from kzoo.data.modalities import register_modality
    from kzoo.data.sources.forms import register_source
    from kzoo.diagnosis.examination import doctor
    from kzoo.distillation.bilingual_embeddings import align_languages
    from kzoo.distillation.distill import distill
    from kzoo.distillation.static_embeddings import distill_static
    from kzoo.evaluation.metrics import Evaluation
    from kzoo.evaluation.user_metrics import register_metric
    from kzoo.merging import ensemble, soup
    from kzoo.models.heads import register_head
    from kzoo.pretraining.objectives.objective_registry import register_objective
    from kzoo.pretraining.pretrain import pretrain
    from kzoo.results.adapted import Adapted
    from kzoo.results.alignment.aligned import Aligned
    from kzoo.results.files.loading import load
    from kzoo.results.files.verify import verify
    from kzoo.results.predictions import Predictions
    from kzoo.results.pretrained import Pretrained
    from kzoo.setup.plain_model import create_model
    from kzoo.setup.plan import Plan
    from kzoo.setup.stage_table import stages
    from kzoo.specs.adapters import L2SP, BitFit, LoRA, SerialAdapter
    from kzoo.specs.card import BackboneSpec
    from kzoo.specs.fusion import Fusion
    from kzoo.specs.head import Head
    from kzoo.specs.phases import LinearProbe, Phase
    from kzoo.specs.recipes import fine_tune, gradual, linear_probe, lp_ft, register_recipe
    from kzoo.specs.registry import get_card, list_models, register
    from kzoo.specs.schedule import Schedule
    from kzoo.specs.task import Classification, MultiLabel, MultiTask, Regression
    from kzoo.task_kinds.kind_registry import register_task_kind
    from kzoo.training.losses import register_loss

__version__ = "0.1.0"

_PUBLIC = {
    "Adapted": "kzoo.results.adapted",
    "Aligned": "kzoo.results.alignment.aligned",
    "BackboneSpec": "kzoo.specs.card",
    "BitFit": "kzoo.specs.adapters",
    "Classification": "kzoo.specs.task",
    "Evaluation": "kzoo.evaluation.metrics",
    "Fusion": "kzoo.specs.fusion",
    "Head": "kzoo.specs.head",
    "L2SP": "kzoo.specs.adapters",
    "MultiLabel": "kzoo.specs.task",
    "MultiTask": "kzoo.specs.task",
    "LinearProbe": "kzoo.specs.phases",
    "LoRA": "kzoo.specs.adapters",
    "Phase": "kzoo.specs.phases",
    "Plan": "kzoo.setup.plan",
    "Predictions": "kzoo.results.predictions",
    "Pretrained": "kzoo.results.pretrained",
    "Regression": "kzoo.specs.task",
    "Schedule": "kzoo.specs.schedule",
    "SerialAdapter": "kzoo.specs.adapters",
    "adapt": "kzoo.adaptation",
    "align": "kzoo.alignment.align",
    "align_languages": "kzoo.distillation.bilingual_embeddings",
    "compare": "kzoo.choosing.comparison",
    "create_model": "kzoo.setup.plain_model",
    "distill": "kzoo.distillation.distill",
    "distill_static": "kzoo.distillation.static_embeddings",
    "doctor": "kzoo.diagnosis.examination",
    "ensemble": "kzoo.merging",
    "fine_tune": "kzoo.specs.recipes",
    "get_card": "kzoo.specs.registry",
    "gradual": "kzoo.specs.recipes",
    "learning_curve": "kzoo.choosing.curves.learning_curve",
    "linear_probe": "kzoo.specs.recipes",
    "list_models": "kzoo.specs.registry",
    "load": "kzoo.results.files.loading",
    "lp_ft": "kzoo.specs.recipes",
    "plan": "kzoo.adaptation",
    "pretrain": "kzoo.pretraining.pretrain",
    "rank": "kzoo.choosing.ranking",
    "register": "kzoo.specs.registry",
    "register_head": "kzoo.models.heads",
    "register_loss": "kzoo.training.losses",
    "register_metric": "kzoo.evaluation.user_metrics",
    "register_modality": "kzoo.data.modalities",
    "register_objective": "kzoo.pretraining.objectives.objective_registry",
    "register_recipe": "kzoo.specs.recipes",
    "register_source": "kzoo.data.sources.forms",
    "register_task_kind": "kzoo.task_kinds.kind_registry",
    "soup": "kzoo.merging",
    "stages": "kzoo.setup.stage_table",
    "transfer_table": "kzoo.choosing.transfer_table",
    "tune": "kzoo.choosing.tuning.search",
    "verdict": "kzoo.choosing.verdicts",
    "verify": "kzoo.results.files.verify",
}

__all__ = [
    "L2SP",
    "Adapted",
    "Aligned",
    "BackboneSpec",
    "BitFit",
    "Classification",
    "Evaluation",
    "Fusion",
    "Head",
    "LinearProbe",
    "LoRA",
    "MultiLabel",
    "MultiTask",
    "Phase",
    "Plan",
    "Predictions",
    "Pretrained",
    "Regression",
    "Schedule",
    "SerialAdapter",
    "adapt",
    "align",
    "align_languages",
    "compare",
    "create_model",
    "distill",
    "distill_static",
    "doctor",
    "ensemble",
    "fine_tune",
    "get_card",
    "gradual",
    "learning_curve",
    "linear_probe",
    "list_models",
    "load",
    "lp_ft",
    "plan",
    "pretrain",
    "rank",
    "register",
    "register_head",
    "register_loss",
    "register_metric",
    "register_modality",
    "register_objective",
    "register_recipe",
    "register_source",
    "register_task_kind",
    "soup",
    "stages",
    "transfer_table",
    "tune",
    "verdict",
    "verify",
]


_REGISTERING = (
    "kzoo.data.audio.spectrogram",
    "kzoo.data.image.preprocess",
    "kzoo.data.series.preprocess",
    "kzoo.models.classical_layers",
    "kzoo.models.fusion_layers",
    "kzoo.models.heads",
    "kzoo.models.hub.hub_layers",
    "kzoo.models.packed_layers",
    "kzoo.models.side_by_side",
    "kzoo.models.zoo.audio",
    "kzoo.models.zoo.languages",
    "kzoo.models.zoo.recurrent",
    "kzoo.models.zoo.row_layers",
    "kzoo.models.zoo.text",
    "kzoo.models.zoo.tfidf",
    "kzoo.pretraining.objectives.masked_language",
    "kzoo.pretraining.objectives.masked_steps",
    "kzoo.pretraining.objectives.objective",
    "kzoo.task_kinds.multi_task_layers",
    "kzoo.training.losses",
    "kzoo.training.optimizers",
)
"""Modules whose layers, losses and optimizers a ``.keras`` file of a kzoo model may name."""

_waiting = {"keras", "tensorflow"}


def _register(module: ModuleType) -> None:
    """Makes kzoo's classes known to Keras, once Keras and TensorFlow are both imported, so that files load.

    TensorFlow imports Keras before it is whole itself (2.21), and kzoo's modules need both.
    """
    _waiting.discard(module.__name__)
    if not _waiting:
        for name in _REGISTERING:
            importlib.import_module(name)


for _name in ("keras", "tensorflow"):
    wrapt.register_post_import_hook(_register, _name)


def __getattr__(name: str) -> object:
    """Imports a public name when it is first used, so that `import kzoo` does not import TensorFlow."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kzoo' has no attribute {name!r}")
    if not _PUBLIC[name].startswith(("kzoo.specs.", "kzoo.results.files.verify")):
        importlib.import_module("kzoo.core.tf_import").import_tensorflow()
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
