"""An adapted model: what it predicts, and what it says where nothing was measured."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

import kzoo
from kzoo.results.export import model_card
from kzoo.results.record import read_again


@pytest.fixture(scope="module")
def unmeasured(make_backbone, folder):
    """Adapted to all examples of a folder: nothing is held out."""
    task = kzoo.Classification(folder, validation=0, test=0)
    return kzoo.adapt(make_backbone(), task, schedule="linear_probe", size=16)


def pixels(seed):
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)


def test_images_of_pillow_are_predicted_as_their_pixels_are(unmeasured):
    both = np.stack([pixels(0), pixels(1)])
    wanted = unmeasured.predict(both).outputs
    images = [Image.fromarray(each) for each in both]
    np.testing.assert_array_equal(unmeasured.predict(images).outputs, wanted)
    np.testing.assert_array_equal(unmeasured.predict(images[1]).outputs, wanted[1:])
    np.testing.assert_array_equal(unmeasured.predict(both[1]).outputs, wanted[1:])


def test_predictions_know_their_kind(unmeasured, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    found = unmeasured.predict([pixels(0), tmp_path / "bad.png"][1:])
    frame = found.to_dataframe()
    assert list(frame) == ["name", "label", "probability", *(f"probability_{x}" for x in unmeasured.labels), "error"]
    assert frame["error"].tolist() == ["empty file"]
    assert found[0].error == "empty file"


def test_nothing_is_shown_that_was_not_measured(unmeasured):
    record = unmeasured.record
    assert record.sizes == {"train": 30, "validation": 0, "test": 0}
    assert (record.test, record.phases[0].scores) == (None, {})
    assert any("No test split" in note for note in record.notes)
    row = dict(zip(unmeasured.summary().columns, unmeasured.summary().rows[0], strict=True))
    assert (row["val_loss"], row["val_accuracy"]) == ("not measured", None)
    json.dumps(record.as_plain())
    options = {"kind": unmeasured.kind, "labels": unmeasured.labels, "preprocessor": unmeasured.preprocessor}
    card = model_card(unmeasured.card, record=record, described=[], **options)
    assert "Not measured: no test split." in card
    with pytest.raises(ValueError, match=r"There is no test split \(test=0\)\. Pass labelled data"):
        unmeasured.evaluate()


def test_what_compares_on_validation_says_that_there_is_none(unmeasured):
    with pytest.raises(ValueError, match="was adapted with validation=0"):
        kzoo.soup([unmeasured, unmeasured])


def test_it_is_saved_and_its_data_read_again(unmeasured, tmp_path):
    again = kzoo.load(unmeasured.save(tmp_path / "kept"))
    assert again.record.test is None
    assert len(again.splits().train) == 30
    np.testing.assert_array_equal(again.predict(pixels(0)).outputs, unmeasured.predict(pixels(0)).outputs)


def test_data_that_changed_is_noticed_without_a_test_split(unmeasured, tmp_path, folder):
    other = dataclasses.replace(unmeasured.record.task, data=str(tmp_path))
    for name in ("blue", "green", "red"):
        (tmp_path / name).mkdir()
        for path in (folder / name).iterdir():
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    record = dataclasses.replace(unmeasured.record, task=other)
    assert len(read_again(record, kind="classification", modality="image").train) == 30
    Image.fromarray(pixels(5)).save(tmp_path / "blue" / "new.png")
    with pytest.raises(ValueError, match="has changed since training"):
        read_again(record, kind="classification", modality="image")


def test_without_validation_an_ensemble_takes_probabilities_as_they_are(unmeasured):
    both = kzoo.ensemble([unmeasured, unmeasured])
    assert both.record.merged.temperatures == (1.0, 1.0)
    assert both.record.test is None
