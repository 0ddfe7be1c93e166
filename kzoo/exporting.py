"""Serving what was adapted: a SavedModel with a model card and warm-up requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.data.audio import AudioPreprocessor
from kzoo.data.image import Preprocessor
from kzoo.data.text import TextPreprocessor
from kzoo.models.folding import fold
from kzoo.serving.export import export_version
from kzoo.serving.recordings import audio_signatures, sample_recordings
from kzoo.serving.signatures import image_signatures, sample_pictures
from kzoo.serving.texts import SAMPLE_TEXTS, text_signatures
from kzoo.specs.backbone import BackboneSpec
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
) -> Path:
    """Writes the next version of a SavedModel below `directory`, for TensorFlow Serving or plain TensorFlow.

    Args:
        directory: ``NAME``; the version appears as ``NAME/<next integer>/``.
        network: from scaled pictures to logits.
        embedding: from scaled pictures to embeddings.
        finish: from logits to probabilities, or values.
        preprocessor: raw pictures to the network's input.
        labels: names of the outputs.
        kind: kind of the task.
        description: the model card, Markdown.

    Returns:
        Path of the version.
    """
    joint = _fast(keras.Model(network.input, [network.output, embedding.output]))
    signatures, model, samples = SIGNERS[preprocessor.modality](joint, finish, preprocessor, labels=labels, kind=kind)
    extras = {"README.md": description, "labels.txt": "".join(f"{label}\n" for label in labels)}
    return export_version(directory, signatures=signatures, models=[model], samples=samples, extras=extras)


def _sign_pictures(
    joint: keras.Model, finish: Callable[[Any], Any], preprocessor: Preprocessor, *, labels: Sequence[str], kind: str
) -> tuple[Any, keras.Model, Any]:
    """Signatures, what they call, and inputs to check each with."""
    answer = _answer(joint, finish, preprocessor, keras.Input(preprocessor.shape, name="pixels"))
    signatures = image_signatures(
        decode=preprocessor.decode,
        fit=preprocessor.fit,
        answer=answer,
        size=preprocessor.size,
        channels=preprocessor.channels,
        labels=labels,
        kind=kind,
    )
    encoded, decoded = sample_pictures(preprocessor.size, channels=preprocessor.channels)
    samples = {"serving_default": encoded, "features": encoded, "tensor": decoded, "tensor_float": decoded}
    return signatures, answer, {name: {"image": inputs} for name, inputs in samples.items()}


def _sign_texts(
    joint: keras.Model,
    finish: Callable[[Any], Any],
    preprocessor: TextPreprocessor,
    *,
    labels: Sequence[str],
    kind: str,
) -> tuple[Any, keras.Model, Any]:
    """Signatures, what they call, and inputs to check each with."""
    answer = _answer(joint, finish, preprocessor, keras.Input(preprocessor.shape, dtype="int32", name="tokens"))
    signatures = text_signatures(
        tokenize=preprocessor.tokenize, answer=answer, size=preprocessor.size, labels=labels, kind=kind
    )
    texts = {"text": SAMPLE_TEXTS}
    tokens = {"tokens": preprocessor.tokenize(tf.constant(SAMPLE_TEXTS)).numpy()}
    return signatures, answer, {"serving_default": texts, "tokens": tokens, "features": texts}


def _sign_recordings(
    joint: keras.Model,
    finish: Callable[[Any], Any],
    preprocessor: AudioPreprocessor,
    *,
    labels: Sequence[str],
    kind: str,
) -> tuple[Any, keras.Model, Any]:
    """Signatures, what they call, and inputs to check each with."""
    shape = preprocessor.front.shape(preprocessor.samples)
    answer = _answer(joint, finish, preprocessor, keras.Input(shape, name="features"))
    signatures = audio_signatures(
        decode=preprocessor.decode, fit=preprocessor.fit, answer=answer, shape=shape, labels=labels, kind=kind
    )
    encoded, wave = sample_recordings(preprocessor.front.rate, preprocessor.samples)
    files = {"audio": encoded}
    return signatures, answer, {"serving_default": files, "waveform": {"waveform": wave}, "features": files}


def _answer(joint: keras.Model, finish: Callable[[Any], Any], preprocessor: Any, inputs: Any) -> keras.Model:
    """From what a preprocessor's `fit` gives to probabilities, or values, and embeddings."""
    logits, features = joint(preprocessor.scale(inputs))
    return keras.Model(inputs, [finish(logits), features], name="answer")


SIGNERS = {"image": _sign_pictures, "text": _sign_texts, "audio": _sign_recordings}
"""What signs a model, by modality."""


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
        "- `serving_default`: `image`, encoded pictures (jpeg, png, gif, bmp, webp), string (B,)",
        "- `tensor`, `tensor_float`: `image`, pixels in 0..255, uint8 or float32 (B, H, W, C)",
        "- `features`: `image`, encoded pictures; returns `features`, the embedding",
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


def model_card(
    card: BackboneSpec,
    *,
    kind: str,
    labels: Sequence[str],
    preprocessor: Any,
    record: Mapping[str, Any],
) -> str:
    """Markdown: what the model is, what it was trained on and what it reached (arXiv:1810.03993)."""
    sizes = ", ".join(f"{number} {name}" for name, number in record["sizes"].items())
    figures = [
        f"- {name}: {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
        for name, found in record["test"]["metrics"].items()
    ]
    lines = [
        f"# {card.name}, adapted ({kind})",
        "",
        f"- Backbone: {card.name}, licence {card.licence}, {card.paper or 'no paper'}",
        f"- Start weights: {record['weights'] or 'random'}",
        f"- Input: {preprocessor}",
        f"- Outputs: {', '.join(labels)}",
        f"- Data: {record['task']['data'] or 'given in memory'}: {sizes}; {record['set_aside']} set aside",
        f"- Schedule: {record['schedule']}, seed {record['seed']}",
        f"- Kept: phase {record['kept'] + 1} of {len(record['phases'])}"
        if "merged" not in record
        else f"- Merged: {record['merged']['how']} of {', '.join(record['merged']['members'])}",
        f"- Versions: {', '.join(f'{name} {version}' for name, version in record['versions'].items())}",
        "",
        "## Test split",
        "",
        f"{record['test']['size']} examples that chose nothing; 95% intervals.",
        "",
        *figures,
        "",
        "## Signatures",
        "",
        *SIGNATURES[preprocessor.modality],
        "",
    ]
    return "\n".join(lines)
