"""What images show."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from kzoo.data.image.examine import examine_images, size_remarks, turn_remarks


def scene(seed, size=(96, 64)):
    """A smooth random image of Pillow's; size is width and height."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(size[1], size[0], 3)), (5, 5, 0))
    return Image.fromarray((127 + 50 * noise / noise.std()).clip(0, 255).astype(np.uint8))


def encoded(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def column(*files):
    found = np.empty(len(files), dtype=object)
    found[:] = files
    return found


LIE = [(96, 64)] * 12


def sizes(*of):
    return np.array([*LIE, *of])


def upright(*of):
    return np.ones(len(sizes(*of)), np.int64)


def test_files():
    """Copies in any format and size, one colour, and an EXIF orientation; usual images show nothing."""
    exif = Image.Exif()
    exif[0x0112] = 6
    files = [
        *(encoded(scene(seed)) for seed in range(12)),
        encoded(scene(0), quality=40),
        encoded(scene(1).resize((72, 48)), "PNG"),
        encoded(scene(2).crop((2, 2, 96, 64)), "WEBP"),
        encoded(Image.new("RGB", (96, 64), (200, 16, 255)), "PNG"),
        encoded(scene(22).transpose(Image.Transpose.ROTATE_90), exif=exif),
        encoded(scene(20, (16, 12))),
    ]
    column = np.empty(len(files), dtype=object)
    column[:] = files
    found = examine_images(column)
    assert [(i, j) for i, j, _ in found.pairs] == [(0, 12), (1, 13), (2, 14)]
    assert found.remarks == [
        (15, "one colour", "all of it is #c810ff or nearly"),
        (17, "extreme size", "16 x 12 pixels: a side of fewer than 32 pixels; the median is 96 x 64"),
        (16, "rotation", "EXIF orientation 6: kzoo turns it upright, other programs may not"),
    ]
    assert "near duplicates" in found.checks


@pytest.mark.parametrize(
    ("size", "detail"),
    [
        ((40, 31), "40 x 31 pixels: a side of fewer than 32 pixels; the median is 96 x 64"),
        ((900, 64), "900 x 64 pixels: very oblong; the median is 96 x 64"),
        ((480, 320), "480 x 320 pixels: 25 times the pixels of the median; the median is 96 x 64"),
    ],
)
def test_extreme_sizes(size, detail):
    assert size_remarks(sizes(size)) == [(12, "extreme size", detail)]
    assert size_remarks(np.array([size] * 9)) == size_remarks(sizes((300, 200))) == []


def test_sizes_that_look_turned():
    turned = (64, 96)
    said = [(12, "rotation", "64 x 96 pixels, but 92% of the images are wider than high")]
    assert turn_remarks(sizes(turned), upright(turned)) == said
    said = [(12, "rotation", "96 x 64 pixels, but 92% of the images are higher than wide")]
    assert turn_remarks(sizes(turned)[:, ::-1], upright(turned)) == said
    # Another size that stands is no sign, and neither are many that do.
    assert turn_remarks(sizes((60, 90)), upright(turned)) == []
    assert turn_remarks(sizes(*[turned] * 3), upright(*[turned] * 3)) == []


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels(channels):
    images = np.stack([np.asarray(scene(seed, (40, 40))) for seed in range(6)])[..., :channels].astype(np.float32)
    images[4] = images[1] * 0.9
    images[5] = 90
    found = examine_images(images)
    assert [(i, j) for i, j, _ in found.pairs] == [(1, 4)]
    assert found.remarks == [(5, "one colour", "all of it is #5a5a5a or nearly")]
    # Tiny ones are the rule here.
    assert examine_images(images[:4, ::5, ::5].astype(np.uint8)).remarks == []


def test_nothing():
    assert examine_images(np.empty(0, dtype=object)).pairs == ()
