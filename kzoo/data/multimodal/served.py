"""Several inputs as an exported model takes them: each under its own name, empty where it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Batch, Tensor
from kzoo.data.multimodal.parts import find_present, modality_of, short_name, stack_parts
from kzoo.data.multimodal.preprocess import InputEntry, MultimodalPreprocessor
from kzoo.data.multimodal.presence import find_used
from kzoo.data.seams import Modality, ServedInput

ReadItems = Callable[..., Callable[[Tensor], tuple[Tensor, Tensor]]]
"""As `kzoo.serving.batch_items.reader`: from a function for one encoded file to one for a batch of them."""

EMPTY = "all inputs are empty"
"""The error of an example without any part."""


def serve_parts(preprocessor: MultimodalPreprocessor, known: Mapping[str, Modality]) -> ServedInput:
    """Inputs by name: those of each part as its modality takes them; "", or NaN in all columns, where it is missing."""
    served = {part: _served(known, _entries(preprocessor, part)[0]) for part in preprocessor.parts}
    specs, counts, renamed, taken = list[tf.TensorSpec](), dict[str, int](), dict[str, str](), set[str]()
    for part, own in served.items():
        batch = [own.batch] if isinstance(own.batch, tf.TensorSpec) else list(own.batch)
        counts[part] = len(batch)
        for spec in batch:
            name = f"input_{len(specs)}"
            specs.append(tf.TensorSpec(spec.shape, spec.dtype, name=name))
            renamed[name] = own.renamed.get(str(spec.name), short_name(part))
            if renamed[name] in taken:
                # Two modalities read one column.
                renamed[name] = f"{renamed[name]}_{modality_of(part)}"
            taken.add(renamed[name])

    def read_with(read_items: ReadItems) -> Callable[..., tuple[Tensor, Tensor]]:
        reads = [_reads(_served(known, entry), entry, read_items) for entry in preprocessor.entries]
        return partial(_read, preprocessor, counts, reads, known)

    lines = [_described(part, own) for part, own in served.items()]
    return ServedInput(
        batch=specs,
        read_with=read_with,
        described=(
            "- `serving_default`: one input for each part, empty (NaN for a number) where it is missing:",
            *(f"    - {line}" for line in lines),
            "- `features`: the same inputs; returns `features`, the embedding",
        ),
        renamed=renamed,
    )


def _read(
    preprocessor: MultimodalPreprocessor,
    counts: Mapping[str, int],
    reads: Sequence[Callable[..., tuple[Tensor, Tensor]]],
    known: Mapping[str, Modality],
    *inputs: Tensor,
) -> tuple[Tensor, Tensor]:
    """Vectors of the good examples of a batch, and for each example an empty string or the reason against it."""
    given, start = dict[str, Sequence[Tensor]](), 0
    for part, count in counts.items():
        given[part] = inputs[start : start + count]
        start += count
    there = {part: _is_there(preprocessor, part, each, known) for part, each in given.items()}
    errors = tf.fill(tf.shape(inputs[0])[:1], "")
    found: list[Tensor] = []
    for entry, read in zip(preprocessor.entries, reads, strict=True):
        places = tf.where(there[entry.part])[:, 0]
        features, reasons = read(*[tf.gather(each, places) for each in given[entry.part]])
        good = tf.gather(places, tf.where(reasons == "")[:, 0])
        flat = tf.reshape(tf.cast(features, tf.float32), (-1, entry.fitted_size))
        shape = tf.stack([tf.size(errors, tf.int64), tf.constant(entry.fitted_size, tf.int64)])
        found.append(tf.scatter_nd(good[:, None], flat, shape))
        told = tf.where(reasons == "", "", tf.strings.join([f"{entry.part}: ", reasons]))
        told = tf.tensor_scatter_nd_update(tf.fill(tf.shape(errors), ""), places[:, None], told)
        errors = tf.where(errors == "", told, errors)
    marks = tf.stack(list(there.values()), axis=1)
    errors = tf.where(tf.reduce_any(marks, axis=1), errors, EMPTY)
    packed = tf.concat([*found, tf.cast(marks, tf.float32)], axis=1)
    return tf.ensure_shape(tf.boolean_mask(packed, errors == ""), (None, *preprocessor.fitted.shape)), errors


def _described(part: str, served: ServedInput) -> str:
    """A line of Markdown on the inputs of a part."""
    if not isinstance(served.batch, tf.TensorSpec):
        return "; ".join(each.strip(" -") for each in served.described[1:-1])
    told = served.described[0] if served.described else f"- `serving_default`: `{served.batch.name}`"
    return told.split(": ", 1)[1].replace(f"`{served.batch.name}`", f"`{short_name(part)}`")


def sample_parts(
    preprocessor: MultimodalPreprocessor, examples: Sequence[np.void], known: Mapping[str, Modality]
) -> dict[str, tuple[dict[str, Batch], np.ndarray]]:
    """Inputs of each signature by name, and the same inputs for `Adapted.predict`.

    Args:
        preprocessor: the model's.
        examples: checked ones, of which some may lack parts; made up where there are none.
        known: all other modalities, by name.
    """
    column = np.array(examples, dtype=examples[0].dtype) if len(examples) else _made_up(preprocessor, known)
    column = column[np.any([*find_used(preprocessor, column, known).values()], axis=0)]
    inputs: dict[str, Batch] = {}
    for part in preprocessor.parts:
        for batch in _sampled(known[modality_of(part)], _entries(preprocessor, part)[0], column[part]):
            inputs[f"input_{len(inputs)}"] = batch
    return dict.fromkeys(("serving_default", "features"), (inputs, column))


def _sampled(modality: Modality, entry: InputEntry, values: np.ndarray) -> list[Batch]:
    """The values of a part as each of its served inputs takes them."""
    assert modality.sample is not None
    if modality.wide:
        found: Any = modality.sample(entry.preprocessor, list(values))["serving_default"][0]
        return list(found.values())
    there = find_present(values)
    encoded: Any = modality.sample(entry.preprocessor, list(values[there]))["serving_default"][0]
    if not isinstance(encoded, list):
        return [encoded]
    given = iter(encoded)
    return [[next(given) if present else "" for present in there]]


def _made_up(preprocessor: MultimodalPreprocessor, known: Mapping[str, Modality]) -> np.ndarray:
    """Three examples that have all parts."""
    parts: dict[str, np.ndarray] = {}
    for part in preprocessor.parts:
        modality = known[modality_of(part)]
        assert modality.sample is not None
        asked: Any = modality.sample(_entries(preprocessor, part)[0].preprocessor, [])["serving_default"][1]
        parts[part] = modality.collect(asked)[:3]
    return stack_parts(parts)


def _entries(preprocessor: MultimodalPreprocessor, part: str) -> list[InputEntry]:
    return [entry for entry in preprocessor.entries if entry.part == part]


def _served(known: Mapping[str, Modality], entry: InputEntry) -> ServedInput:
    modality = known[modality_of(entry.part)]
    if modality.serve is None or modality.sample is None:
        raise ValueError(f"Models of {modality.noun}s are not exported: their modality was registered without serve=.")
    return modality.serve(entry.preprocessor)


def _reads(served: ServedInput, entry: InputEntry, read_items: ReadItems) -> Callable[..., tuple[Tensor, Tensor]]:
    if served.read is not None:
        return served.read
    return read_items(served.read_one, entry.preprocessor.fitted)


def _is_there(
    preprocessor: MultimodalPreprocessor, part: str, inputs: Sequence[Tensor], known: Mapping[str, Modality]
) -> Tensor:
    """Which examples have a value that the model uses, bool (B,); as `kzoo.data.multimodal.presence.find_used`."""
    files = known[modality_of(part)].are_files
    told = [_served(known, entry).present for entry in _entries(preprocessor, part)]
    if own := [each(*inputs) for each in told if each is not None]:
        return tf.reduce_any(tf.stack(own), axis=0)
    texts = [each if files or each.dtype != tf.string else tf.strings.strip(each) for each in inputs]
    found = [each != "" if each.dtype == tf.string else _is_finite(each) for each in texts]
    return tf.reduce_any(tf.stack(found), axis=0)


def _is_finite(values: Tensor) -> Tensor:
    flat = tf.reshape(tf.cast(values, tf.float32), (tf.shape(values)[0], -1))
    return tf.reduce_any(tf.math.is_finite(flat), axis=1)
