"""Tables of predictions and mistakes show images in notebooks."""

import pickle
import re

import numpy as np
from PIL import Image

from kzoo.core.tables import MOST_IMAGES
from kzoo.data.image.column import read_image_inputs
from kzoo.evaluation.metrics import measure
from kzoo.results.predictions import Predictions
from kzoo.results.thumbnails import thumbnails_of

PIXELS = np.random.default_rng(0).integers(0, 255, (5, 20, 24, 3), np.uint8)


def predictions(inputs):
    column, names = read_image_inputs(inputs)
    outputs = np.full((len(names), 2), 0.5, np.float32)
    small = thumbnails_of(column, "image")
    return Predictions(names, ["cat"] * len(names), outputs, ["cat", "dog"], thumbnails=small)


def images_of(html):
    return re.findall(r'<tr>(<td>(?:<img src="data:image/jpeg;base64,[^"]+" alt="">)?</td>)', html)


def test_each_row_has_its_image(tmp_path):
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"damaged")
    mixed = [tmp_path / "a.png", tmp_path / "b.png", (tmp_path / "a.png").read_bytes(), PIXELS[0]]
    for inputs, wanted in (
        (mixed, [True, False, True, True]),
        (PIXELS, [True] * 5),
        (Image.fromarray(PIXELS[0]), [True]),
    ):
        found = predictions(inputs)
        assert ["img" in cell for cell in images_of(found._repr_html_())] == wanted
        assert "base64" not in str(found)
    again = pickle.loads(pickle.dumps(found))
    assert again._repr_html_() == found._repr_html_()


def test_a_slice_keeps_its_images():
    found = predictions(PIXELS)
    assert images_of(found[3:]._repr_html_()) == images_of(found._repr_html_())[3:]
    assert len(set(images_of(found._repr_html_()))) == 5


def test_a_bounded_number_is_made_when_it_is_shown(monkeypatch):
    asked = []
    monkeypatch.setattr("kzoo.results.thumbnails.Thumbnails.__call__", lambda self, index: asked.append(index))
    found = predictions(np.repeat(PIXELS, 10, axis=0))
    table = found.table()
    assert asked == []
    assert table._repr_html_().count("<tr>") == 51
    assert asked == list(range(MOST_IMAGES))


def test_mistakes_have_the_image_of_their_example():
    outputs = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9]])
    names, truth = list("abcd"), np.array([0, 1, 1, 0])
    found = measure(
        "classification",
        outputs,
        truth,
        labels=["cat", "dog"],
        names=names,
        thumbnail=thumbnails_of(PIXELS[:4], "image"),
    )
    wanted = images_of(predictions(PIXELS)._repr_html_())
    assert [row[0] for row in found.worst().rows] == ["d", "b"]
    assert images_of(found.worst()._repr_html_()) == [wanted[3], wanted[1]]


def test_texts_and_recordings_have_none():
    assert thumbnails_of(np.array(["a text"], object), "text") is None
    assert thumbnails_of(np.array(["a.wav"], object), "audio") is None
