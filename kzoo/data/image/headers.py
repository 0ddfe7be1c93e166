"""Image headers: what the first bytes of a file say of its format and size, and whether to refuse it.

Pillow reads headers too, but needs 9 times as long (2,500 JPEG files of TrashNet: 0.3 s, not 0.03 s; a GIF of 100
frames: 13 ms, not 0.8 ms), keeps its limit of pixels in a global, opens formats that TensorFlow does not, and would be
a dependency of 22 MB; `kzoo.data.image.graph_headers` repeats these checks in a served graph, without Python.
"""

from __future__ import annotations

import struct

MOST_PIXELS = 100_000_000
"""Larger images decode to over 300 MB; a small file can claim any size."""

MOST_SIDE = 65_535
"""Pixels: the longest side of a JPEG or a GIF."""

MOST_BLOCKS = 100_000
"""Blocks of a GIF that are looked at: they hold 25 MB."""

_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def trouble(data: bytes) -> str | None:
    """Why an encoded image cannot be used, as far as its header tells, or None.

    Args:
        data: the whole file.
    """
    if not data:
        return "empty file"
    try:
        found = _size(data)
    except (struct.error, IndexError):
        return "cut off within its header"
    if found is None:
        return f"not a jpeg, png, gif, bmp or webp image (starts with {data[:8]!r})"
    width, height, channels = found
    if width < 1 or height < 1:
        return "no pixels"
    if width * height > MOST_PIXELS or max(width, height) > MOST_SIDE:
        return f"too large: {width} x {height} pixels, at most {MOST_PIXELS:,}, and {MOST_SIDE:,} a side"
    if data[:4] == b"GIF8" and _frames(data)[2] > 3 * MOST_PIXELS:
        return "too large: a GIF whose frames need over 300 MB"
    if channels == 4 and data[:2] == b"\xff\xd8":
        return "CMYK colours, which TensorFlow decodes wrongly: convert it to RGB"
    return None


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of an encoded image whose header can be used: see `trouble`."""
    return (_size(data) or (0, 0))[:2]


def _size(data: bytes) -> tuple[int, int, int] | None:
    """Width, height and channels (0 where the header leaves it open); None for an unknown kind."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return (*struct.unpack(">II", data[16:24]), 0)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        width, height = struct.unpack("<HH", data[6:10])
        # TensorFlow's decoder uses the sizes of the frames instead of the header.
        wide, high, _ = _frames(data)
        return max(width, wide), max(height, high), 0
    if data[:2] == b"BM":
        width, height = struct.unpack("<ii", data[18:26])
        return abs(width), abs(height), 0
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return (*_webp(data), 0)
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    return None


def _jpeg(data: bytes) -> tuple[int, int, int]:
    position = 2
    while True:
        marker = data[position + 1]
        if data[position] != 0xFF:
            raise IndexError
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack(">H", data[position + 2 : position + 4])
        if marker in _FRAMES:
            height, width, channels = struct.unpack(">HHB", data[position + 5 : position + 10])
            return width, height, channels
        position += 2 + length


def _webp(data: bytes) -> tuple[int, int]:
    """Sizes of the three kinds of WebP (RFC 9649, section 2)."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _frames(data: bytes) -> tuple[int, int, int]:
    """The greatest width and height of a GIF's frames, and the pixels of all of them (GIF89a, sections 18 to 25).

    A truncated file gives the frames up to its end. A file with more than `MOST_BLOCKS` blocks gives more pixels than
    are accepted.
    """
    width = height = total = 0
    position = 13 + _colours(data[10]) if len(data) > 13 else len(data)
    inside = False
    for _ in range(MOST_BLOCKS):
        block = data[position : position + 10]
        if not block or (not inside and block[0] not in b"\x21\x2c"):
            return width, height, total
        if inside:
            position, inside = position + 1 + block[0], block[0] != 0
        elif block[0] == 0x21:
            position, inside = position + 2, True
        elif len(block) < 10:
            return width, height, total
        else:
            wide, high = struct.unpack("<HH", block[5:9])
            width, height, total = max(width, wide), max(height, high), total + wide * high
            position, inside = position + 11 + _colours(block[9]), True
    return width, height, 4 * MOST_PIXELS


def _colours(flags: int) -> int:
    """Bytes of the colour table that a GIF's flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
