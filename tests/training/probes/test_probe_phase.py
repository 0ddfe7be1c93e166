"""A probe that is kept is solved again on training and validation examples; nothing else sees that head."""

import keras
import numpy as np
import pytest

import kzoo
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.training.probes.linear_probe import solve
from kzoo.training.sparse.sparse_probe import fit_sparse


@pytest.fixture(scope="module")
def net():
    """Pixels averaged over an image, as features of three channels."""
    inputs = keras.Input((4, 4, 3))
    return keras.Model(inputs, keras.layers.Dense(3, kernel_initializer="identity")(inputs), name="net")


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(0)
    classes = np.arange(120) % 2
    pixels = rng.integers(0, 200, (120, 4, 4, 3))
    pixels[classes == 1, :, :, 0] += 20
    return kzoo.Classification((pixels.astype(np.uint8), classes), validation=0.25, test=0.25)


def adapted(net, task, *phases):
    return kzoo.adapt(net, task, schedule=phases or kzoo.LinearProbe(), scaling="none", size=4)


@pytest.fixture(scope="module")
def probed(net, task):
    return adapted(net, task)


def features_of(model, examples):
    pixels = examples.columns["image"].astype(np.float32)
    return model.embedding.predict(pixels, verbose=0), np.eye(2, dtype=np.float32)[examples.targets]


def joined(model, *parts):
    """Features and targets of some splits, one below the other."""
    found = (features_of(model, part) for part in parts)
    return tuple(np.concatenate(each) for each in zip(*found, strict=True))


def solved(model, *parts, strength):
    features, targets = joined(model, *parts)
    train = features, targets, np.ones(len(targets), np.float32)
    return solve(train, None, kind=CLASSIFICATION, strengths=[strength])


def test_its_head_is_the_optimum_on_training_and_validation_examples(probed):
    splits, record = probed.splits(), probed.record
    chosen = record.phases[0].history[0]["C"]
    both = solved(probed, splits.train, splits.validation, strength=chosen)
    logits = probed.network.predict(splits.test.columns["image"].astype(np.float32), verbose=0)
    np.testing.assert_allclose(logits, both.logits(features_of(probed, splits.test)[0]), atol=1e-3)
    assert record.refitted
    assert "kept, refitted" in str(record)
    assert "solved again on training and validation examples" in str(record)


def test_its_scores_on_validation_are_of_the_head_before(probed):
    splits, phase = probed.splits(), probed.record.phases[0]
    alone = solved(probed, splits.train, strength=phase.history[0]["C"])
    features, targets = features_of(probed, splits.validation)
    hits = alone.logits(features).argmax(axis=1) == targets.argmax(axis=1)
    assert phase.scores["val_accuracy"] == pytest.approx(hits.mean())


def test_the_backbone_has_not_seen_validation_examples(probed):
    splits = probed.splits()
    assert len(probed.seen.trained) == len(splits.train)
    assert len(probed.seen.chosen) == len(splits.validation)


def test_without_refit_the_head_is_of_the_training_split_alone(net, task, probed):
    found = adapted(net, task, kzoo.LinearProbe(refit=False))
    splits = found.splits()
    alone = solved(found, splits.train, strength=found.record.phases[0].history[0]["C"])
    logits = found.network.predict(splits.test.columns["image"].astype(np.float32), verbose=0)
    np.testing.assert_allclose(logits, alone.logits(features_of(found, splits.test)[0]), atol=1e-3)
    assert not found.record.refitted
    assert len(found.seen.chosen) == len(splits.validation)
    assert found.record.phases[0].scores == probed.record.phases[0].scores


@pytest.mark.parametrize("refit", [False, True])
def test_each_example_has_the_weight_of_its_class(net, task, refit):
    phase = kzoo.LinearProbe(strengths=[0.1], refit=refit)
    found = kzoo.adapt(net, task, schedule=phase, scaling="none", size=4, class_weight={"0": 1.0, "1": 5.0})
    splits = found.splits()
    parts = [splits.train, splits.validation] if refit else [splits.train]
    features, targets = joined(found, *parts)
    weights = np.where(targets[:, 1] == 1, 5.0, 1.0).astype(np.float32)
    wanted = solve((features, targets, weights), None, kind=CLASSIFICATION, strengths=[0.1])
    logits = found.network.predict(splits.test.columns["image"].astype(np.float32), verbose=0)
    np.testing.assert_allclose(logits, wanted.logits(features_of(found, splits.test)[0]), atol=1e-3)


def test_a_later_phase_starts_from_the_head_of_the_training_split(net, task):
    found = adapted(
        net, task, kzoo.LinearProbe(), kzoo.Phase("head", epochs=1, learning_rate=1e-12, label_smoothing=0.0)
    )
    first, second = found.record.phases
    assert second.scores["val_loss"] == pytest.approx(first.scores["val_loss"], rel=1e-4)


def test_without_validation_nothing_is_solved_twice(net, task):
    found = adapted(net, kzoo.Classification(task.data, validation=0, test=0.25))
    assert not found.record.refitted


def test_a_sparse_probe_is_fitted_to_all_texts_with_what_was_chosen(monkeypatch):
    words = np.array(["good", "fine", "nice", "bad", "awful", "poor"])
    rng = np.random.default_rng(0)
    classes = np.arange(80) % 2
    texts = [f"{number} {' '.join(rng.choice(words[3 * each :][:3], 3))}" for number, each in enumerate(classes)]
    fits = []

    def counted(found, blocks, strength, *, kind):
        fits.append((len(found.targets), blocks, strength))
        return fit_sparse(found, blocks, strength, kind=kind)

    monkeypatch.setattr("kzoo.training.probes.probe_phase.fit_sparse", counted)
    monkeypatch.setattr("kzoo.training.sparse.sparse_probe.fit_sparse", counted)
    found = kzoo.adapt("ngrams", kzoo.Classification((texts, classes), text="text", validation=0.2, test=0.2))
    (alone, both) = fits
    assert (alone[0], both[0]) == (len(found.splits().train), 64)
    assert alone[1:] == both[1:]
    assert found.record.refitted
    assert found.evaluate()["accuracy"] == 1.0
