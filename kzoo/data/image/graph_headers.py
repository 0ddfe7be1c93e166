"""Image headers, read in a TensorFlow graph for exported models; see `kzoo.data.image.headers`."""

from __future__ import annotations

import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.image import headers

_PNG, _GIF, _BMP, _WEBP, _JPEG = range(5)


def trouble(encoded: Tensor) -> Tensor:
    """Why an encoded image (scalar string) cannot be used, as far as its header tells, scalar string; empty if it can.

    Nothing of the size that the header claims is allocated. A JPEG that is cut off within its header raises.
    """
    head = _bytes(encoded, 0, width=32)
    kinds = _kinds(encoded)
    known = tf.reduce_any(kinds)
    needed = tf.constant([24, 10, 26, 30, 4])
    cut = known & (tf.strings.length(encoded) < tf.gather(needed, tf.argmax(kinds)))

    def look() -> Tensor:
        sizes = [
            lambda: tf.stack([_big(head, 16), _big(head, 20), 0, 0]),
            lambda: _gif(encoded, head),
            lambda: tf.stack([abs(_signed(head, 18)), abs(_signed(head, 22)), 0, 0]),
            lambda: _webp(head),
            lambda: _jpeg(encoded),
        ]
        return tf.switch_case(tf.cast(tf.argmax(kinds), tf.int32), sizes)

    size = tf.cond(known & ~cut, look, lambda: tf.ones(4, tf.int64))
    width, height, channels, frames = tf.unstack(size)
    large = (width * height > headers.MOST_PIXELS) | (tf.maximum(width, height) > headers.MOST_SIDE)
    limits = f" pixels, at most {headers.MOST_PIXELS:,}, and {headers.MOST_SIDE:,} a side"
    said = tf.strings.join(["too large: ", tf.strings.as_string(width), " x ", tf.strings.as_string(height), limits])
    reasons = [
        (tf.strings.length(encoded) == 0, "empty file"),
        (~known, "not a jpeg, png, gif, bmp or webp image"),
        (cut, "cut off within its header"),
        ((width < 1) | (height < 1), "no pixels"),
        (large, said),
        (frames > 3 * headers.MOST_PIXELS, "too large: a GIF whose frames need over 300 MB"),
        (channels == 4, "CMYK colours, which TensorFlow decodes wrongly: convert it to RGB"),
        (tf.constant(True), ""),
    ]
    first = tf.argmax(tf.stack([holds for holds, _ in reasons]))
    return tf.gather(tf.stack([tf.convert_to_tensor(reason) for _, reason in reasons]), first)


def _kinds(encoded: Tensor) -> Tensor:
    """Which kind of image it is, bool (5,)."""

    def begins(text: bytes, at: int = 0) -> Tensor:
        return tf.strings.substr(tf.strings.substr(encoded, 0, 12) + b"\0" * 12, at, len(text)) == text

    gif = begins(b"GIF87a") | begins(b"GIF89a")
    webp = begins(b"RIFF") & begins(b"WEBP", 8)
    return tf.stack([begins(b"\x89PNG\r\n\x1a\n"), gif, begins(b"BM"), webp, begins(b"\xff\xd8")])


def _jpeg(encoded: Tensor) -> Tensor:
    height, width, channels = tf.unstack(tf.image.extract_jpeg_shape(encoded, output_type=tf.int64))
    return tf.stack([width, height, channels, 0])


def _webp(head: Tensor) -> Tensor:
    """Sizes of the three kinds of WebP (RFC 9649, section 2)."""
    bits = _little(head, 21, width=4)
    lossless = tf.stack([1 + bits % (1 << 14), 1 + bits // (1 << 14) % (1 << 14)])
    extended = tf.stack([1 + _little(head, 24, width=3), 1 + _little(head, 27, width=3)])
    plain = tf.stack([_little(head, 26, width=2) % (1 << 14), _little(head, 28, width=2) % (1 << 14)])
    kind = head[15]
    size = tf.where(kind == ord("X"), extended, tf.where(kind == ord("L"), lossless, plain))
    return tf.concat([size, tf.zeros(2, tf.int64)], axis=0)


def _gif(encoded: Tensor, head: Tensor) -> Tensor:
    """The greatest width and height of header and frames, and the pixels of all frames; see `headers`."""
    length = tf.cast(tf.strings.length(encoded), tf.int64)

    def goes_on(count: Tensor, position: Tensor, inside: Tensor, size: Tensor) -> Tensor:
        first = _bytes(encoded, tf.minimum(position, length), width=1)[0]
        return (position < length) & (count < headers.MOST_BLOCKS) & (inside | (first == 0x21) | (first == 0x2C))

    def step(count: Tensor, position: Tensor, inside: Tensor, size: Tensor) -> Tensor:
        block = _bytes(encoded, position, width=10)
        # Nearly all blocks are full, 255 bytes: these are passed over 64 at a time.
        full = tf.reduce_sum(tf.math.cumprod(tf.cast(_bytes(encoded, position, width=1 << 14)[::256] == 255, tf.int64)))
        full = tf.where(inside, full, 0)
        frame = ~inside & (block[0] == 0x2C) & (position + 10 <= length)
        wide, high = _little(block, 5, width=2), _little(block, 7, width=2)
        found = tf.stack([tf.maximum(size[0], wide), tf.maximum(size[1], high), size[2] + wide * high])
        label, frames = tf.constant(2, tf.int64), 11 + _table(block[9])
        ahead = tf.where(inside, 1 + block[0], tf.where(block[0] == 0x21, label, frames))
        ahead = tf.where(full > 0, 256 * full, ahead)
        inside = tf.where(inside, block[0] != 0, True)
        return count + tf.maximum(full, 1), position + ahead, inside, tf.where(frame, found, size)

    size = tf.stack([_little(head, 6, width=2), _little(head, 8, width=2), 0])
    start = 13 + _table(head[10])
    count, _, _, size = tf.while_loop(
        goes_on, step, (tf.constant(0, tf.int64), start, tf.constant(False), size), parallel_iterations=1
    )
    total = tf.where(count < headers.MOST_BLOCKS, size[2], 4 * headers.MOST_PIXELS)
    return tf.stack([size[0], size[1], 0, total])


def _table(flags: Tensor) -> Tensor:
    """Bytes of the colour table that a GIF's flags announce."""
    return tf.where(flags >= 0x80, 3 * tf.bitwise.left_shift(tf.constant(2, tf.int64), flags % 8), 0)


def _bytes(encoded: Tensor, start: Tensor, *, width: int) -> Tensor:
    """So many bytes from `start`, int64 (width,), with zeros where there are none."""
    part = tf.strings.join([tf.strings.substr(encoded, start, width), b"\0" * width])
    return tf.cast(tf.io.decode_raw(tf.strings.substr(part, 0, width), tf.uint8), tf.int64)


def _little(data: Tensor, at: int, *, width: int) -> Tensor:
    return sum(data[at + place] * (1 << 8 * place) for place in range(width))


def _big(data: Tensor, at: int) -> Tensor:
    return sum(data[at + place] * (1 << 8 * (3 - place)) for place in range(4))


def _signed(data: Tensor, at: int) -> Tensor:
    value = _little(data, at, width=4)
    return tf.where(value >= 1 << 31, value - (1 << 32), value)
