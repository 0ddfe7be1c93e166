"""Thumbnails of all that an image column holds."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kzoo.data.image.thumbnail import describe_images, image_excerpt, make_thumbnail

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


def encoded(width, height, value, *, turned=False):
    """A grey JPEG; one that is turned is wide only in its file."""
    image, file = Image.new("RGB", (width, height), (value,) * 3), io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = 6 if turned else 1
    image.save(file, "jpeg", exif=exif)
    return file.getvalue()


def test_encoded_images_are_measured(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(400, 200, 50))
    column = np.array([str(tmp_path / "a.jpg"), encoded(30, 60, 200), encoded(40, 20, 90, turned=True), b"?"], object)
    found = describe_images(column)
    np.testing.assert_array_equal(found["width"], [400, 30, 20, np.nan])
    np.testing.assert_array_equal(found["height"], [200, 60, 40, np.nan])
    np.testing.assert_allclose(found["brightness"], [50, 200, 90, np.nan], atol=2)
    np.testing.assert_allclose(found["contrast"][:3], 0, atol=1)


def test_pixels_are_measured():
    pixels = np.zeros((2, 4, 8, 1), np.uint8)
    pixels[1, :, :4] = 200
    found = describe_images(pixels)
    assert {name: values.tolist() for name, values in found.items()} == {
        "width": [8, 8],
        "height": [4, 4],
        "aspect ratio": [2, 2],
        "brightness": [0, 100],
        "contrast": [0, 100],
    }


def test_the_excerpt_is_a_small_jpeg():
    media, content = image_excerpt(encoded(400, 200, 50))
    assert media == "image/jpeg"
    assert tf.io.decode_jpeg(content).shape == (48, 96, 3)
    assert image_excerpt(b"?") is None


@pytest.mark.parametrize("column", [np.zeros((0, 4, 4, 3)), np.array([], dtype=object)])
def test_no_images_have_no_attributes(column):
    assert {values.shape for values in describe_images(column).values()} == {(0,)}
