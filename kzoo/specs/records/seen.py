"""`Seen`: the examples that weights were trained, selected or pretrained on, known by their content."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

NEW, UNLABELLED, CHOSEN, TRAINED = range(4)
"""How weights have used an example: not at all; without its label; for selection; for training."""

_DIGITS = 16
_NONE = np.zeros(0, np.uint64)


@dataclass(frozen=True)
class Seen:
    """The examples that a set of weights has seen. It travels with the weights through every verb, `save` and `load`.

    An example in it never enters a later test split, and enters a later validation split only where it was in
    validation before, or where its label was not used and no unseen example is left.

    Args:
        trained: examples whose labels the weights were fitted to: uint64, sorted, the first 64 bits of each digest.
        chosen: examples on which the weights were selected (validation).
        unlabelled: examples that the weights were fitted to without labels.
    """

    trained: np.ndarray = field(default_factory=lambda: _NONE)
    chosen: np.ndarray = field(default_factory=lambda: _NONE)
    unlabelled: np.ndarray = field(default_factory=lambda: _NONE)

    @classmethod
    def of(cls, *, trained: Iterable[str] = (), chosen: Iterable[str] = (), unlabelled: Iterable[str] = ()) -> Seen:
        """The same of hexadecimal digests.

        Example:
            >>> Seen.of(trained=["0a" * 32, "0b" * 32], chosen=["0c" * 32])
            Seen(2 trained, 1 chosen, 0 unlabelled)
        """
        return cls(*(_numbers(digests) for digests in (trained, chosen, unlabelled)))

    @classmethod
    def restore(cls, values: object) -> Seen:
        """Reads plain values of `as_plain`. A list of digests, which kzoo 0.1 wrote, counts as trained on.

        Raises:
            ValueError: it is neither.
        """
        if not values:
            return cls()
        try:
            if isinstance(values, list | tuple):
                return cls.of(trained=values)
            if not isinstance(values, Mapping):
                raise TypeError(f"Got {type(values).__name__}.")
            decoded = {name: base64.b64decode(text, validate=True) for name, text in values.items()}
            return cls(**{name: np.frombuffer(data, "<u8").copy() for name, data in decoded.items()})
        except (TypeError, ValueError) as error:
            raise ValueError(f"seen must be a dict of base64 strings. {error}") from error

    @classmethod
    def read(cls, path: Path) -> Seen:
        """Reads a file of `write`; an empty record if there is no such file."""
        if not path.is_file():
            return cls()
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name].astype(np.uint64) for name in file.files})

    def write(self, path: Path) -> None:
        """Writes an ``.npz`` file."""
        np.savez(path, trained=self.trained, chosen=self.chosen, unlabelled=self.unlabelled)

    def as_plain(self) -> dict[str, str]:
        """Plain values for JSON: base64 of little-endian 64-bit numbers."""
        arrays = {"trained": self.trained, "chosen": self.chosen, "unlabelled": self.unlabelled}
        return {name: base64.b64encode(each.astype("<u8").tobytes()).decode() for name, each in arrays.items()}

    def __or__(self, other: Seen) -> Seen:
        """The examples that either has seen."""
        pairs = ((self.trained, other.trained), (self.chosen, other.chosen), (self.unlabelled, other.unlabelled))
        return Seen(*(np.union1d(*pair) for pair in pairs))

    def __len__(self) -> int:
        return len(np.unique(np.concatenate([self.trained, self.chosen, self.unlabelled])))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and self.as_plain() == other.as_plain()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Seen({len(self.trained)} trained, {len(self.chosen)} chosen, {len(self.unlabelled)} unlabelled)"

    def sides(self, digests: Sequence[str]) -> np.ndarray:
        """How each example was used, int8 (N,): the highest of `NEW`, `UNLABELLED`, `CHOSEN`, `TRAINED` that applies.

        Args:
            digests: hexadecimal, of at least 16 digits, N.

        Example:
            >>> seen = Seen.of(trained=["0a" * 32], chosen=["0c" * 32])
            >>> seen.sides(["0a" * 32, "0b" * 32, "0c" * 32]).tolist() == [TRAINED, NEW, CHOSEN]
            True
        """
        numbers = np.array([_number(digest) for digest in digests], np.uint64)
        found = np.full(len(numbers), NEW, np.int8)
        for side, known in ((UNLABELLED, self.unlabelled), (CHOSEN, self.chosen), (TRAINED, self.trained)):
            found[np.isin(numbers, known)] = side
        return found


def _number(digest: str) -> int:
    return int(digest[:_DIGITS] or "0", 16)


def _numbers(digests: Iterable[str]) -> np.ndarray:
    return np.unique(np.array([_number(digest) for digest in digests], np.uint64))


_LAYERS: WeakKeyDictionary[object, Seen] = WeakKeyDictionary()


def remember(layers: Iterable[object], seen: Seen) -> None:
    """Notes what the weights of some layers have seen, for models that a user makes of these layers.

    Args:
        layers: Keras layers.
        seen: what their weights have seen.
    """
    for layer in layers:
        _LAYERS[layer] = seen


def recall(layers: Iterable[object]) -> Seen:
    """The examples that the weights of any of these layers have seen, if kzoo trained them in this process."""
    found = Seen()
    for seen in {id(seen): seen for seen in (_LAYERS.get(layer) for layer in layers) if seen is not None}.values():
        found = found | seen
    return found
