"""Features from dates and times: ISO 8601 text, read inside the graph with integer arithmetic alone.

A graph has no calendar, and a calendar outside it would have to be repeated by whoever serves. So the digits are taken
from the bytes of the text, and days are counted by a formula.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from components.transform.kinds import Time
from components.transform.raw_columns import Tensors, only_text

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]\d|2[0-3])(?::[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?)?"
_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})?"
_ISO_8601 = f"{_DATE}(?:[T ]{_CLOCK} ?{_OFFSET})?"
_FIELDS = {"year": (0, 4), "month": (5, 2), "day": (8, 2), "hour": (11, 2), "minute": (14, 2), "second": (17, 2)}
"""Where each number stands in the text: its first byte and how many."""
_AT_OFFSET = r" ?(?:Z|[+-]\d{2}:?\d{2})$"
"""What is cut off first: the digits of an offset must not be read as those of a time that is cut short."""
_MIDNIGHT = "T00:00:00"
"""Put behind a date or a time that is cut short, its tail reads as what is left out."""
_BYTES = 19
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class _Moments:
    """Rows of times as numbers, each of shape (n,), int32."""

    given: Any
    """Whether the text is a time; where it is not, the numbers are of some time or other."""
    days: Any
    """Whole days since 1970-01-01."""
    month_day: Any
    """From 0."""
    month_days: Any
    """How many the month has."""
    year_day: Any
    """From 0."""
    year_days: Any
    """How many the year has."""
    seconds: Any
    """Since midnight."""


def time(name: str, feature: Time, inputs: Tensors) -> dict[str, Any]:
    """Build the cyclic parts of a time, and its trend."""
    import tensorflow as tf
    import tensorflow_transform as tft

    at = _read(only_text(name, feature, inputs))
    shares = {
        "hour": lambda: tf.cast(at.seconds, tf.float32) / _DAY_SECONDS,
        "weekday": lambda: tf.cast(tf.math.floormod(at.days + 3, 7), tf.float32) / 7.0,  # 1970 began on a Thursday
        "day_of_month": lambda: tf.cast(at.month_day, tf.float32) / tf.cast(at.month_days, tf.float32),
        "day_of_year": lambda: tf.cast(at.year_day, tf.float32) / tf.cast(at.year_days, tf.float32),
    }
    outputs = {}
    for part in feature.parts:
        angle = shares[part]() * (2.0 * math.pi)
        outputs[f"{name}_{part}_sin"] = tf.where(at.given, tf.sin(angle), 0.0)
        outputs[f"{name}_{part}_cos"] = tf.where(at.given, tf.cos(angle), 0.0)
    if feature.trend:
        # In float64: single precision would leave minutes of a day that is 20,000 days from 1970.
        days = tf.cast(at.days, tf.float64) + tf.cast(at.seconds, tf.float64) / _DAY_SECONDS
        scaled = tft.scale_to_z_score(tf.where(at.given, days, math.nan), name=name, output_dtype=tf.float64)
        outputs[f"{name}_trend"] = tf.where(at.given, tf.cast(scaled, tf.float32), 0.0)
    if feature.indicator:
        outputs[f"{name}_missing"] = 1.0 - tf.cast(at.given, tf.float32)
    return outputs


def _read(text: Any) -> _Moments:
    """Take times apart.

    Source:
        ISO 8601-1:2019, calendar dates and times of day in extended format. Leap seconds are not read.
    """
    import tensorflow as tf

    matches = tf.strings.regex_full_match(text, _ISO_8601)
    local = tf.strings.regex_replace(tf.where(matches, text, "1970-01-01"), _AT_OFFSET, "")
    whole = tf.strings.join([local, _MIDNIGHT])
    digits = tf.cast(tf.io.decode_raw(whole, tf.uint8, fixed_length=_BYTES), tf.int32) - ord("0")
    field = {
        name: tf.reduce_sum(digits[:, at : at + size] * [10**place for place in reversed(range(size))], axis=1)
        for name, (at, size) in _FIELDS.items()
    }
    year, month, day = field["year"], field["month"], field["day"]
    first, month_first = _days(year, tf.ones_like(month), tf.ones_like(day)), _days(year, month, tf.ones_like(day))
    december = month == 12
    next_month = _days(tf.where(december, year + 1, year), tf.where(december, 1, month + 1), tf.ones_like(day))
    month_days = next_month - month_first
    days = month_first + day - 1
    return _Moments(
        given=matches & (day <= month_days),
        days=days,
        month_day=day - 1,
        month_days=month_days,
        year_day=days - first,
        year_days=_days(year + 1, tf.ones_like(month), tf.ones_like(day)) - first,
        seconds=(field["hour"] * 60 + field["minute"]) * 60 + field["second"],
    )


def _days(year: Any, month: Any, day: Any) -> Any:
    """Count the days from 1970-01-01 to a date, all int32.

    The year is taken to begin in March, so that its odd day comes last, and 400 years are 146,097 days.

    Source:
        H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    march_year = year - _one_if(month <= 2)
    march_month = (month + 9) % 12
    leap_days = march_year // 4 - march_year // 100 + march_year // 400
    return march_year * 365 + leap_days + (153 * march_month + 2) // 5 + day - 1 - 719_468


def _one_if(condition: Any) -> Any:
    import tensorflow as tf

    return tf.cast(condition, tf.int32)
