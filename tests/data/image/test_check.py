"""The audit: what is dirty is set aside, named, and does not stop the run."""

import io
import os
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

from kzoo.data.splits import read, read_labelled
from kzoo.specs.task import Classification


def encoded(kind, mode="RGB", size=(12, 10)):
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


def bomb():
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


BAD_FILES = {
    "zero.jpg": (b"", "empty file"),
    "page.jpg": (b"<!DOCTYPE html><html></html>", "not a jpeg, png, gif, bmp or webp"),
    "cut.jpg": (encoded("JPEG", size=(64, 64))[:700], "damaged"),
    "cut.png": (encoded("PNG")[:200], "damaged"),
    "bomb.png": (bomb(), "too large: 20000 x 20000"),
    "cmyk.jpg": (encoded("JPEG", "CMYK"), "CMYK"),
    "tiff.jpg": (encoded("TIFF"), "not a jpeg"),
    "scan.tiff": (encoded("TIFF"), "not a supported image file: .tiff"),
    "notes.txt": (b"hello", "not a supported image file: .txt"),
}


def copy_of(folder, root):
    for path in folder.rglob("*.png"):
        (root / path.parent.name).mkdir(parents=True, exist_ok=True)
        (root / path.parent.name / path.name).write_bytes(path.read_bytes())
    return root


@pytest.fixture(scope="module")
def dirty(tmp_path_factory, folder):
    """The folder with one bad file of each kind."""
    root = copy_of(folder, tmp_path_factory.mktemp("dirty"))
    for name, (content, _) in BAD_FILES.items():
        (root / "red" / name).write_bytes(content)
    (root / "red" / ".hidden.jpg").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def audit(dirty):
    return read(Classification(dirty)).audit


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_set_aside_with_its_name_and_reason(name, audit, dirty):
    reasons = dict(audit.set_aside)
    assert BAD_FILES[name][1] in reasons[str(dirty / "red" / name)]


def test_good_files_stay(dirty, audit):
    splits = read(Classification(dirty))
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == 30
    assert len(audit.set_aside) == len(BAD_FILES)


def test_strict_raises_and_names_all(dirty):
    with pytest.raises(ValueError, match=r"strict=True refuses dirty data. 9 examples cannot be used") as caught:
        read(Classification(dirty, strict=True))
    assert all(name in str(caught.value) for name in BAD_FILES)


def test_a_file_name_that_is_no_utf8_does_not_stop_the_run(tmp_path, folder):
    root = copy_of(folder, tmp_path)
    path = os.fsencode(root / "red") + b"/caf\xe9.png"
    with open(path, "wb") as file:
        file.write(encoded("PNG"))
    splits = read(Classification(root))
    assert sum(map(len, (splits.train, splits.validation, splits.test))) + len(splits.audit.set_aside) == 31
    str(splits.audit).encode()


def frame_of(folder):
    paths = sorted(folder.rglob("*.png"))
    return pd.DataFrame({"image": map(str, paths), "label": [path.parent.name for path in paths]}, dtype=object)


@pytest.mark.parametrize(
    ("image", "label", "reason"),
    [
        ("gone.png", "red", "could not be read (No such file or directory)"),
        ("/tmp", "red", "could not be read (Is a directory)"),
        ("null\0byte.png", "red", "could not be read"),
        (None, "red", "empty file"),
        (float("nan"), "red", "empty file"),
        (encoded("PNG"), "", "no label"),
        (encoded("PNG"), None, "no label"),
        (encoded("PNG"), float("nan"), "no label"),
        (encoded("PNG"), pd.NA, "no label"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason(image, label, reason, folder):
    frame = frame_of(folder)
    frame.loc[len(frame)] = [image, label]
    splits = read(Classification(frame))
    assert len(splits.audit.set_aside) == 1
    assert reason in splits.audit.set_aside[0][1]
    assert splits.audit.set_aside[0][0].startswith("row 32")


def test_bad_rows_of_a_csv(folder, tmp_path):
    frame_of(folder).to_csv(tmp_path / "t.csv", index=False)
    with open(tmp_path / "t.csv", "a") as file:
        file.write("gone.png,red\nshort\n,\n")
    found = read(Classification(tmp_path / "t.csv")).audit.set_aside
    assert [name.split(":")[0] for name, _ in found] == ["row 32", "row 33", "row 34"]


def test_a_picture_labelled_twice_differently_is_not_used(folder):
    frame = frame_of(folder)
    frame.loc[len(frame)] = [frame.image[0], "red"]
    found = read(Classification(frame)).audit.set_aside
    assert [reason for _, reason in found] == ["the same image is labelled blue and red"] * 2


def test_a_label_that_train_lacks_is_set_aside(folder):
    frame = frame_of(folder)
    test = frame[::5].copy()
    test.iloc[0, 1] = "mauve"
    splits = read(Classification({"train": frame.drop(frame.index[::5]), "test": test}))
    assert [reason for _, reason in splits.audit.set_aside] == ["label 'mauve' is not in the training data"]
    assert splits.labels == ["blue", "green", "red"]


def test_pixels_that_are_not_finite_are_set_aside():
    pictures = np.random.default_rng(0).uniform(0, 255, (40, 4, 4, 3))
    targets = [0, 1] * 20
    pictures[3, 0, 0, 0] = np.nan
    assert read(Classification((pictures, targets))).audit.set_aside == [("row 3", "pixels that are not finite")]


def test_a_damaged_tfrecord_gives_what_comes_before(tmp_path, folder):
    path = tmp_path / "t.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _, row in frame_of(folder).iterrows():
            picture = tf.train.BytesList(value=[tf.io.read_file(row.image).numpy()])
            label = tf.train.BytesList(value=[row.label.encode()])
            features = {"image": tf.train.Feature(bytes_list=picture), "label": tf.train.Feature(bytes_list=label)}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    path.write_bytes(path.read_bytes()[:-100])
    splits = read(Classification(path))
    assert splits.audit.set_aside[0][0] == "t.tfrecord from record 29"
    assert "damaged TFRecord" in splits.audit.set_aside[0][1]


def test_known_labels_read_everything_at_once(dirty):
    examples, audit = read_labelled(Classification(dirty), labels=["red", "green", "blue"])
    assert "1 set aside: empty file" in str(audit)
    assert np.bincount(examples.targets).tolist() == [10, 10, 10]
    assert all(("red", "green", "blue")[t] in n for t, n in zip(examples.targets, examples.names, strict=True))


def test_known_labels_of_clean_data_tell_nothing(folder):
    examples, audit = read_labelled(Classification(folder), labels=["red", "green", "blue"])
    assert (len(examples), str(audit)) == (30, "")


def test_known_labels_and_nothing_usable(folder):
    with pytest.raises(ValueError, match="No examples are left"):
        read_labelled(Classification(folder), labels=["x", "y"])
