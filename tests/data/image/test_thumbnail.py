"""Thumbnails of all that an image column holds."""

import numpy as np
import pytest
import tensorflow as tf

from kzoo.data.image.thumbnail import make_thumbnail

PIXELS = np.zeros((50, 300, 3), np.uint8)
PIXELS[:, 150:] = 200, 100, 0


def shown(image):
    return tf.io.decode_jpeg(make_thumbnail(image)).numpy()


@pytest.mark.parametrize("form", ["pixels", "floats", "png", "jpeg", "path"])
def test_each_form_gives_the_whole_image_small(form, tmp_path):
    png = tf.io.encode_png(PIXELS).numpy()
    (tmp_path / "a.png").write_bytes(png)
    jpeg = tf.io.encode_jpeg(PIXELS, quality=98).numpy()
    forms = {"pixels": PIXELS, "floats": PIXELS.astype(np.float32), "png": png, "jpeg": jpeg}
    small = shown(forms.get(form, str(tmp_path / "a.png")))
    assert small.shape == (16, 96, 3)
    np.testing.assert_allclose(small[:, :40].mean(axis=(0, 1)), [0, 0, 0], atol=12)
    np.testing.assert_allclose(small[:, -40:].mean(axis=(0, 1)), [200, 100, 0], atol=12)


def test_small_and_grey_and_thin_images():
    assert shown(np.full((8, 9, 1), 255, np.uint8)).shape == (8, 9, 3)
    assert shown(np.zeros((2, 4_000, 3), np.uint8)).shape == (1, 96, 3)


def test_what_cannot_be_read_has_none(tmp_path):
    damaged = tf.io.encode_png(PIXELS).numpy()[:60]
    for image in (str(tmp_path / "gone.png"), b"", b"no image", damaged):
        assert make_thumbnail(image) is None
