"""Export of an adapted model: a SavedModel with a model card and warm-up requests."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.folding import fold
from kzoo.core.tensors import Batch
from kzoo.data.examples import Splits
from kzoo.data.modalities import MODALITIES
from kzoo.data.seams import Preprocessor, views_of
from kzoo.evaluation.answer_limits import AnswerLimits
from kzoo.results.export_check import MOST_READ, LiveModel, pick_examples, wanted
from kzoo.serving.batch_items import reader
from kzoo.serving.saved_model import export_version
from kzoo.serving.served_limits import ServedLimits, TrainingDistance
from kzoo.serving.signatures import NUMERIC, TASK, AnswerModels, build_signatures
from kzoo.specs.card import BackboneSpec
from kzoo.specs.records.run_record import RunRecord
from kzoo.training.runtime import LOG, TOLERANCE, difference, fold_safely

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


def export_adapted(adapted: Adapted, directory: str | Path) -> Path:
    """Writes the next version of a model; see `kzoo.results.adapted.Adapted.export`.

    Raises:
        ValueError: the modality was registered without its parts for serving.
    """
    preprocessor = adapted.reading
    modality = MODALITIES[preprocessor.modality]
    if modality.serve is None or modality.sample is None:
        raise ValueError(f"Models of {modality.noun}s are not exported: their modality was registered without serve=.")
    examples = pick_examples(_splits_at_hand(adapted), modality.name)
    models = _models(adapted)
    served, asked = modality.serve(preprocessor), dict(modality.sample(preprocessor, examples))
    signatures = build_signatures(
        models,
        batch=served.batch,
        fitted=preprocessor.fitted,
        read=served.read_with(reader) if served.read_with else served.read,
        read_one=served.read_one,
        tensors=served.tensors,
        labels=adapted.labels,
        kind=adapted.kind,
    )
    live, one = _live(adapted), adapted.one_view
    given = asked["serving_default"][1][:1]
    answers = wanted(live, {name: inputs for name, (_, inputs) in asked.items()})
    for name, own in adapted.tasks.items():
        asked[TASK + name] = asked["serving_default"]
        answers[TASK + name] = _live(own).answers(asked["serving_default"][1])
    answers[NUMERIC] = _live(one).numbers(given)
    asked[NUMERIC] = one.inference.loader.fitted(modality.ask(given)[0])[0], given
    samples = {name: _by_name(asked[name][0], specs) for name, (_, specs) in signatures.items()}
    description = model_card(
        adapted.card,
        kind=adapted.kind,
        labels=adapted.labels,
        preprocessor=preprocessor,
        record=adapted.record,
        described=[*served.described, _of_numbers(adapted), "", MARKS, *_of_limits(adapted.limits)],
    )
    extras = {"README.md": description, "labels.txt": "".join(f"{label}\n" for label in adapted.labels)}
    return export_version(
        directory,
        signatures=signatures,
        models=[models.view, models.last],
        samples=samples,
        answers=answers,
        extras=extras,
        renamed=served.renamed,
    )


def _by_name(inputs: Batch | Mapping[str, Batch], specs: Sequence[tf.TensorSpec]) -> Mapping[str, Batch]:
    """The inputs of a signature by name; of a single one the name is that of its spec."""
    return inputs if isinstance(inputs, Mapping) else {str(specs[0].name): inputs}


def _live(adapted: Adapted) -> LiveModel:
    return LiveModel(
        adapted.predict, adapted.inference.raw_embeddings, adapted.kind, adapted.labels, limits=adapted.limits
    )


def _served(limits: AnswerLimits | None) -> ServedLimits:
    novelty = limits and limits.novelty
    return ServedLimits(limits and limits.threshold, novelty.threshold if novelty else None)


def _models(adapted: Adapted) -> AnswerModels:
    """The models that signatures call."""
    view = view_model(adapted)
    return AnswerModels(view, last_model(adapted, view), views_of(adapted.reading), _served(adapted.limits))


def _of_numbers(adapted: Adapted) -> str:
    """A line on the signature ``numeric``."""
    fitted = adapted.preprocessor.fitted
    shape = ", ".join(map(str, (1, *fitted.shape)))
    several = "; one view of each image" if adapted.tta else ""
    return (
        f"- `{NUMERIC}`: `input`, {fitted.dtype.name} ({shape}), one example as the preprocessor gives it "
        f"({adapted.preprocessor}){several}. All shapes are known and nothing is a string, for XLA and LiteRT"
    )


def _of_limits(limits: AnswerLimits | None) -> list[str]:
    """Lines on the outputs of limits."""
    if limits is None:
        return []
    lines = [f"Limits, chosen on validation: {limits}."]
    if limits.threshold is not None:
        lines.append(
            "`confidence`, float32 (B,): the largest probability; `answered`, bool (B,): if it is high enough."
        )
    if limits.novelty is not None:
        lines.append(
            f"`distance`, float32 (B,): 1 - cosine to the nearest training example number {limits.novelty.k}; "
            "`unlike_training`, bool (B,): if it is too far."
        )
    return ["", *lines]


def _splits_at_hand(adapted: Adapted) -> Splits | None:
    """The splits, if this process has them or a moderate amount of data can be read again."""
    if adapted.data is None and sum(adapted.record.sizes.values()) > MOST_READ:
        return None
    with contextlib.suppress(OSError, ValueError, TypeError, ImportError):
        return adapted.splits()
    return None


def view_model(adapted: Adapted) -> keras.Model:
    """From one view of each example, as its preprocessor's `fit` gives it, to logits and embeddings."""
    joint = _fast(keras.Model(adapted.network.input, [adapted.network.output, adapted.embedding.output]))
    preprocessor = adapted.preprocessor
    inputs = keras.Input(preprocessor.fitted.shape, dtype=preprocessor.fitted.dtype.name, name="fitted")
    return keras.Model(inputs, joint(preprocessor.scale(inputs)), name="view")


