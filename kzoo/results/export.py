"""Export of an adapted model: a SavedModel with a model card and warm-up requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.folding import fold
from kzoo.data.audio.preprocess import AudioPreprocessor
from kzoo.data.audio.spectrogram import middle
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.text.preprocess import TextPreprocessor
from kzoo.results.export_check import LiveModel, read_files, wanted
from kzoo.serving.audio_signatures import audio_signatures, sample_recordings
from kzoo.serving.image_signatures import image_signatures, sample_pictures
from kzoo.serving.saved_model import export_version
from kzoo.serving.text_signatures import SAMPLE_TEXTS, text_signatures
from kzoo.specs.card import BackboneSpec
from kzoo.specs.records.run_record import RunRecord
from kzoo.training.runtime import LOG, TOLERANCE, difference, fold_safely


def export(
    directory: str | Path,
    *,
    network: keras.Model,
    embedding: keras.Model,
    finish: Callable[[Any], Any],
    preprocessor: Any,
    labels: Sequence[str],
    kind: str,
    description: str,
    live: LiveModel,
    examples: Sequence[Any],
) -> Path:
    """Writes the next version of a SavedModel below `directory`, for TensorFlow Serving or plain TensorFlow.

    Args:
        directory: ``NAME``; the version appears as ``NAME/<next integer>/``.
        network: from scaled images to logits.
        embedding: from scaled images to embeddings.
        finish: from logits to probabilities, or values.
        preprocessor: raw images to the network's input.
        labels: names of the outputs.
        kind: kind of the task.
        description: the model card, Markdown.
        live: what the files must answer as.
        examples: real ones, encoded, on which they are compared; generated ones where there are none.

    Returns:
        Path of the version.
    """
    joint = _fast(keras.Model(network.input, [network.output, embedding.output]))
    answer, signatures = SIGNERS[preprocessor.modality](joint, finish, preprocessor, labels=labels, kind=kind)
    samples, asked = SAMPLERS[preprocessor.modality](preprocessor, examples)
    extras = {"README.md": description, "labels.txt": "".join(f"{label}\n" for label in labels)}
    return export_version(
        directory,
        signatures=signatures,
        models=[answer],
        samples=samples,
        answers=wanted(live, asked),
        extras=extras,
    )


def _sign_pictures(
    joint: keras.Model,
    finish: Callable[[Any], Any],
    preprocessor: ImagePreprocessor,
    *,
    labels: Sequence[str],
    kind: str,
) -> tuple[keras.Model, Any]:
    """Signatures, and before them what they call."""
    answer = _answer(joint, finish, preprocessor, keras.Input(preprocessor.shape, name="pixels"))
    signatures = image_signatures(
        read=preprocessor.read,
        fit=preprocessor.fit,
        answer=answer,
        size=preprocessor.size,
        channels=preprocessor.channels,
        labels=labels,
        kind=kind,
    )
    return answer, signatures


def _sign_texts(
    joint: keras.Model,
    finish: Callable[[Any], Any],
    preprocessor: TextPreprocessor,
    *,
    labels: Sequence[str],
    kind: str,
) -> tuple[keras.Model, Any]:
    """Signatures, and before them what they call."""
    answer = _answer(joint, finish, preprocessor, keras.Input(preprocessor.shape, dtype="int32", name="tokens"))
    signatures = text_signatures(
        clean=preprocessor.clean,
        tokenize=preprocessor.tokenize,
        answer=answer,
        size=preprocessor.size,
        labels=labels,
        kind=kind,
    )
    return answer, signatures


def _sign_recordings(
    joint: keras.Model,
    finish: Callable[[Any], Any],
    preprocessor: AudioPreprocessor,
    *,
    labels: Sequence[str],
    kind: str,
) -> tuple[keras.Model, Any]:
    """Signatures, and before them what they call."""
    shape = preprocessor.front.shape(preprocessor.samples)
    answer = _answer(joint, finish, preprocessor, keras.Input(shape, name="features"))
    signatures = audio_signatures(
        read=preprocessor.read, fit=preprocessor.fit, answer=answer, shape=shape, labels=labels, kind=kind
    )
    return answer, signatures


def _sample_pictures(preprocessor: ImagePreprocessor, examples: Sequence[Any]) -> tuple[Any, Any]:
    """Inputs of each signature, and the same as `Adapted.predict` takes them."""
    files = read_files(examples) or sample_pictures(preprocessor.size)
    pixels = np.stack([np.round(preprocessor.fit(preprocessor.decode(file))).astype(np.uint8) for file in files])
    asked = {"serving_default": files, "features": files, "tensor": pixels, "tensor_float": pixels}
    return {name: {"image": inputs} for name, inputs in asked.items()}, asked


def _sample_texts(preprocessor: TextPreprocessor, examples: Sequence[Any]) -> tuple[Any, Any]:
    """Inputs of each signature, and the same as `Adapted.predict` takes them."""
    texts = [*examples, *SAMPLE_TEXTS]
    tokens = preprocessor.tokenize(tf.constant(texts)).numpy()
    names = ("serving_default", "tokens", "features")
    samples = {name: {"tokens": tokens} if name == "tokens" else {"text": texts} for name in names}
    return samples, dict.fromkeys(names, texts)


def _sample_recordings(preprocessor: AudioPreprocessor, examples: Sequence[Any]) -> tuple[Any, Any]:
    """Inputs of each signature, and the same as `Adapted.predict` takes them."""
    files = read_files(examples) or sample_recordings(preprocessor.front.rate, preprocessor.samples)
    waves = [middle(preprocessor.decode(file)[None], preprocessor.samples)[0] for file in files]
    names = ("serving_default", "waveform", "features")
    samples = {name: {"waveform": np.stack(waves)} if name == "waveform" else {"audio": files} for name in names}
    return samples, dict.fromkeys(names, files)


def _answer(joint: keras.Model, finish: Callable[[Any], Any], preprocessor: Any, inputs: Any) -> keras.Model:
    """From what a preprocessor's `fit` gives to probabilities, or values, and embeddings."""
    logits, features = joint(preprocessor.scale(inputs))
    return keras.Model(inputs, [finish(logits), features], name="answer")


