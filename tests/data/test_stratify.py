"""Which example goes to train, validation and test, above all when the start weights have seen some."""

import dataclasses

import numpy as np
import pytest

import kzoo
from kzoo.data.splits import exclude, read
from kzoo.specs.records.seen import Seen

PARTS = ("train", "validation", "test")


def contents(splits):
    return {part: set(getattr(splits, part).digests) for part in PARTS}


@pytest.fixture(scope="module")
def texts():
    """200 texts of four classes."""
    return [f"text {number}" for number in range(200)], [number % 4 for number in range(200)]


@pytest.fixture(scope="module")
def first(texts):
    return read(kzoo.Classification(texts, seed=0), "text")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_second_split_tests_only_what_the_first_model_has_not_seen(texts, first, seed):
    found = contents(read(kzoo.Classification(texts, seed=seed), "text", seen=first.seen()))
    old = contents(first)
    assert found["test"] == old["test"]
    assert found["validation"] == old["validation"]
    assert found["train"] == old["train"]


def test_without_anything_seen_another_seed_is_another_split(texts, first):
    found = contents(read(kzoo.Classification(texts, seed=1), "text"))
    assert found["test"] & contents(first)["train"]


def test_the_result_says_what_was_seen(texts, first):
    notes = read(kzoo.Classification(texts, seed=1), "text", seen=first.seen()).audit.notes
    assert "The start weights were trained on 160, selected on 20 of these examples. None of them is in test" in notes


def test_new_examples_fill_test_and_validation(texts, first):
    more = ([*texts[0], *(f"new {number}" for number in range(200))], [*texts[1], *(n % 4 for n in range(200))])
    splits = read(kzoo.Classification(more, seed=1), "text", seen=first.seen())
    found, old = contents(splits), contents(first)
    assert not found["test"] & (old["train"] | old["validation"])
    assert not found["validation"] & old["train"]
    assert old["train"] <= found["train"]
    assert {part: len(found[part]) for part in PARTS} == {"train": 320, "validation": 40, "test": 40}


def test_what_was_seen_leaves_a_given_test_split(texts, first):
    half = (texts[0][:100], texts[1][:100])
    rest = (texts[0][100:], texts[1][100:])
    task = kzoo.Classification({"train": half, "test": rest}, strict=True)
    splits = read(task, "text", seen=first.seen())
    old = contents(first)
    assert not contents(splits)["test"] & (old["train"] | old["validation"])
    assert contents(splits)["test"] == old["test"] & set(read(task, "text").test.digests)
    reasons = [reason for _, reason in splits.audit.set_aside]
    assert reasons.count("in test, but the start weights were trained on it") == len(
        old["train"] & set(read(task, "text").test.digests)
    )


def test_a_class_of_which_all_is_seen_is_in_train(texts):
    seen = Seen.of(trained=[d for d, t in _digests(texts) if t == 2])
    splits = read(kzoo.Classification(texts), "text", seen=seen)
    assert set(splits.test.targets.tolist()) == {0, 1, 3}
    assert (splits.train.targets == 2).sum() == 50


def test_nothing_left_to_test_on_is_an_error(texts):
    seen = Seen.of(trained=[digest for digest, _ in _digests(texts)])
    with pytest.raises(ValueError, match=r"(?s)test split is empty.*The start weights were trained on 200 of these"):
        read(kzoo.Classification(texts), "text", seen=seen)


def test_unlabelled_examples_are_never_tested_on_and_validated_on_only_where_no_other_is_left(texts):
    rows = _digests(texts)
    hidden = {digest for digest, _ in rows[:120]}
    found = contents(read(kzoo.Classification(texts), "text", seen=Seen.of(unlabelled=hidden)))
    assert not hidden & (found["test"] | found["validation"])
    given = kzoo.Classification({"train": texts, "test": (["one", "two", "three", "four"], [0, 1, 2, 3])})
    all_hidden = Seen.of(unlabelled=[digest for digest, _ in rows])
    splits = read(given, "text", seen=all_hidden)
    assert len(splits.validation) == 20
    assert "20 examples of validation were in the pretraining data, without their labels" in splits.audit.notes


def test_few_unseen_examples_are_shared_by_validation_and_test(texts):
    rows = _digests(texts)
    seen = Seen.of(trained=[digest for place, (digest, _) in enumerate(rows) if place >= 16])
    splits = read(kzoo.Classification(texts), "text", seen=seen)
    assert (len(splits.test), len(splits.validation)) == (8, 8)


def test_copies_keep_one_side(texts, first):
    twice = ([*texts[0], *texts[0]], [*texts[1], *texts[1]])
    splits = read(kzoo.Classification(twice, seed=3), "text", seen=first.seen())
    assert contents(splits) == contents(first)
    assert [len(getattr(splits, part)) for part in PARTS] == [320, 40, 40]


@pytest.fixture(scope="module")
def grouped(texts):
    return [f"speaker {number // 10}" for number in range(200)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_groups_keep_their_side(texts, grouped, seed):
    first = read(kzoo.Classification(texts, groups=grouped), "text")
    second = read(kzoo.Classification(texts, groups=grouped, seed=seed), "text", seen=first.seen())
    for part in PARTS:
        assert set(getattr(second, part).groups) == set(getattr(first, part).groups)


def test_a_group_of_which_one_example_is_seen_is_no_test_group(texts, grouped):
    rows = _digests(texts)
    seen = Seen.of(trained=[rows[0][0]], unlabelled=[rows[15][0]])
    for seed in range(5):
        splits = read(kzoo.Classification(texts, groups=grouped, seed=seed), "text", seen=seen)
        assert not {"speaker 0", "speaker 1"} & {*splits.test.groups, *splits.validation.groups}


def test_groups_that_a_user_holds_out_lose_what_was_seen(texts, grouped):
    rows = _digests(texts)
    seen = Seen.of(trained=[digest for digest, _ in rows[:3]])
    task = kzoo.Classification(texts, groups=grouped, test=["speaker 0"])
    splits = read(task, "text", seen=seen)
    assert set(splits.test.digests) == {digest for digest, _ in rows[3:10]}
    assert not set(splits.train.digests) & {digest for digest, _ in rows[:3]}


def test_exclude_takes_from_test_and_validation(first):
    seen = Seen.of(
        trained=first.test.digests[:5], chosen=first.validation.digests[:2], unlabelled=first.test.digests[5:7]
    )
    left = exclude(first, seen)
    assert list(left.test.digests) == list(first.test.digests[7:])
    assert list(left.validation.digests) == list(first.validation.digests)
    assert len(left.audit.set_aside) == 7
    with pytest.raises(ValueError, match="seen all examples of the test split"):
        exclude(first, Seen.of(chosen=first.test.digests))


def test_regressions_are_divided_alike(texts):
    task = kzoo.Regression((texts[0], np.linspace(0, 1, 200)))
    first = read(task, "text")
    second = read(dataclasses.replace(task, seed=5), "text", seen=first.seen())
    old, new = contents(first), contents(second)
    assert not new["test"] & (old["train"] | old["validation"])
    assert len(new["test"]) >= 15


def _digests(texts):
    """Digest and label of each text, in their order."""
    everything = read(kzoo.Classification(texts, validation=0.02, test=0.02), "text")
    found = {
        name: (digest, int(target))
        for part in PARTS
        for name, digest, target in zip(
            getattr(everything, part).names,
            getattr(everything, part).digests,
            getattr(everything, part).targets.tolist(),
            strict=True,
        )
    }
    return [found[name] for name in texts[0]]
