"""Every form that data comes in, and what is said of data that is in none."""

import functools
import os
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from kzoo.data.file_column import load
from kzoo.data.modalities import MODALITIES
from kzoo.data.sources.reading import read_source
from kzoo.data.splits import read
from kzoo.data.targets import encode, make_labels
from kzoo.specs.task import Classification, MultiLabel, Regression

NAMES = ("blue", "green", "red")


@pytest.fixture(scope="module")
def files(folder):
    """Paths of the 30 images, and their labels."""
    paths = sorted(folder.rglob("*.png"))
    return [str(path) for path in paths], [path.parent.name for path in paths]


@pytest.fixture(scope="module")
def pixels(files):
    """The same as arrays (30, 20, 24, 3) and (30,), shuffled: the brightest channel is the class."""
    order = np.random.default_rng(0).permutation(30)
    pictures = np.stack([tf.io.decode_png(tf.io.read_file(path)).numpy() for path in files[0]])
    return pictures[order], np.asarray([NAMES.index(label) for label in files[1]])[order]


def channel(picture):
    """The class that an image shows."""
    pixels = tf.io.decode_png(load(picture)).numpy() if isinstance(picture, str | bytes) else picture
    return int(pixels.mean((0, 1)).argmax())


def split_folder(root, folder, names=("train", "val", "test")):
    for name in names:
        shutil.copytree(folder, root / name)
        for path in sorted((root / name).rglob("*.png")):
            if int(path.stem[-1]) % len(names) != names.index(name):
                path.unlink()
    return root


def table(path, files, separator=","):
    """A table beside the images, with relative paths and a column that is neither image nor label."""
    rows = [f"{label}{separator}{os.path.relpath(p, path.parent)}{separator}x" for p, label in zip(*files, strict=True)]
    path.write_text("\n".join([separator.join(("label", "file", "note")), *rows]), encoding="utf-8-sig")
    return path


def record(path, files, numbers=True):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for picture, label in zip(*files, strict=True):
            bytes_list = tf.train.BytesList(value=[load(picture)])
            label_value = (
                tf.train.Feature(int64_list=tf.train.Int64List(value=[NAMES.index(label)]))
                if numbers
                else tf.train.Feature(bytes_list=tf.train.BytesList(value=[label.encode()]))
            )
            features = {"image/encoded": tf.train.Feature(bytes_list=bytes_list), "image/class/label": label_value}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return path


def records(root, files, names=("part-0", "part-1")):
    for number, name in enumerate(names):
        record(root / f"{name}.tfrecord", tuple(column[number :: len(names)] for column in files))
    (root / "labels.txt").write_text("\n".join(NAMES) + "\n")
    return root


