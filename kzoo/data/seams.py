"""A modality, and what its parts must offer: preprocessor, reader, and how an exported model takes its input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Protocol, TypeAlias

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Batch, Tensor
from kzoo.data.examples import CheckedColumn, Examined
from kzoo.data.file_column import open_file
from kzoo.data.row.plain_table import PlainTable
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.modality import ModalitySpec
from kzoo.specs.task import UserData

Opener: TypeAlias = Callable[[str | bytes], tuple[bytes, str | None]]
"""From a path or an encoded file to an encoded file that TensorFlow decodes, and why it cannot be used."""


class Preprocessor(Protocol):
    """Raw input to the backbone's input: a frozen dataclass of plain values, the same in training and in serving.

    It is deterministic and uses only TensorFlow operations and Keras layers. The results of `fit` are augmented and
    cached; `scale` is part of the exported network. ``str()`` of it describes the input, as in "texts of 64 tokens".
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def modality(self) -> str:
        """Name of the modality that it reads."""
        ...

    @property
    def size(self) -> int:
        """Size of the input, in the unit of `kzoo.BackboneSpec.size`."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the network's input, without the batch."""
        ...

    @property
    def fitted(self) -> tf.TensorSpec:
        """Shape, without the batch, and dtype of the results of `fit`."""
        ...

    def fit(self, examples: Tensor, /) -> Tensor:
        """Preprocesses a batch of checked examples, (B, ...), to (B, *fitted.shape)."""
        ...

    def scale(self, fitted: Tensor, /) -> Tensor:
        """Scales results of `fit`, (B, *fitted.shape), to the network's input, (B, *shape). Takes Keras tensors too."""
        ...

    def raw(self) -> tuple[Tensor, Tensor]:
        """A Keras input for examples that a Keras graph can take, and what the network takes of it."""
        ...


def views_of(preprocessor: Preprocessor) -> int:
    """How many views of an example its network takes at once."""
    return getattr(preprocessor, "views", 1)


def with_tta(preprocessor: Preprocessor) -> Preprocessor:
    """The same preprocessor, but `fit` gives several views of an example.

    Raises:
        ValueError: its modality has no views.
    """
    if not hasattr(preprocessor, "tta"):
        raise ValueError(f"Test-time augmentation is for images. The inputs are {preprocessor}: pass tta=False.")
    return replace(preprocessor, tta=True)  # type: ignore[call-arg]


