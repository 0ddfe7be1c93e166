"""The network's view of an image, placed on the image."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kzoo.data.image.placement import SIDE, open_original, place
from kzoo.data.image.preprocess import RESIZES, ImagePreprocessor


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("shape", [(40, 61), (61, 40), (16, 16)])
def test_what_the_network_sees_of_a_spot_is_placed_on_the_spot(resize, shape):
    image = np.zeros((*shape, 3), np.uint8)
    image[18:26, 16:24] = 255
    if shape == (16, 16):
        image[4:9, 6:11] = 255
    view = ImagePreprocessor(16, resize=resize).fit(tf.constant(image))[..., 0].numpy() / 255
    placed = place(view, height=shape[0], width=shape[1], resize=resize)
    assert placed.shape == shape
    assert placed.dtype == np.float32
    spot = image[..., 0] > 0
    assert placed[spot].mean() > 0.5
    weights = placed / placed.sum()
    rows, columns = np.indices(shape)
    assert (weights * rows).sum() == pytest.approx(rows[spot].mean(), abs=0.7)
    assert (weights * columns).sum() == pytest.approx(columns[spot].mean(), abs=0.7)


def test_what_was_cut_off_is_zero():
    placed = place(np.ones((4, 4), np.float32), height=10, width=20, resize="crop")
    np.testing.assert_array_equal(placed, np.repeat([[0.0] * 5 + [1.0] * 10 + [0.0] * 5], 10, axis=0))


def test_an_image_is_kept_small_and_upright_with_its_own_size(tmp_path):
    pixels = np.zeros((600, 1_000, 3), np.uint8)
    pixels[:, :500] = 200
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn to the right
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=turned)
    found = open_original(str(tmp_path / "a.jpg"))
    assert (found.height, found.width) == (1_000, 600)
    assert max(found.pixels.shape) == SIDE
    assert found.pixels[10].mean() > 150 > 50 > found.pixels[-10].mean()


def test_pixels_of_any_kind_are_drawn_on():
    for pixels in (np.full((5, 6, 1), 90, np.uint8), np.full((5, 6, 3), 90.2, np.float32)):
        found = open_original(pixels)
        assert (found.height, found.width) == (5, 6)
        assert abs(found.pixels.astype(int) - 90).max() <= 2
    with pytest.raises(OSError, match="cannot be read any more"):
        open_original("no_such_file.png")
