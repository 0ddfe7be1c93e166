"""What the first bytes of an image file say."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kzoo.data.image import graph_headers
from kzoo.data.image.headers import size_of, trouble

READ = tf.function(graph_headers.trouble, input_signature=[tf.TensorSpec((), tf.string)])


def encoded(kind, mode="RGB", size=(7, 5), **options):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def png_of(width, height):
    """A PNG file that claims a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def gif_of(*sizes):
    """A GIF whose header says 1 x 1, with frames that claim other sizes."""
    frames = [b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0) + b"\x02\x02\x44\x01\x00" for size in sizes]
    notes = b"\x21\xfe\x03abc\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + notes + notes.join(frames) + b"\x3b"


def animated():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 40, 30, 3), np.uint8)
    first, *others = [Image.fromarray(each) for each in pixels]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others)
    return file.getvalue()


GOOD = {
    "jpeg": encoded("JPEG"),
    "progressive jpeg": encoded("JPEG", progressive=True),
    "grey jpeg": encoded("JPEG", "L"),
    "jpeg with fill bytes": encoded("JPEG").replace(b"\xff\xdb", b"\xff\xff\xdb", 1),
    "jpeg with comment": encoded("JPEG", comment=b"\xff\xc0" * 40),
    "png": encoded("PNG"),
    "palette png": encoded("PNG", "P"),
    "gif": encoded("GIF"),
    "bmp": encoded("BMP"),
    "webp": encoded("WEBP"),
    "lossless webp": encoded("WEBP", lossless=True),
    "extended webp": encoded("WEBP", "RGBA", exif=b"Exif\0\0II"),
    "a png of 10000 x 10000": png_of(10_000, 10_000),
    "animated gif": animated(),
    "a gif of many frames": gif_of(*[(6000, 5000)] * 10),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_used_is_no_trouble(name):
    assert trouble(GOOD[name]) is None


BAD = {
    "nothing": (b"", "empty file"),
    "html": (b"<!DOCTYPE html><html>", "not a jpeg, png, gif, bmp or webp"),
    "text": (b"hello", "not a jpeg"),
    "tiff": (encoded("TIFF"), "not a jpeg"),
    "cmyk": (encoded("JPEG", "CMYK"), "CMYK"),
    "bomb": (png_of(20_000, 20_000), "too large: 20000 x 20000"),
    "long": (png_of(65_536, 2), "too large: 65536 x 2"),
    "gif bomb": (gif_of((3, 2), (65_000, 60_000)), "too large: 65000 x 60000"),
    "gif of many frames": (gif_of(*[(6000, 5000)] * 11), "a GIF whose frames need over 300 MB"),
    "gif of many blocks": (gif_of((3, 2))[:-1] + b"\x21\xfe" + b"\x01a" * 100_000, "frames need over 300 MB"),
    "no width": (png_of(0, 5), "no pixels"),
    "cut png": (GOOD["png"][:20], "cut off within its header"),
    "cut gif": (GOOD["gif"][:8], "cut off within its header"),
    "cut bmp": (GOOD["bmp"][:20], "cut off within its header"),
    "cut jpeg": (GOOD["jpeg"][:30], "cut off within its header"),
    "two bytes of jpeg": (b"\xff\xd8", "cut off within its header"),
    "zeros after jpeg": (b"\xff\xd8" + bytes(100), "cut off within its header"),
    "cut webp": (GOOD["webp"][:24], "cut off within its header"),
    "cut lossless webp": (GOOD["lossless webp"][:22], "cut off within its header"),
}


@pytest.mark.parametrize("name", BAD)
def test_trouble_says_what(name):
    data, reason = BAD[name]
    assert reason in str(trouble(data))


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_used_is_no_trouble_in_the_graph(name):
    assert READ(GOOD[name]).numpy() == b""


CUT_JPEG = ("cut jpeg", "zeros after jpeg")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(BAD) - set(CUT_JPEG)))
def test_the_graph_says_what_python_says(name):
    data, _ = BAD[name]
    assert str(trouble(data)).startswith(READ(data).numpy().decode() or "nothing")


@pytest.mark.parametrize("name", CUT_JPEG)
def test_the_graph_refuses_a_jpeg_that_is_cut_off(name):
    with pytest.raises(tf.errors.InvalidArgumentError):
        READ(BAD[name][0])


SIZES = {"JPEG": {}, "PNG": {}, "GIF": {}, "BMP": {}, "WEBP": {}, "lossless": {"lossless": True}}


@pytest.mark.parametrize("name", SIZES)
def test_the_graph_reads_the_size_of_every_kind(name, monkeypatch):
    monkeypatch.setattr("kzoo.data.image.headers.MOST_PIXELS", 300 * 200 - 1)
    kind = "WEBP" if name == "lossless" else name
    assert graph_headers.trouble(encoded(kind, size=(300, 200), **SIZES[name])).numpy().startswith(b"too large: 300 x ")


def test_the_graph_reads_the_size_of_an_extended_webp(monkeypatch):
    monkeypatch.setattr("kzoo.data.image.headers.MOST_PIXELS", 300 * 200 - 1)
    data = encoded("WEBP", "RGBA", size=(300, 200), exif=b"Exif\0\0II")
    assert graph_headers.trouble(data).numpy().startswith(b"too large: 300 x 200 pixels")


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {}), ("PNG", {}), ("GIF", {}), ("BMP", {}), ("WEBP", {}), ("WEBP", {"lossless": True})],
)
def test_the_size_is_read_from_every_kind(kind, options, monkeypatch):
    monkeypatch.setattr("kzoo.data.image.headers.MOST_PIXELS", 300 * 200 - 1)
    assert "too large: 300 x 200" in str(trouble(encoded(kind, size=(300, 200), **options)))


def test_the_size_of_an_extended_webp(monkeypatch):
    monkeypatch.setattr("kzoo.data.image.headers.MOST_PIXELS", 300 * 200 - 1)
    data = encoded("WEBP", "RGBA", size=(300, 200), exif=b"Exif\0\0II")
    assert data[12:16] == b"VP8X"
    assert "too large: 300 x 200" in str(trouble(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_sizes_are_width_and_height(kind):
    assert size_of(encoded(kind, size=(40, 30))) == (40, 30)
