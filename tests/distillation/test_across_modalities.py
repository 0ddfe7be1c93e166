"""A student of texts learns from a teacher of images, on pairs of both."""

import numpy as np
import pytest

import kzoo
from kzoo.distillation.across_modalities import AGREEMENT
from tests.alignment.conftest import COLOURS, pairs_of


@pytest.fixture(scope="module")
def teacher() -> kzoo.Adapted:
    """Of images, by colour."""
    known = pairs_of(90, seed=21)
    task = kzoo.Classification((known["image"], known["colour"]))
    return kzoo.adapt("kzoo_nano_image", task, schedule=kzoo.LinearProbe(), verbose=0)


def test_a_student_of_texts_says_what_a_teacher_of_images_says(teacher: kzoo.Adapted):
    pairs = pairs_of(150, seed=22)
    table = {"photo": list(pairs["image"]), "title": pairs["text"]}
    student = kzoo.distill(teacher, "kzoo_nano_text", kzoo.Classification(table, image="photo", text="title"))
    assert student.preprocessor.modality == "text"
    assert list(student.labels) == list(teacher.labels)
    assert AGREEMENT in student.record.notes
    assert student.record.distilled
    assert student.record.distilled.alpha == 0
    assert student.evaluate()["accuracy"] > 0.8
    fresh = pairs_of(60, seed=23)
    assert student.evaluate(kzoo.Classification((fresh["text"], fresh["colour"])))["accuracy"] > 0.8


def test_labels_of_pairs_count_too(teacher: kzoo.Adapted):
    pairs = pairs_of(90, seed=24)
    table = {"photo": list(pairs["image"]), "title": pairs["text"], "colour": pairs["colour"]}
    task = kzoo.Classification(table, image="photo", text="title", label="colour")
    student = kzoo.distill(teacher, "kzoo_nano_text", task, alpha=0.3)
    assert student.record.distilled
    assert student.record.distilled.alpha == 0.3
    assert AGREEMENT not in student.record.notes
    assert student.evaluate()["accuracy"] > 0.6


def test_the_student_can_be_of_images(teacher: kzoo.Adapted):
    pairs = pairs_of(90, seed=25)
    texts = kzoo.adapt(
        "ngrams", kzoo.Classification((pairs["text"], pairs["colour"])), schedule=kzoo.LinearProbe(), verbose=0
    )
    others = pairs_of(60, seed=26)
    table = {"photo": list(others["image"]), "title": others["text"]}
    phase = kzoo.Phase("head", epochs=3, augmentation="light", views=2)
    student = kzoo.distill(
        texts, "kzoo_nano_image", kzoo.Classification(table, image="photo", text="title"), schedule=phase
    )
    assert np.isfinite(student.predict(others["image"][:3]).outputs).all()
    assert student.record.phases[0].views == 2


@pytest.mark.parametrize(
    ("student", "options", "told"),
    [
        ("kzoo_nano_audio", {}, "the student audio; the pairs have photo"),
        ("kzoo_nano_text", {"target": "both"}, "Leave target= out"),
        ("auto", {}, "must be named"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(teacher: kzoo.Adapted, student: str, options: dict[str, str], told: str):
    pairs = pairs_of(60, seed=27)
    task = kzoo.Classification({"photo": list(pairs["image"]), "title": pairs["text"]}, image="photo", text="title")
    with pytest.raises(ValueError, match=told):
        kzoo.distill(teacher, student, task, **options)


def test_labels_of_pairs_are_the_teachers(teacher: kzoo.Adapted):
    pairs = pairs_of(60, seed=28)
    other = [{"red": "rouge", "green": "vert", "blue": "bleu"}[colour] for colour in pairs["colour"]]
    table = {"photo": list(pairs["image"]), "title": pairs["text"], "label": other}
    task = kzoo.Classification(table, image="photo", text="title", label="label")
    with pytest.raises(ValueError, match="The teacher was adapted to classification of"):
        kzoo.distill(teacher, "kzoo_nano_text", task)
    assert sorted(teacher.labels) == sorted(COLOURS)
