"""Groups stay on one side of every split."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from kzoo.data.groups import deal
from kzoo.data.splits import read
from kzoo.specs.task import Classification

RNG = np.random.default_rng(0)
WHO = [f"speaker{n % 7}" for n in range(140)]
WHAT = [n // 7 % 2 for n in range(140)]
TEXTS = [f"text {n} {'good' if y else 'bad'}" for n, y in enumerate(WHAT)]


def frame():
    return pd.DataFrame({"text": TEXTS, "label": WHAT, "who": WHO})


def parts(splits):
    return {name: getattr(splits, name) for name in ("train", "validation", "test")}


TASKS = {
    "a column": lambda **more: Classification(frame(), groups="who", **more),
    "a sequence": lambda **more: Classification((TEXTS, WHAT), groups=WHO, **more),
}


@pytest.mark.parametrize("form", TASKS)
@pytest.mark.parametrize("seed", range(3))
def test_no_group_is_on_two_sides(form, seed):
    found = parts(read(TASKS[form](seed=seed), "text"))
    members = {name: set(part.groups) for name, part in found.items()}
    assert sum(map(len, members.values())) == 7
    assert set.union(*members.values()) == set(WHO)
    assert sum(map(len, found.values())) == 140
    for part in found.values():
        assert all(
            WHO[TEXTS.index(text)] == group for text, group in zip(part.columns["text"], part.groups, strict=True)
        )


def test_named_groups_are_held_out():
    found = parts(read(Classification(frame(), groups="who", test=["speaker2", "speaker5"]), "text"))
    assert set(found["test"].groups) == {"speaker2", "speaker5"}
    assert len(set(found["validation"].groups)) == 1


def test_a_function_of_the_path_gives_groups_and_labels(tmp_path):
    for number, (text, label, who) in enumerate(zip(TEXTS, WHAT, WHO, strict=True)):
        (tmp_path / f"{label}_{who}_{number}.txt").write_text(text)
    task = Classification(
        tmp_path, label=lambda path: path.stem[0], groups=lambda path: path.stem.split("_")[1], test=["speaker0"]
    )
    splits = read(task, "text")
    assert splits.labels == ["0", "1"]
    assert set(splits.test.groups) == {"speaker0"}
    assert all(name.endswith(".txt") for name in splits.test.names)


def test_a_copy_in_a_held_out_group_leaves_training():
    rows = frame()
    rows.loc[0, "text"] = rows.loc[14 + 2, "text"]  # of speaker2, with the same label
    splits = read(Classification(rows, groups="who", test=["speaker2"]), "text")
    assert [(name[:6], why) for name, why in splits.audit.set_aside] in (
        [("row 2:", "in train, but its content is in test too")],
        [("row 2:", "in validation, but its content is in test too")],
    )


def test_a_group_of_a_given_split_leaves_the_others():
    rows = frame()
    splits = read(Classification({"train": rows[:130], "test": rows[130:133]}, groups="who"), "text")
    held = set(rows[130:133]["who"])
    assert not held & {*splits.train.groups, *splits.validation.groups}
    assert "in train, but its group is in test too" in str(splits.audit)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_shares_are_near_what_is_wanted(share):
    groups = [f"g{n}" for n in RNG.integers(0, 60, 3000)]
    found = deal(RNG.integers(0, 3, 3000), groups, {"test": share}, np.random.default_rng(0))
    assert abs(len(found["test"]) / 3000 - share) < 0.03
    assert sorted(np.concatenate(list(found.values()))) == list(range(3000))


WRONG = {
    "no column": ({"groups": "speaker"}, ValueError, "no column 'speaker' for groups. Its columns: text, label, who"),
    "no group": (
        {"groups": "who", "test": ["x"]},
        ValueError,
        r"test=\['x'\] names an unknown group 'x'. The groups are: ",
    ),
    "too few": ({"groups": ["a"] * 3}, ValueError, "groups has 3 values. .* has 140 examples"),
    "one group": ({"groups": ["a"] * 140}, ValueError, "too few groups to split"),
    "no path": ({"groups": lambda path: path.no}, TypeError, "The examples of the DataFrame have no paths"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name):
    options, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        read(Classification(frame(), **options), "text")


def test_names_of_groups_need_groups():
    with pytest.raises(
        ValueError, match=r"test must be a fraction in \(0, 1\), .*, or a list of group names where groups= is given"
    ):
        Classification(frame(), test=["speaker0"])


def write_pairs(root, parts, **beside):
    """Files of the lines of `TEXTS`: ``train_text.txt``, ``train_labels.txt`` and, of others, ``train_NAME.txt``."""
    for split, rows in parts.items():
        for name, values in {"text": TEXTS, "labels": WHAT, **beside}.items():
            (root / f"{split}_{name}.txt").write_text("".join(f"{values[row]}\n" for row in rows))
    return root


def test_groups_of_pairs_of_files_are_a_file_beside_them(tmp_path):
    write_pairs(tmp_path, {"train": range(130), "test": range(130, 133)}, author=WHO)
    splits = read(Classification(tmp_path, groups="author"), "text")
    members = [set(part.groups) for part in parts(splits).values()]
    assert sum(map(len, members)) == 7
    assert set(splits.test.groups) == set(WHO[130:133])
    assert [WHO[TEXTS.index(text)] for text in splits.train.columns["text"]] == splits.train.groups


def test_a_list_of_groups_of_one_pair_is_used(tmp_path):
    write_pairs(tmp_path, {"train": range(140)})
    splits = read(Classification(tmp_path, groups=WHO), "text")
    assert sum(len(set(part.groups)) for part in parts(splits).values()) == 7


def test_an_example_without_a_group_is_set_aside():
    rows = frame()
    rows.loc[3, "who"] = None
    splits = read(Classification(rows, groups="who"), "text")
    assert [(name[:6], why) for name, why in splits.audit.set_aside] == [("row 5:", "no group")]


def feature(value):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[str(value).encode()]))


def write_records(path, rows, *, without=()):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            features = {"text": feature(TEXTS[row]), "label": feature(WHAT[row])}
            features |= {} if row in without else {"who": feature(WHO[row])}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return path


def write_splits(root, suffix, test=slice(70, 140)):
    """A table a split, 70 rows of training."""
    for name, rows in (("train", slice(0, 70)), ("test", test)):
        if suffix == "tfrecord":
            write_records(root / f"{name}.tfrecord", range(140)[rows])
        elif suffix == "jsonl":
            frame()[rows].to_json(root / f"{name}.jsonl", orient="records", lines=True)
        else:
            getattr(frame()[rows], f"to_{suffix}")(root / f"{name}.{suffix}", index=False)
    return root


def dataset():
    return tf.data.Dataset.from_tensor_slices({"text": TEXTS, "label": WHAT, "who": WHO})


HONOURED = {
    "csv": lambda root: write_splits(root, "csv") / "train.csv",
    "jsonl": lambda root: write_splits(root, "jsonl") / "train.jsonl",
    "parquet": lambda root: write_splits(root, "parquet") / "train.parquet",
    "tfrecord": lambda root: write_records(root / "x.tfrecord", range(140)),
    "tf.data": lambda root: dataset(),
    "tf.data batched": lambda root: dataset().batch(9),
}


@pytest.mark.parametrize("form", HONOURED)
def test_a_column_of_every_source_gives_groups(form, tmp_path):
    splits = read(Classification(HONOURED[form](tmp_path), groups="who"), "text")
    found = parts(splits)
    assert sum(len(set(part.groups)) for part in found.values()) == 7
    for part in found.values():
        assert [WHO[TEXTS.index(str(tf.compat.as_text(text)))] for text in part.columns["text"]] == part.groups


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "tfrecord"])
def test_a_column_of_split_files_gives_groups(suffix, tmp_path):
    splits = read(Classification(write_splits(tmp_path, suffix, slice(130, 133)), groups="who"), "text")
    assert set(splits.test.groups) == set(WHO[130:133])
    assert set(splits.train.groups) | set(splits.validation.groups) == set(WHO) - set(WHO[130:133])
    assert "in train, but its group is in test too" in str(splits.audit)


def pairs_of_files(root):
    return write_pairs(root, {"train": range(70), "test": range(70, 140)})


REFUSED = {
    "no file beside a pair": (
        pairs_of_files,
        "author",
        FileNotFoundError,
        r"has no author. .*test_author.txt must have",
    ),
    "a function of a pair": (pairs_of_files, lambda path: path.name, TypeError, "The examples of test_text.txt have"),
    "a list for two pairs": (pairs_of_files, WHO[:70], ValueError, "groups must be the name"),
    "a list for two tables": (lambda root: write_splits(root, "csv"), WHO[:70], ValueError, "the data has splits"),
    "a list for two records": (
        lambda root: write_splits(root, "tfrecord"),
        WHO[:70],
        ValueError,
        "the data has splits",
    ),
    "a list for a dict": (lambda root: {"train": frame(), "test": frame()}, WHO, ValueError, "the data has splits"),
    "no column of arrays": (lambda root: (TEXTS, WHAT), "who", ValueError, "the arrays has no column 'who'"),
    "no column of records": (
        lambda root: write_records(root / "x.tfrecord", range(140)),
        "speaker",
        ValueError,
        "x.tfrecord has no column 'speaker' for groups. Its columns: label, text, who",
    ),
    "no column of tf.data": (
        lambda root: tf.data.Dataset.from_tensor_slices((TEXTS, WHAT)),
        "who",
        ValueError,
        "no column 'who' for groups",
    ),
    "a function of tf.data": (lambda root: dataset(), lambda path: path.name, TypeError, "Dataset have no paths"),
    "a function of texts": (lambda root: (TEXTS, WHAT), lambda path: path.name, TypeError, "the arrays have no paths"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_groups_that_a_source_cannot_give_are_refused(name, tmp_path):
    make, groups, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        read(Classification(make(tmp_path), groups=groups), "text")


def test_a_record_without_its_group_is_set_aside(tmp_path):
    path = write_records(tmp_path / "x.tfrecord", range(140), without={4})
    splits = read(Classification(path, groups="who"), "text")
    assert [why for _, why in splits.audit.set_aside] == ["no group"]


@pytest.mark.parametrize("data", ["records", "tf.data", "arrays", "pairs"])
def test_a_function_for_the_label_of_what_is_no_file_is_refused(data, tmp_path):
    made = {
        "records": lambda: write_records(tmp_path / "x.tfrecord", range(9)),
        "tf.data": dataset,
        "arrays": lambda: (TEXTS, WHAT),
        "pairs": lambda: pairs_of_files(tmp_path),
    }[data]()
    with pytest.raises(TypeError, match="label as a function takes the path of a file"):
        read(Classification(made, label=lambda path: path.name), "text")
