"""Images: upright, in colour, of one size and in the backbone's own scaling."""

import dataclasses
import io
import struct

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from kzoo.data.image.orientation import orientation, upright
from kzoo.data.image.preprocess import RESIZES, ImagePreprocessor, Resize

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (10, 14, 3), np.uint8)


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def exif(value, *, little=True, before=0, tag=0x0112):
    """An Exif block with `before` other entries in front of the orientation."""
    order = "<" if little else ">"
    entries = [struct.pack(order + "HHII", 0x0100 + n, 4, 1, 9) for n in range(before)]
    entries.append(struct.pack(order + "HHIHH", tag, 3, 1, value, 0))
    mark = b"II*\0" if little else b"MM\0*"
    body = b"".join(entries)
    return b"Exif\0\0" + mark + struct.pack(order + "IH", 8, len(entries)) + body + struct.pack(order + "I", 0)


def jpeg(block=b""):
    return encoded(Image.fromarray(PIXELS), "JPEG", exif=block, quality=95)


@pytest.mark.parametrize("little", [True, False], ids=["little", "big"])
@pytest.mark.parametrize("value", range(1, 9))
def test_pictures_are_turned_as_pillow_turns_them(value, little):
    data = jpeg(exif(value, little=little, before=value % 3))
    plain = Image.fromarray(tf.io.decode_jpeg(data).numpy())
    plain.getexif()[0x0112] = value
    expected = np.asarray(ImageOps.exif_transpose(plain))
    assert Image.open(io.BytesIO(data)).getexif()[0x0112] == value
    np.testing.assert_array_equal(ImagePreprocessor(8).decode(data), expected)


def test_pictures_are_turned_in_a_pipeline_as_outside():
    data = [jpeg(exif(value)) for value in range(1, 9)]
    decode = ImagePreprocessor(8).decode
    inside = tf.data.Dataset.from_tensor_slices(data).map(decode).as_numpy_iterator()
    for one, other in zip(inside, data, strict=True):
        np.testing.assert_array_equal(one, decode(other))


@pytest.mark.parametrize(
    "data",
    [
        jpeg(),
        jpeg(exif(0)),
        jpeg(exif(9)),
        jpeg(exif(6, tag=0x0113)),
        jpeg(b"Exif\0\0"),
        jpeg(b"Exif\0\0II*\0"),
        jpeg(b"Exif\0\0II*\0" + b"\xff" * 4),
        jpeg(b"Exif\0\0MM\0*" + b"\x7f\xff\xff\xff" * 4),
        jpeg(b"Exif\0\0" + bytes(40)),
        b"",
        b"\xff\xd8",
        b"no image" + exif(6),
        encoded(Image.fromarray(PIXELS), "PNG"),
    ],
)
def test_no_orientation_is_upright(data):
    assert int(orientation(tf.constant(data))) == 1


def test_upright_keeps_what_is_upright():
    assert upright(tf.constant(PIXELS), 1).numpy().tolist() == PIXELS.tolist()


RGB = Image.fromarray(PIXELS)
DEEP = RNG.integers(0, 65536, (10, 14)).astype(np.uint16)
KINDS = {
    "png": (RGB, "PNG"),
    "grey png": (RGB.convert("L"), "PNG"),
    "palette png": (RGB.convert("P"), "PNG"),
    "black and white png": (RGB.convert("1"), "PNG"),
    "gif": (RGB.convert("P"), "GIF"),
    "bmp": (RGB, "BMP"),
    "webp": (RGB, "WEBP", {"lossless": True}),
}


