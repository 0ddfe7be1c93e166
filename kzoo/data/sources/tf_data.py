"""tf.data, TensorFlow Datasets and TFRecords."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from kzoo.core.progress import track
from kzoo.core.raw_targets import class_name
from kzoo.data.examples import SPLIT_NAMES, Examples, RawData
from kzoo.data.groups import find_groups, refuse_function
from kzoo.data.sources.source_query import SourceQuery
from kzoo.data.sources.table_files import LABEL_NAMES
from kzoo.data.sources.tabular import find_column
from kzoo.data.text.encoding import decode_text, lines_of
from kzoo.specs.task import UserData

_RECORD_INPUT = ("image/encoded", "image_raw", "encoded")
_RECORD_LABEL = (*LABEL_NAMES, "image/class/label", "image/class/text", "image/object/class/label")


def read_dataset(dataset: tf.data.Dataset, wanted: SourceQuery) -> RawData:
    """A finite dataset of ``(input, target)`` or of dicts, batched or not.

    Pixels are kept as lossless PNG where their sizes differ.
    """
    wanted.refuse_parts("a tf.data.Dataset")
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("The tf.data.Dataset is infinite. Remove .repeat(): kzoo repeats the data itself.")
    # `keras.utils.image_dataset_from_directory` sets `class_names`. Its `file_paths` are not in the order of the
    # examples, because the dataset is shuffled.
    dataset_names = getattr(dataset, "class_names", None)
    pick = _picker(dataset.element_spec, wanted)
    spec = pick(dataset.element_spec)[0]
    batched = spec.shape.rank == (1 if spec.dtype == tf.string else 4)
    if batched:
        dataset = dataset.unbatch()
    inputs: list[object] = []
    targets: list[object] = []
    columns: dict[str, list[object]] = {}
    for element in track(dataset.as_numpy_iterator(), "reading examples", unit="example"):
        value, target = pick(element)
        inputs.append(value)
        targets.append(target)
        if isinstance(wanted.groups, str) and isinstance(element, Mapping) and wanted.groups in element:
            columns.setdefault(wanted.groups, []).append(element[wanted.groups])
    if not inputs:
        raise ValueError("The tf.data.Dataset is empty.")
    names = [f"element {index}" for index in range(len(inputs))]
    groups = find_groups(wanted, columns=columns, paths=inputs, source="the tf.data.Dataset")
    column = wanted.modality.collect(inputs)
    labels = _class_names(dataset_names, targets) if wanted.labelled else None
    return RawData({"all": Examples({wanted.modality.name: column}, targets, names, groups=groups)}, labels)


def _class_names(names: Sequence[object] | None, targets: Sequence[object]) -> list[str] | None:
    """The names of the classes that integer targets are positions of, or None where targets are names themselves.

    Keras also makes names from integer labels, and does not change the targets (3.15).

    Raises:
        ValueError: targets may be either.
    """
    if not names:
        return None
    labels = [str(name) for name in names]
    found = {class_name(target) or "" for target in targets if np.asarray(target).size == 1}
    places = [str(place) for place in range(len(labels))]
    if labels == places or not found or not found <= set(labels):
        return labels
    if found <= set(places):
        raise ValueError(
            f"The targets {sorted(found)} may be labels or positions in the dataset's class_names {labels}. "
            "If they are labels, set class_names to None; otherwise rename the classes."
        )
    return None


def read_tfds(name: UserData, wanted: SourceQuery) -> RawData:
    """A data set of TensorFlow Datasets, by name or as a builder; downloaded where it is not prepared yet."""
    wanted.refuse_parts("a data set of TensorFlow Datasets")
    import tensorflow_datasets as tfds

    builder = tfds.builder(name) if isinstance(name, str) else name
    if not builder.info.splits:
        if type(builder).__module__.startswith("tensorflow_datasets."):
            _find_network(builder)
        builder.download_and_prepare()
    features = builder.info.features or {}
    source = f"tfds:{builder.name}"
    label = _label_column(wanted, source)
    value = find_column(list(features), wanted.input, wanted.modality.usual, what=wanted.modality.name, source=source)
    target, labels = None, None
    if wanted.labelled:
        target = find_column(list(features), label, LABEL_NAMES, what="label", source=source)
        labels = getattr(features[target], "names", None)
    decoders = {value: tfds.decode.SkipDecoding()} if isinstance(features[value], tfds.features.Image) else None
    splits = {}
    for split in builder.info.splits:
        dataset = builder.as_dataset(split=split, decoders=decoders)
        examples = read_dataset(dataset, replace(wanted, inputs=[value], label=target)).splits["all"]
        splits[SPLIT_NAMES.get(split, split)] = examples
    unused = [split for split in splits if split not in ("train", "validation", "test")]
    notes = [f"Splits of tfds:{builder.name} that are not used: {', '.join(unused)}"] if unused else []
    splits = {split: examples for split, examples in splits.items() if split not in unused}
    return RawData({"all": splits["train"]} if set(splits) == {"train"} else splits, labels, notes)


def _find_network(builder: UserData) -> None:
    """Raises where there is no network to download from: tfds would try for minutes (4.9.10)."""
    try:
        with socket.create_connection(("storage.googleapis.com", 443), timeout=5):
            pass
    except OSError as error:
        raise FileNotFoundError(
            f"tfds:{builder.name} is not prepared in {builder.data_dir}, and it cannot be downloaded without a "
            f"network. Run tfds.builder({builder.name!r}).download_and_prepare() elsewhere and copy the folder."
        ) from error


def read_tfrecords(paths: Sequence[Path], wanted: SourceQuery, *, source: str) -> RawData:
    """TFRecords of tf.train.Example, with an encoded image, or a text, and a label in each.

    Files named after splits (``train-00000-of-00004``) become these; a ``labels.txt`` beside them names the classes.
    """
    wanted.refuse_parts("TFRecords")
    if not paths:
        raise FileNotFoundError(f"No TFRecord files match {source!r}.")
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(_split_of(path.name), []).append(path)
    if set(groups) - {"all"} and ("all" in groups or "train" not in groups):
        groups = {"all": list(paths)}
    splits, aside = {}, []
    for split, files in groups.items():
        splits[split], more = _read_records(files, wanted)
        aside += more
    names = paths[0].parent / "labels.txt"
    labels = lines_of(decode_text(names.read_bytes())[0]) if names.is_file() else []
    return RawData(splits, [line.strip() for line in labels if line.strip()] or None, (), aside)


def _read_records(paths: Sequence[Path], wanted: SourceQuery) -> tuple[Examples, list[tuple[str, str]]]:
    inputs, targets, names, aside, groups = [], [], [], [], []
    known: set[str] = set()
    usual, label = (*wanted.modality.usual, *_RECORD_INPUT), _label_column(wanted, paths[0].name)
    keys: tuple[str, str | None] | None = None
    for path in paths:
        records = iter(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        for index in range(1 << 62):
            try:
                example = tf.train.Example.FromString(next(records))
            except StopIteration:
                break
            except (tf.errors.DataLossError, ValueError) as error:
                aside.append(
                    (f"{path.name} from record {index}", f"damaged TFRecord: {str(error).splitlines()[0][:80]}")
                )
                break
            features = example.features.feature
            if keys is None:
                what = wanted.modality.name
                keys = (
                    find_column(sorted(features), wanted.input, usual, what=what, source=path.name),
                    find_column(sorted(features), label, _RECORD_LABEL, what="label", source=path.name)
                    if wanted.labelled
                    else None,
                )
            encoded = features[keys[0]].bytes_list.value
            inputs.append(encoded[0] if encoded else b"")
            targets.append(_value(features[keys[1]]) if keys[1] else None)
            names.append(f"{path.name} record {index}")
            if isinstance(wanted.groups, str):
                groups.append(_value(features[wanted.groups]) if wanted.groups in features else None)
                known |= set(features)
    if not inputs:
        raise ValueError(f"No records in {', '.join(path.name for path in paths)}.")
    columns = {name: groups if name == wanted.groups else () for name in sorted(known)}
    found = find_groups(wanted, columns=columns, paths=inputs, source=paths[0].name)
    return Examples({wanted.modality.name: wanted.modality.collect(inputs)}, targets, names, groups=found), aside


def _value(feature: tf.train.Feature) -> object:
    """A feature's one value, its several values, or None."""
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    values = [value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value for value in values]
    return None if not values else values[0] if len(values) == 1 else values


