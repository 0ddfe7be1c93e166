"""Large images are reduced to block means, whatever their shape."""

import numpy as np
import pytest
import tensorflow as tf

from kzoo.data.image import downscale
from kzoo.data.image.downscale import reduce_large


def means(image, rows, columns):
    """Block means, by NumPy; what is left over is dropped, half of it on each side."""
    height, width = image.shape[0] // rows, image.shape[1] // columns
    top, left = (image.shape[0] - height * rows) // 2, (image.shape[1] - width * columns) // 2
    part = image[top : top + height * rows, left : left + width * columns].astype(np.float64)
    return part.reshape(height, rows, width, columns, -1).mean(axis=(1, 3))


CASES = [
    ((90, 61), "crop", (7, 7)),
    ((90, 61), "pad", (11, 11)),
    ((90, 61), "squash", (11, 7)),
    ((3, 200), "pad", (3, 25)),
]


@pytest.mark.parametrize(("shape", "resize", "factors"), CASES)
def test_each_pixel_is_the_mean_of_its_block(shape, resize, factors, monkeypatch):
    monkeypatch.setattr(downscale, "LARGE", 500)
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    found = reduce_large(tf.constant(image), size=4, resize=resize).numpy()
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, means(image, *factors), atol=0.501)


def test_other_images_stay_as_they_are(monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    assert np.array_equal(reduce_large(tf.constant(image), size=4, resize="crop"), image)
    monkeypatch.setattr(downscale, "LARGE", 100)
    assert np.array_equal(reduce_large(tf.constant(image), size=20, resize="crop"), image)
