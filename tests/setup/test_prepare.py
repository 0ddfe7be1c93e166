"""What is fitted and chosen before and while a model trains follows from its training and validation splits alone."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

import kzoo
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.splits import read
from kzoo.setup import feeds
from kzoo.setup.feeds import make_feed
from kzoo.setup.prepare import prepare
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.kind_registry import get_task_kind

OPTIONS = {
    "options": TrainingOptions(schedule="linear_probe"),
    "weights": None,
    "head": None,
    "size": None,
    "resize": None,
    "strategy": "one",
    "seed": None,
}


@pytest.fixture(scope="module")
def pixels():
    """40 images of noise."""
    return np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)


def given(inputs, targets, *, sizes=(20, 8, 12)):
    """Splits that a user gives."""
    ends = np.cumsum([0, *sizes])
    spans = {name: slice(*ends[n : n + 2]) for n, name in enumerate(("train", "validation", "test"))}
    return {name: (inputs[span], targets[span]) for name, span in spans.items()}


def feed_of_task(task, **options):
    splits, kind = read(task), get_task_kind(task.kind)
    return make_feed(
        SimpleNamespace(
            splits=splits,
            kind=kind,
            preprocessor=ImagePreprocessor(8),
            options=TrainingOptions(),
            assembled=SimpleNamespace(joined=None),
            kept=None,
            draws=None,
        ),
        options.get("class_weight"),
        0,
    )


def test_it_trains_on_train_and_chooses_on_validation(pixels):
    targets = np.arange(40) % 2
    task = kzoo.Classification(given(pixels, targets))
    splits = read(task)
    feed, scale = feed_of_task(task)
    assert scale is None
    for part, examples, classes in (
        (feed.train, splits.train, targets[:20]),
        (feed.validation, splits.validation, targets[20:28]),
    ):
        assert list(part.digests) == list(examples.digests)
        np.testing.assert_array_equal(part.targets, np.eye(2)[classes])
        loaded = np.stack([np.asarray(part.load(index, "none", [0]))[0] for index in range(len(part))])
        np.testing.assert_array_equal(loaded, examples.columns["image"])


def test_numbers_are_standardised_by_training_alone(pixels):
    values = np.concatenate([np.tile([2.0, 6.0], 10), np.full(8, 100.0), np.full(12, -900.0)])
    feed, scale = feed_of_task(kzoo.Regression(given(pixels, values)))
    assert scale == ([4.0], [2.0])
    np.testing.assert_allclose(feed.train.targets[:, 0], np.tile([-1.0, 1.0], 10))
    np.testing.assert_allclose(feed.validation.targets[:, 0], 48.0)


def test_balanced_weights_are_those_of_training(pixels):
    targets = np.concatenate([[0] * 15 + [1] * 5, [0, 1, 1, 1, 1, 1, 1, 1], [1] * 12])
    feed, _ = feed_of_task(kzoo.Classification(given(pixels, targets)), class_weight="balanced")
    np.testing.assert_allclose(feed.class_weights, [20 / (2 * 15), 20 / (2 * 5)])
    np.testing.assert_allclose(feed.weights(np.eye(2, dtype=np.float32)), feed.class_weights)


def test_the_length_of_texts_is_that_of_training():
    texts = [f"{number} " + "word " * (5 if number < 20 else 200) for number in range(40)]
    classes = np.arange(40) % 2
    whole = kzoo.Classification(given(texts, classes), text="text")
    alone = kzoo.Classification((texts[:20], classes[:20]), text="text", validation=0.1, test=0.1)
    sizes = [prepare("ngrams", task, **OPTIONS).preprocessor.size for task in (whole, alone)]
    assert sizes[0] == sizes[1] < 100  # of longer ones it would be 500


def test_the_window_of_recordings_is_that_of_training():
    rng = np.random.default_rng(0)
    sounds = [(16_000, rng.normal(0, 0.1, 8_000 if number < 20 else 24_000)) for number in range(40)]
    task = kzoo.Classification(given(sounds, np.arange(40) % 2), audio="audio")
    assert prepare("keyword_cnn", task, **OPTIONS).preprocessor.samples == 8_000


@pytest.mark.slow
def test_nothing_of_the_test_split_is_read_while_it_trains(folder, tmp_path, monkeypatch):
    """Its files are elsewhere until training has ended."""
    paths = {name: sorted(map(str, (folder / name).iterdir())) for name in ("blue", "green", "red")}
    (tmp_path / "test").mkdir()
    held = [tmp_path / "test" / f"{name}.png" for name in paths]
    for path, name in zip(held, paths, strict=True):
        path.write_bytes((folder / name / f"{name}9.png").read_bytes())
    spans = {"train": slice(0, 6), "validation": slice(6, 9)}
    data = {
        part: ([p for name in paths for p in paths[name][span]], [name for name in paths for _ in paths[name][span]])
        for part, span in spans.items()
    }
    data["test"] = (list(map(str, held)), list(paths))
    train, seen = feeds.train, []

    def without_test(*arguments, **options):
        (tmp_path / "test").rename(tmp_path / "hidden")
        seen.extend(train(*arguments, **options))
        (tmp_path / "hidden").rename(tmp_path / "test")
        return seen

    monkeypatch.setattr(feeds, "train", without_test)
    inputs = keras.Input((16, 16, 3))
    net = keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=2)(inputs), name="net")
    schedule = kzoo.Schedule((kzoo.LinearProbe(), kzoo.Phase("*", epochs=2, patience=1)))
    found = kzoo.adapt(net, kzoo.Classification(data), schedule=schedule)
    assert len(seen) == 2
    assert found.record.test.size == 3
