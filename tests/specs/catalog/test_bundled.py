"""What comes with kzoo: small enough, as its cards say, worth having, and what "auto" is without a network."""

import json

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import kzoo
from kzoo.core.storage import NANO
from kzoo.data.splits import exclude, read
from kzoo.models.construction import build
from kzoo.setup.auto_model import guess_modality
from kzoo.setup.model_source import source_of
from kzoo.specs.catalog.bundled import NANO_CATALOG
from kzoo.specs.records.seen import NEW

NAMES = sorted(NANO_CATALOG)


def test_all_of_it_is_small():
    assert sum(path.stat().st_size for path in NANO.iterdir()) < 6_000_000


@pytest.mark.parametrize("name", NAMES)
def test_each_has_its_weights_and_says_what_it_was_made_of(name):
    card = kzoo.get_card(name)
    record = json.loads((NANO / card.inside).with_suffix(".json").read_text(encoding="utf-8"))
    assert {"objective", "data", "seconds", "seed"} <= record.keys()
    assert name in kzoo.list_models(pretrained=True)
    with np.load(NANO / card.inside) as file:
        arrays = [file[each] for each in file.files]
    assert {each.dtype for each in arrays} == {np.dtype("float16")}
    assert sum(each.size for each in arrays) == card.parameters


@pytest.mark.parametrize("size", [32, 50, 224])
def test_pictures_have_any_size(size):
    backbone = build(kzoo.get_card("kzoo_nano_image"), shape=(size, size, 3), weights="inside")
    found = backbone(np.zeros((1, size, size, 3), np.float32))
    assert found.shape[-1] == 512
    assert found.shape[1] == -(-size // 16)


@pytest.mark.slow
def test_pictures_transfer():
    """To digits, with ten labels a class and a linear probe, against random weights."""
    digits = load_digits()
    pictures = (digits.images[..., None] * 15.9).astype(np.uint8)
    task = kzoo.Classification(
        {"train": (pictures[:150], digits.target[:150]), "test": (pictures[150:700], digits.target[150:700])},
        validation=1 / 3,
    )
    nano, random = (
        kzoo.adapt("kzoo_nano_image", task, schedule="linear_probe", size=64, weights=weights).evaluate()["accuracy"]
        for weights in ("auto", None)
    )
    assert nano > random + 0.04
    assert nano > 0.74


@pytest.mark.slow
def test_texts_are_read_in_two_languages_without_an_extra(tmp_path):
    good = [
        "a lovely warm film",
        "funny and moving",
        "房间很干净",
        "服务热情，很满意",
        "a great story",
        "delicious food",
    ]
    bad = ["a dull cold film", "sad and boring", "房间很脏", "服务很差，很失望", "a terrible story", "disgusting food"]
    task = kzoo.Classification(
        {"train": (good + bad, ["good"] * 6 + ["bad"] * 6), "validation": (["nice", "awful"], ["good", "bad"])}
        | {"test": (["excellent", "the worst", "很好", "太差了"], ["good", "bad"] * 2)}
    )
    adapted = kzoo.adapt("kzoo_nano_text", task, schedule="linear_probe")
    assert adapted.evaluate()["accuracy"] == 1.0
    assert not any("unknown" in note for note in adapted.record.notes)
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served"))).signatures["serving_default"]
    answers = served(tf.constant(["an awful evening", "很干净"]))["labels"].numpy().tolist()
    assert answers == [b"bad", b"good"]
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    np.testing.assert_array_equal(again.predict(good).outputs, adapted.predict(good).outputs)
    assert guess_modality(kzoo.Classification((np.zeros((2, 8, 8, 3), np.uint8), [0, 1]))) == "image"
    assert guess_modality(kzoo.Classification({"train": (["a film"], [0])})) == "text"


@pytest.mark.parametrize(
    ("name", "counts"),
    [("kzoo_nano_image", (0, 51_000)), ("kzoo_nano_text", (5_467, 745)), ("kzoo_nano_audio", (1_800, 0))],
)
def test_what_its_weights_have_seen_comes_with_it(name, counts):
    seen = source_of(name, weights="auto").seen
    assert (len(seen.trained), len(seen.unlabelled)) == counts
    assert len(source_of(name, weights=None).seen) == 0


@pytest.mark.real
@pytest.mark.parametrize("split", ["random", "given"])
def test_no_review_that_it_learned_from_is_tested_on(shared, split):
    reviews = shared / "data" / "chnsenticorp" / "ChnSentiCorp_htl_all.csv"
    seen = source_of("kzoo_nano_text", weights="auto").seen
    splits = read(kzoo.Classification(reviews, text="review", label="label", seed=3), "text", seen=seen)
    if split == "given":
        splits = exclude(read(kzoo.Classification(reviews, text="review", label="label", seed=3), "text"), seen)
    assert len(splits.test) > 100
    assert (seen.sides(splits.test.digests) == NEW).all()
