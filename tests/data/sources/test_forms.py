"""Forms of data: each is found by one row, and users add their own."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

import kzoo
from kzoo.data.sources import forms
from kzoo.data.sources.forms import find_source, register_source
from kzoo.data.sources.unlabelled import read_unlabelled
from kzoo.data.splits import read
from kzoo.setup.auto_model import guess_modality
from kzoo.specs.task import Classification


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("tfds:mnist", "'tfds:NAME'"),
        ("some/where-*.tfrecord", "a pattern of .tfrecord files"),
        ("some/TABLE.CSV", "a .csv, .tsv, .jsonl, .parquet file"),
        ("some/train.tfrecord-00000-of-00002", "a .tfrecord file"),
        ((np.zeros((2, 4, 4, 3)), [0, 1]), "a pair of arrays"),
        (pd.DataFrame({"text": ["a"]}), "a DataFrame"),
        (tf.data.Dataset.range(2), "a tf.data.Dataset"),
    ],
)
def test_each_form_is_found_by_its_row(data, name):
    assert find_source(data)[0].name == name


@pytest.mark.parametrize("data", ["some/file.docx", 5, None])
def test_other_data_has_no_source(data):
    assert find_source(data)[0] is None


def test_a_type_that_is_not_read_is_refused_with_all_forms():
    with pytest.raises(TypeError, match=r"'tfds:NAME', .*a DataFrame, .*Got int"):
        read(Classification(5))


@pytest.fixture
def mine(monkeypatch):
    """A list of forms that a test may add to."""
    monkeypatch.setattr(forms, "SOURCES", [*forms.SOURCES])
    return forms.SOURCES


def read_tar(path: Path):
    """WebDataset: files of one name but for their suffix are one example."""
    with tarfile.open(path) as archive:
        content = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    keys = sorted({name.partition(".")[0] for name in content})
    return [content[f"{key}.png"] for key in keys], [content[f"{key}.cls"].decode() for key in keys]


@pytest.fixture
def tar(tmp_path):
    random = np.random.default_rng(0)
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for number in range(40):
            file = io.BytesIO()
            Image.fromarray(random.integers(0, 255, (8, 8, 3), np.uint8)).save(file, "PNG")
            for suffix, content in {"png": file.getvalue(), "cls": b"cat" if number % 2 else b"dog"}.items():
                member = tarfile.TarInfo(f"{number:03}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return tmp_path / "shard.tar"


def test_a_source_of_the_users_is_read_labelled_unlabelled_and_automatically(mine, tar):
    register_source(read_tar, suffixes=".tar")
    splits = read(Classification(str(tar)))
    assert list(splits.labels) == ["cat", "dog"]
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == 40
    assert len(read_unlabelled(tar, "image")[0]) == 40
    assert guess_modality(Classification(str(tar))) == "image"


def test_a_source_may_give_splits(mine):
    frames = {"train": pd.DataFrame({"text": ["a b", "c d", "e f"], "label": list("xyx")})}
    frames["test"] = pd.DataFrame({"text": ["g h", "i j"], "label": list("xy")})
    asked = []
    register_source(lambda name: asked.append(name) or frames, prefix="db:")
    splits = read(Classification("db:reviews", validation=0.34), "text")
    assert (asked, len(splits.test)) == (["reviews"], 2)


@pytest.mark.parametrize("given", [{"prefix": "tfds:"}, {"suffixes": (".CSV",)}, {"suffixes": ".txt"}])
def test_what_is_read_already_is_refused(mine, given):
    with pytest.raises(ValueError, match="is registered already"):
        register_source(read_tar, **given)


def test_a_source_needs_a_prefix_or_a_suffix(mine):
    with pytest.raises(ValueError, match=r"needs a prefix such as 'db:', or suffixes such as \('\.tar',\)"):
        register_source(read_tar)


def test_a_source_is_a_function(mine):
    with pytest.raises(TypeError, match=r"needs a callable\. Got 'shards'"):
        register_source("shards", suffixes=".shard")


def test_labelled_texts_are_no_txt_file(tmp_path):
    (tmp_path / "lines.txt").write_text("one\ntwo\n")
    with pytest.raises(ValueError, match=r"lines\.txt has one text in each line and no labels"):
        read(kzoo.Classification(tmp_path / "lines.txt"), "text")
