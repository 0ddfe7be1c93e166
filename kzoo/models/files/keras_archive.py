"""``.keras`` files, checked before Keras opens them."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from pathlib import Path

import keras

from kzoo.models.files.arrays import check_expansion, check_h5
from kzoo.models.files.configs import LARGEST, at_most, check_config, check_outputs, class_of
from kzoo.specs.checked_json import MEGABYTE, parse_json

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets/"

MOST_MEMBERS = 1_000

_WITH_ASSETS = frozenset(("IntegerLookup", "StringLookup", "TextVectorization"))
"""Layers that keep their vocabulary as a file in the archive."""

SPARE = 1 << 20
"""Parameters that a network may have beyond those in its file: states of random generators, and the like."""


def open_archive(path: str | Path) -> keras.Model:
    """The model of a ``.keras`` file, without its optimizer. No code runs that is in the file.

    Raises:
        ImportError: a package is missing whose layers the file has.
        ValueError: it is damaged, or names or holds what `kzoo.models.files.configs` and `kzoo.models.files.arrays`
            refuse.
    """
    path = Path(path)
    try:
        weights = check_archive(path)
        with at_most(2 * weights + SPARE):
            model = keras.models.load_model(path, compile=False, safe_mode=True)
        check_outputs(model)
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        # Whatever Keras and TensorFlow raise on a file that they cannot make sense of.
        lines = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"{path} could not be read as a Keras model: {lines[0][:400]}") from error
    return model


def check_archive(path: str | Path) -> int:
    """The number of weights in a ``.keras`` file, after a look at each of its members.

    Raises:
        ValueError: it is none, or names or holds what is refused.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path.name} must be a file.")
    stored = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = _check_members(archive, stored)
            if members[CONFIG].file_size > LARGEST:
                raise ValueError(f"{CONFIG} must have at most {LARGEST:,} bytes. It has {members[CONFIG].file_size:,}.")
            config = parse_json(archive.read(CONFIG), name=CONFIG)
            if isinstance(config, dict):
                # Keras leaves it out where a model is not to be compiled.
                config.pop("compile_config", None)
            check_config(config)
            kind = class_of(config)
            if not issubclass(kind, keras.Model):
                raise ValueError(f"It must contain a model. It contains a {kind.__name__}.")
            if any(name.startswith(ASSETS) for name in members) and not _has_assets(config):
                raise ValueError("It has assets, but no layer that uses them.")
            content = io.BytesIO(archive.read(WEIGHTS))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"It is not a valid .keras file: {str(error)[:200]}") from error
    return check_h5(content, stored=stored, name=WEIGHTS)


def _check_members(archive: zipfile.ZipFile, stored: int) -> dict[str, zipfile.ZipInfo]:
    """The members of an archive by name: those that Keras writes, each once, none far larger than the file."""
    infos = archive.infolist()
    members = {info.filename: info for info in infos}
    if len(infos) > MOST_MEMBERS or len(members) != len(infos):
        raise ValueError(f"It must have at most {MOST_MEMBERS:,} members, each once. It has {len(infos):,}.")
    for name, info in members.items():
        inside = name.startswith(ASSETS) and not {"", ".", ".."} & set(name.removesuffix("/").split("/"))
        if name not in (CONFIG, METADATA, WEIGHTS) and not (inside and "\\" not in name):
            raise ValueError(f"It has a member {name[:100]!r}, which Keras does not write.")
        if info.flag_bits & 1 or stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ValueError(f"Its member {name[:100]!r} is encrypted or no plain file.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"Its member {name[:100]!r} is compressed in a way that Keras does not use.")
    if missing := {CONFIG, WEIGHTS} - set(members):
        raise ValueError(f"It has no {' and no '.join(sorted(missing))}.")
    if METADATA in members and members[METADATA].file_size > MEGABYTE:
        raise ValueError(f"{METADATA} must have at most {MEGABYTE:,} bytes.")
    check_expansion(sum(info.file_size for info in infos), stored=stored, name="It")
    return members


def _has_assets(config: object) -> bool:
    todo = [config]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            if value.get("class_name") in _WITH_ASSETS:
                return True
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return False