@pytest.mark.parametrize("name", KINDS)
def test_lossless_kinds_decode_to_the_same_rgb(name):
    picture, kind, *options = KINDS[name]
    decoded = ImagePreprocessor(8).decode(encoded(picture, kind, **(options[0] if options else {})))
    np.testing.assert_array_equal(decoded, np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize(("mode", "kind"), [("RGB", "JPEG"), ("L", "JPEG"), ("RGB", "WEBP")])
def test_lossy_kinds_decode_to_nearly_the_same_rgb(mode, kind):
    data = encoded(RGB.convert(mode), kind, quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(ImagePreprocessor(8).decode(data).numpy().astype(int) - expected).mean() < 6


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_left_out(mode):
    decoded = ImagePreprocessor(8).decode(encoded(RGB.convert(mode), "PNG"))
    np.testing.assert_array_equal(decoded, np.asarray(RGB.convert(mode).convert("RGB")))


def test_sixteen_bits_become_eight():
    decoded = ImagePreprocessor(8).decode(encoded(Image.fromarray(DEEP), "PNG")).numpy()
    assert decoded.shape == (10, 14, 3)
    assert np.abs(decoded[..., 0].astype(int) - DEEP / 256).max() <= 1


def test_the_first_frame_of_an_animation_is_taken():
    data = encoded(RGB.convert("P"), "GIF", save_all=True, append_images=[RGB.convert("L").convert("P")])
    assert Image.open(io.BytesIO(data)).n_frames == 2
    np.testing.assert_array_equal(ImagePreprocessor(8).decode(data), np.asarray(RGB.convert("P").convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_every_kind_decodes_for_a_grey_backbone(kind):
    decoded = ImagePreprocessor(8, channels=1).decode(encoded(RGB, kind)).numpy().astype(int)
    assert decoded.shape == (10, 14, 1)
    assert np.abs(decoded[..., 0] - np.asarray(RGB.convert("L"))).mean() < 12


def test_a_damaged_picture_raises():
    with pytest.raises(tf.errors.InvalidArgumentError):
        ImagePreprocessor(8).decode(encoded(RGB, "PNG")[:200])


EVERY_RESIZE = pytest.mark.parametrize("resize", RESIZES)


def framed(picture, resize):
    """The square that is resized, in NumPy; all of it where it is squashed."""
    height, width = picture.shape[:2]
    if resize == "squash":
        return picture
    edge = (min if resize == "crop" else max)(height, width)
    top, left = abs(height - edge) // 2, abs(width - edge) // 2
    if resize == "crop":
        return picture[top : top + edge, left : left + edge]
    return np.pad(picture, ((top, edge - height - top), (left, edge - width - left), (0, 0)))


def resized(picture, size, resize):
    """Means of whole blocks, then plain bilinear interpolation."""
    part = framed(picture, resize).astype(np.float32)
    down, across = (max(side // size, 1) for side in part.shape[:2])
    rows, columns = part.shape[0] // down, part.shape[1] // across
    top, left = (part.shape[0] - rows * down) // 2, (part.shape[1] - columns * across) // 2
    whole = part[top : top + rows * down, left : left + columns * across]
    blocks = whole.reshape(rows, down, columns, across, 3)
    return tf.image.resize(blocks.mean(axis=(1, 3)), (size, size)).numpy()


SHAPES = [(20, 26), (61, 23), (31, 31), (7, 50), (16, 24)]


@pytest.mark.parametrize("size", [7, 8, 20, 31])
@EVERY_RESIZE
def test_resizing_is_the_mean_of_blocks_and_then_bilinear(resize, size):
    fit = ImagePreprocessor(size, resize=resize).fit
    for shape in SHAPES:
        pictures = RNG.integers(0, 256, (2, *shape, 3), np.uint8)
        expected = np.stack([resized(picture, size, resize) for picture in pictures])
        np.testing.assert_allclose(fit(pictures), expected, atol=1e-3)
        np.testing.assert_allclose(fit(pictures[1]), expected[1], atol=1e-3)


@EVERY_RESIZE
def test_there_is_little_aliasing(resize):
    """Stripes that are finer than the result's pixels become grey."""
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, ::2] = 255
    middle = ImagePreprocessor(8, resize=resize).fit(stripes).numpy()[3:5]
    np.testing.assert_allclose(middle, 127.5, atol=1)


@EVERY_RESIZE
def test_the_layer_gives_what_fit_gives_and_comes_back_from_its_configuration(resize):
    preprocessor = ImagePreprocessor(8, "tf", resize)
    layer = Resize(**dataclasses.asdict(preprocessor))
    again = type(layer).from_config(layer.get_config())
    assert again.preprocessor == preprocessor
    batch = RNG.integers(0, 256, (3, 21, 34, 3), np.uint8)
    for each in (layer, again):
        np.testing.assert_allclose(each(batch), preprocessor.fit(batch), atol=1e-4)
        assert each.compute_output_shape(batch.shape) == (3, 8, 8, 3)


def smooth(height, width):
    """Slow waves, another in each channel, uint8 (H, W, 3)."""
    rows, columns = np.meshgrid(np.linspace(0, 2, height), np.linspace(0, 3, width), indexing="ij")
    waves = [np.sin(rows + columns), np.cos(rows - columns), np.sin(2 * columns)]
    return (127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def long(height, width, kind="JPEG", **options):
    return encoded(Image.fromarray(smooth(height, width)), kind, **options)


@pytest.mark.parametrize(
    ("shape", "ratio"), [((15, 31), 1), ((31, 90), 1), ((40, 32), 2), ((62, 90), 2), ((64, 70), 4), ((200, 128), 8)]
)
def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size(shape, ratio):
    decoded = ImagePreprocessor(8).decode(long(*shape)).numpy()
    assert decoded.shape == (-(-shape[0] // ratio), -(-shape[1] // ratio), 3)


def test_a_large_jpeg_is_turned_as_its_exif_tag_asks():
    decoded = ImagePreprocessor(8).decode(long(40, 64, exif=exif(6))).numpy()
    assert decoded.shape == (32, 20, 3)
    np.testing.assert_array_equal(np.rot90(decoded), ImagePreprocessor(8).decode(long(40, 64)))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_what_is_no_jpeg_is_decoded_whole(kind):
    assert ImagePreprocessor(8).decode(long(200, 128, kind)).shape == (200, 128, 3)


@pytest.mark.parametrize("shape", [(200, 230), (390, 384), (501, 777)])
@EVERY_RESIZE
def test_a_jpeg_decoded_at_a_fraction_fits_as_the_whole_of_it_does(resize, shape):
    preprocessor = ImagePreprocessor(48, resize=resize)
    data = long(*shape, quality=95)
    decoded, whole = preprocessor.decode(data), tf.io.decode_jpeg(data)
    assert decoded.shape[0] < whole.shape[0]
    assert np.abs(preprocessor.fit(decoded).numpy() - preprocessor.fit(whole).numpy()).mean() < 4


@EVERY_RESIZE
@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (1, 1), (1, 40), (9, 9)])
def test_every_shape_becomes_a_square(resize, shape):
    fitted = ImagePreprocessor(8, resize=resize).fit(np.full((*shape, 3), 200, np.uint8)).numpy()
    assert (fitted.shape, fitted.dtype) == ((8, 8, 3), np.float32)
    # What is padded is black, unless there is nothing to pad; the image has its share of the square.
    share = min(shape) / max(shape) if resize == "pad" else 1
    np.testing.assert_allclose(fitted.min(), 0 if share < 1 else 200, atol=0.01)
    np.testing.assert_allclose(fitted.mean(), 200 * share, rtol=0.1)


@EVERY_RESIZE
def test_a_batch_is_resized_as_its_pictures_are(resize):
    batch = RNG.integers(0, 256, (4, 21, 34, 3), np.uint8)
    fit = ImagePreprocessor(8, resize=resize).fit
    np.testing.assert_allclose(fit(batch), np.stack([fit(picture) for picture in batch]), atol=1e-4)


@EVERY_RESIZE
def test_what_fits_is_left_alone(resize):
    picture = RNG.integers(0, 256, (8, 8, 3), np.uint8)
    np.testing.assert_array_equal(ImagePreprocessor(8, resize=resize).fit(picture), picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_grey_and_rgb_become_each_other(dtype):
    grey, rgb = PIXELS[..., :1].astype(dtype), PIXELS.astype(dtype)
    np.testing.assert_array_equal(ImagePreprocessor(8).colour(tf.constant(grey)), np.repeat(grey, 3, axis=-1))
    mixed = ImagePreprocessor(8, channels=1).colour(tf.constant(rgb)).numpy()
    assert mixed.shape == (10, 14, 1)
    np.testing.assert_allclose(mixed[..., 0], rgb @ [0.2989, 0.587, 0.114], atol=1)


SCALINGS = {
    "caffe": keras.applications.resnet50.preprocess_input,
    "tf": keras.applications.mobilenet_v2.preprocess_input,
    "torch": keras.applications.densenet.preprocess_input,
    "none": keras.applications.efficientnet.preprocess_input,
    "unit": lambda pixels: pixels / 255,
}


@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaling_is_that_of_keras(scaling):
    batch = RNG.uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    scale = ImagePreprocessor(8, scaling).scale
    expected = SCALINGS[scaling](batch.copy())
    np.testing.assert_allclose(scale(tf.constant(batch)), expected, rtol=1e-5, atol=1e-4)
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Identity()(scale(inputs)))
    np.testing.assert_allclose(model(batch), expected, rtol=1e-5, atol=1e-4)


def test_a_model_that_scales_can_be_saved_and_read(tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, ImagePreprocessor(8, "caffe").scale(inputs))
    model.save(tmp_path / "m.keras")
    batch = RNG.uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")(batch), model(batch))


def test_an_unknown_resize_is_refused():
    with pytest.raises(ValueError, match=r"resize must be one of crop, pad, squash\. Got 'stretch'"):
        ImagePreprocessor(8, resize="stretch")
