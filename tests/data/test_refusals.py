"""What is said of data that cannot be read."""

import os
import shutil
import zipfile
import zlib

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from kzoo.data.sources import forms
from kzoo.data.splits import read
from kzoo.specs.task import Classification

slices = tf.data.Dataset.from_tensor_slices
EMPTY = np.zeros((0, 4, 4, 3), np.uint8)
TWO = np.zeros((2, 4, 4, 3), np.uint8)
TARGETS = [0, 1]


def paired(pictures, targets=TARGETS):
    return lambda root, folder: (pictures, targets)


def unlabelled(root, folder):
    for path in (folder / "red").iterdir():
        shutil.copy(path, root)
    return root


def folder_of_splits(root, folder):
    for name in ("train", "test"):
        shutil.copytree(folder, root / name)
    return root


def made(name, text=""):
    def make(root, folder):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
        return root if "/" in name else root / name

    return make


REFUSED = {
    "empty folder": (lambda root, folder: root, ValueError, "neither class folders nor images"),
    "no class folders": (unlabelled, ValueError, "10 images but no class folders, so they have no labels"),
    "no images": (made("red/notes.txt"), ValueError, "No images in the class folders of"),
    "one class": (lambda root, folder: folder.parent, ValueError, "Got only 'colours'"),
    "missing path": (lambda root, folder: "/no/such/place", FileNotFoundError, "There is no data at '/no/such/place'"),
    "no matching records": (lambda root, folder: "/tmp/none*.tfrecord", FileNotFoundError, "No TFRecord files match"),
    "other file": (
        made("x.zip"),
        ValueError,
        "is a .zip. kzoo reads .*.csv, .tsv, .jsonl, .parquet, .txt, .tfrecord",
    ),
    "an empty record": (made("x.tfrecord"), ValueError, "No records in x.tfrecord"),
    "a number": (lambda root, folder: 3, TypeError, "data must be one of: .*a folder, .*Got int"),
    "nothing": (lambda root, folder: None, TypeError, "Got NoneType"),
    "0..1": (paired(TWO.astype("float32") + 0.5), ValueError, r"in 0\.\.1: multiply them by 255"),
    "rank": (paired(np.zeros((2, 4), np.uint8)), ValueError, r"must have shape \(N, H, W, 3\).* Got \(2, 4\)"),
    "four channels": (
        paired(np.zeros((2, 4, 4, 4), np.uint8)),
        ValueError,
        "looks like RGBA. Remove the alpha channel",
    ),
    "lengths": (paired(TWO, [0, 1, 2]), ValueError, "Got 2 images and 3 targets"),
    "empty arrays": (paired(EMPTY, []), ValueError, "The arrays are empty. They must have at least one image"),
    "empty lists": (paired([], []), ValueError, "The arrays are empty. They must have at least one image"),
    "negative integers": (paired(TWO.astype(int) - 5), ValueError, r"must be in 0\.\.255. Got -5\.\.-5"),
    "too large": (paired(TWO.astype(int) + 256), ValueError, r"must be in 0\.\.255. Got 256\.\.256"),
    "negative floats": (paired(np.stack([TWO[0] - 128.0, TWO[1] + 127.0])), ValueError, r"must be in 0\.\.255"),
    "-1..1": (paired(np.stack([TWO[0] - 1.0, TWO[1] + 1.0])), ValueError, r"must be in 0\.\.255"),
    "floats too large": (paired(TWO + 65535.0), ValueError, r"must be in 0\.\.255"),
    "sizes": (paired([TWO[0] + 0.5, TWO[1, :2]]), ValueError, r"different sizes must be uint8"),
    "strange images": (paired([{}, {}]), TypeError, "An image must be a path or encoded bytes. Got dict in row 0"),
    "endless": (
        lambda root, folder: slices((TWO, TARGETS)).repeat(),
        ValueError,
        r"is infinite. Remove .repeat\(\)",
    ),
    "empty dataset": (lambda root, folder: slices((EMPTY, [])), ValueError, "tf.data.Dataset is empty"),
    "no targets": (lambda root, folder: slices(TWO), ValueError, r"must yield \(input, target\) or a dict"),
    "empty frame": (lambda root, folder: pd.DataFrame({"image": [], "label": []}), ValueError, "has no rows"),
    "header alone": (made("x.csv", "image,label\n"), ValueError, "has no rows below the header"),
    "no file of a table": (
        made("x.csv", "image,label\ncats/a.png,x\nb.png,y\n"),
        FileNotFoundError,
        r"No file of column 'image' of .*x\.csv exists\. The first, 'cats/a\.png', was expected at /.*/cats/a\.png\. "
        r"Paths are relative to /",
    ),
    "no file of a list": (
        paired(["no/a.png", "no/b.png"]),
        FileNotFoundError,
        r"No file of the list exists\. The first, 'no/a\.png', was expected at /",
    ),
    "no label column": (made("x.csv", "image,colour\na,b\n"), ValueError, r"none has a usual name. Pass label=NAME"),
    "no image column": (made("x.csv", "photo,label\na,b\n"), ValueError, r"image=NAME.*Columns: photo, label"),
    "two label columns": (
        made("x.csv", "image,label,class\na,b,c\n"),
        ValueError,
        "several have usual names, label, class",
    ),
    "no train": (lambda root, folder: {"test": folder}, ValueError, "must have 'train'. Got"),
    "unknown split": (lambda root, folder: {"train": folder, "rest": folder}, ValueError, r"Got \['train', 'rest'\]"),
    "a split twice": (
        lambda root, folder: {"train": folder, "val": folder, "validation": folder},
        ValueError,
        "val.*validation",
    ),
    "no splits": (lambda root, folder: {}, ValueError, "The splits of a dict must be named train, validation and test"),
    "splits of splits": (
        lambda root, folder: {"train": folder_of_splits(root, folder)},
        ValueError,
        "'train' has splits itself",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_says_why(what, tmp_path, folder):
    make, kind, message = REFUSED[what]
    with pytest.raises(kind, match=message):
        read(Classification(make(tmp_path, folder)))


def test_a_column_that_is_not_there():
    frame = pd.DataFrame({"image": ["a", "b"], "label": ["x", "y"]})
    with pytest.raises(ValueError, match=r"the DataFrame has no column 'colour'\. Its columns: .*label"):
        read(Classification(frame, label="colour"))


@pytest.mark.parametrize("count", [2, 4])
def test_too_few_to_split(count):
    pictures = np.arange(count * 48, dtype=np.uint8).reshape(count, 4, 4, 3)
    with pytest.raises(ValueError, match=r"The (validation|test) split is empty. Pass more data"):
        read(Classification((pictures, np.arange(count) % 2)))


def write_bytes(name, content):
    def make(root):
        (root / name).write_bytes(content)
        return root / name

    return make


def parquet(root, cut):
    path = root / "x.parquet"
    pd.DataFrame({"image": ["a", "b"] * 99, "label": ["x", "y"] * 99}).to_parquet(path)
    data = bytearray(path.read_bytes())
    data[cut[0] : cut[1]] = b"\xff" * len(data[cut[0] : cut[1]])
    path.write_bytes(data)
    return path


DAMAGED = {
    "a parquet file that is none": (
        write_bytes("x.parquet", b"text"),
        ValueError,
        "x.parquet could not be read as Par",
    ),
    "an empty parquet file": (write_bytes("x.parquet", b""), ValueError, "x.parquet could not be read as Parquet"),
    "damaged pages": (lambda root: parquet(root, (4, 60)), ValueError, "x.parquet could not be read as Parquet"),
    "a damaged footer": (lambda root: parquet(root, (-60, -8)), ValueError, "x.parquet could not be read as Parquet"),
    "deep JSON": (
        write_bytes("x.jsonl", b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        ValueError,
        "Line 1 of .*x.jsonl is nested too deeply",
    ),
    "broken JSON": (
        write_bytes("x.jsonl", b'{"a": 1}\n{"a": \xff}'),
        ValueError,
        "Line 2 of .*x.jsonl is not valid JSON",
    ),
    "a long number": (
        write_bytes("x.jsonl", b'{"a": ' + b"1" * 5000 + b"}"),
        ValueError,
        "Line 1 of .*x.jsonl is not valid JSON",
    ),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_files_are_named(what, tmp_path):
    make, kind, message = DAMAGED[what]
    with pytest.raises(kind, match=message):
        read(Classification(make(tmp_path)))


@pytest.mark.parametrize("inner", [False, True])
def test_a_folder_that_may_not_be_read_is_named(inner, folder, monkeypatch):
    refused, plain = str(folder / "red" if inner else folder), os.scandir

    def scan(path="."):
        if os.fspath(path) == refused:
            raise PermissionError(13, "Permission denied", refused)
        return plain(path)

    def list_(path):
        return [entry.name for entry in scan(path)]

    monkeypatch.setattr(os, "scandir", scan)
    monkeypatch.setattr(os, "listdir", list_)
    with pytest.raises(PermissionError, match=f"{refused} cannot be read: permission denied. Change its permissions"):
        read(Classification(folder))


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            zipfile.BadZipFile("File is not a zip file"),
            ValueError,
            "'tfds:x' contains a damaged archive. Delete it and",
        ),
        (
            zlib.error("Error -3"),
            ValueError,
            "'tfds:x' contains a damaged archive. Delete it and download it again. Error -3",
        ),
        (tf.errors.PermissionDeniedError(None, None, "no"), OSError, "'tfds:x' could not be read. A file may be"),
    ],
)
def test_errors_of_others_are_told_in_ones_own_words(error, kind, message, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(forms, "read_tfds", fail)
    with pytest.raises(kind, match=message):
        read(Classification("tfds:x"))
