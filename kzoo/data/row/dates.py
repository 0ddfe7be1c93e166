"""Dates of ISO 8601: days since 1970, and what of them comes again each year, week and day, inside of a graph."""

from __future__ import annotations

import math
from datetime import date

import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.row.cells import DATE

EPOCH = "1970-01-01"


def days_of(text: str) -> float:
    """Days since 1970 of a date that matches `kzoo.data.row.cells.DATE`, time of day included.

    Example:
        >>> days_of("1970-01-03"), days_of("1970-01-01T12:00")
        (2.0, 0.5)
    """
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    # The 31st of a short month is the first of the next, as in the graph.
    whole = date(max(year, 1), month, 1).toordinal() - date(1970, 1, 1).toordinal() + day - 1
    clock = text[11:19] if len(text) > 10 else ""
    hours, minutes = (int(clock[:2]), int(clock[3:5])) if clock else (0, 0)
    seconds = int(clock[6:8]) if len(clock) == 8 and clock[5] == ":" else 0
    return whole + (3600 * hours + 60 * minutes + seconds) / 86_400


def parse_dates(texts: Tensor) -> tuple[Tensor, Tensor]:
    """Parts of dates, float32 (B, 7), and which of them are dates, bool (B,).

    Args:
        texts: string (B,).

    Returns:
        Days since 1970; sine and cosine of the place in the year, in the week and in the day; 0 where there is no date.
    """
    found = tf.strings.regex_full_match(texts, DATE)
    # Padded, so that each part is there.
    texts = tf.strings.join([tf.where(found, texts, EPOCH), "T00:00:00"])

    def part(start: int, length: int) -> Tensor:
        return tf.strings.to_number(tf.strings.substr(texts, start, length), tf.int32)

    year, month, day = part(0, 4), part(5, 2), part(8, 2)
    hour, minute = part(11, 2), part(14, 2)
    # A time without seconds has padding, or a time zone, in their place.
    precise = tf.strings.substr(texts, 16, 1) == ":"
    second = tf.where(precise, tf.strings.to_number(_digits(texts, precise), tf.int32), 0)
    days = _days(year, month, day)
    clock = 3600 * hour + 60 * minute + second
    places = (
        (tf.cast(month - 1, tf.float32) + tf.cast(day - 1, tf.float32) / 31.0) / 12.0,
        tf.cast(tf.math.floormod(days + 3, 7), tf.float32) / 7.0,
        tf.cast(clock, tf.float32) / 86_400.0,
    )
    waves = [wave(2 * math.pi * place) for place in places for wave in (tf.sin, tf.cos)]
    since = tf.cast(days, tf.float32) + places[2]
    parts = tf.stack([since, *waves], axis=1)
    return tf.where(found[:, None], parts, 0.0), found


def _digits(texts: Tensor, precise: Tensor) -> Tensor:
    return tf.where(precise, tf.strings.substr(texts, 17, 2), "00")


def _days(year: Tensor, month: Tensor, day: Tensor) -> Tensor:
    """Days since 1970 in the Gregorian calendar, int32: the year begins in March, so that leap days come last."""
    year = year - tf.cast(month <= 2, tf.int32)
    era = tf.math.floordiv(year, 400)
    of_era = year - era * 400
    of_year = tf.math.floordiv(153 * (month + tf.where(month > 2, -3, 9)) + 2, 5) + day - 1
    of_days = of_era * 365 + tf.math.floordiv(of_era, 4) - tf.math.floordiv(of_era, 100) + of_year
    return era * 146_097 + of_days - 719_468
