"""What weights have seen travels with them: no verb tests on what their start was trained or selected on."""

import keras
import numpy as np
import pytest

import kzoo
from kzoo.data.splits import read

PROBE = {"schedule": "linear_probe", "weights": "auto"}


def digests(found):
    splits = found.splits()
    return {part: set(getattr(splits, part).digests) for part in ("train", "validation", "test")}


def assert_untouched(found, *firsts):
    """No example on which one of `firsts` was trained or selected is tested on; and the result says so."""
    mine = digests(found)
    for first in firsts:
        theirs = digests(first)
        assert not mine["test"] & (theirs["train"] | theirs["validation"])
        assert not mine["validation"] & theirs["train"]
    assert any("start weights were trained" in note for note in found.record.notes)
    assert "start weights were trained" in str(found)


@pytest.fixture(scope="module")
def noise():
    """Images (90, 16, 16, 3) of noise, with arbitrary labels."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (90, 16, 16, 3)).astype(np.uint8), rng.integers(0, 3, 90)


@pytest.fixture(scope="module")
def first(noise, make_backbone):
    return kzoo.adapt(make_backbone(), kzoo.Classification(noise), schedule="linear_probe")


@pytest.fixture(scope="module")
def other_seed(noise):
    return kzoo.Classification(noise, seed=1)


def test_the_data_would_be_split_otherwise(first, other_seed):
    plain = read(other_seed)
    assert set(plain.test.digests) & digests(first)["train"]


def test_adapting_again(first, other_seed):
    assert_untouched(kzoo.adapt(first, other_seed, **PROBE), first)


@pytest.mark.slow
def test_a_chain_of_three(first, noise, other_seed):
    second = kzoo.adapt(first, other_seed, **PROBE)
    third = kzoo.adapt(second, kzoo.Classification(noise, seed=2), **PROBE)
    assert_untouched(third, first, second)


def test_a_model_of_its_layers(first, other_seed):
    inside = keras.Model(first.network.input, first.network.get_layer(first.features).output)
    for model in (first.backbone, inside):
        assert_untouched(kzoo.adapt(model, other_seed, **PROBE), first)


def test_saving_and_loading(first, other_seed, tmp_path):
    loaded = kzoo.load(first.save(tmp_path / "first"))
    assert loaded.seen == first.seen
    again = kzoo.adapt(loaded, other_seed, **PROBE)
    assert_untouched(again, first)
    kept = kzoo.load(again.save(tmp_path / "again"))
    assert kept.seen == again.seen


@pytest.mark.slow
def test_data_on_disk_is_divided_alike_when_it_is_read_again(folder, make_backbone, tmp_path):
    start = kzoo.adapt(make_backbone(), folder, schedule="linear_probe", size=16)
    again = kzoo.adapt(start, kzoo.Classification(folder, seed=1), **PROBE)
    loaded = kzoo.load(again.save(tmp_path / "again"))
    assert loaded.evaluate().record().metrics == again.record.test.metrics
    assert digests(loaded) == digests(again)


def test_random_weights_have_seen_nothing(first, other_seed):
    found = kzoo.adapt(first, other_seed, schedule="linear_probe", weights=None)
    assert set(digests(found)["test"]) == set(read(other_seed).test.digests)


@pytest.mark.slow
def test_fusions(first, make_backbone, other_seed):
    fused = kzoo.Fusion([first, make_backbone()])
    assert_untouched(kzoo.adapt(fused, other_seed, schedule="linear_probe"), first)


@pytest.mark.slow
def test_supervised_pretraining(noise, other_seed, make_backbone, tmp_path):
    task = kzoo.Classification(noise)
    made = kzoo.pretrain(make_backbone(), task, objective="supervised", steps=2, batch_size=8)
    trained = set(read(task).train.digests)
    card = made.register("seen_by_a_test", tmp_path / "made")
    for model in (made, tmp_path / "made", card):
        found = kzoo.adapt(model, other_seed, **PROBE)
        assert not trained & (digests(found)["test"] | digests(found)["validation"])


@pytest.mark.slow
def test_unlabelled_pretraining(noise, make_backbone):
    images, labels = noise
    made = kzoo.pretrain(make_backbone(), images[:60], objective="autoencoder", steps=2, batch_size=8)
    found = kzoo.adapt(made, noise, **PROBE)
    hidden = set(read(kzoo.Classification((images[:60], labels[:60]), validation=0.1)).train.digests)
    assert not hidden & digests(found)["test"]
    assert any("trained without labels on 60" in note for note in found.record.notes)
    with pytest.raises(ValueError, match=r"test split is empty.*pretrain with a task"):
        kzoo.adapt(made, (images[:60], labels[:60]), **PROBE)


@pytest.mark.slow
def test_a_probe_on_the_way_measures_nothing_that_was_trained_on(noise, make_backbone, monkeypatch):
    from kzoo.pretraining import dataset

    asked = []
    monkeypatch.setattr(dataset, "read", lambda *args, **options: asked.append(read(*args, **options)) or asked[-1])
    task = kzoo.Classification(noise)
    kzoo.pretrain(
        make_backbone(),
        task,
        objective="supervised",
        steps=1,
        batch_size=8,
        probe=kzoo.Classification(noise, seed=1),
    )
    learned, probed = asked
    assert not set(probed.validation.digests) & set(learned.train.digests)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["logits", "features"])
def test_distillation(first, other_seed, make_backbone, target):
    student = kzoo.distill(
        first,
        make_backbone(),
        other_seed,
        target=target,
        schedule=kzoo.Phase("*", epochs=1, batch_size=16),
    )
    assert set(first.seen.trained.tolist()) <= {
        *student.seen.trained.tolist(),
        *student.seen.chosen.tolist(),
        *student.seen.unlabelled.tolist(),
    }
    found = student if target == "logits" else kzoo.adapt(student, other_seed, **PROBE)
    assert_untouched(found, first)


@pytest.mark.slow
def test_a_student_that_has_seen_the_teachers_test_split(noise, first, make_backbone):
    images, labels = noise
    tested = [place for place, name in enumerate(_names(noise)) if name in set(first.splits().test.names)]
    others = [place for place in range(90) if place not in tested]
    start = kzoo.adapt(
        make_backbone(),
        {"train": (images[tested[:6]], labels[tested[:6]]), "test": (images[others[:9]], labels[others[:9]])},
        schedule="linear_probe",
    )
    student = kzoo.distill(first, start, schedule=kzoo.Phase("*", epochs=1, batch_size=16))
    assert not digests(student)["test"] & (digests(start)["train"] | digests(start)["validation"])


@pytest.mark.slow
def test_merged_models_have_seen_what_their_members_have(first, noise, make_backbone):
    """Of two that learned from the same data, one has seen other data before."""
    before = kzoo.adapt(make_backbone(), (255 - noise[0], noise[1]), schedule="linear_probe")
    other = kzoo.adapt(before, kzoo.Classification(noise), **PROBE)
    for members in ([first, other], [other, first]):
        seen = set(kzoo.ensemble(members).seen.trained.tolist())
        assert seen == {*first.seen.trained.tolist(), *before.seen.trained.tolist()}


def _names(noise):
    return [f"row {number}" for number in range(len(noise[0]))]