def dataset(pixels, *, sizes=False):
    if not sizes:
        return tf.data.Dataset.from_tensor_slices(pixels)
    spec = (tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    rows = ((p[: 10 + i % 5], t) for i, (p, t) in enumerate(zip(*pixels, strict=True)))
    return tf.data.Dataset.from_generator(lambda rows=list(rows): iter(rows), output_signature=spec)


FORMS = {
    "folder": lambda root, folder, files, pixels: folder,
    "folder as text": lambda root, folder, files, pixels: str(folder),
    "folder of splits": lambda root, folder, files, pixels: split_folder(root, folder),
    "folder of train and Valid": lambda root, folder, files, pixels: split_folder(root, folder, ("train", "Valid")),
    "csv": lambda root, folder, files, pixels: table(root / "t.csv", files),
    "tsv": lambda root, folder, files, pixels: table(root / "t.tsv", files, "\t"),
    "frame": lambda root, folder, files, pixels: pd.DataFrame({"image": files[0], "class": files[1]}),
    "categories": lambda root, folder, files, pixels: pd.DataFrame(
        {"image": files[0], "class": pd.Categorical(files[1])}
    ),
    "paths": lambda root, folder, files, pixels: files,
    "path objects": lambda root, folder, files, pixels: ([root / path for path in files[0]], np.asarray(files[1])),
    "bytes": lambda root, folder, files, pixels: ([load(path) for path in files[0]], files[1]),
    "uint8": lambda root, folder, files, pixels: pixels,
    "int64": lambda root, folder, files, pixels: (pixels[0].astype(np.int64), pixels[1].tolist()),
    "float": lambda root, folder, files, pixels: (pixels[0].astype(np.float32), pixels[1].astype(float)),
    "one-hot": lambda root, folder, files, pixels: (pixels[0], np.eye(3)[pixels[1]]),
    "column of targets": lambda root, folder, files, pixels: (pixels[0], pixels[1][:, None]),
    "tensors": lambda root, folder, files, pixels: (tf.constant(pixels[0]), tf.constant(pixels[1])),
    "list of arrays": lambda root, folder, files, pixels: (list(pixels[0]), pixels[1]),
    "tf.data": lambda root, folder, files, pixels: dataset(pixels),
    "tf.data batched": lambda root, folder, files, pixels: dataset(pixels).batch(7),
    "tf.data one-hot": lambda root, folder, files, pixels: dataset((pixels[0], np.eye(3)[pixels[1]])).batch(7),
    "tf.data weighted": lambda root, folder, files, pixels: dataset((*pixels, np.ones(30))),
    "tf.data of dicts": lambda root, folder, files, pixels: dataset({"image": pixels[0], "label": pixels[1]}),
    "tf.data of sizes": lambda root, folder, files, pixels: dataset(pixels, sizes=True),
    "tf.data of bytes": lambda root, folder, files, pixels: dataset(([load(p) for p in files[0]], files[1])).batch(4),
    "tfrecord": lambda root, folder, files, pixels: record(root / "t.tfrecord", files),
    "tfrecord of names": lambda root, folder, files, pixels: record(root / "t.tfrecord", files, numbers=False),
    "tfrecords": lambda root, folder, files, pixels: str(records(root, files) / "part-*.tfrecord"),
    "folder of tfrecords": lambda root, folder, files, pixels: records(root, files),
    "tfrecords of splits": lambda root, folder, files, pixels: records(root, files, ("train-0", "train-1", "test-0")),
    "tfds builder": lambda root, folder, files, pixels: tfds.folder_dataset.ImageFolder(
        str(split_folder(root, folder, ("train", "test")))
    ),
    "dict": lambda root, folder, files, pixels: {
        "train": (pixels[0][:20], pixels[1][:20]),
        "val": dataset((pixels[0][20:], pixels[1][20:])),
    },
}
NAMED = {"folder of tfrecords", "tfrecords", "tfrecords of splits", "tfrecord of names", "tfds builder"}
NAMED |= {"folder", "folder as text", "folder of splits", "folder of train and Valid", "csv", "tsv", "frame"}
NAMED |= {"categories", "paths", "path objects", "bytes", "tf.data of bytes"}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_all_pictures_with_their_labels(form, tmp_path, folder, files, pixels):
    task = Classification(FORMS[form](tmp_path, folder, files, pixels))
    raw = read_source(task, MODALITIES["image"])
    labels = make_labels(next(iter(raw.splits.values())).targets, task=task, known=raw.labels)
    assert sum(map(len, raw.splits.values())) == 30
    assert list(labels) == (list(NAMES) if form in NAMED else ["0", "1", "2"])
    for part in raw.splits.values():
        encoded = encode(part.targets, labels=labels, task=task)
        assert not encoded.reasons
        assert [channel(picture) for picture in part.columns["image"]] == encoded.targets.tolist()


@pytest.mark.parametrize("shape", [(-1, 20, 24), (-1, 20, 24, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_grey_pictures(shape, dtype, pixels):
    grey = pixels[0][..., 0].reshape(shape).astype(dtype)
    splits = read(Classification((grey, pixels[1])))
    assert splits.train.columns["image"].shape == (24, 20, 24, 1)
    assert splits.train.columns["image"].dtype == dtype


def test_labels_name_integer_targets(pixels):
    splits = read(Classification(pixels, labels=NAMES))
    assert list(splits.labels) == list(NAMES)
    assert all(channel(x) == t for x, t in zip(splits.train.columns["image"], splits.train.targets, strict=True))


def test_a_splits_own_parts_are_kept(tmp_path, folder):
    splits = read(Classification(split_folder(tmp_path, folder)))
    for name, part in (("train", splits.train), ("val", splits.validation), ("test", splits.test)):
        assert part.names
        assert all(os.path.relpath(path, tmp_path).startswith(name) for path in part.names)


def test_columns_by_name(tmp_path, files):
    frame = pd.DataFrame({"image": ["x"] * 30, "a": files[0], "b": files[1], "label": ["y"] * 30})
    assert list(read(Classification(frame, image="a", label="b")).labels) == list(NAMES)


@pytest.mark.parametrize("data", ["one column", "columns", "rows of zeros and ones", "lists"])
def test_several_labels(data, files, pixels):
    several = [[label, "all"] for label in files[1]]
    frame = pd.DataFrame({"image": files[0], "label": ["|".join(names) for names in several]})
    frame = frame.assign(**{name: [int(name in names) for names in several] for name in (*NAMES, "all")})
    task = {
        "one column": MultiLabel(frame, separator="|"),
        "columns": MultiLabel(frame, label=("all", *NAMES)),
        "rows of zeros and ones": MultiLabel((files[0], frame[["all", *NAMES]].to_numpy())),
        "lists": MultiLabel((files[0], several)),
    }[data]
    splits = read(task)
    assert len(splits.labels) == 4
    targets = np.concatenate([splits.train.targets, splits.validation.targets, splits.test.targets])
    assert targets.dtype == np.float32
    assert sorted(targets.sum(axis=0)) == [10, 10, 10, 30]


def test_numbers_to_predict(files):
    frame = pd.DataFrame({"image": files[0], "width": range(30), "height": np.linspace(0, 1, 30)})
    splits = read(Regression(frame, label=["width", "height"]))
    assert splits.labels == ["width", "height"]
    assert splits.train.targets.shape[1:] == (2,)
    row = int(splits.train.targets[5, 0])
    assert splits.train.names[5].endswith(files[0][row])


class TinySet(tfds.core.GeneratorBasedBuilder):
    """A data set whose classes are numbers, but not 0 and 1."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        label = tfds.features.ClassLabel(names=["3", "1"])
        features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(8, 8, 3)), "label": label})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(20):
            picture = np.full((8, 8, 3), index, np.uint8)
            yield index, {"image": picture, "label": ("3", "1")[index % 2]}


def test_tfds_by_name_keeps_the_names_of_its_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds, "builder", functools.partial(tfds.builder, data_dir=str(tmp_path)))
    splits = read(Classification("tfds:tiny_set"))
    assert list(splits.labels) == ["3", "1"]
    assert len(splits.train) == 16
    shown = [int(tf.io.decode_png(x).numpy()[0, 0, 0] % 2) for x in splits.train.columns["image"]]
    assert splits.train.targets.tolist() == shown


def directory_datasets(folder, **options):
    """Training and validation, as Keras makes them of a folder."""
    options = {"image_size": (20, 24), "validation_split": 0.3, "subset": "both", "seed": 0, "verbose": False} | options
    return keras.utils.image_dataset_from_directory(folder, **options)


@pytest.mark.parametrize("mode", ["int", "categorical"])
@pytest.mark.parametrize("form", ["alone", "dict", "one of a dict"])
def test_datasets_of_a_directory_keep_the_names_of_their_classes(form, mode, folder):
    train, held = directory_datasets(folder, label_mode=mode)
    data = {
        "alone": train,
        "dict": {"train": train, "validation": held},
        "one of a dict": {"train": train, "validation": folder},
    }[form]
    splits = read(Classification(data))
    assert list(splits.labels) == list(NAMES)
    for part in (splits.train, splits.validation):
        assert [channel(picture) for picture in part.columns["image"]] == part.targets.tolist()


def test_classes_in_another_order_are_those_of_the_dataset(folder):
    train = directory_datasets(folder, class_names=["red", "blue", "green"])[0]
    splits = read(Classification(train))
    assert list(splits.labels) == ["red", "blue", "green"]
    assert [NAMES[channel(x)] for x in splits.train.columns["image"]] == [
        splits.labels[t] for t in splits.train.targets
    ]


def test_two_classes_of_a_directory(folder):
    train = directory_datasets(folder, class_names=["red", "blue"], label_mode="binary")[0]
    assert list(read(Classification(train)).labels) == ["red", "blue"]


def test_splits_that_name_their_classes_differently_are_refused(folder):
    train = directory_datasets(folder)[0]
    held = directory_datasets(folder, class_names=["red", "blue", "green"])[1]
    with pytest.raises(ValueError, match=r"the same classes. Got \['blue'.*\['red'.* in 'validation'"):
        read(Classification({"train": train, "validation": held}))


def test_a_pair_of_datasets_is_refused_with_what_to_give(folder):
    with pytest.raises(TypeError, match="Several datasets must be passed as a dict of splits"):
        read(Classification(directory_datasets(folder)))


def test_labels_that_were_given_as_integers_are_names(folder):
    given = [3] * 10 + [7] * 20
    whole = keras.utils.image_dataset_from_directory(folder, labels=given, image_size=(20, 24), verbose=False)
    assert whole.class_names == ["3", "7"]
    splits = read(Classification(whole))
    assert list(splits.labels) == ["3", "7"]
    assert not splits.audit.set_aside


def test_integers_that_may_be_positions_or_labels_are_refused(pixels):
    data = tf.data.Dataset.from_tensor_slices((pixels[0], pixels[1] % 2 + 1))
    data.class_names = ["1", "2", "3"]
    with pytest.raises(ValueError, match=r"may be labels or positions in the dataset's class_names"):
        read(Classification(data))
    data.class_names = None
    assert list(read(Classification(data)).labels) == ["1", "2"]


def test_the_name_of_a_row_has_the_beginning_of_a_text(tmp_path):
    long = "a good film " * 20
    pd.DataFrame({"text": [long, "short"], "label": ["a", "b"]}).to_csv(tmp_path / "texts.csv", index=False)
    found = read_source(Classification(tmp_path / "texts.csv"), MODALITIES["text"])
    assert list(found.splits["all"].names) == [f"row 2: {long[:77]}...", "row 3: short"]