class Reader(Protocol):
    """A column whose examples are read and augmented by index, inside of tf.data."""

    def load(self, index: Tensor, augmentation: str, numbers: Tensor, /) -> Tensor:
        """Views of one example, (V, *fitted.shape).

        Args:
            index: int64 scalar.
            augmentation: ``"none"``, which gives one view; ``"light"``, ``"medium"``, ``"strong"`` or ``"own"``.
            numbers: of the views, int (V,), V known.
        """
        ...

    def finish(
        self, fitted: Tensor, targets: Tensor, augmentation: str, /, *, numbers: Tensor, turn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A batch of `load`, (B, V, *fitted.shape), as the network takes it, (B * V, *shape); and its targets.

        Args:
            fitted: of `load`.
            targets: float32 (B, outputs).
            augmentation: as of `load`.
            numbers: as of `load`.
            turn: int scalar, another for each batch.
        """
        ...

    def mixes(self, augmentation: str, /) -> bool:
        """Whether an augmentation mixes the examples of a batch with each other."""
        ...

    def key(self, augmentation: str, /) -> dict[str, object]:
        """Everything besides content and number that a view of an example depends on, as plain values."""
        ...

    def image(self, index: int, augmentation: str, /) -> np.ndarray:
        """An example as an image, float32 (H, W, 1 or 3) in 0..255; TypeError where it cannot be drawn."""
        ...


@dataclass(frozen=True, kw_only=True)
class ServedInput:
    """How an exported model takes its input.

    Args:
        batch: input spec, with a name, of ``serving_default`` and ``features``, such as strings (None,); or several,
            which `read` takes in their order.
        read: from such a batch (B, ...) to the results of `Preprocessor.fit` for the good examples, and for each
            example an empty string or the reason why it has no output, string (B,).
        read_one: replaces `read` for encoded files, so that a bad file does not affect the others: from one file
            (scalar string) to the result of `fit` and an empty string, or a reason. It may raise.
        read_with: replaces both where an example has several files: from `kzoo.serving.batch_items.reader` to `read`.
        tensors: other signatures, by name: the named spec of a batch, and the function that preprocesses it.
        present: from such a batch to which examples are not empty, bool (B,); None: those whose text is not empty, or
            that have a number.
        described: a line of Markdown for each signature, for the model card.
        renamed: what inputs are called in the files, by the name of their spec, where TensorFlow refuses such names.
    """

    batch: tf.TensorSpec | Sequence[tf.TensorSpec]
    read: Callable[..., tuple[Tensor, Tensor]] | None = None
    read_one: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    read_with: Callable[[Callable[..., Any]], Callable[..., tuple[Tensor, Tensor]]] | None = None
    tensors: Mapping[str, tuple[tf.TensorSpec, Callable[[Tensor], Tensor]]] = field(default_factory=dict)
    present: Callable[..., Tensor] | None = None
    described: Sequence[str] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


def _not_files(path: Path) -> NoReturn:
    raise TypeError(f"{path} cannot be read. This modality has no files.")


@dataclass(frozen=True, kw_only=True)
class Modality:
    """A kind of input: how it is read, checked, augmented, brought to a backbone's input, and served.

    Args:
        spec: the properties that cards need.
        noun: name of one example in messages.
        usual: usual names of its column.
        suffixes: of its files.
        collect: from values of a user, and the ``root`` of their paths, to a column.
        ask: from the inputs of `kzoo.Adapted.predict` to a column and names.
        check: opens each example of a column once.
        fit: from a card, the training column and options of the user to a preprocessor and notes for a reader.
        restore: from the fields of a preprocessor as plain values, which it checks, to the preprocessor.
        reader: from a column and a preprocessor to its `Reader`; see `kzoo.data.image.reader.ImageReader`.
        feeds: modalities of the backbones that take it.
        shape: from a card of this modality, a size and a number of channels to the backbone's input, without the batch.
        serve: from a preprocessor to how an exported model takes its input.
        sample: from a preprocessor and examples to the inputs of each signature, and the same inputs for
            `kzoo.Adapted.predict`.
        open: from a file's path to a value that `collect` takes.
        open_one: from a path or an encoded file to an encoded file that TensorFlow decodes, and why it cannot be used;
            None where inputs are not encoded.
        wide: whether an example is a whole row of a table, without the columns of targets and groups.
        named: whether `collect` takes such rows as a dict of columns, so that it knows their names. The target is then
            the last column where none has a usual name.
        repeats: whether equal examples may have different targets, as rows of a table may; others contradict.
        align: from a preprocessor and a checked column to the array that its `fit` takes; None: the column itself.
        present: from a preprocessor and a checked column to which examples have a value that it uses, bool (N,); None:
            all that are not empty.
        tailor: from a card and a preprocessor to the card of a backbone for its output; None: the card itself.
        tabulate: from a preprocessor and a checked column to a `PlainTable`, for the models of scikit-learn; None: no
            rivals of that kind.
        choose: from the columns of a table and those that a task names to the names of the columns of inputs, and the
            column; None where an example is one column, or a whole row.
        arrange: from a preprocessor and what a user passes to what `ask` takes; None: as it is.
        files: from a value of the column to the paths of its files; None: the value, where it is a path.
        presets: whether its reader knows the augmentations ``"light"``, ``"medium"`` and ``"strong"``.
        examine: from a checked column to what its content shows, for `kzoo.doctor`; None: nothing.
        thumbnail: from a value of the column to a small JPEG, or to None; None where inputs cannot be seen.
        looks: whether a value in memory looks like one.
        lines: whether a line of a text file is one.
        mixes: whether an augmentation may mix two examples.
        scripts: from the values of a column to the share of each script; None where the scripts of cards do not apply.
        explained: form of what `kzoo.Adapted.explain` returns: ``"numbers"``; or ``"pixels"``, ``"words"`` or
            ``"spectrogram"``, which need preprocessors like those of images, texts and recordings.
        views_augmentation: augmentation for objectives that compare views; others get none. None: the augmentation
            that the objective asks for.
        attributes: from a column to what can be measured of each example, such as its size, by name: float64 (N,) with
            NaN where it is not known, or strings in an object array; None where nothing is.
        excerpt: from a value of the column to a piece of it that a page shows: a media type, ``image/*``, ``audio/*``
            or ``text/plain``, and bytes; or to None.
    """

    spec: ModalitySpec
    noun: str
    usual: Sequence[str]
    suffixes: Sequence[str]
    collect: Callable[..., np.ndarray]
    ask: Callable[[UserData], tuple[np.ndarray, list[str]]]
    check: Callable[[np.ndarray], CheckedColumn]
    fit: Callable[..., tuple[Preprocessor, list[str]]]
    restore: Callable[[object], Preprocessor]
    reader: Callable[..., Reader]
    feeds: Sequence[str]
    shape: Callable[[BackboneSpec, int, int], tuple[int, ...]]
    serve: Callable[..., ServedInput] | None = None
    sample: Callable[..., Mapping[str, tuple[Batch | Mapping[str, Batch], Batch]]] | None = None
    open: Callable[[Path], str | bytes] = _not_files
    open_one: Opener | None = None
    examine: Callable[[np.ndarray], Examined] | None = None
    thumbnail: Callable[..., bytes | None] | None = None
    looks: Callable[[object], bool] = lambda value: False
    lines: bool = False
    wide: bool = False
    named: bool = False
    repeats: bool = False
    align: Callable[[Any, np.ndarray], np.ndarray] | None = None
    present: Callable[[Any, np.ndarray], np.ndarray] | None = None
    tailor: Callable[[BackboneSpec, Any], BackboneSpec] | None = None
    tabulate: Callable[[Any, np.ndarray], PlainTable] | None = None
    choose: Callable[..., tuple[list[str], np.ndarray]] | None = None
    arrange: Callable[[Any, UserData], UserData] | None = None
    files: Callable[[Any], list[str]] | None = None
    presets: bool = False
    mixes: bool = False
    scripts: Callable[[Iterable[object]], Mapping[str, float]] | None = None
    views_augmentation: str | None = None
    explained: str = "numbers"
    attributes: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None = None
    excerpt: Callable[[Any], tuple[str, bytes] | None] | None = None

    @property
    def name(self) -> str:
        """Name of its column in `kzoo.data.examples.Examples`, and of the task's argument for that column."""
        return self.spec.name

    @property
    def are_files(self) -> bool:
        """Whether a string in its column is a path instead of a text."""
        return self.open is open_file

    def pretraining_augmentation(self, wanted: str, views: int) -> str:
        """The augmentation for an objective that asks for `wanted` and a number of views."""
        if not self.presets:
            return "none"
        if self.views_augmentation is None:
            return wanted
        return self.views_augmentation if views > 1 else "none"
