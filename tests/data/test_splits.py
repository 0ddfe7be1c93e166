"""Splits: stratified, seeded, disjoint by content."""

from dataclasses import replace

import numpy as np
import pytest

from kzoo.data.splits import read
from kzoo.specs.task import Classification, MultiLabel, Regression


def flat(values):
    """Images (N, 4, 4, 3) that differ by their value only."""
    values = np.asarray(values)
    return (
        np.stack([values % 256, values // 256, np.zeros_like(values)], axis=-1)[:, None, None].repeat(4, 1).repeat(4, 2)
    )


def values_of(examples):
    pixels = examples.columns["image"][:, 0, 0].astype(int)
    return (pixels[:, 0] + 256 * pixels[:, 1]).tolist()


def parts_of(splits):
    return splits.train, splits.validation, splits.test


HUNDREDS = (flat(np.arange(300)), np.repeat([0, 1, 2], 100))


def test_shares_hold_in_every_class():
    counts = [np.bincount(part.targets).tolist() for part in parts_of(read(Classification(HUNDREDS)))]
    assert counts == [[80] * 3, [10] * 3, [10] * 3]


def test_other_shares():
    sizes = [len(part) for part in parts_of(read(Classification(HUNDREDS, validation=0.25, test=0.3)))]
    assert sizes == [135, 75, 90]


@pytest.mark.parametrize("size", [0, 0.0])
def test_a_split_that_is_not_wanted_is_empty(size):
    splits = read(Classification(HUNDREDS, validation=size, test=size))
    assert [len(part) for part in parts_of(splits)] == [300, 0, 0]
    assert splits.table().rows[-1] == ("all", 300, 0, 0)
    assert any("No validation split (validation=0)" in note for note in splits.audit.notes)
    assert any("No test split (test=0)" in note for note in splits.audit.notes)
    tested = read(Classification(HUNDREDS, validation=size))
    assert [len(part) for part in parts_of(tested)] == [270, 0, 30]
    assert not any("test=0" in note for note in tested.audit.notes)


def test_a_given_split_stays_where_none_is_wanted():
    data = {"train": HUNDREDS, "test": (flat(np.arange(300, 330)), np.arange(30) % 3)}
    splits = read(Classification(data, validation=0, test=0))
    assert [len(part) for part in parts_of(splits)] == [300, 0, 30]
    assert not any("test=0" in note for note in splits.audit.notes)


def test_a_number_of_examples():
    splits = read(Classification(HUNDREDS, validation=50, test=100))
    assert [len(part) for part in parts_of(splits)] == [150, 50, 100]
    counts = [np.bincount(part.targets) for part in parts_of(splits)]
    assert all(np.ptp(each) <= 1 for each in counts[1:])
    with pytest.raises(ValueError, match="test=280 and validation=20 leave no training examples"):
        read(Classification(HUNDREDS, validation=20, test=280))


def test_a_number_of_examples_of_groups_is_nearly_reached_and_said():
    groups = [str(n // 13) for n in range(300)]
    splits = read(Classification(HUNDREDS, groups=groups, validation=0, test=100))
    assert 60 <= len(splits.test) <= 140
    assert len(splits.train) + len(splits.test) == 300
    assert any(f"test has {len(splits.test)} examples, not 100" in note for note in splits.audit.notes)


def test_a_number_of_values():
    splits = read(Regression((flat(np.arange(300)), np.arange(300.0)), validation=30, test=60))
    assert [len(part) for part in parts_of(splits)] == [210, 30, 60]


def test_every_example_is_in_one_split():
    splits = read(Classification(HUNDREDS))
    assert sorted(value for part in parts_of(splits) for value in values_of(part)) == list(range(300))


def test_the_seed_decides():
    first, same, other = (read(Classification(HUNDREDS, seed=seed)) for seed in (3, 3, 4))
    assert first.fingerprint() == same.fingerprint() != other.fingerprint()
    assert values_of(first.test) == values_of(same.test) != values_of(other.test)


def test_the_fingerprint_is_the_same_in_every_process():
    splits = read(Classification((flat(np.arange(20)), [0, 1] * 10), seed=1))
    assert splits.test.names == ["row 1", "row 16"]
    assert splits.fingerprint() == "182c9289e01360e7255685a0301d38381a36b2f2942d1e248f02e7ea6154f6df"


def test_the_fingerprint_is_of_content_and_targets_in_any_order():
    test = read(Classification(HUNDREDS))
    turned = replace(test, test=test.test.take(np.arange(30)[::-1]))
    assert turned.fingerprint() == test.fingerprint()
    relabelled = replace(test.test, targets=(test.test.targets + 1) % 3)
    assert replace(test, test=relabelled).fingerprint() != test.fingerprint()
    assert replace(test, test=test.test.take(np.arange(29))).fingerprint() != test.fingerprint()


def test_copies_stay_together():
    values = np.arange(300) // 3
    splits = read(Classification((flat(values), values % 2)))
    train, validation, test = (set(values_of(part)) for part in parts_of(splits))
    assert not (train & validation)
    assert not (train & test)
    assert not (validation & test)
    assert [len(part) for part in parts_of(splits)] == [240, 30, 30]
    assert any("200 duplicates" in note for note in splits.audit.notes)


@pytest.mark.parametrize("held", ["test", "validation"])
def test_copies_of_held_out_pictures_leave_train(held):
    data = {"train": (flat(np.arange(60)), [0, 1] * 30), held: (flat(np.arange(50, 70)), [0, 1] * 10)}
    splits = read(Classification(data))
    assert not set(values_of(splits.train)) & set(values_of(getattr(splits, held)))
    assert len(getattr(splits, held)) == 20
    reasons = {reason for _, reason in splits.audit.set_aside}
    assert reasons == {f"in train, but its content is in {held} too"}
    assert len(splits.audit.set_aside) == 10


def test_copies_of_test_pictures_leave_a_given_validation():
    ranges = {"train": range(20), "validation": range(20, 40), "test": range(30, 50)}
    splits = read(Classification({name: (flat(list(r)), [0, 1] * 10) for name, r in ranges.items()}))
    assert [len(part) for part in parts_of(splits)] == [20, 10, 20]


def test_a_class_of_one_is_learned_and_named():
    targets = [0] * 20 + [1] * 20 + [2]
    splits = read(Classification((flat(np.arange(41)), targets)))
    assert 40 in values_of(splits.train)
    assert any(note.startswith("1 classes have only one example") for note in splits.audit.notes)


@pytest.mark.parametrize(("members", "expected"), [(1, [1, 0, 0]), (2, [2, 0, 0]), (3, [1, 1, 1]), (9, [7, 1, 1])])
def test_a_small_class_is_measured_where_it_can_be(members, expected):
    splits = read(Classification((flat(np.arange(members + 40)), [0] * members + [1] * 40)))
    assert [int(np.sum(part.targets == 0)) for part in parts_of(splits)] == expected


def test_several_labels_are_stratified_by_the_rarest():
    rng = np.random.default_rng(0)
    targets = (rng.random((300, 3)) < [0.1, 0.5, 0.9]).astype(int)
    splits = read(MultiLabel((flat(np.arange(300)), targets)))
    rare = [part.targets[:, 0].sum() / targets[:, 0].sum() for part in parts_of(splits)]
    np.testing.assert_allclose(rare, [0.8, 0.1, 0.1], atol=0.03)


@pytest.mark.parametrize("count", [30, 60, 300])
def test_a_regression_keeps_its_shares_and_its_range(count):
    targets = np.random.default_rng(0).exponential(size=count)
    splits = read(Regression((flat(np.arange(count)), targets)))
    sizes = np.asarray([len(part) for part in parts_of(splits)]) / count
    np.testing.assert_allclose(sizes, [0.8, 0.1, 0.1], atol=0.07)


def test_each_tenth_of_the_range_of_a_regression_keeps_its_shares():
    splits = read(Regression((flat(np.arange(300)), np.random.default_rng(0).permutation(300) + 0.5)))
    tenths = [np.bincount(part.targets[:, 0].astype(int) // 30, minlength=10) for part in parts_of(splits)]
    assert [set(counts.tolist()) for counts in tenths] == [{24}, {3}, {3}]


@pytest.mark.parametrize(
    ("task", "missing"),
    [
        (Classification((flat(np.arange(40)), [0, 2] * 20), labels=["a", "b", "c"]), "b"),
        (Classification((flat(np.arange(40)), [0, 2] * 20), labels=["a", "b", "c", "d"]), "b, d"),
        (MultiLabel((flat(np.arange(40)), [[1, 0, 0], [0, 0, 1]] * 20), labels=["a", "b", "c"]), "b"),
    ],
)
def test_a_label_without_a_training_example_is_warned_of_before_all_else(task, missing):
    audit = read(task).audit
    assert audit.warnings == [audit.notes[0]]
    assert audit.notes[0].startswith(f"WARNING: no training example has the label {missing}, so the model cannot")
    assert str(replace(audit, set_aside=[("x", "odd")])).splitlines()[:2] == [audit.notes[0], "1 set aside: odd (x)"]
    with pytest.raises(
        ValueError, match=f"strict=True refuses classes without training examples. .* the label {missing}, so "
    ):
        read(replace(task, strict=True))


def test_a_label_that_only_test_examples_have_is_counted():
    data = {"train": (flat(np.arange(40)), [0, 1] * 20), "test": (flat(np.arange(40, 52)), [0, 1, 2] * 4)}
    assert "4 validation and test examples have it" in read(Classification(data, labels=list("abc"))).audit.warnings[0]


def test_labels_that_training_has_give_no_warning():
    assert read(Classification(HUNDREDS, strict=True)).audit.warnings == []


def test_the_table_counts():
    table = read(Classification(HUNDREDS)).table()
    assert table.rows[0] == ("0", 80, 10, 10)
    assert table.rows[-1] == ("all", 240, 30, 30)