def _picker(spec: UserData, wanted: SourceQuery) -> Callable[[UserData], tuple[UserData, UserData]]:
    """A function from an element to its input and its target."""
    if isinstance(spec, Mapping):
        source = "the tf.data.Dataset"
        label = _label_column(wanted, source)
        modality = wanted.modality
        value = find_column(list(spec), wanted.input, modality.usual, what=modality.name, source=source)
        if not wanted.labelled:
            return lambda element: (element[value], None)
        target = find_column(list(spec), label, LABEL_NAMES, what="label", source=source)
        return lambda element: (element[value], element[target])
    refuse_function(wanted.label, what="label", source="the tf.data.Dataset")
    if isinstance(spec, tuple) and len(spec) in (2, 3):
        return lambda element: (element[0], element[1])
    if not wanted.labelled and not isinstance(spec, tuple):
        return lambda element: (element, None)
    raise ValueError(f"A tf.data.Dataset must yield (input, target) or a dict. Got elements without labels: {spec}.")


def _label_column(wanted: SourceQuery, source: str) -> str | None:
    """The name of the one column of the target, or None for a usual name."""
    refuse_function(wanted.label, what="label", source=source)
    if isinstance(wanted.label, str | None):
        return wanted.label
    raise ValueError(f"label of {source} must be the name of one feature. Got {wanted.label!r}.")


def _split_of(name: str) -> str:
    stem = name.lower().replace("_", "-").split(".")[0].split("-")[0]
    return SPLIT_NAMES.get(stem, "all")
