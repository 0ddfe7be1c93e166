"""Rows: from cells of a table to a backbone's input, by what training rows say of each column."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.row.cells import NUMBER as NUMBER_PATTERN
from kzoo.data.row.columns import CATEGORY, DATE, NUMBER, UNUSED, RowColumn, fit_column
from kzoo.data.row.dates import parse_dates
from kzoo.data.row.plain_table import PlainTable
from kzoo.specs.card import BackboneSpec
from kzoo.specs.checked_json import checked, many
from kzoo.specs.saved_card import ROW_COLUMN

MOST_COLUMNS = 10_000

CLIP = 3.0
"""Where the smooth clip of scaled numbers bends; none goes beyond it."""


@dataclass(frozen=True)
class RowPreprocessor:
    """Rows as numbers: scaled by median and quartiles and clipped smoothly; categories as indices; dates as parts.

    Scaled numbers are ``z / sqrt(1 + (z / 3)^2)``, as of RealMLP (arXiv:2407.04491), and 0 where they are missing; a
    column with gaps in training has one more number that says so. Indices follow all numbers: 0 is a category that
    training does not know.

    Args:
        columns: those of the training rows.
    """

    columns: tuple[RowColumn, ...]

    modality = "row"

    @property
    def used(self) -> tuple[RowColumn, ...]:
        """The columns that the network sees, in the order of the table."""
        return tuple(each for each in self.columns if each.kind != UNUSED)

    @property
    def size(self) -> int:
        """Columns that the network sees."""
        return len(self.used)

    @property
    def categories(self) -> tuple[int, ...]:
        """How many indices each column of categories has."""
        return tuple(each.categories for each in self.used if each.kind == CATEGORY)

    @property
    def shape(self) -> tuple[int, ...]:
        """(numbers and indices,)."""
        return (sum(each.numbers for each in self.used) + len(self.categories),)

    @property
    def fitted(self) -> tf.TensorSpec:
        """Shape, without the batch, and dtype of what `fit` gives."""
        return tf.TensorSpec(self.shape, tf.float32)

    def __str__(self) -> str:
        kinds = {NUMBER: "of numbers", CATEGORY: "of categories", DATE: "of dates"}
        counts = {said: sum(each.kind == kind for each in self.columns) for kind, said in kinds.items()}
        return f"rows of {self.size} columns ({', '.join(f'{n} {said}' for said, n in counts.items() if n)})"

    def align(self, rows: np.ndarray) -> np.ndarray:
        """Rows, a structured array (N,), as the cells that `fit` takes, an object array of strings (N, columns used).

        Columns are found by name; by place where neither names them, or the rows have no names.

        Raises:
            ValueError: columns are missing.
        """
        found, wanted = list(rows.dtype.names or ()), [each.name for each in self.used]
        nameless = found == [f"x{place}" for place in range(len(found))]
        if nameless and not set(wanted) <= set(found):
            if len(found) != len(self.columns):
                raise ValueError(f"Each row must have {len(self.columns)} values. Got {len(found)}.")
            place = {each.name: f"x{number}" for number, each in enumerate(self.columns)}
            wanted = [place[name] for name in wanted]
        pairs = list(zip(self.used, wanted, strict=True))
        if lacking := [name for each, name in pairs if name not in found and not each.absent]:
            raise ValueError(
                f"The rows lack the columns {', '.join(map(repr, lacking))}. Pass them, with None where a value is not "
                f"known. Columns: {', '.join(map(repr, found))}."
            )
        cells = np.empty((len(rows), len(wanted)), dtype=object)
        for number, name in enumerate(wanted):
            cells[:, number] = rows[name] if name in found else ""
        return cells

    def fit(self, cells: Tensor) -> Tensor:
        """Numbers and indices, float32 (B, *shape), of cells, string (B, columns used)."""
        return self.join(self._columns(cells))

    def _columns(self, cells: Tensor) -> list[Tensor]:
        """The columns that `join` takes, of cells."""
        texts = tf.unstack(cells, num=self.size, axis=1)
        return [_numbers(text) if each.kind == NUMBER else text for each, text in zip(self.used, texts, strict=True)]

    def has_value(self, columns: Sequence[Tensor]) -> Tensor:
        """Which rows have a value that is a number, a date or a category as its column has them, bool (B,).

        Args:
            columns: as of `join`.
        """
        found = []
        for each, values in zip(self.used, columns, strict=True):
            if each.kind == NUMBER:
                found.append(tf.math.is_finite(values))
            else:
                found.append(parse_dates(values)[1] if each.kind == DATE else values != "")
        return tf.reduce_any(tf.stack(found), axis=0)

    def present(self, rows: np.ndarray) -> np.ndarray:
        """As `has_value`, of rows, a structured array (N,)."""
        aligned = self.align(rows)
        cells = tf.constant(aligned.tolist(), tf.string, shape=aligned.shape)
        return self.has_value(self._columns(cells)).numpy()

    def join(self, columns: Sequence[Tensor]) -> Tensor:
        """The same of columns: numbers float32 (B,), NaN for missing ones; others string (B,), "" for missing ones."""
        numbers, indices = [], []
        for each, values in zip(self.used, columns, strict=True):
            if each.kind == CATEGORY:
                indices.append(_indices(each, values)[:, None])
            else:
                numbers.append(_scaled(each, values) if each.kind == NUMBER else _dated(each, values))
        return tf.concat([*numbers, *indices], axis=1)

    def scale(self, fitted: Tensor) -> Tensor:
        """Returns its input: `fit` gives rows as the network takes them."""
        return fitted

    def raw(self) -> tuple[Tensor, Tensor]:
        """A Keras input for rows as `fit` gives them, float32 (B, *shape)."""
        inputs = keras.Input(self.shape, name=self.modality)
        return inputs, inputs


def _numbers(texts: Tensor) -> Tensor:
    """Numbers of texts, float32 (B,); NaN where they are none."""
    found = tf.strings.regex_full_match(texts, NUMBER_PATTERN)
    # By way of float64, as numbers that come as numbers are rounded to float32 once.
    values = tf.strings.to_number(tf.where(found, texts, "0"), tf.float64)
    return tf.cast(tf.where(found, values, np.nan), tf.float32)


def _clipped(values: Tensor, column: RowColumn) -> Tensor:
    z = (values - np.float32(column.center)) / np.float32(column.spread)
    # Far outside of training the square would overflow.
    z = tf.clip_by_value(z, -1e6, 1e6)
    return z / tf.sqrt(1.0 + tf.square(z / CLIP))


def _with_gaps(parts: Tensor, missing: Tensor, column: RowColumn) -> Tensor:
    parts = tf.where(missing[:, None], tf.zeros_like(parts), parts)
    return tf.concat([parts, tf.cast(missing, tf.float32)[:, None]], axis=1) if column.gaps else parts


def _scaled(column: RowColumn, values: Tensor) -> Tensor:
    missing = ~tf.math.is_finite(values)
    return _with_gaps(_clipped(tf.where(missing, 0.0, values), column)[:, None], missing, column)


def _dated(column: RowColumn, texts: Tensor) -> Tensor:
    parts, found = parse_dates(texts)
    kept = parts[:, 1:] if column.clock else parts[:, 1:5]
    return _with_gaps(tf.concat([_clipped(parts[:, :1], column), kept], axis=1), ~found, column)


def _indices(column: RowColumn, texts: Tensor) -> Tensor:
    """The index of each category, float32 (B,): 0 for others, the last for missing ones."""
    place = tf.zeros(tf.shape(texts), tf.float32)
    if column.vocabulary:
        equal = texts[:, None] == tf.constant(column.vocabulary)[None, :]
        place = tf.reduce_sum(tf.where(equal, tf.range(1.0, len(column.vocabulary) + 1.0)[None, :], 0.0), axis=1)
    return tf.where(texts == "", float(column.categories - 1), place) if column.gaps else place


def fit_rows(
    card: BackboneSpec, column: np.ndarray, *, size: int | None, resize: str, channels: int
) -> tuple[RowPreprocessor, list[str]]:
    """The preprocessor that training rows give, a structured array (N,) of strings, and notes on columns not used.

    A backbone that was trained on rows brings its own, by which rows of another table are read as well: columns go
    by their names, those that the table lacks are missing, and those that the backbone does not know are not used.

    Raises:
        ValueError: no column can be used, or `size` is given and another one than theirs.
    """
    if columns := card.reads.get("columns"):
        made, notes = restore_rows({"columns": columns}), []
        known, names = {each.name for each in made.columns}, column.dtype.names or ()
        if not any(each.name in names for each in made.used):
            raise ValueError(f"The data has none of the columns of {card.name}: {', '.join(sorted(known))[:300]}.")
        columns = (dataclasses.replace(each, absent=each.name not in names) for each in made.columns)
        made = RowPreprocessor(tuple(columns))
        if new := [name for name in column.dtype.names or () if name not in known]:
            notes = [f"{card.name} was not trained on the columns {', '.join(map(repr, new))}: they are not used"]
    else:
        found = [fit_column(name, column[name].tolist()) for name in column.dtype.names or ()]
        made, notes = RowPreprocessor(tuple(each for each, _ in found)), [note for _, note in found if note]
    if not made.size:
        raise ValueError(f"No column can be used: {'; '.join(notes)}.")
    if made.size > card.size:
        raise ValueError(
            f"{card.name} takes at most {card.size:,} columns. The data has {made.size:,} that can be used."
        )
    if size not in (None, made.size):
        raise ValueError(
            f"size is for images, texts and recordings. Rows have as many columns as the data. Got {size}."
        )
    return made, notes


def restore_rows(values: object) -> RowPreprocessor:
    """The preprocessor of its fields as plain values; ValueError where they are none."""
    found = checked(values, {"columns": many(_column, most=MOST_COLUMNS)}, name="preprocessor", needed=("columns",))
    return RowPreprocessor(tuple(found["columns"]))


def _column(value: object, name: str) -> RowColumn:
    found = checked(value, ROW_COLUMN, name=name, needed=tuple(ROW_COLUMN))
    return RowColumn(**{**found, "vocabulary": tuple(found["vocabulary"])})


def tailor_card(card: BackboneSpec, preprocessor: RowPreprocessor) -> BackboneSpec:
    """The card of a backbone for the output of a preprocessor, which it keeps: it is part of what is learned."""
    reads = {**card.reads, "columns": dataclasses.asdict(preprocessor)["columns"]}
    arguments: Mapping[str, object] = card.arguments
    if "categories" in arguments:
        arguments = {**arguments, "categories": list(preprocessor.categories)}
    return dataclasses.replace(card, arguments=arguments, reads=reads)


def tabulate_rows(preprocessor: RowPreprocessor, column: np.ndarray) -> PlainTable:
    """Rows, a structured array (N,), as models of scikit-learn take them."""
    aligned = preprocessor.align(column)
    fitted = preprocessor.fit(tf.constant(aligned.tolist(), tf.string, shape=aligned.shape)).numpy()
    count = len(preprocessor.categories)
    numbers, indices = np.split(fitted, [fitted.shape[1] - count], axis=1)
    ones = [
        np.eye(size, dtype=np.float32)[indices[:, place].astype(int)]
        for place, size in enumerate(preprocessor.categories)
    ]
    cells, place = fitted.astype(np.float64), 0
    for each in preprocessor.used:
        if each.kind != CATEGORY and each.gaps:
            gap = place + each.numbers - 1
            cells[fitted[:, gap] > 0, place:gap] = np.nan
        place += each.numbers
    categorical = np.arange(fitted.shape[1]) >= fitted.shape[1] - count
    return PlainTable(cells, categorical, np.concatenate([numbers, *ones], axis=1))
