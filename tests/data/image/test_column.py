"""Images as users have them: the shapes that are taken, and those that are refused with a remedy."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kzoo.data.image.column import collect_images, read_image_inputs

RNG = np.random.default_rng(0)


def pixels(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


ASKED = {
    "one image": (pixels(64, 48, 3), (1, 64, 48, 3)),
    "one grey image": (pixels(64, 64), (1, 64, 64, 1)),
    "one grey image with its channel": (pixels(64, 48, 1), (1, 64, 48, 1)),
    "grey images": (pixels(5, 64, 48), (5, 64, 48, 1)),
    "four grey images": (pixels(4, 64, 48), (4, 64, 48, 1)),
    "images": (pixels(2, 64, 48, 3), (2, 64, 48, 3)),
    "a list of three grey images": ([pixels(64, 48)] * 3, (3, 64, 48, 1)),
    "a list of images": ([pixels(64, 48, 3)] * 3, (3, 64, 48, 3)),
    "a tensor": (tf.constant(pixels(64, 48, 3)), (1, 64, 48, 3)),
    "an image of pillow": (Image.fromarray(pixels(64, 48, 3)), (1, 64, 48, 3)),
    "a grey image of pillow": (Image.fromarray(pixels(64, 48)), (1, 64, 48, 1)),
    "rgba of pillow": ([Image.fromarray(pixels(64, 48, 4))], (1, 64, 48, 3)),
    "palette of pillow": (Image.fromarray(pixels(64, 48)).convert("P"), (1, 64, 48, 3)),
}


@pytest.mark.parametrize("name", ASKED)
def test_shapes_that_are_taken(name):
    value, shape = ASKED[name]
    column, names = read_image_inputs(value)
    assert column.shape == shape
    assert len(names) == shape[0]


RGBA, FIRST = "Remove the alpha channel: x", "channels first. Move the channels to the end: np.moveaxis"
REFUSED = {
    "rgba": (pixels(64, 64, 4), RGBA),
    "rgba images": (pixels(2, 64, 64, 4), RGBA),
    "rgba in a list": ([pixels(64, 64, 4)], RGBA),
    "rgba in a list of sizes": ([pixels(64, 64, 3), pixels(32, 64, 4)], RGBA),
    "channels first": (pixels(3, 64, 64), FIRST),
    "images, channels first": (pixels(2, 3, 64, 64), FIRST),
    "grey images, channels first": (pixels(2, 1, 64, 64), FIRST),
    "channels first in a list": ([pixels(3, 64, 64)], FIRST),
    "channels first in a list of sizes": ([pixels(3, 64, 64), pixels(3, 32, 64)], FIRST),
    "two channels": (pixels(2, 64, 64, 2), r"Got \(2, 64, 64, 2\)"),
    "five dimensions in a list": ([pixels(2, 3, 64, 64)], r"Got \(2, 3, 64, 64\) in row 0"),
}


@pytest.mark.parametrize("collect", [read_image_inputs, collect_images])
@pytest.mark.parametrize("name", REFUSED)
def test_shapes_that_are_refused_with_a_remedy(name, collect):
    value, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        collect(value)


def test_an_image_of_pillow_is_turned_upright():
    image, exif = Image.fromarray(pixels(8, 4, 3)), Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    column, _ = read_image_inputs(Image.open(file))
    assert np.array_equal(column[0], np.rot90(np.asarray(image), -1))


def test_grey_images_of_several_sizes_are_kept():
    images = [pixels(8, 4), pixels(6, 5)]
    column = collect_images(images)
    decoded = [tf.io.decode_png(each)[..., 0].numpy() for each in column]
    assert [each.tolist() for each in decoded] == [each.tolist() for each in images]
