"""Weight files: found in Keras's cache or downloaded, checked, loaded."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import keras
import numpy as np
from tqdm.auto import tqdm

from kzoo.core.locks import lock
from kzoo.core.verbosity import is_quiet
from kzoo.models.files.arrays import check_h5, check_npz
from kzoo.models.files.keras_archive import check_archive
from kzoo.specs.card import BackboneSpec, WeightFile

TIMEOUT = 10
"""Seconds without an answer after which a download is given up."""


class WeightsError(OSError):
    """Pretrained weights that are not there, or not what they should be."""


def cache_path(file: WeightFile) -> Path:
    """Where Keras itself keeps the file: ``$KERAS_HOME/models``, or ``~/.keras/models``."""
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    return Path(home).expanduser() / "models" / file.name


def find_weights(spec: BackboneSpec, *, size: int) -> Path:
    """Path of the card's ImageNet weights for images of `size` pixels, downloaded where they are missing.

    Where they cannot be downloaded, weights of another resolution that are there take their place; see `stand_in`.

    Raises:
        WeightsError: the card has none; or the file is missing and cannot be downloaded; or its hash is wrong.
    """
    file = spec.weight_file(size)
    if file is None:
        raise WeightsError(
            f"No ImageNet weights are published for {spec.name!r}. Pass weights=None for random weights, or "
            f"weights=PATH. kzoo.list_models(pretrained=True) lists the models that have weights."
        )
    path = cache_path(file)
    if not path.exists():
        try:
            _download(file, path)
        except WeightsError:
            other = stand_in(spec, size=size)
            if other is None:
                raise
            file, path = other, cache_path(other)
    if file.digest and not is_published(path, file):
        raise WeightsError(
            f"{path} is not the file that Keras publishes (its hash is not {file.digest}). Delete it and download it "
            f"again from {file.url}"
        )
    return path


def stand_in(spec: BackboneSpec, *, size: int) -> WeightFile | None:
    """The weight file of another resolution in Keras's cache, the nearest, where that for `size` is not; else None."""
    file = spec.weight_file(size)
    if file is None or cache_path(file).exists():
        return None
    here = tuple(each for each in spec.weights if cache_path(each).exists())
    return replace(spec, weights=here).weight_file(size) if here else None


def is_published(path: str | Path, file: WeightFile) -> bool:
    """Whether a file has the hash that Keras publishes; False where it publishes none."""
    if not file.digest:
        return False
    algorithm = hashlib.sha256 if len(file.digest) == 64 else lambda: hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest() == file.digest


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Loads an ``.h5``, ``.weights.h5``, ``.npz`` or ``.keras`` file into `model`; every layer's shapes must fit.

    What the file declares is checked before any array is read.

    Raises:
        WeightsError: the file is missing, damaged, refused, or of another model.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"There is no weight file {path}.")
    if path.suffix not in (".h5", ".npz", ".keras"):
        raise WeightsError(f"A weight file must end in .h5, .weights.h5, .npz or .keras. Got {path.name}.")
    try:
        if path.suffix == ".npz":
            _load_arrays(model, path)
        elif path.suffix == ".keras":
            check_archive(path)
            model.load_weights(path)
        else:
            check_h5(path, stored=path.stat().st_size, name=path.name)
            model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise WeightsError(
            f"{path} does not fit {model.name} ({len(model.layers)} layers, {model.count_params():,} parameters): "
            f"{str(error).splitlines()[0][:300]}"
        ) from error


def save_arrays(model: keras.Model, path: str | Path) -> None:
    """Writes a model's weights in float16 to an ``.npz`` file, in their order.

    Raises:
        OverflowError: one is beyond float16.
    """
    small = []
    for weight in model.get_weights():
        with np.errstate(over="ignore"):
            small.append(weight.astype(np.float16))
        if not np.isfinite(small[-1]).all():
            raise OverflowError(f"A weight of {model.name} is outside the range of float16.")
    np.savez_compressed(path, *small)


def _load_arrays(model: keras.Model, path: Path) -> None:
    check_npz(path, [tuple(weight.shape) for weight in model.weights])
    with np.load(path, allow_pickle=False) as file:
        arrays = [file[f"arr_{number}"].astype(np.float32) for number in range(len(file.files))]
    model.set_weights(arrays)


def _download(file: WeightFile, path: Path) -> None:
    """Fetches a file into the cache, whole and checked, or not at all.

    ``keras.utils.get_file`` writes under the final name, so that a killed process leaves half a file there; pooch moves
    whole files in, but takes no lock between processes and would be one more dependency.
    """
    aside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock(path):
            if path.exists():
                return
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{file.name}.")
            aside = Path(name)
            with os.fdopen(descriptor, "wb") as out, urllib.request.urlopen(file.url, timeout=TIMEOUT) as answer:
                total = int(answer.headers.get("Content-Length") or 0)
                with tqdm.wrapattr(
                    out, "write", total=total or None, desc=f"downloading {file.name}", disable=is_quiet()
                ) as sink:
                    shutil.copyfileobj(answer, cast(IO[bytes], sink))
                out.flush()
                os.fsync(out.fileno())
            if total and aside.stat().st_size != total:
                raise OSError(f"{aside.stat().st_size} of {total} bytes were received")
            if file.digest and not is_published(aside, file):
                raise OSError(f"the hash of the received file is not {file.digest}")
            aside.chmod(0o644)
            os.replace(aside, path)
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(
            f"Weights {file.name} are not in {path.parent} and could not be fetched from {file.url} ({error}). Without "
            f"a network: download that file elsewhere, put it at {path} (or under models/ of another folder and set "
            f"KERAS_HOME to it), or pass weights=PATH, or weights=None for random weights."
        ) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def digest_of(weights: Sequence[np.ndarray]) -> str:
    """SHA-256 over arrays, in their order."""
    found = hashlib.sha256()
    for each in weights:
        found.update(np.ascontiguousarray(each).tobytes())
    return found.hexdigest()
