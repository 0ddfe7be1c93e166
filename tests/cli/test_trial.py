"""What the page of ``kzoo try`` shows: of a saved model, and of an exported one."""

import pytest
import tensorflow as tf

import kzoo
from kzoo.cli.trial import open_trial
from kzoo.serving.rest import versions


@pytest.fixture(scope="module")
def adapted(text_task):
    return kzoo.adapt("ngrams", text_task)


@pytest.fixture(scope="module")
def saved(adapted, tmp_path_factory):
    return adapted.save(tmp_path_factory.mktemp("trial") / "reviews")


@pytest.mark.slow
def test_a_saved_model_answers_explains_and_finds_training_examples(adapted, monkeypatch, saved):
    trial = open_trial(saved)
    assert (trial.title, trial.form, trial.explains) == ("ngrams", "words", True)
    # What was saved cannot read texts again that were in memory.
    answer = trial.answer("a lovely film")
    assert answer.lines[0] == "good"
    assert answer.lines[1].startswith("No training examples: ")
    assert answer.outputs["good"] > 0.5
    assert answer.figure.startswith(b"\x89PNG")
    monkeypatch.setattr("kzoo.cli.trial.load_saved", lambda path: adapted.with_limits())
    answer = open_trial(saved).answer("a lovely film, number 3")
    assert answer.lines == ["good"]
    small, caption = answer.nearest[0]
    assert small is None
    assert caption.startswith("good (")
    assert "film" in caption
    assert "This input is unlike anything in training." in open_trial(saved).answer("zzz qqq").lines


@pytest.mark.slow
def test_what_cannot_be_read_is_said(saved):
    answer = open_trial(saved).answer("   ")
    assert answer.outputs == {}
    assert answer.lines == ["It could not be read: empty text."]


class Exported(tf.Module):
    """Says of an image whether it is long."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image")])
    def answer(self, image):
        long = tf.strings.length(image) > 4
        found = {"labels": tf.where(long, "long", "short"), "probabilities": tf.one_hot(tf.cast(long, tf.int32), 2)}
        return {**found, "errors": tf.where(image == "", "empty file", ""), "answered": long, "unlike_training": long}

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, name="image")])
    def tensor(self, image):
        return {"probabilities": image}


def test_an_exported_model_only_answers(tmp_path):
    exported = Exported()
    path = tmp_path / "sizes" / "3"
    tf.saved_model.save(exported, str(path), {"serving_default": exported.answer, "tensor": exported.tensor})
    (path / "assets.extra").mkdir()
    (path / "assets.extra" / "labels.txt").write_text("short\nlong\n")
    trial = open_trial(tmp_path / "sizes")
    assert (trial.title, trial.form, trial.explains) == ("sizes, version 3", "pixels", False)
    for content in ("", "abc", "abcdef"):
        (tmp_path / (content or "none")).write_text(content)
    answer = trial.answer(str(tmp_path / "abc"))
    assert (answer.outputs, answer.figure, answer.nearest) == ({"short": 1, "long": 0}, None, ())
    assert answer.lines == ["short", "The model is not sure enough to answer."]
    assert trial.answer(str(tmp_path / "abcdef")).lines == ["long", "This input is unlike anything in training."]
    assert trial.answer(str(tmp_path / "none")).lines == ["It could not be read: empty file."]


def test_numbers_have_no_page(tmp_path, monkeypatch):
    exported = Exported()
    tf.saved_model.save(exported, str(tmp_path / "1"), {versions.DEFAULT: exported.tensor})
    with pytest.raises(ValueError, match="There is no page for models whose inputs are neither images"):
        open_trial(tmp_path)
