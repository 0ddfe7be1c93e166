"""`doctor` on small data of each form."""

import os
import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.io import wavfile

import kzoo
from kzoo.data.modalities import MODALITIES
from kzoo.data.splits import read
from kzoo.diagnosis.finding import FINDING_KINDS

WORDS = re.findall("[a-z]+", "room staff kind clean cold harbour view quiet bay breakfast old fine street bed lift")


def reviews(count, seed=0):
    """Texts of 12 words, and their labels."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.permutation(WORDS)[:12]) for _ in range(count)], [("good", "bad")[n % 2] for n in range(count)]


def kinds(found):
    return [each.kind for each in found.findings]


@pytest.fixture(scope="module")
def dirty(folder, tmp_path_factory):
    """The images of a folder with splits of its own, an unreadable one, a copy in test and one with another label."""
    root = tmp_path_factory.mktemp("dirty") / "colours"
    files = {path.name: path for path in folder.rglob("*.png")}

    def put(name, target):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / target).write_bytes(files[name].read_bytes())

    for name, path in files.items():
        put(name, f"{'test' if name[-5] in '12' else 'train'}/{path.parent.name}/{name}")
    put("blue1.png", "train/blue/copy.png")
    put("red2.png", "train/green/wrong.png")
    pixels = tf.io.decode_png(files["green3.png"].read_bytes())
    again = tf.io.encode_jpeg(pixels, quality=98, chroma_downsampling=False).numpy()
    (root / "test" / "green" / "again.jpg").write_bytes(again)
    (root / "train" / "red" / "empty.png").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def found(dirty):
    return kzoo.doctor(dirty, verbose=0)


def test_a_dirty_folder(found, dirty):
    said = {each.kind: (each.names, each.like) for each in found.serious}
    assert said == {
        "unreadable or empty": ([str(dirty / "train" / "red" / "empty.png")], ()),
        "contradictory labels": (
            [str(dirty / "train" / "green" / "wrong.png")],
            [str(dirty / "test" / "red" / "red2.png")],
        ),
        "exact duplicates across splits": (
            [str(dirty / "train" / "blue" / "copy.png")],
            [str(dirty / "test" / "blue" / "blue1.png")],
        ),
        "near duplicates across splits": (
            [str(dirty / "train" / "green" / "green3.png")],
            [str(dirty / "test" / "green" / "again.jpg")],
        ),
    }
    assert set(kinds(found)) - set(said) == {"tiny class"}
    (near,) = found.of_kind("near duplicates across splits")
    assert near.suggestion == f"move to the split of {dirty / 'test' / 'green' / 'again.jpg'}"
    assert os.path.join("train", "green", "green3.png") in str(found).split()


def test_pictures_of_a_dirty_folder(found, dirty):
    assert found.picture(str(dirty / "train" / "green" / "green3.png"))[:2] == b"\xff\xd8"
    assert found.picture(str(dirty / "train" / "red" / "empty.png")) is None
    assert found.picture("elsewhere.png") is None


def test_clean_pixels_show_nothing(arrays):
    pixels, targets = (np.concatenate([each] * 1) for each in arrays)
    found = kzoo.doctor((pixels, targets), verbose=0)
    assert str(found).splitlines()[0] == "Nothing was found in 60 images (48 train, 6 validation, 6 test)."
    assert "near duplicates" in str(found)


def test_splits_are_those_of_adapt():
    texts, labels = reviews(200)
    task = kzoo.Classification((texts, labels), seed=3, test=0.2, strict=True)
    found, splits = kzoo.doctor(task, verbose=0), read(task, "text")
    assert list(found.sizes.values()) == [len(splits.train), len(splits.validation), len(splits.test)]
    assert kinds(found) == []
    # A near copy of a test text, which is in train.
    place = texts.index(splits.test.columns["text"][0])
    changed = kzoo.Classification(([*texts, texts[place].upper() + "!"], [*labels, labels[place]]), seed=3, test=0.2)
    splits = read(changed, "text")
    sides = {name: part for part in ("train", "validation", "test") for name in getattr(splits, part).columns["text"]}
    (near,) = kzoo.doctor(changed, verbose=0).findings
    across = sides[texts[place]] != sides[texts[place].upper() + "!"]
    assert near.kind == ("near duplicates across splits" if across else "near duplicates")


def test_a_table_of_texts(tmp_path):
    texts, labels = reviews(60)
    rows = [*zip(texts, labels, strict=True), (texts[0], "good"), (texts[1], "good"), ("", "good"), ("ok then", None)]
    rows += [("Номер был чистый и вид хороший", "good")]
    pd.DataFrame(rows, columns=["review", "mood"]).to_csv(tmp_path / "reviews.csv", index=False)
    found = kzoo.doctor(kzoo.Classification(tmp_path / "reviews.csv", text="review", label="mood"), verbose=0)
    assert sorted(kinds(found)) == [
        "contradictory labels",
        "exact duplicates",
        "other script",
        "unreadable or empty",
        "unusable target",
    ]
    (contradiction,) = found.of_kind("contradictory labels")
    assert len(contradiction.names) == 2
    assert contradiction.detail == "the same text is labelled bad and good"
    assert found.unusable == 4


def test_splits_in_which_rows_have_the_same_names(arrays):
    pixels, targets = arrays
    pixels, targets = np.concatenate([pixels, pixels[4:5] // 2 + 40]), [*targets, targets[4]]
    data = {"train": (pixels[:40], targets[:40]), "test": (pixels[40:], targets[40:])}
    found = kzoo.doctor(kzoo.Classification(data, validation=0), verbose=0)
    (near,) = found.findings
    assert (near.names, near.like, near.splits) == (["train row 4"], ["test row 20"], ["train"])
    assert found.picture("train row 4") != found.picture("test row 4")


def test_recordings(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(12):
        tone = np.cumsum(rng.uniform(0.1, 1.5, 40).repeat(100))
        wave = 8_000 * np.sin(tone) * rng.uniform(0.2, 1, 40).repeat(100)
        wavfile.write(tmp_path / f"{'ab'[number % 2]}_{number}.wav", 8_000, wave.astype(np.int16))
    wavfile.write(tmp_path / "a_silent.wav", 8_000, np.zeros(4_000, np.int16))
    wavfile.write(tmp_path / "a_softer.wav", 8_000, (wave / 4).astype(np.int16))
    task = kzoo.Classification(tmp_path, label=lambda path: path.stem[0], audio=True, validation=0, test=0)
    found = kzoo.doctor(task, verbose=0)
    assert [(each.kind, os.path.basename(each.names[0])) for each in found.serious] == [("silent", "a_silent.wav")]
    (near,) = found.of_kind("near duplicates with different labels")
    assert {os.path.basename(name) for name in (*near.names, *near.like)} == {"b_11.wav", "a_softer.wav"}
    assert found.picture is None


@pytest.mark.parametrize("kind", [kzoo.MultiLabel, kzoo.Regression])
def test_other_tasks(kind, arrays):
    pixels, targets = arrays
    values = [[f"t{target}"] for target in targets] if kind is kzoo.MultiLabel else targets + 0.5
    pixels = np.concatenate([pixels, pixels[:1]])
    found = kzoo.doctor(kind((pixels, [*values, values[0]])), verbose=0)
    assert kinds(found) == ["exact duplicates"]


def test_groups_of_given_splits():
    texts, labels = reviews(60)
    frames = [pd.DataFrame({"text": texts[a:b], "label": labels[a:b], "who": "ann"}) for a, b in ((0, 40), (40, 60))]
    frames[0].loc[5:, "who"] = "ben"
    data = {"train": frames[0], "test": frames[1]}
    (found,) = kzoo.doctor(kzoo.Classification(data, groups="who", validation=0), verbose=0).serious
    assert (found.kind, len(found.names)) == ("group in several splits", 5)


def test_nothing_usable_is_still_told(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"no image")
    found = kzoo.doctor(tmp_path, verbose=0)
    assert kinds(found) == ["unreadable or empty"] * 2
    assert found.sizes == {"train": 0, "validation": 0, "test": 0}


def test_all_that_is_remarked_has_a_kind(found):
    remarked = {"one colour", "extreme size", "rotation", "extreme length", "quiet", "other script", "mixed scripts"}
    assert remarked <= set(FINDING_KINDS)
    assert [name for name, each in MODALITIES.items() if each.examine] == ["image", "text", "audio"]


def test_data_that_is_not_there():
    with pytest.raises(FileNotFoundError, match="There is no data at 'nowhere/'"):
        kzoo.doctor("nowhere/")
    with pytest.raises(TypeError, match="Did you mean 'verbose'"):
        kzoo.doctor("nowhere/", verbos=0)
