"""Files of arrays (HDF5, npz, safetensors), checked by their declared shapes before any array is read."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from kzoo.specs.checked_json import MEGABYTE, parse_json

EXPANSION = 16
"""Times that what a file holds may be larger than the file. Weights that were trained compress to half, at best."""

SLACK = 64 * MEGABYTE
"""Bytes that a file may hold beyond that: small files of zeros compress well."""

MOST_ARRAYS = 100_000

_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF)
_KINDS = "biuf"
_WIDTHS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64"), 8),
}
_LARGEST_HEADER = 100 * MEGABYTE
"""Of safetensors, by its specification."""


def check_expansion(logical: int, *, stored: int, name: str) -> None:
    """Raises ValueError where what a file holds is far larger than the file."""
    if logical > EXPANSION * stored + SLACK:
        raise ValueError(
            f"{name} has {stored:,} bytes and declares {logical:,}: more than {EXPANSION} times as many. It is refused."
        )


def check_h5(file: str | Path | IO[bytes], *, stored: int, name: str) -> int:
    """The number of weights in an HDF5 file, after a look at all of its links and shapes, but at no array.

    Args:
        file: path, or a stream.
        stored: its bytes.
        name: for messages.

    Raises:
        ValueError: it leads out of itself, or holds something else than numbers, or far more than it has bytes.
    """
    elements = logical = count = 0
    try:
        with h5py.File(file, "r") as root:
            for path, dataset in _datasets(root, name):
                count += 1
                size = _check_dataset(dataset, f"{name}: {path}")
                elements, logical = elements + size, logical + size * dataset.dtype.itemsize
                check_expansion(logical, stored=stored, name=name)
                if count > MOST_ARRAYS:
                    raise ValueError(f"{name} must have at most {MOST_ARRAYS:,} arrays. It has more.")
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"{name} could not be read as HDF5: {str(error)[:200]}") from error
    return elements


def _datasets(root: h5py.File, name: str) -> Iterator[tuple[str, h5py.Dataset]]:
    """All datasets of a file, each once; hard links alone are followed."""
    seen, todo = set(), [("", root)]
    while todo:
        place, group = todo.pop()
        for key in group:
            path = f"{place}/{key}"[:200]
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise ValueError(f"{name}: {path} is a link to another place or file. It is refused.")
            node = group[key]
            address = h5py.h5o.get_info(node.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > 10 * MOST_ARRAYS:
                raise ValueError(f"{name} has too many groups.")
            if isinstance(node, h5py.Group):
                todo.append((path, node))
            elif isinstance(node, h5py.Dataset):
                yield path, node
            else:
                raise ValueError(f"{name}: {path} is neither a group nor an array.")


def _check_dataset(dataset: h5py.Dataset, name: str) -> int:
    """The number of elements of an array of numbers that is inside of its file."""
    layout = dataset.id.get_create_plist()
    if layout.get_external_count() or dataset.is_virtual:
        raise ValueError(f"{name} has its numbers in another file. It is refused.")
    kind = dataset.dtype
    if not (kind.kind in _KINDS and kind.itemsize <= 8) and kind.str != "|V2":  # bfloat16, as Keras writes it
        raise ValueError(f"{name} must have numbers. Got {str(kind)[:50]}.")
    for number in range(layout.get_nfilters()):
        if layout.get_filter(number)[0] not in _FILTERS:
            raise ValueError(f"{name} is compressed by another filter than gzip or lzf. It is refused.")
    size = math.prod(dataset.shape or ())
    if dataset.chunks and math.prod(dataset.chunks) * kind.itemsize > size * kind.itemsize + SLACK:
        raise ValueError(f"{name} has chunks of {dataset.chunks}, larger than all of it. It is refused.")
    return size


def check_npz(path: str | Path, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raises ValueError unless an ``.npz`` file holds numbers of exactly these shapes, as ``arr_0`` and so on."""
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
            wanted = [f"arr_{number}.npy" for number in range(len(shapes))]
            if sorted(members) != sorted(wanted) or len(archive.infolist()) != len(wanted):
                raise ValueError(f"{path.name} must have {len(wanted)} arrays, arr_0 and so on. It has {len(members)}.")
            for name, shape in zip(wanted, shapes, strict=True):
                _check_npy(archive, members[name], tuple(shape))
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path.name} could not be read as an .npz file: {str(error)[:200]}") from error


def _check_npy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, shape: tuple[int, ...]) -> None:
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{member.filename} must be of version 1.0 of NumPy's format. Got {version}.")
        found, _, kind = np.lib.format.read_array_header_1_0(stream)
    if kind.kind not in _KINDS or kind.itemsize > 8:
        raise ValueError(f"{member.filename} must have numbers. Got {str(kind)[:50]}.")
    if found != shape:
        raise ValueError(f"{member.filename} must have the shape {shape}. Got {str(found)[:100]}.")


def check_safetensors(path: str | Path) -> int:
    """The number of weights in a safetensors file, whose header must account for each of its bytes.

    Raises:
        ValueError: the header is too large, or damaged, or says what is not so.
    """
    path = Path(path)
    stored = os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(stored - 8, _LARGEST_HEADER):
            raise ValueError(f"{path.name} declares a header of {length:,} bytes and has {stored:,}: refused.")
        header = parse_json(file.read(length), name=f"the header of {path.name}")
    if not isinstance(header, dict):
        raise ValueError(f"The header of {path.name} must be a dict.")
    header.pop("__metadata__", None)
    spans, elements = [], 0
    for name, entry in header.items():
        size, begin, end = _tensor(entry, f"{path.name}: {name[:100]}")
        spans.append((begin, end))
        elements += size
    ends = [0, *(end for _, end in sorted(spans))]
    if any(begin != before for (begin, _), before in zip(sorted(spans), ends, strict=False)) or (
        ends[-1] != stored - 8 - length
    ):
        raise ValueError(f"The arrays of {path.name} must lie one after the other, to its end. They do not.")
    return elements


def _tensor(entry: Any, name: str) -> tuple[int, int, int]:
    """Elements, begin and end of one array of a header."""
    try:
        width, shape, (begin, end) = _WIDTHS[entry["dtype"]], entry["shape"], entry["data_offsets"]
        sides = [side for side in [*shape, begin, end] if type(side) is int and side >= 0]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name} has no dtype, shape and data_offsets: {json.dumps(entry)[:100]}") from error
    if len(sides) != len(shape) + 2 or end - begin != math.prod(shape) * width:
        raise ValueError(f"{name} must have as many bytes as its shape and dtype say. It has not.")
    return math.prod(shape), begin, end
