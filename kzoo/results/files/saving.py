"""Saved models: a card, a network and their checksums, written completely or not at all."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from kzoo.core.storage import (
    BROKEN,
    DamagedError,
    atomic_directory,
    recover,
    target_of,
    verify_checksums,
    write_checksums,
    write_json,
)
from kzoo.data.modalities import MODALITIES
from kzoo.evaluation.answer_limits import AnswerLimits
from kzoo.models.files.keras_archive import open_archive
from kzoo.results.files.saved_limits import check_limits, read_limits, write_limits
from kzoo.results.files.small_network import ADDED, SmallParts, check_small, read_small
from kzoo.specs.card import BackboneSpec
from kzoo.specs.checked_json import Check, checked, flag, many, maybe, number, one_of, read_json, record, text, whole
from kzoo.specs.head import Head
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.records.run_record import RunRecord
from kzoo.specs.registry import cards
from kzoo.specs.saved_card import present_card, restore_card
from kzoo.task_kinds.kind_registry import get_task_kind

Fields: TypeAlias = dict[str, Any]
"""The fields of an `Adapted`, or of a `Pretrained`, by name: each has a type of its own."""

FORMAT = 2
"""Of what is written. Format 1, of kzoo 0.1, is read too: its constructors had other names."""
CARD = "card.json"
NETWORK = "network.keras"

LARGEST = 1 << 28
"""Bytes of a card. That of a million examples has 30 MB."""


def write(
    directory: str | Path,
    *,
    network: keras.Model,
    values: Fields,
    description: str | None = None,
    limits: AnswerLimits | None = None,
    small: SmallParts | None = None,
) -> Path:
    """Writes ``card.json``, ``network.keras`` and ``SHA256SUMS``, with limits ``novelty.npy``.

    What `write` left there before is replaced.

    Args:
        directory: where to.
        network: the Keras model.
        values: the other fields of an `Adapted`, or of a `Pretrained`; dataclasses and plain values.
        description: for a reader, as ``README.md``; or none.
        limits: of an `Adapted`, or none; see `kzoo.results.files.saved_limits`.
        small: what is written as ``added.npz`` in place of the network; see `kzoo.results.files.small_network`.

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
        if limits is not None:
            plain["limits"] = write_limits(limits, aside)
        if small is not None:
            plain["small"] = small.values
            np.savez(aside / ADDED, allow_pickle=False, **small.arrays)
        else:
            network.save(aside / NETWORK)
        write_json(aside / CARD, {"format": FORMAT, **plain})
        if description is not None:
            (aside / "README.md").write_text(description, encoding="utf-8")
        write_checksums(aside)
    return directory


def refuse_foreign(directory: str | Path) -> Path:
    """The path of a directory; FileExistsError where it holds something else than a saved model."""
    directory = target_of(directory, verb="save")
    if directory.exists() and not (directory / CARD).is_file() and (directory.is_file() or any(directory.iterdir())):
        raise FileExistsError(f"{directory} contains files that are not a saved kzoo model. Choose another directory.")
    return directory


def read(directory: str | Path) -> Fields:
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
        values = _restored(record(read_json(directory / CARD, most=LARGEST), CARD))
    except DamagedError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{directory / CARD} is not a valid card: {error}") from error
    if "limits" in values:
        values["limits"] = read_limits(values["limits"], directory)
    _import_source(values["card"])
    if "small" in values:
        values["differences"], network = read_small(values.pop("small"), directory, values)
        return values | {"network": network}
    try:
        return values | {"network": open_archive(directory / NETWORK)}
    except BROKEN as error:
        raise DamagedError(f"{directory / NETWORK} is damaged: {error!r}. Save or copy it again.") from error


def _restored(values: Fields) -> Fields:
    """The fields of an `Adapted`, or of a `Pretrained`, of what a file holds, each of them checked."""
    form = values.pop("format", None)
    if form not in (1, FORMAT):
        raise DamagedError(f"{CARD} has format {form!r}; this kzoo reads formats 1 to {FORMAT}. Upgrade kzoo.")
    if form == 1:
        values["card"] = present_card(values.get("card"))
    known = cards()
    fields: dict[str, Check] = {
        "card": lambda value, name: restore_card(value, known=known),
        "record": PretrainedRecord.restore,
    }
    if "modality" in values:
        modality = one_of(MODALITIES)(values.pop("modality"), "modality")
        fields |= {
            **_ADAPTED,
            "record": RunRecord.restore,
            "preprocessor": lambda value, name: MODALITIES[modality].restore(value),
        }
    return checked(values, fields, name=CARD, needed=[field for field in fields if field not in _LATER])


def _head(value: object, name: str) -> Head:
    fields: dict[str, Check] = {
        **{field: text(100) for field in ("pooling", "levels", "kind")},
        "hidden": whole(0, 1 << 20),
        "dropout": number(0, 1),
        "examples": whole(0, 1 << 40),
    }
    return Head(**checked(value, fields, name=name))


_ADAPTED: dict[str, Check] = {
    "kind": lambda value, name: get_task_kind(text(10_000)(value, name)).name,
    "labels": many(text(10_000), most=1_000_000),
    "head": _head,
    "features": text(1_000),
    "scale": maybe(many(many(number(-1e300, 1e300), most=1_000_000), most=2)),
    "tta": flag,
    "temperature": number(1e-3, 1e9),
    "limits": check_limits,
    "small": check_small,
}
"""Fields of an `Adapted`, apart from those of a `Pretrained`."""

_LATER = ("tta", "temperature", "limits", "small")
"""Fields that files of an earlier kzoo do not have."""


def _import_source(spec: BackboneSpec) -> None:
    """Makes the layers of a source known to Keras, so that a file that names them can be read."""
    if spec.source == "keras_cv":
        import keras_cv  # noqa: F401
    if "preset" in spec.reads or spec.source == "keras_hub":
        import keras_hub  # noqa: F401
    import kzoo.models.side_by_side
    import kzoo.models.zoo.text  # noqa: F401