def last_model(adapted: Adapted, view: keras.Model) -> keras.Model:
    """From the outputs of a `view_model` to probabilities, or values, and embeddings; and distances, with novelty."""
    logits, features = (keras.Input(each.shape[1:], dtype=each.dtype) for each in view.outputs)
    novelty = adapted.limits and adapted.limits.novelty
    distances = [TrainingDistance(novelty.known, k=novelty.k)(features)] if novelty else []
    return keras.Model([logits, features], [adapted.finish(logits), features, *distances], name="last")


def answer_model(adapted: Adapted) -> keras.Model:
    """From one view of each example to probabilities, or values, and embeddings."""
    view = view_model(adapted)
    logits, features = view.outputs
    return keras.Model(view.inputs[0], [adapted.finish(logits), features], name="answer")


def _fast(model: keras.Model) -> keras.Model:
    """The model with BatchNorm folded into its convolutions, where that gives the same on some noise."""
    folded = fold_safely(fold, model)
    if folded is model or model.input.dtype != "float32":
        return model
    noise = np.random.default_rng(0).normal(size=(4, *model.input_shape[1:])).astype(np.float32)
    found, wanted = ([np.asarray(each) for each in one(noise, training=False)] for one in (folded, model))
    error = difference(found, wanted)
    if error <= TOLERANCE:
        return folded
    LOG.info("Exported without folding: its results differ by %.1e", error)
    return model


MARKS = (
    "Signatures that take strings also return `errors`, string (B,): empty, or why an item has no answer. Its label is "
    "empty then, its numbers are NaN, and the other items are answered."
)
"""What a model card says of bad items."""


def model_card(
    card: BackboneSpec,
    *,
    kind: str,
    labels: Sequence[str],
    preprocessor: Preprocessor,
    record: RunRecord,
    described: Sequence[str],
) -> str:
    """Markdown: what the model is, what it was trained on and what it reached (arXiv:1810.03993).

    Args:
        card: the backbone's.
        kind: of the task.
        labels: names of the outputs.
        preprocessor: raw inputs to the network's input.
        record: of the run.
        described: lines on how the exported files are called.
    """
    sizes = ", ".join(f"{number} {name}" for name, number in record.sizes.items())
    test = record.test
    figures = [
        f"- {name}: {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
        for name, found in (test.metrics.items() if test else ())
    ]
    measured = "Not measured: no test split."
    if test:
        measured = f"{test.size} test examples, not used for training or model selection; 95% intervals."
    lines = [
        f"# {card.name}, adapted ({kind})",
        "",
        f"- Backbone: {card.name}, licence {card.licence}, {card.paper or 'no paper'}",
        f"- Start weights: {record.weights or 'random'}",
        f"- Input: {preprocessor}",
        f"- Outputs: {', '.join(labels)}",
        f"- Data: {record.task.data or 'given in memory'}: {sizes}; {record.set_aside} set aside",
        f"- Schedule: {record.schedule}, seed {record.seed}",
        f"- Kept: phase {record.kept + 1} of {len(record.phases)}"
        if record.merged is None
        else f"- Merged: {record.merged.how} of {', '.join(record.merged.members)}",
        f"- Versions: {', '.join(f'{name} {version}' for name, version in record.versions.items())}",
        "",
        "## Test split",
        "",
        measured,
        "",
        *figures,
        "",
        "## How to call it",
        "",
        *described,
        "",
    ]
    return "\n".join(lines)
