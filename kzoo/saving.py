"""Keeping what was adapted: a card, a network and their checksums, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from kzoo.data.modalities import MODALITIES
from kzoo.models.own import read_model
from kzoo.specs.backbone import BackboneSpec, WeightFile
from kzoo.specs.head import Head
from kzoo.storage import (
    BROKEN,
    DamagedError,
    atomic_directory,
    recover,
    target_of,
    verify_checksums,
    write_checksums,
    write_json,
)

FORMAT = 1
CARD = "card.json"
NETWORK = "network.keras"


def write(
    directory: str | Path, *, network: keras.Model, values: Mapping[str, Any], description: str | None = None
) -> Path:
    """Writes ``card.json``, ``network.keras`` and ``SHA256SUMS``; what `write` left there before is replaced.

    Args:
        directory: where to.
        network: the Keras model.
        values: the other fields of an `Adapted`, or of a `Pretrained`; dataclasses and plain values.
        description: for a reader, as ``README.md``; or none.

    Raises:
        FileExistsError: what is there was not written by `write`.
        OSError: the disk is full, or not writable; what was there before is unchanged.
        TypeError, ValueError: `directory` is no path, or empty.
    """
    directory = refuse_foreign(directory)
    plain = {name: dataclasses.asdict(v) if hasattr(v, "__dataclass_fields__") else v for name, v in values.items()}
    if "preprocessor" in values:
        plain["modality"] = values["preprocessor"].modality
    with atomic_directory(directory) as aside:
        write_json(aside / CARD, {"format": FORMAT, **plain})
        network.save(aside / NETWORK)
        if description is not None:
            (aside / "README.md").write_text(description, encoding="utf-8")
        write_checksums(aside)
    return directory


def refuse_foreign(directory: str | Path) -> Path:
    """The path of a directory; FileExistsError where it holds something else than a saved model."""
    directory = target_of(directory, verb="save")
    if directory.exists() and not (directory / CARD).is_file() and (directory.is_file() or any(directory.iterdir())):
        raise FileExistsError(f"{directory} holds something else than a saved kzoo model: choose another directory.")
    return directory


def read(directory: str | Path) -> dict[str, Any]:
    """The fields of an `Adapted`, or of a `Pretrained`, that `write` wrote. No code runs that is in the files.

    Raises:
        FileNotFoundError: there is nothing.
        DamagedError: a file is missing, changed or foreign, or a newer kzoo wrote it.
    """
    directory = Path(directory)
    recover(directory)
    if not directory.exists():
        raise FileNotFoundError(f"There is no saved model at {directory}.")
    if not (directory / CARD).is_file():
        raise DamagedError(f"{directory} is not a saved kzoo model: it has no {CARD}.")
    verify_checksums(directory)
    try:
        values = json.loads((directory / CARD).read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise DamagedError(
                f"{directory} was written by another format of kzoo; this one reads {FORMAT}: upgrade it."
            )
        modality = values.pop("modality", "")
        card = dict(values["card"])
        card["weights"] = tuple(WeightFile(**file) for file in card["weights"])
        card["scripts"] = tuple(card["scripts"])
        values["card"] = BackboneSpec(**card)
        if modality:
            values["head"] = Head(**values["head"])
            values["preprocessor"] = MODALITIES[modality].restore(values["preprocessor"])
    except (KeyError, TypeError, UnicodeDecodeError, RecursionError, json.JSONDecodeError) as error:
        raise DamagedError(f"{directory / CARD} is not a card of kzoo's: {error!r}") from error
    _import_source(values["card"])
    try:
        return values | {"network": read_model(directory / NETWORK)}
    except BROKEN as error:
        raise DamagedError(f"{directory / NETWORK} is damaged: {error!r}. Save or copy it again.") from error


def _import_source(spec: BackboneSpec) -> None:
    """Makes the layers of a source known to Keras, so that a file that names them can be read."""
    if spec.source == "keras_cv":
        import keras_cv  # noqa: F401
    if "preset" in spec.reads or spec.source == "keras_hub":
        import keras_hub  # noqa: F401
    if spec.modality == "text":
        import kzoo.models.text
    import kzoo.models.joining  # noqa: F401