SIGNERS = {"image": _sign_pictures, "text": _sign_texts, "audio": _sign_recordings}
"""What signs a model, by modality."""

SAMPLERS = {"image": _sample_pictures, "text": _sample_texts, "audio": _sample_recordings}
"""What makes inputs to compare a model on, by modality."""


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


SIGNATURES = {
    "image": (
        "- `serving_default`: `image`, encoded images (jpeg, png, gif, bmp, webp), string (B,)",
        "- `tensor`, `tensor_float`: `image`, pixels in 0..255, uint8 or float32 (B, H, W, C)",
        "- `features`: `image`, encoded images; returns `features`, the embedding",
    ),
    "text": (
        "- `serving_default`: `text`, string (B,)",
        "- `tokens`: `tokens`, token ids, int32 (B, T), for servers without TensorFlow Text",
        "- `features`: `text`; returns `features`, the embedding",
    ),
    "audio": (
        "- `serving_default`: `audio`, wav files of 16 bits, of any rate, string (B,)",
        "- `waveform`: `waveform`, samples in [-1, 1] at the rate of the input, float32 (B, T)",
        "- `features`: `audio`; returns `features`, the embedding",
    ),
}
"""What a model card says of them, by modality."""

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
    preprocessor: Any,
    record: RunRecord,
) -> str:
    """Markdown: what the model is, what it was trained on and what it reached (arXiv:1810.03993)."""
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
        "## Signatures",
        "",
        *SIGNATURES[preprocessor.modality],
        "",
        MARKS,
        "",
    ]
    return "\n".join(lines)
