"""Versions of a model: the newest of a folder is loaded, and replaced when a newer one appears."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from kzoo.serving.rest.signature import Signature
from kzoo.serving.warmup import read_warmup

DEFAULT = "serving_default"

_AS_IN_THE_FILE = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}


@dataclass(frozen=True, eq=False)
class Version:
    """A loaded version.

    Args:
        number: of it.
        path: of its directory.
        signatures: by name.
        described: its signatures as TensorFlow Serving's metadata API gives them.
    """

    number: int
    path: Path
    signatures: Mapping[str, Signature]
    described: Mapping[str, Any]


def open_version(path: Path, *, number: int) -> Version:
    """Loads an exported SavedModel, and answers its warm-up requests, so that the first client need not wait.

    Raises:
        OSError, ValueError: it cannot be loaded.
    """
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    definitions = dict(saved.meta_graphs[0].signature_def)
    loaded = tf.saved_model.load(str(path))
    signatures = {name: Signature(_inputs(definitions[name]), call) for name, call in loaded.signatures.items()}
    described = {
        name: MessageToDict(
            definitions[name], preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for name in signatures
    }
    for inputs in read_warmup(path / "assets.extra"):
        signatures[DEFAULT].run(inputs)
    return Version(number, path, signatures, described)


def _inputs(definition: SignatureDef) -> dict[str, tf.TensorSpec]:
    """The inputs of a signature by the names that clients use; the function's own are others where TensorFlow minds."""
    return {
        name: tf.TensorSpec(tf.TensorShape(info.tensor_shape), tf.as_dtype(info.dtype), name)  # type: ignore[arg-type]
        for name, info in definition.inputs.items()
    }


class ServedModel:
    """The newest version in a folder, which is looked for again every `seconds`.

    A version that cannot be loaded is reported once, and the one before it stays.

    Args:
        directory: of versions, ``directory/<number>/``; or of one version, which stays.
        name: in addresses; "" for the folder's.
        seconds: between two looks.
        report: is told what was loaded, and what could not be.

    Raises:
        ValueError: there is no exported model.
    """

    def __init__(
        self, directory: str | Path, *, name: str = "", seconds: float = 1.0, report: Callable[[str], None]
    ) -> None:
        self.directory = Path(directory)
        _refuse_others(self.directory)
        self._single = (self.directory / "saved_model.pb").is_file()
        folder = self.directory.resolve()
        self.name = name or (folder.parent.name if self._single and folder.name.isdigit() else folder.name)
        self._report, self._seconds = report, seconds
        self._failed: set[int] = set()
        self._stop = threading.Event()
        number, path = self._newest()
        self.version = open_version(path, number=number)
        self._thread = threading.Thread(target=self._watch, name="kzoo-versions", daemon=True)
        if not self._single:
            self._thread.start()

    def close(self) -> None:
        """Ends the watching."""
        self._stop.set()

    def refresh(self) -> None:
        """Loads the newest version, if it is another one than is served."""
        try:
            number, path = self._newest()
        except (OSError, ValueError):
            return  # all versions are gone; the loaded one stays
        if number <= self.version.number or number in self._failed:
            return
        try:
            self.version = open_version(path, number=number)
            self._report(f"Loaded version {number}")
        # The loader has errors of many kinds for damaged files.
        except Exception as error:
            self._failed.add(number)
            self._report(f"Version {number} could not be loaded, version {self.version.number} stays: {error}")

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds):
            self.refresh()

    def _newest(self) -> tuple[int, Path]:
        if self._single:
            name = self.directory.resolve().name
            return (int(name) if name.isdigit() else 1), self.directory
        found = {
            int(path.name): path
            for path in self.directory.iterdir()
            if path.name.isdigit() and (path / "saved_model.pb").is_file()
        }
        if not found:
            raise ValueError(
                f"{self.directory} contains no exported model. Write one with: kzoo export SAVED {self.directory}"
            )
        return max(found.items())


def _refuse_others(directory: Path) -> None:
    if not directory.is_dir():
        raise FileNotFoundError(f"There is no directory {directory}.")
    if (directory / "card.json").is_file():
        raise ValueError(
            f"{directory} is a saved model; the server takes an exported one. Write it with: "
            f"kzoo export {directory} DIRECTORY"
        )
